"""The callback of a failed task: its words come whatever goes wrong while they are made, and in time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import TaskInstanceState

from daily_runs.errors import AccessError, GateFailedError
from daily_runs.notices import words_rows
from daily_runs_airflow import failures

ERROR = GateFailedError("a run is quarantined")


def told(
    caplog: pytest.LogCaptureFixture, state: TaskInstanceState = TaskInstanceState.FAILED, **more: Any
) -> list[str]:
    """What the callback logs of a failed gate; the first line closes Airflow's group."""
    ti = SimpleNamespace(task_id="staging.validation", dag_id="daily_runs_duo_chat", state=state)
    task = SimpleNamespace(op_args=("validation", [{"attempt_id": "an-id", "shard": 0}]), op_kwargs={})
    context = {"exception": ERROR, "ti": ti, "task": task, "dag_run": SimpleNamespace(run_id="a-run"), **more}
    with caplog.at_level("INFO", failures.__name__):
        failures.tell(context)
    first, *lines = [record.getMessage() for record in caplog.records if record.name == failures.__name__]
    assert first == "::endgroup::"
    return lines


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A store that has nothing to tell; what it was asked."""
    found: list[Any] = []

    @contextmanager
    def store(_url: str, connections: int) -> Iterator[None]:
        yield

    monkeypatch.setattr(failures, "store_url", lambda: "postgresql://a-store")
    monkeypatch.setattr(failures, "open_store", store)
    monkeypatch.setattr(failures, "facts_of", lambda *words: found.append(words))
    return found


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the store was given to keep."""
    found: list[Any] = []
    monkeypatch.setattr(words_rows, "keep", lambda *words: found.append(words[1:]))
    return found


def test_the_last_words_of_a_failed_task_are_kept_for_the_message_of_its_run(
    caplog: pytest.LogCaptureFixture, asked: list[Any], kept: list[Any]
) -> None:
    told(caplog, TaskInstanceState.UP_FOR_RETRY)
    assert kept == []
    caplog.clear()
    told(caplog)
    ((feature, run_id, words),) = kept
    assert (feature, run_id) == ("duo_chat", "a-run")
    assert (words.environment, words.task, words.error, words.met) == ("staging", "validation", "GateFailedError", "")
    assert words.what.startswith("validation of duo_chat in staging failed: a run is quarantined.")
    assert words.page == "/daily-runs/docs/runbooks/gate.md"


def test_words_that_cannot_be_kept_cost_no_block(
    caplog: pytest.LogCaptureFixture, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words_rows, "keep", lambda *_words: 1 / 0)
    assert told(caplog)[-1] == "RUNBOOK  /daily-runs/docs/runbooks/gate.md"


def test_the_attempt_that_the_task_was_given_is_asked_after(caplog: pytest.LogCaptureFixture, asked: list[Any]) -> None:
    assert told(caplog)[0].startswith("WHAT     validation of duo_chat in staging failed: a run is quarantined.")
    assert asked == [(None, "a-run", "duo_chat", "staging", "an-id")]


def test_a_task_that_is_tried_again_says_so(caplog: pytest.LogCaptureFixture, asked: list[Any]) -> None:
    lines = told(caplog, TaskInstanceState.UP_FOR_RETRY)
    assert "DO       Nothing yet: Airflow tries again by itself." in lines


def test_a_store_that_does_not_answer_holds_up_nobody(
    caplog: pytest.LogCaptureFixture, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(failures, "STORE_SECONDS", 0.05)
    monkeypatch.setattr(failures, "facts_of", lambda *_words: answers.wait(30))
    lines = told(caplog)
    answers.set()
    assert lines[0].startswith("WHAT ")
    assert not any(line.startswith("MONEY") for line in lines)


def test_a_store_connection_that_is_not_set_is_told_with_owner_next_step_and_page(
    caplog: pytest.LogCaptureFixture, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = AccessError("connection daily_runs_store", "is not set", "Add it in Airflow.")

    def not_set() -> str:
        raise error

    monkeypatch.setattr(failures, "store_url", not_set)
    lines = told(caplog, exception=error)
    assert {line.split()[0] for line in lines if line[0] != " "} == {"WHAT", "OWNER", "DO", "RUNBOOK"}


def test_where_no_block_can_be_made_the_error_is_told_harmlessly(
    caplog: pytest.LogCaptureFixture, asked: list[Any]
) -> None:
    error = ValueError("::group::x\n" + "word " * 40)
    lines = told(caplog, exception=error, ti=None)
    assert lines[0].startswith("WHAT     ValueError: : :group: :x")
    assert all(len(line) <= 98 and "\n" not in line for line in lines)

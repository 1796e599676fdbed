"""Notes by Airflow's REST API: written by the connection's user, and never worth a failed task."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from daily_runs.incidents.run_line import MARK
from daily_runs_airflow import notes
from daily_runs_airflow.connections import AIRFLOW_CONNECTION

RUN = ("daily_runs_duo_chat", "manual__2026-08-17T06:00:00+00:00")


class Api:
    """An API that knows one run with a person's note. `asked`: what it got; `fault`: what meets each request."""

    def __init__(self) -> None:
        self.asked: list[httpx.Request] = []
        self.fault: Exception | None = None

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As Airflow does."""
        self.asked.append(request)
        if self.fault:
            raise self.fault
        if request.url.path == "/auth/token":
            return httpx.Response(201, json={"access_token": "token"})
        return httpx.Response(200, json={"note": "by a person"})


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Api:
    """The API, and the connection to it."""
    api, plain = Api(), httpx.Client
    transport = httpx.MockTransport(api.answer)
    monkeypatch.setattr(httpx, "Client", lambda **options: plain(transport=transport, **options))
    connection = {"conn_type": "http", "host": "http://airflow.example", "login": "notes", "password": "a-secret"}
    monkeypatch.setenv(f"AIRFLOW_CONN_{AIRFLOW_CONNECTION.upper()}", json.dumps(connection))
    return api


def test_the_runs_note_gets_the_line_first_and_nothing_else_of_the_run_changes(airflow: Api) -> None:
    notes.note_run(*RUN, "FAILED: it")
    token, read, write = airflow.asked
    assert json.loads(token.content) == {"username": "notes", "password": "a-secret"}
    path = "/api/v2/dags/daily_runs_duo_chat/dagRuns/manual__2026-08-17T06%3A00%3A00%2B00%3A00"
    assert [one.url.raw_path.decode().partition("?")[0] for one in (read, write)] == [path, path]
    assert (write.method, dict(write.url.params)) == ("PATCH", {"update_mask": "note"})
    assert json.loads(write.content) == {"note": f"{MARK}FAILED: it\n\nby a person"}


@pytest.mark.parametrize(("index", "end"), [(-1, ""), (None, ""), (3, "/3")])
def test_a_task_instances_note_is_that_of_its_map_index(airflow: Api, index: int | None, end: str) -> None:
    ti: Any = SimpleNamespace(dag_id=RUN[0], run_id=RUN[1], task_id="staging.judging", map_index=index)
    notes.note_task(ti, "it")
    assert airflow.asked[-1].url.path.endswith(f"/taskInstances/staging.judging{end}")


def test_without_the_connection_nobody_is_asked(airflow: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"AIRFLOW_CONN_{AIRFLOW_CONNECTION.upper()}")
    notes.note_run(*RUN, "FAILED: it")
    assert airflow.asked == []


@pytest.mark.parametrize("fault", [httpx.ConnectError("away"), httpx.ReadTimeout("slow"), ValueError("odd")])
def test_a_note_that_cannot_be_written_is_a_warning(
    airflow: Api, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    airflow.fault = fault
    notes.note_run(*RUN, "FAILED: it")
    (record,) = [one for one in caplog.records if one.name == notes.__name__]
    assert record.getMessage().startswith("no note was written: ")
    assert "a-secret" not in caplog.text

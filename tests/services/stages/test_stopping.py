"""A stage that is told to stop sends nothing more, stores what its open calls bring, and is gone on with later."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from daily_runs.errors import StageError
from daily_runs.stages import pipeline

if TYPE_CHECKING:
    from tests.conftest import Kit

PROMPTS = 60


@pytest.fixture
def heard_by_airflow() -> Iterator[list[int]]:
    """Airflow's own handler, as a task has it: it calls an `on_kill` that does nothing, and the task goes on."""
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGTERM, before)


def terminate_once(kit: Kit, query: str) -> threading.Thread:
    """SIGTERM to this process as soon as the query's count is positive."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while not kit.count(query) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


STAGES = {
    "inference": ("aiAction", "daily_runs.answer WHERE status = 'answered'"),
    "judging": ("messages", "daily_runs.judgement WHERE status = 'scored'"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_is_told_to_stop_leaves_the_rest_planned_and_the_next_try_pays_only_for_that(
    kit: Kit, stage: str, heard_by_airflow: list[int]
) -> None:
    operation, begun = STAGES[stage]
    told: list[int] = []
    work = kit.work("root_cause_analysis", PROMPTS)
    kit.run(work, "seed_check", *(["inference"] if stage == "judging" else []))
    kit = kit.changed({"judge": {"in_flight_max": 4}})
    slow = replace(work, catalogue=kit.catalogue, settled=told.append)
    watching = terminate_once(kit, begun)
    with pytest.raises(StageError, match=r"told to stop \(SIGTERM\)"):
        pipeline.run_stage(stage, slow)
    watching.join()
    paid = kit.sandbox.paid_keys(operation)
    assert 0 < len(paid) < PROMPTS
    time.sleep(0.2)
    assert kit.sandbox.paid_keys(operation) == paid  # nothing is under way any more
    assert sum(told) == len(paid) == kit.count(begun)
    assert heard_by_airflow == []
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard_by_airflow == [signal.SIGTERM]  # Airflow's handler is back
    pipeline.run_stage(stage, work)
    assert len(kit.sandbox.paid_keys(operation)) == len(set(kit.sandbox.paid_keys(operation))) == PROMPTS


def test_a_stage_in_a_thread_of_its_own_hears_no_signals_and_runs_as_ever(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "seed_check")
    thread = threading.Thread(target=kit.run, args=(work, "inference"))
    thread.start()
    thread.join()
    assert {row["status"] for row in kit.answers(work)} == {"answered"}

"""How a DAG run ended, in the store: what `status` says of it, until somebody goes on with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import DAY
from tests.services.stages.test_judging_anew import work_on

from daily_runs.errors import GateFailedError
from daily_runs.incidents import summary_rows
from daily_runs.incidents.run_line import FailedTaskEnd, run_line
from daily_runs.incidents.summary_rows import EndedRun
from daily_runs.readiness import board_rows
from daily_runs.records.run import RunKey
from daily_runs.runs import rerun
from daily_runs.statuses import Rerun

if TYPE_CHECKING:
    import datetime as dt

    from tests.conftest import Kit

    from daily_runs.stages.work import Work

RUN_ID = "manual__2026-08-17"
PROMPTS = 6


def opened(kit: Kit, day: dt.datetime = DAY) -> Work:
    """A sample as Airflow opens it."""
    order = rerun.RerunOrder(RunKey("duo_chat", "staging", day), Rerun.ALL, prompts=PROMPTS, airflow_run_id=RUN_ID)
    return work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, order))


def ended(kit: Kit, work: Work, failed: str = "") -> str:
    """Its summary is written; the line."""
    run = EndedRun("duo_chat", RUN_ID, DAY, summary_rows.attempts_of(kit.store, "duo_chat", RUN_ID))
    assert run.attempt_ids == {"staging": work.attempt.attempt_id}
    arms = [summary_rows.arm_of(kit.store, attempt_id) for attempt_id in run.attempt_ids.values()]
    line = run_line(arms, [FailedTaskEnd("judging in staging", failed)] if failed else [], "")
    summary_rows.save(kit.store, run, line)
    return line.text


def on_the_board(kit: Kit) -> Any:
    return board_rows.last_runs(kit.store)["duo_chat"]


def test_an_arm_is_told_as_the_published_run_and_its_counts_say(kit: Kit) -> None:
    work = opened(kit)
    kit.run(work, "seed_check", "limit_probe", "inference", "judging", "validation", "publish")
    line = ended(kit, work)
    run = kit.store.row("SELECT verdict, item_mean, item_mean_low, answered, scored FROM contract.runs_v2")
    assert line.startswith(f"{run['verdict'].replace('_', ' ')} {run['item_mean']:.3f} [{run['item_mean_low']:.3f}, ")
    assert f" in staging (sample), {run['answered']} of {PROMPTS} answered, {run['scored']} scored, " in line
    assert line.endswith(" USD")
    assert on_the_board(kit)["status"] == "published"


def test_a_run_with_a_failed_task_is_failed_on_the_board_until_a_stage_of_it_begins(kit: Kit) -> None:
    work = opened(kit)
    kit.run(work, "seed_check", "limit_probe", "inference")
    assert (on_the_board(kit)["status"], on_the_board(kit)["line"]) == ("running", None)
    line = ended(kit, work, failed="the judge is away")
    assert (on_the_board(kit)["status"], on_the_board(kit)["line"]) == ("failed", line)
    assert line == "FAILED: the judge is away"
    kit.run(work, "judging")
    assert (on_the_board(kit)["status"], on_the_board(kit)["line"]) == ("running", None)


def test_what_the_gate_blocked_is_quarantined_and_not_merely_failed(kit: Kit) -> None:
    work = opened(kit)
    kit.sandbox.change(error_code_share=1.0)
    kit.run(work, "seed_check", "limit_probe", "inference", "judging")
    with pytest.raises(GateFailedError):
        kit.run(work, "validation")
    ended(kit, work, failed="it is quarantined")
    assert on_the_board(kit)["status"] == "quarantined"


def test_the_newest_date_is_on_the_board_and_not_the_newest_attempt(kit: Kit) -> None:
    kit.run(opened(kit), "seed_check")
    newest = on_the_board(kit)["logical_date"]
    kit.run(opened(kit, DAY.replace(day=DAY.day - 1)), "seed_check")
    assert on_the_board(kit)["logical_date"] == newest == DAY


def test_a_run_that_ends_again_has_one_line_the_last(kit: Kit) -> None:
    work = opened(kit)
    ended(kit, work, failed="once")
    ended(kit, work, failed="twice")
    rows = kit.store.rows("SELECT line, outcome FROM daily_runs.run_summary")
    assert [json.loads(json.dumps(row)) for row in rows] == [{"line": "FAILED: twice", "outcome": "failed"}]

"""A person may answer for publishing a run that the gate blocks: what is whole passes, the order stays on record."""

from __future__ import annotations

import datetime as dt
from typing import Any, cast

import pytest
from rich.console import Console
from tests.conftest import DAY, Kit

from daily_runs import connections
from daily_runs.cli.run import RunOptions, run
from daily_runs.connections import Connect
from daily_runs.errors import Blame, CallError, GateFailedError, Hop, ParameterError
from daily_runs.records.answers import AnswerRows
from daily_runs.records.gate import GateOverride
from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.results.merge_gate import side_rows
from daily_runs.runs import opening, rerun, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import Rerun

FEATURE, PROMPTS = "duo_chat", 6
KEY = RunKey(FEATURE, "staging", DAY)
BEFORE_GATE = ("seed_check", "limit_probe", "inference", "judging")
FAILURE = CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True)
ORDER = GateOverride("the hop was repaired, <b>the rest is sound</b>", "jo")


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """A catalogue whose full run of the feature is as short as the test's."""
    return kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})


def blocked(kit: Kit) -> Work:
    """A run of which two prompts of six failed, which the gate blocks."""
    work = kit.work(FEATURE, PROMPTS)
    for row in kit.answers(work)[:2]:
        AnswerRows(kit.store, work.attempt.attempt_id).failed(row["prompt_id"], FAILURE)
    kit.run(work, *BEFORE_GATE)
    with pytest.raises(GateFailedError, match=r"answered share: 0\.6667, required >= 0\.9"):
        kit.run(work, "validation")
    return work


def ordered(kit: Kit, order: GateOverride | None) -> Work:
    """The rerun that gates and publishes, with or without an order to override the gate."""
    attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, Rerun.GATE_AND_PUBLISH, override=order))
    return pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))


def run_row(kit: Kit, key: RunKey = KEY) -> dict[str, Any]:
    return kit.store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(key)})


def test_an_order_publishes_what_the_gate_blocks_and_is_published_with_it(kit: Kit) -> None:
    blocked(kit)
    work = ordered(kit, ORDER)
    *_, validation, _ = kit.run(work, *pipeline.STAGES)
    assert (validation.failed, validation.details) == (1, {"overridden": "answered share: 0.6667, required >= 0.9"})
    row = run_row(kit)
    assert (row["answered"], row["failed"], str(row["attempt_id"])) == (4, 2, work.attempt.attempt_id)
    assert row["verdict_reason"].startswith(f"no valid measurement: jo overrode the gate ({ORDER.reason}); ")
    order = kit.store.row("SELECT * FROM contract.gate_overrides_v1")
    assert (order["outcome"], order["ordered_by"], order["reason"]) == ("published", *reversed(ORDER))
    assert order["overridden"] == "answered share: 0.6667, required >= 0.9"


def test_without_an_order_the_same_rerun_stays_blocked(kit: Kit) -> None:
    blocked(kit)
    with pytest.raises(GateFailedError, match="answered share") as raised:
        kit.run(ordered(kit, None), *pipeline.STAGES)
    assert "order" not in str(raised.value)
    assert kit.store.rows("SELECT * FROM contract.runs_v2") == []


def test_an_order_that_comes_after_a_rerun_without_one_is_not_dropped(kit: Kit) -> None:
    blocked(kit)
    ordered(kit, None)  # opened, and left
    kit.run(ordered(kit, ORDER), *pipeline.STAGES)
    assert run_row(kit)["answered"] == 4


def test_no_order_overrides_rows_that_are_not_whole(kit: Kit) -> None:
    blocked(kit)
    work = ordered(kit, ORDER)
    kit.run(work, *BEFORE_GATE)
    kit.store.rows(
        "UPDATE daily_runs.answer SET answer = '' WHERE attempt_id = %(id)s AND status = 'answered'",
        {"id": work.attempt.attempt_id},
    )
    with pytest.raises(GateFailedError, match=r"every answered prompt has its text.* No order can override this\."):
        kit.run(work, "validation")
    assert kit.store.row("SELECT outcome FROM contract.gate_overrides_v1")["outcome"] == "quarantined"


def test_an_order_that_overrode_nothing_leaves_the_run_a_valid_measurement(kit: Kit) -> None:
    kit.run(kit.work(FEATURE, PROMPTS), *pipeline.STAGES)
    kit.run(ordered(kit, ORDER), *pipeline.STAGES)
    order = kit.store.row("SELECT outcome, overridden FROM contract.gate_overrides_v1")
    assert order == {"outcome": "published", "overridden": None}
    assert not run_row(kit)["verdict_reason"].startswith("no valid measurement")
    assert [row["run_key"] for row in kit.store.rows("SELECT * FROM contract.last_good_v1")] == [str(KEY)]
    assert published.measured_with(kit.store, run_row(kit))["is_overridden"] is False
    attempt = opening.plan(kit.store, kit.catalogue, KEY._replace(logical_date=DAY + dt.timedelta(days=1)))
    kit.run(pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find)), *pipeline.STAGES)
    assert not run_row(kit, attempt.key)["verdict_reason"].startswith("incomparable: no earlier run")
    for name in (side_rows.LAST_GOOD, side_rows.REFERENCE):
        assert [side.run_key for side in side_rows.find(kit.store, name, str(attempt.key)).baseline] == [str(KEY)]


def test_a_run_that_was_published_by_order_is_no_reference_and_not_the_last_good_one(kit: Kit) -> None:
    blocked(kit)
    kit.run(ordered(kit, ORDER), *pipeline.STAGES)
    assert kit.store.rows("SELECT * FROM contract.last_good_v1") == []
    attempt = opening.plan(kit.store, kit.catalogue, KEY._replace(logical_date=DAY + dt.timedelta(days=1)))
    next_day = pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))
    kit.run(next_day, *pipeline.STAGES)
    assert run_row(kit, next_day.attempt.key)["verdict_reason"].startswith("incomparable: no earlier run")
    assert [row["run_key"] for row in kit.store.rows("SELECT * FROM contract.last_good_v1")] == [
        str(next_day.attempt.key)
    ]


@pytest.mark.parametrize("how", [Rerun.ALL, Rerun.MISSING_ANSWERS, Rerun.JUDGE_AGAIN])
def test_the_gate_is_overridden_by_somebody_who_has_seen_what_it_says(how: Rerun) -> None:
    with pytest.raises(ParameterError, match=f"^override_gate: does not go with rerun: {how}"):
        trigger_form.read((), {"rerun": str(how), "override_gate": "let it pass"})


@pytest.mark.parametrize("reason", [None, "", "  \n"])
def test_an_order_without_a_reason_is_none(reason: str | None) -> None:
    form = trigger_form.read((), {"rerun": "gate_and_publish", "override_gate": reason})
    assert form.override_gate == ""


@pytest.mark.parametrize("reason", ["sound\x1b[2J", "sound\nand more", "\u202esound", "sound\x00"])
def test_a_reason_that_would_steer_a_terminal_is_refused(reason: str) -> None:
    with pytest.raises(ParameterError, match="^override_gate: is not one line without control characters"):
        trigger_form.read((), {"rerun": "gate_and_publish", "override_gate": reason})


def test_the_command_line_wants_the_rerun_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAILY_RUNS_STORE", kit.store.url)
    asked = RunOptions(FEATURE, "staging", DAY.date(), override_gate="let it pass")
    with pytest.raises(ParameterError, match="^--override-gate: does not go with rerun: all"):
        run(asked, overlay=None, console=Console(quiet=True))

"""One reference answer is judged before a prompt is paid for: a judge that cannot be asked costs no inference."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from tests.services.stages.test_judging_stage import message, sound_verdict

from daily_runs.errors import AccessError, CallError
from daily_runs.resilience import breaker_rows
from daily_runs.resilience.breaker_rules import PROBES_AT_ONCE, Circuit
from daily_runs.stages import judge_trial
from daily_runs.stages.judge_trial import PROMPT_ID, YOUNG_HOURS
from daily_runs.statuses import BreakerState

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Script


def trials(kit: Kit) -> list[dict[str, Any]]:
    """What the sandbox's judge was asked in trials."""
    return [entry for entry in kit.sandbox.entries("messages") if entry["key"] == PROMPT_ID]


def test_the_first_run_has_a_reference_judged_and_those_after_it_go_by_that(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    (first,) = kit.run(work, "limit_probe")
    (second,) = kit.run(work, "limit_probe")
    assert (first.details["judge_trial"]["paid"], second.details["judge_trial"]["paid"]) == (True, False)
    assert first.details["judge_trial"]["score"] == second.details["judge_trial"]["score"] > 0.9
    (trial,) = trials(kit)
    assert trial["paid"]
    assert kit.sandbox.entries("aiAction") == []
    used = kit.store.row("SELECT sum(calls) AS calls FROM daily_runs.quota_use WHERE account = 'EVAL'")
    assert used["calls"] == 1  # the ledger counts it like any verdict


def test_an_old_trial_is_made_again(kit: Kit) -> None:
    work = kit.work("duo_chat", 4)
    kit.run(work, "limit_probe")
    kit.store.rows(
        "UPDATE daily_runs.judge_trial SET judged_at = now() - make_interval(hours => %(hours)s)",
        {"hours": int(YOUNG_HOURS) + 1},
    )
    for paid in (True, False):
        (report,) = kit.run(work, "limit_probe")
        assert report.details["judge_trial"]["paid"] is paid
    assert len(trials(kit)) == 2


@pytest.mark.parametrize(
    "judge",
    [
        {"model": "claude-opus-5"},
        {"models": {"claude-sonnet-5-5": {"effort": "high"}}},
        {"models": {"claude-sonnet-5-5": {"verdict_form": "strict_tool"}}},
        {"max_output_tokens": 4096},
    ],
    ids=str,
)
def test_a_judge_that_is_asked_otherwise_is_tried_anew(kit: Kit, judge: dict[str, Any]) -> None:
    kit.run(kit.work("duo_chat", 4), "limit_probe")
    other = kit.changed({"judge": judge, "prices": None})  # the list has no price of that model
    (report,) = other.run(other.work("duo_chat", 5), "limit_probe")
    assert report.details["judge_trial"]["paid"]


def test_a_run_that_does_not_fit_pays_for_no_trial(kit: Kit) -> None:
    kit = kit.changed({"environments": {"staging": {"limits": {"ai_action_calls_per_window": 1}}}})
    with pytest.raises(Exception, match="ai_action"):
        kit.run(kit.work("duo_chat", 12), "limit_probe")
    assert kit.sandbox.entries(paid=True) == []


class Unable(NamedTuple):
    """How a judge fails, and how the stage ends."""

    name: str
    status: int
    body: dict[str, Any]
    error: type[Exception]
    says: str


def error(kind: str, message: str = "x") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}}


@pytest.mark.parametrize(
    "case",
    [
        Unable(
            "refused form", 400, error("invalid_request_error"), AccessError, "invalid_request.*no prompt was asked"
        ),
        Unable("no credit", 402, error("billing_error"), AccessError, "billing.*Buy credits"),
        Unable("retired", 404, error("not_found_error"), AccessError, "unknown_model.*judge.model"),
        Unable("no verdict", 200, {"content": [], "model": "claude-sonnet-5-5"}, AccessError, "no_verdict"),
        Unable("overloaded", 529, error("overloaded_error"), CallError, "vendor_overloaded|breaker_open"),
        Unable("down", 500, error("api_error"), CallError, "vendor_server_error|breaker_open"),
    ],
    ids=lambda case: case.name,
)
def test_a_judge_that_cannot_judge_stops_the_run_before_a_prompt_is_asked(
    case: Unable, kit: Kit, serve_script: Callable[[Script], str]
) -> None:
    address = serve_script(lambda _: (case.status, json.dumps(case.body).encode()))
    kit = kit.changed({"judge": {"address": address}})
    with pytest.raises(case.error, match=case.says):
        kit.run(kit.work("duo_chat", 4), "seed_check", "limit_probe", "inference")
    assert kit.sandbox.entries(paid=True) == []
    assert kit.count("daily_runs.judge_trial") == 0


def opened(kit: Kit, *, probes: int) -> None:
    """The judge's breaker, open for an hour; or half-open, with so many probes under way that do not end."""

    def change(circuit: Circuit, now: float) -> Circuit:
        under_way = {f"probe {number}": now + 3600 for number in range(probes)}
        until = now if probes else now + 3600
        return replace(circuit, state=BreakerState.OPEN, open_until=until, probes=under_way, reason="3 in a row")

    breaker_rows.change(kit.store, "anthropic EVAL", change)


@pytest.mark.parametrize("feature", ["duo_chat", "code_suggestions"])
@pytest.mark.parametrize("probes", [0, PROBES_AT_ONCE])
def test_an_open_breaker_is_an_outage_that_the_task_waits_out_in_later_tries(
    kit: Kit, feature: str, probes: int
) -> None:
    work = kit.work(feature, 4)
    kit.run(work, "seed_check")
    opened(kit, probes=probes)
    with pytest.raises(CallError, match="breaker_open"):
        kit.run(work, "limit_probe")
    assert kit.sandbox.entries(paid=True) == []
    kit.store.rows("DELETE FROM daily_runs.breaker")
    (report,) = kit.run(work, "limit_probe")
    assert report.details["judge_trial"]["paid"]


REFUSED = message(content=[], stop_reason="refusal", stop_details={"category": "cyber"})
UNUSABLE = message(content=[{"type": "text", "text": "Looks fine."}], stop_reason="end_turn")


class Declined(NamedTuple):
    """What the judge makes of the first items, one call each; the next gets a verdict."""

    name: str
    replies: tuple[bytes, ...]


@pytest.mark.parametrize(
    "case",
    [
        Declined("the first is refused", (REFUSED,)),
        Declined("the first two are refused", (REFUSED, REFUSED)),
        Declined("the first has no verdict", (UNUSABLE,)),
        Declined("the first is refused, the second has no verdict", (REFUSED, UNUSABLE)),
    ],
    ids=lambda case: case.name,
)
def test_an_item_that_the_judge_declines_stops_no_run_since_the_next_items_reference_is_judged(
    case: Declined, kit: Kit, serve_script: Callable[[Script], str]
) -> None:
    asked: list[str] = []

    def script(request: Any) -> tuple[int, bytes]:
        asked.append(json.loads(request.body)["messages"][0]["content"])
        return 200, [*case.replies, sound_verdict()][len(asked) - 1]

    kit = kit.changed({"judge": {"address": serve_script(script)}})
    work = kit.work("duo_chat", 4)
    for paid in (True, False):
        _, report = kit.run(work, "seed_check", "limit_probe")
        assert report.details["judge_trial"]["paid"] is paid
    assert len(asked) == len(set(asked)) == len(case.replies) + 1


@pytest.mark.parametrize(
    ("reply", "items", "calls"), [(REFUSED, 4, 3), (UNUSABLE, 4, 3), (REFUSED, 1, 1), (UNUSABLE, 1, 3)]
)
def test_a_judge_that_declines_item_after_item_is_given_up_before_a_prompt_is_asked(
    reply: bytes, items: int, calls: int, kit: Kit, serve_script: Callable[[Script], str]
) -> None:
    asked: list[str] = []

    def script(request: Any) -> tuple[int, bytes]:
        asked.append(json.loads(request.body)["messages"][0]["content"])
        return 200, reply

    kit = kit.changed({"judge": {"address": serve_script(script)}})
    work = kit.work("duo_chat", 4)
    few = replace(work, items=dict(sorted(work.items.items())[:items]))
    with pytest.raises(AccessError, match="can't judge a reference answer .*no prompt was asked"):
        judge_trial.tried(few)
    assert (len(asked), len(set(asked))) == (calls, min(items, 3))

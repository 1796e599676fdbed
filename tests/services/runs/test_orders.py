"""Orders that meet: a second one of the same prompts pays nothing; a run that is just starting is no unknown."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pytest
from tests.conftest import DAY, Kit

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.errors import ParameterError
from daily_runs.records import routes
from daily_runs.records.routes import Routed
from daily_runs.records.run import RunKey
from daily_runs.runs import duplicate, opening, trigger_form
from daily_runs.runs.duplicate import GivenOrder
from daily_runs.runs.target import Target, target_of
from daily_runs.statuses import Rerun

CHAT = "duo_chat"
FIRST, SECOND = "manual__first", "manual__second"
HOUR = dt.timedelta(hours=1)
EARLIER, LATER = -HOUR, HOUR


def form(**fields: Any) -> trigger_form.Form:
    """A form by hand; what is not given is empty."""
    return trigger_form.read((), {"run": DAY.isoformat(), **fields})


def first(kit: Kit, status: str, *, environment: str = "staging", limit: int | None = 4, only: str = "") -> None:
    """An order of the test's day that was carried out so far, just now."""
    key = RunKey(CHAT, environment, DAY)
    opening.plan(kit.store, kit.catalogue, key, limit=limit, only=only, airflow_run_id=FIRST)
    if status != "running":
        kit.store.rows("UPDATE daily_runs.attempt SET status = %(status)s, ended_at = now()", {"status": status})


def second(kit: Kit, given: dt.timedelta, asked: trigger_form.Form, run_id: str = SECOND) -> None:
    """The plan of another order, given so long before or after now."""
    feature = kit.catalogue.features[CHAT]
    order = GivenOrder(asked, DAY, run_id, dt.datetime.now(dt.UTC) + given)
    duplicate.must_not_be_done_meanwhile(kit.store, kit.catalogue, feature, order)


@dataclass(frozen=True)
class Meets:
    """What became of a first order of four prompts, and a second one, given before or after the first one's end."""

    says: str
    status: str
    given: dt.timedelta
    fields: dict[str, Any]
    refused: bool


CASES = [
    Meets("the same, while the first was under way", "published", EARLIER, {"prompts": 4}, True),
    Meets("the same, and the first missed the gate", "quarantined", EARLIER, {"prompts": 4}, True),
    Meets("the same, for that environment", "published", EARLIER, {"prompts": 4, "environment": "staging"}, True),
    Meets("the same, by somebody who saw the first one's end", "published", LATER, {"prompts": 4}, False),
    Meets("the same, and the first broke off: it goes on there", "running", EARLIER, {"prompts": 4}, False),
    Meets("the same, and the first was given up", "superseded", EARLIER, {"prompts": 4}, False),
    Meets("more prompts", "published", EARLIER, {"prompts": 5}, False),
    Meets("one prompt that failed", "published", EARLIER, {"only": "chat-001"}, False),
    Meets("the same, elsewhere", "published", EARLIER, {"prompts": 4, "environment": "production"}, False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says)
def test_an_order_of_prompts_that_another_one_paid_for_meanwhile_is_refused(kit: Kit, case: Meets) -> None:
    first(kit, case.status)
    if not case.refused:
        second(kit, case.given, form(**case.fields))
        return
    told = (
        rf"run: duo_chat/staging/2026-08-17T00:00:00Z was asked by {FIRST} after this order was given \(attempt .*"
        rf"{case.status}\): it would pay for every prompt a second time\. Nothing is left to do\. To pay for all again"
    )
    with pytest.raises(ParameterError, match=told):
        second(kit, case.given, form(**case.fields))


def test_a_whole_run_that_was_ordered_twice_is_paid_once(kit: Kit) -> None:
    first(kit, "published", limit=None)
    with pytest.raises(ParameterError, match="a second time"):
        second(kit, EARLIER, form())


def test_a_dag_run_whose_plan_is_cleared_is_no_second_order(kit: Kit) -> None:
    first(kit, "published")
    second(kit, EARLIER, form(prompts=4), run_id=FIRST)


def test_two_orders_of_which_the_first_broke_off_are_one_attempt(kit: Kit) -> None:
    first(kit, "running")
    joined = opening.plan(kit.store, kit.catalogue, RunKey(CHAT, "staging", DAY), limit=4, airflow_run_id=SECOND)
    assert joined.resumed
    assert kit.count("daily_runs.attempt") == 1


def target(kit: Kit, catalogue: Catalogue, **fields: Any) -> Target:
    feature = catalogue.features[CHAT]
    return target_of(kit.store, catalogue, feature, form(**fields), DAY + HOUR, manual=True)


def routed(kit: Kit, *chosen: str) -> None:
    routes.save(kit.store, Routed(CHAT, "scheduled__1", DAY, ("staging",), chosen, False, None, "so"))


@pytest.mark.parametrize("how", [Rerun.MISSING_ANSWERS, Rerun.JUDGE_AGAIN, Rerun.GATE_AND_PUBLISH])
@pytest.mark.parametrize("named", ["2026-08-17", "2026-08-17T00:00:00Z"])
@pytest.mark.parametrize("how_far", ["routed", "opened"])
def test_a_rerun_of_a_run_that_is_just_starting_says_so(kit: Kit, how: Rerun, named: str, how_far: str) -> None:
    routed(kit, "staging")
    said = r" is just starting: it was sent to staging at .*Z, and has asked nothing yet\. Wait for its answers"
    if how_far == "opened":
        first(kit, "running")
        said = " has no answers to take over: it is just starting, or broke off before its first answer. Wait for its"
    told = f"the run of 2026-08-17T00:00:00Z{said}"
    with pytest.raises(ParameterError, match=told):
        target(kit, kit.catalogue, rerun=how, run=named)


@pytest.mark.parametrize("chosen", [(), None], ids=["sent nowhere", "never routed"])
def test_a_run_that_never_began_is_still_unknown(kit: Kit, chosen: tuple[str, ...] | None) -> None:
    if chosen is not None:
        routed(kit, *chosen)
    with pytest.raises(ParameterError, match="there is no run of 2026-08-17"):
        target(kit, kit.catalogue, rerun=Rerun.MISSING_ANSWERS, run="2026-08-17")


def test_a_run_that_gave_up_before_its_first_answer_has_nothing_to_take_over(kit: Kit) -> None:
    first(kit, "superseded")
    with pytest.raises(ParameterError, match="has no answers to take over"):
        target(kit, kit.catalogue, rerun=Rerun.MISSING_ANSWERS)

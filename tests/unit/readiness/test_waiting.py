"""A wait's decisions, with moments that are made up: when it ends and how, how long it pauses, what it shows."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.readiness.check_rows import AspectVerdict
from daily_runs.readiness.state import Readiness
from daily_runs.readiness.waiting import PAUSE_SECONDS_MIN, Checked, Ended, GoingOn, Wait
from daily_runs.statuses import ReadinessAspect, ReadinessState

READY, NOT_READY, UNKNOWN = ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.UNKNOWN
BEGAN = dt.datetime(2026, 8, 17, 6, 0, tzinfo=dt.UTC)
HOUR = 3600.0
EVERY = 900.0


def after(seconds: float) -> dt.datetime:
    """The moment so long after a wait began."""
    return BEGAN + dt.timedelta(seconds=seconds)


def checked(
    state: ReadinessState, reason: str = "3 missing", looked: float | None = 0.0, every: float = EVERY, age: float = 0.0
) -> Checked:
    """What a check found: one aspect, by a look at that moment."""
    verdict = AspectVerdict(ReadinessAspect.SEEDS, state, reason, "the team", {})
    looked_at = after(looked) if looked is not None else None
    return Checked(Readiness("duo_chat", "staging", (verdict,), looked_at), every, age if looked_at else None)


class Check(NamedTuple):
    """A check in a drawn course of events: what it finds, how long it takes."""

    state: ReadinessState
    takes_seconds: float
    age_seconds: float


checks = st.lists(
    st.builds(Check, st.sampled_from([NOT_READY, UNKNOWN, READY]), st.floats(0, 600), st.floats(0, 1e5)), min_size=1
)


class Course(NamedTuple):
    """A wait from its first check on: the moments after each check, and what was decided."""

    moments: list[float]
    decided: list[GoingOn | Ended]


def course(wait_seconds: float, every: float, drawn: list[Check]) -> Course:
    """Let a wait run its course; the last check that was drawn is repeated until it ends, up to 2,000 times."""
    wait, now, found = Wait(after(wait_seconds)), 0.0, Course([], [])
    for number in range(2_000):
        check = drawn[min(number, len(drawn) - 1)]
        now += check.takes_seconds
        one = checked(check.state, every=every, age=check.age_seconds)
        found.moments.append(now)
        found.decided.append(wait.on_check(one, after(now)))
        if isinstance(found.decided[-1], Ended):
            break
        now += found.decided[-1].pause_seconds
    return found


@given(st.floats(-HOUR, 6 * HOUR), st.floats(60, 2 * HOUR), checks)
def test_no_pause_is_negative_and_none_leads_past_the_deadline(
    wait_seconds: float, every: float, drawn: list[Check]
) -> None:
    moments, decided = course(wait_seconds, every, drawn)
    for moment, one in zip(moments, decided, strict=True):
        if isinstance(one, GoingOn):
            assert one.pause_seconds >= PAUSE_SECONDS_MIN
            assert moment + one.pause_seconds <= max(wait_seconds, moment + PAUSE_SECONDS_MIN) + 1e-3


@given(st.floats(-HOUR, 6 * HOUR), st.floats(60, 2 * HOUR), checks)
def test_a_wait_ends_at_the_first_check_that_finds_all_ready_or_comes_after_the_deadline(
    wait_seconds: float, every: float, drawn: list[Check]
) -> None:
    moments, decided = course(wait_seconds, every, drawn)
    states = [drawn[min(number, len(drawn) - 1)].state for number in range(len(moments))]
    over = [
        state is READY or after(moment) >= after(wait_seconds) for moment, state in zip(moments, states, strict=True)
    ]
    assert [isinstance(one, Ended) for one in decided] == over
    assert over.index(True) == len(over) - 1


@given(st.lists(st.sampled_from([NOT_READY, UNKNOWN]), min_size=1, max_size=8))
def test_at_the_deadline_the_last_check_that_could_look_gives_the_verdict(states: list[ReadinessState]) -> None:
    wait, last = Wait(after(HOUR)), len(states) - 1
    for number, state in enumerate(states):
        decided = wait.on_check(checked(state, f"reason {number}"), after(HOUR if number == last else number))
    assert isinstance(decided, Ended)
    told = [number for number, state in enumerate(states) if state is NOT_READY]
    assert decided.state is (NOT_READY if told else UNKNOWN)
    assert decided.verdict.state is decided.state
    assert f"reason {told[-1] if told else last}" in decided.verdict.reason
    assert f"reason {last}" in decided.newest_reason


class AtTheDeadline(NamedTuple):
    """The only check of a wait, so long after its deadline, and how the wait ends."""

    late_seconds: float
    finds: ReadinessState


@pytest.mark.parametrize("case", [AtTheDeadline(0, NOT_READY), AtTheDeadline(0, UNKNOWN), AtTheDeadline(HOUR, READY)])
def test_a_deadline_that_has_passed_leaves_the_one_check_to_decide(case: AtTheDeadline) -> None:
    decided = Wait(after(0)).on_check(checked(case.finds), after(case.late_seconds))
    assert isinstance(decided, Ended)
    assert (decided.state, decided.as_json()["state"]) == (case.finds, str(case.finds))
    assert decided.as_json()["verdict"] == decided.verdict.as_json()


def test_checks_come_ever_less_often_and_soon_when_a_look_is_due() -> None:
    wait = Wait(after(24 * HOUR))
    pauses = [wait.on_check(checked(NOT_READY), after(0)) for _ in range(5)]
    assert [one.pause_seconds for one in pauses if isinstance(one, GoingOn)] == [300, 450, 675, 900, 900]
    due = wait.on_check(checked(NOT_READY, age=880), after(880))
    assert isinstance(due, GoingOn)
    assert due.pause_seconds == 20


def test_people_see_what_is_in_the_way_with_its_owner_and_when_the_next_look_is() -> None:
    decided = Wait(after(HOUR)).on_check(checked(NOT_READY, age=60), after(60))
    assert isinstance(decided, GoingOn)
    assert decided.shown == {
        "environment": "staging",
        "state": "not_ready",
        "seeds": "3 missing; owner: the team",
        "looked_at": "2026-08-17 06:00:00 UTC",
        "next_look": "2026-08-17 06:15:00 UTC",
        "waits_until": "2026-08-17 07:00:00 UTC",
    }
    assert decided.line == (
        "waiting for staging (not_ready): seeds: 3 missing; owner: the team; next look 2026-08-17 06:15:00 UTC,"
        " waits until 2026-08-17 07:00:00 UTC"
    )


class Told(NamedTuple):
    """Two checks in a row: whether the second is shown on the page, and whether it is a line of the log."""

    what: str
    second: Checked
    shown: bool
    line: bool


@pytest.mark.parametrize(
    "case",
    [
        Told("the same look", checked(NOT_READY), shown=False, line=False),
        Told("a new look that found the same", checked(NOT_READY, looked=900), shown=True, line=False),
        Told("another reason", checked(NOT_READY, "2 missing", looked=900), shown=True, line=True),
        Told("nobody could look", checked(UNKNOWN, "no route", looked=None), shown=True, line=True),
    ],
    ids=lambda case: case.what,
)
def test_only_what_is_new_is_told(case: Told) -> None:
    wait = Wait(after(HOUR))
    wait.on_check(checked(NOT_READY), after(1))
    second = wait.on_check(case.second, after(901))
    assert isinstance(second, GoingOn)
    assert (second.shown is not None, second.line != "") == (case.shown, case.line)


def test_a_wait_that_ended_shows_no_next_look() -> None:
    decided = Wait(after(HOUR)).on_check(checked(READY, "100 bound"), after(1))
    assert set(decided.shown or {}) == {"environment", "state", "looked_at", "waits_until"}


@given(st.lists(st.floats(0, EVERY), min_size=2, max_size=6))
def test_a_pause_never_outlasts_the_time_until_the_next_look_is_due(ages: list[float]) -> None:
    wait, moments = Wait(after(24 * HOUR)), [100.0 * number for number in range(len(ages) + 1)]
    for age, (moment, _) in zip(ages, pairwise(moments), strict=True):
        decided = wait.on_check(checked(NOT_READY, age=age), after(moment))
        assert isinstance(decided, GoingOn)
        if age < EVERY:
            assert decided.pause_seconds <= max(EVERY - age, PAUSE_SECONDS_MIN)

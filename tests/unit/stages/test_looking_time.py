"""When a ticket's time is over: by its user's looks alone, at moments that the test makes up."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.stages.looking_time import LookingTime

GAP, SECONDS, BLIND = 20.0, 120.0, 900.0


@dataclass(frozen=True)
class Case:
    """Looks at these moments, each "+" (came back) or "-" (failed), and how a ticket that came at 0 stands after."""

    name: str
    looks: tuple[tuple[str, float], ...]
    over: bool


def every(seconds: float, until: float, sign: str = "+", since: float = 0.0) -> tuple[tuple[str, float], ...]:
    return tuple((sign, since + seconds * n) for n in range(1, int((until - since) / seconds) + 1))


CASES = (
    Case("no look yet", (), over=False),
    Case("looks in time, none after it", every(5, 119), over=False),
    Case("a look after its time", every(5, 120), over=True),
    Case("stopped for an hour, right after it came", (("+", 3600.0),), over=False),
    Case("stopped for an hour in the middle", (*every(5, 60), ("+", 3660.0)), over=False),
    Case(
        "stopped for an hour, and then looked for long enough", (*every(5, 60), *every(5, 3760, since=3660)), over=True
    ),
    Case("looks that fail all the time", every(5, 600, "-"), over=False),
    Case(
        "looks that fail for a minute, and then come back", (*every(5, 60, "-"), *every(5, 175, since=60)), over=False
    ),
    Case("the same, and long enough", (*every(5, 60, "-"), *every(5, 180, since=60)), over=True),
    Case("nobody could look for a quarter of an hour", every(5, 900, "-"), over=True),
    Case("nobody could look, and the process was stopped meanwhile", (("-", 600.0), ("-", 1200.0)), over=False),
    Case("slow looks, 15 s each", every(20, 120), over=True),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_tickets_time_is_the_time_in_which_somebody_looked(case: Case) -> None:
    looking = LookingTime(GAP, 0.0)
    patience = looking.patience(SECONDS, BLIND, 0.0)
    over = False
    for sign, moment in case.looks:
        if sign == "+":
            looking.came_back(moment)
            over = looking.has_seen_enough(patience)
        else:
            looking.failed(moment)
            over = looking.was_blind_too_long(patience)
    assert over is case.over


def test_a_ticket_that_comes_late_has_its_whole_time() -> None:
    looking = LookingTime(GAP, 0.0)
    for _, moment in every(5, 100):
        looking.came_back(moment)
    patience = looking.patience(SECONDS, BLIND, 104.0)
    for _, moment in every(5, 220, since=100):
        looking.came_back(moment)
    assert not looking.has_seen_enough(patience)  # 116 s after it came
    looking.came_back(224.0)
    assert looking.has_seen_enough(patience)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), max_size=40), st.floats(0, 500))
def test_no_ticket_is_over_before_its_seconds_have_passed(looks: list[tuple[float, bool]], seconds: float) -> None:
    looking, now = LookingTime(GAP, 0.0), 0.0
    patience = looking.patience(seconds, seconds, now)
    for after, good in looks:
        now += after
        if good:
            looking.came_back(now)
        else:
            looking.failed(now)
        if looking.has_seen_enough(patience) or looking.was_blind_too_long(patience):
            assert now >= seconds - 1e-6

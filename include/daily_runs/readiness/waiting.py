"""How a run waits for its environment. Pure: the caller checks, passes the moment, and does the waiting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.clock import Clock
from daily_runs.statuses import ReadinessState

if TYPE_CHECKING:  # it knows the store, which a DAG file must not import
    from daily_runs.readiness.state import Readiness

FIRST_PAUSE_SHARE = 1 / 3
PAUSE_FACTOR = 1.5
PAUSE_SECONDS_MIN = 0.25
CHECK_AGE_SECONDS_MAX = 3600.0
"""Wall clock: the hourly check's interval, and so no check is older while checks succeed."""
FAILED_CHECK_SECONDS = 60.0
"""Wall clock: after a check that could not look, nobody looks again for this long. So a path that is down is not
hammered, and a failure of a moment does not send every feature elsewhere."""


def check_every(catalogue: Catalogue, environment_name: str) -> float:
    """Seconds of the wall clock in which an environment is checked once at most, however many wait."""
    environment = catalogue.environments[environment_name]
    return Clock(environment.time_scale).wall(environment.readiness.look_every_minutes * 60)


def check_age_max(catalogue: Catalogue, environment_name: str) -> float:
    """Seconds of the wall clock after which a check says nothing any more: longer than any pause between checks."""
    return max(2 * check_every(catalogue, environment_name), CHECK_AGE_SECONDS_MAX)


def wait_max(catalogue: Catalogue, environment_name: str) -> dt.timedelta:
    """How long a run may wait for an environment, on the wall clock, from the run's start."""
    environment = catalogue.environments[environment_name]
    wall = Clock(environment.time_scale).wall(environment.readiness.wait_hours_max * 3600)
    return dt.timedelta(seconds=wall)


def pause(checks: int, every_seconds: float, age_seconds: float | None, left_seconds: float) -> float:
    """Seconds until the next check, after so many (from 1): until the next look is due, at most until the deadline.

    In between, a check reads what others may have seen meanwhile: after a third of the interval, then ever less often,
    up to the whole of it.

    Args:
        every_seconds: see `check_every`.
        age_seconds: of the newest look; None: there is none, so one is due as soon as it can be taken.
        left_seconds: until the deadline.
    """
    step = min(every_seconds, every_seconds * FIRST_PAUSE_SHARE * PAUSE_FACTOR ** min(checks - 1, 16))
    due = step if age_seconds is None else every_seconds - age_seconds
    if due <= 0:  # somebody else still looks, or nobody could: never in a hurry
        due = step
    return max(PAUSE_SECONDS_MIN, min(step, due, left_seconds))


def outcome(now: ReadinessState, best_known: ReadinessState, left_seconds: float) -> ReadinessState | None:
    """How a wait ends; None while it goes on. `unknown` is an error: nobody could look, to the end.

    Args:
        now: of the newest look.
        best_known: of the newest look in this wait that could look; `unknown` when none could.
    """
    if now is ReadinessState.READY:
        return now
    if left_seconds > 0:
        return None
    return now if now is not ReadinessState.UNKNOWN else best_known


class Checked(NamedTuple):
    """What a check found.

    `every_seconds`: see `check_every`. `age_seconds`: of the newest look, None while there is none.
    """

    readiness: Readiness
    every_seconds: float
    age_seconds: float | None


class GoingOn(NamedTuple):
    """The run waits on: `pause_seconds` (wall clock) until the next check.

    `shown`: what people see of the wait, or None if it is what they see already. `line`: the same as a line of the log,
    when what is in the way changed; else empty.
    """

    pause_seconds: float
    shown: Mapping[str, Any] | None
    line: str


class Ended(NamedTuple):
    """The wait is over.

    `state`: see `outcome`; `verdict`: what the check found that tells it; `newest_reason`: that of the last check.
    """

    state: ReadinessState
    verdict: Readiness
    newest_reason: str
    shown: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """As plain data: what a trigger hands to its task."""
        return {"state": str(self.state), "verdict": self.verdict.as_json(), "newest_reason": self.newest_reason}


class Wait:
    """One run's wait for an environment, until `ends` at most: it hears of every check, and decides what follows."""

    def __init__(self, ends: dt.datetime) -> None:
        self._ends, self._checks = ends, 0
        self._best: Readiness | None = None
        self._told: tuple[object, ...] = ()

    def on_check(self, found: Checked, now: dt.datetime) -> GoingOn | Ended:
        """Decide. `now` is the moment after the check."""
        newest, left = found.readiness, (self._ends - now).total_seconds()
        self._checks += 1
        if self._best is None or newest.state is not ReadinessState.UNKNOWN:
            self._best = newest
        ended = outcome(newest.state, self._best.state, left)
        if ended is not None:
            verdict = newest if newest.state is ended else self._best
            return Ended(ended, verdict, newest.reason, _shown(newest, waits_until=self._ends))
        next_look = now + dt.timedelta(seconds=max(found.every_seconds - (found.age_seconds or 0), 0))
        pause_seconds = pause(self._checks, found.every_seconds, found.age_seconds, left)
        told, self._told = self._told, (newest.state, newest.reason, newest.looked_at)
        if told == self._told:
            return GoingOn(pause_seconds, None, "")
        until = f"next look {shown_time(next_look)}, waits until {shown_time(self._ends)}"
        line = f"waiting for {newest.environment} ({newest.state}): {newest.reason}; {until}"
        shown = _shown(newest, next_look=next_look, waits_until=self._ends)
        return GoingOn(pause_seconds, shown, line if told[:2] != self._told[:2] else "")


def _shown(newest: Readiness, **moments: dt.datetime) -> dict[str, Any]:
    looked_at = {"looked_at": newest.looked_at} if newest.looked_at else {}
    return {
        "environment": newest.environment,
        "state": str(newest.state),
        **newest.in_the_way(),
        **{name: shown_time(moment) for name, moment in (looked_at | moments).items()},
    }


def shown_time(moment: dt.datetime) -> str:
    """For people, in UTC."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"

"""How a run waits for its environment. Pure: the caller passes ages and what is left, and does the waiting."""

from __future__ import annotations

import datetime as dt

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.clock import Clock
from daily_runs.statuses import ReadinessState

FIRST_PAUSE_SHARE = 1 / 3
PAUSE_FACTOR = 1.5
PAUSE_SECONDS_MIN = 0.25
LOOK_AGE_SECONDS_MAX = 3600.0
"""Wall clock: the hourly look's interval, and so no look is older while looks succeed."""
FAILED_LOOK_SECONDS = 60.0
"""Wall clock: so long a look that could not look keeps others from trying again. A path that is down is not hammered,
and a failure of a moment does not send every feature elsewhere."""


def look_every(catalogue: Catalogue, environment_name: str) -> float:
    """Seconds of the wall clock in which an environment is looked at once at most, however many wait."""
    environment = catalogue.environments[environment_name]
    return Clock(environment.time_scale).wall(environment.readiness.look_every_minutes * 60)


def look_age_max(catalogue: Catalogue, environment_name: str) -> float:
    """Seconds of the wall clock after which a look says nothing any more: longer than any pause between looks."""
    return max(2 * look_every(catalogue, environment_name), LOOK_AGE_SECONDS_MAX)


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
        every_seconds: see `look_every`.
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

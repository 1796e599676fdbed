"""How long this side waits for another one."""

from __future__ import annotations

from daily_runs.clock import Clock

WALL_SECONDS_MIN = 10.0
"""No timeout is shorter than this on the wall clock, however fast a sandbox's time runs: a loaded machine would run
into it, and what was paid would be paid again."""


def wall_timeout(clock: Clock, domain_seconds: float, *, at_least: float = WALL_SECONDS_MIN) -> float:
    """A timeout given in domain seconds, in seconds of the wall clock; never under `at_least` of these."""
    return max(at_least, clock.wall(domain_seconds))

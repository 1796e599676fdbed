"""Timeouts follow domain time, down to a floor on the wall clock."""

from __future__ import annotations

from daily_runs.clock import WALL_SECONDS_MIN, Clock, wall_timeout


def test_a_timeout_follows_domain_time_and_never_falls_under_the_floor() -> None:
    assert wall_timeout(Clock(1), 240) == 240
    assert wall_timeout(Clock(10), 240) == 24
    assert wall_timeout(Clock(60), 240) == WALL_SECONDS_MIN == 10
    assert wall_timeout(Clock(60), 240, at_least=0) == 4

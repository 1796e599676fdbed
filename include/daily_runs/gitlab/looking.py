"""Calls of a look: free, counted, and tried again for a short time only, so that a look ends by naming the hop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from daily_runs.clock import Clock, wall_timeout
from daily_runs.resilience.retry import with_retries

BUDGET_SECONDS = 60.0
"""Domain time in which one call of a look is tried again; Rack::Attack counts by the minute. If it were tried
as long as a paid call, the look would end by its own timeout, which names no hop (`daily_runs.readiness.check`)."""
BUDGET_WALL_SECONDS_MIN = 3.0
"""Wall clock. The least of that, however fast a sandbox's time runs: a loaded machine needs it for three tries."""

T = TypeVar("T")


class Counted:
    """Calls with retries, and how many requests they were (`calls`)."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self.calls = clock, 0
        wall = wall_timeout(clock, BUDGET_SECONDS, at_least=BUDGET_WALL_SECONDS_MIN)
        self._budget_seconds = wall * clock.time_scale

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call, and try again what may be.

        Raises:
            CallError: the last attempt's, as it was.
        """

        async def once() -> T:
            self.calls += 1
            return await call()

        return await with_retries(once, clock=self._clock, budget_seconds=self._budget_seconds)

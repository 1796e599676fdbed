"""Domain time: what the rules count in (docs/domain.md), and how fast it passes here.

Every wait in this project goes through `Clock`, so that a sandbox may run 45 minutes in one and a test in none.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """`time_scale` domain seconds pass in one second of the wall clock (1 for anything real)."""

    time_scale: float = 1.0

    async def sleep(self, domain_seconds: float) -> None:
        """Wait for a duration given in domain seconds; a negative one returns at once."""
        await asyncio.sleep(self.wall(domain_seconds))

    def wall(self, domain_seconds: float) -> float:
        """Wall-clock seconds that a domain duration takes."""
        return max(0.0, domain_seconds) / self.time_scale

    @staticmethod
    def now() -> dt.datetime:
        """The moment, UTC."""
        return dt.datetime.now(dt.UTC)


WALL_SECONDS_MIN = 10.0
"""No timeout is shorter than this on the wall clock, however fast a sandbox's time runs: a loaded machine would run
into it, and what was paid would be paid again."""


def wall_timeout(clock: Clock, domain_seconds: float, *, at_least: float = WALL_SECONDS_MIN) -> float:
    """A timeout given in domain seconds, in seconds of the wall clock; never under `at_least` of these."""
    return max(at_least, clock.wall(domain_seconds))


AWAKE_STEP_SECONDS = 0.25
"""Wall clock. `within` looks this often whether its time is over; if the process slept in a step, two steps count."""


async def within(wall_seconds: float | None, work: Awaitable[T]) -> T:
    """Return what `work` returns, if it ends within this many seconds of the wall clock in which this process ran.

    Timeouts of a connection count from one byte to the next, so an answer that trickles in never ends by them. And a
    process that was stopped must hear what lies ready before it gives up: a timer of its own would end the wait first.

    Args:
        wall_seconds: None = for as long as it takes.
        work: is cancelled when the time is over.

    Raises:
        TimeoutError: it was not done in time.
        Exception: whatever `work` raises.
    """
    if wall_seconds is None:
        return await work
    task, left = asyncio.ensure_future(work), wall_seconds
    try:
        while left > 0 and not task.done():
            step, began = min(left, AWAKE_STEP_SECONDS), time.monotonic()
            await asyncio.wait({task}, timeout=step)
            left -= min(time.monotonic() - began, 2 * AWAKE_STEP_SECONDS)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

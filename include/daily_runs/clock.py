"""Domain time: what the rules count in (docs/domain.md), and how fast it passes here.

Every wait in this project goes through `Clock`, so that a sandbox may run 45 minutes in one and a test in none.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True)
class Clock:
    """`time_scale` domain seconds pass in one second of the wall clock (1 for anything real)."""

    time_scale: float = 1.0

    async def sleep(self, domain_seconds: float) -> None:
        """Wait for a duration given in domain seconds; negative is none."""
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

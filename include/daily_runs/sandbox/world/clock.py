"""The sandbox's own time: domain seconds since its start, `time_scale` of them in one second of the wall clock."""

from __future__ import annotations

import asyncio
import time


class SandboxClock:
    """A monotonic clock in domain seconds.

    Args:
        time_scale: domain seconds that pass in one second of the wall clock; more than 0.
    """

    def __init__(self, time_scale: float = 1.0) -> None:
        if time_scale <= 0:
            raise ValueError(f"time_scale must be more than 0, not {time_scale!r}")
        self.time_scale = time_scale
        self._start = time.monotonic()

    def now(self) -> float:
        """Domain seconds since the sandbox started."""
        return (time.monotonic() - self._start) * self.time_scale

    def wall(self, domain_seconds: float) -> float:
        """Wall-clock seconds that a domain duration takes; negative is none."""
        return max(0.0, domain_seconds) / self.time_scale

    async def sleep(self, domain_seconds: float) -> None:
        """Wait for a duration given in domain seconds."""
        await asyncio.sleep(self.wall(domain_seconds))

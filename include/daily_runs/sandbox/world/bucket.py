"""The two limiters met on the path: Anthropic's token bucket and GitLab's fixed window. Pure: the caller passes `now`.

Times are domain seconds (see `clock`). docs/domain.md §3 and §5.
"""

from __future__ import annotations

import math


class Bucket:
    """A token bucket that refills continuously and starts full.

    Args:
        rate_per_minute: units that flow back in 60 domain seconds.
        capacity: units the full bucket holds.
        now: the moment it is made.
    """

    def __init__(self, rate_per_minute: float, capacity: float, now: float) -> None:
        self.rate_per_minute, self.capacity = rate_per_minute, capacity
        self._level, self._at = capacity, now

    def available(self, now: float) -> float:
        """Units in the bucket."""
        refilled = self._level + max(0.0, now - self._at) * self.rate_per_minute / 60
        return min(self.capacity, refilled)

    def take(self, n: float, now: float) -> bool:
        """Take n units, or none and say False. More than the capacity is never there."""
        level = self.available(now)
        if n > level:
            return False
        self._level, self._at = level - n, now
        return True

    def wait_seconds(self, n: float, now: float) -> float:
        """Domain seconds until n units are there (0 = now); a demand above the capacity waits for a full bucket."""
        missing = min(n, self.capacity) - self.available(now)
        return max(0.0, missing) * 60 / self.rate_per_minute

    def set_rate(self, rate_per_minute: float, capacity: float, now: float) -> None:
        """Change rate and capacity; what the bucket holds stays, as far as the new capacity has room."""
        self._level, self._at = min(self.available(now), capacity), now
        self.rate_per_minute, self.capacity = rate_per_minute, capacity


class FixedWindow:
    """At most `limit` calls in each window; windows are aligned to multiples of their length, as GitLab's are.

    Args:
        limit: calls a window.
        window_seconds: its length in domain seconds.
    """

    def __init__(self, limit: int, window_seconds: float) -> None:
        self.limit, self.window_seconds = limit, window_seconds
        self._window, self._used = -1, 0

    def take(self, now: float) -> bool:
        """Count one call; False when it is past the limit (a refused call is counted too, as in GitLab)."""
        self._used = self.used(now) + 1
        self._window = self._number(now)
        return self._used <= self.limit

    def used(self, now: float) -> int:
        """Calls counted in the current window."""
        return self._used if self._number(now) == self._window else 0

    def reset_seconds(self, now: float) -> float:
        """Domain seconds until the window ends."""
        return (self._number(now) + 1) * self.window_seconds - now

    def _number(self, now: float) -> int:
        return math.floor(now / self.window_seconds)

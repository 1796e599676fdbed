"""Other people's use of an Anthropic account: it takes its share of every bucket all the time, in small portions.

The portions' moments are a Poisson process that depends on the seed and on domain time only, not on who looks when. So
a client that knows them beforehand can be computed (docs/benchmark.md), and nothing runs between two looks at a bucket.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache

from daily_runs.sandbox.world.bucket import Bucket

PORTIONS_PER_SECOND = 100.0
"""Portions taken in a domain second, on average; each has a hundredth of what the share earns in that second.
Larger ones would find the bucket of a client that takes everything at once too empty, and be starved by it."""
_REMEMBERED_SECONDS = 600.0
"""After a longer pause only the last of it is played: a bucket has long forgotten what was taken before."""


class ForeignLoad:
    """Takes `share` of the rate of each bucket, but never what isn't there.

    Args:
        seed: which moments; the same seed gives the same ones.
        now: from when on, in domain seconds.
    """

    def __init__(self, seed: str, now: float) -> None:
        self._seed, self._until = seed, now

    def take(self, share: float, buckets: tuple[Bucket, ...], now: float) -> None:
        """Take everything that was due since the last look."""
        since, self._until = max(self._until, now - _REMEMBERED_SECONDS), now
        if share <= 0:
            return
        for at in moments(self._seed, since, now):
            for bucket in buckets:
                portion = bucket.rate_per_minute / 60 * share / PORTIONS_PER_SECOND
                bucket.take(min(portion, bucket.available(at)), at)


def moments(seed: str, since: float, until: float) -> Iterator[float]:
    """The moments of a seed in (since, until], in order."""
    for second in range(math.floor(since), math.floor(until) + 1):
        within = _moments_of_second(seed, second)
        yield from within[bisect_right(within, since) : bisect_right(within, until)]


@lru_cache(maxsize=16)
def _moments_of_second(seed: str, second: int) -> tuple[float, ...]:
    """Each whole second has a generator of its own, so that any of them can be played without those before."""
    rng = random.Random(f"{seed} {second}")
    found, at = [], second + rng.expovariate(PORTIONS_PER_SECOND)
    while at < second + 1:
        found.append(at)
        at += rng.expovariate(PORTIONS_PER_SECOND)
    return tuple(found)

"""How long somebody has looked for an answer: what decides when a ticket is given up. Pure: no clock is read.

A ticket was paid for, so it is given up on evidence only: by a look that was begun when the ticket's time was over, and
came back without its answer. Time passes for a ticket while its user's looks come back. It does not pass while this
process is stopped, and not while looks fail, because "could not look" is never "it is not there"; looks that never
succeed have a longer time of their own.
"""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.resilience.retry import BUDGET_SECONDS

BLIND_SECONDS_MAX = BUDGET_SECONDS
"""Domain seconds in which a ticket's looks may fail before it is given up. It is the retry layer's whole time, so that
a prompt whose answer nobody could look for is not paid again by the same task."""


class Patience(NamedTuple):
    """Until when a ticket is waited for, as its user's `LookingTime` counts."""

    seen_until: float
    blind_until: float


class LookingTime:
    """The time in which one user's answers were looked for. Moments are seconds of one clock; none runs backwards.

    Args:
        gap_seconds_max: no more than this counts of the time between two looks: in a longer one, nobody was looking.
        now: the moment.
    """

    def __init__(self, gap_seconds_max: float, now: float) -> None:
        self._gap_seconds_max, self._counted_until = gap_seconds_max, now
        self._seen = self._blind = 0.0

    def patience(self, seconds: float, blind_seconds: float, now: float) -> Patience:
        """How long to wait for a ticket that came at `now`: `seconds` of looks, or `blind_seconds` of failed ones."""
        gap = self._gap(now)  # it will be counted by the next look, and began before the ticket came
        return Patience(self._seen + gap + seconds, self._blind + gap + blind_seconds)

    def came_back(self, begun: float) -> None:
        """Count a look that came back. It may have missed what came after it was begun."""
        self._seen += self._gap(begun)
        self._counted_until = max(self._counted_until, begun)

    def failed(self, ended: float) -> None:
        """Count a look that failed, and ended now."""
        self._blind += self._gap(ended)
        self._counted_until = max(self._counted_until, ended)

    def has_seen_enough(self, patience: Patience) -> bool:
        """Whether a ticket's time is over, after a look for it that came back without its answer."""
        return self._seen >= patience.seen_until

    def was_blind_too_long(self, patience: Patience) -> bool:
        """Whether a ticket's time for failed looks is over, after a look for it that failed."""
        return self._blind >= patience.blind_until

    def _gap(self, now: float) -> float:
        return min(max(0.0, now - self._counted_until), self._gap_seconds_max)

"""The floor: when a clairvoyant client would have sent the last prompt. Pure, in virtual time.

It knows each prompt's tokens, the limits' change and other people's use beforehand, and sends each prompt, in order, at
the first moment at which the sandbox's own buckets hold it. They are full at the go signal, as after any pause. A try
that fails with 500 or 529 takes nothing from the sandbox's buckets, so it costs the clairvoyant client nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.accounts import Account
from daily_runs.sandbox.world.foreign import ForeignLoad
from daily_runs.sandbox.world.world import AccountBuckets

_FOREIGN_BEFORE_SECONDS = 60.0
"""Others use the account for so long before the go signal."""
_STEP_SECONDS_MIN = 1e-6
"""Rounding must not keep us at one moment for ever."""


class Size(NamedTuple):
    """A prompt's tokens as the account counts them."""

    input_tokens: int
    output_tokens: int


class Change(NamedTuple):
    """From `at_seconds` (of the sandbox) on, every limit is multiplied by `factor`."""

    at_seconds: float
    factor: float


class Foreign(NamedTuple):
    """Other people's use: their share of every limit, and the seed of its moments."""

    share: float
    seed: str


def send_moments(
    account: Account,
    sizes: Sequence[Size],
    go_at_seconds: float = 0.0,
    change: Change | None = None,
    foreign: Foreign | None = None,
) -> list[float]:
    """When each prompt is sent, in seconds after the go signal.

    Args:
        account: its limits.
        sizes: the prompts in the order of sending.
        go_at_seconds: the go signal in the sandbox's time, which `change` and other people's moments are in.
        change: a limit factor that comes into force.
        foreign: other people's use.

    Raises:
        ValueError: a prompt is larger than a full bucket, so it can never be sent.
    """
    start = go_at_seconds - _FOREIGN_BEFORE_SECONDS if foreign else go_at_seconds
    account_in_time = _AccountInTime(account, start, change, foreign)
    now, sent = go_at_seconds, []
    for size in sizes:
        now = account_in_time.first_moment(size, now)
        sent.append(now - go_at_seconds)
    return sent


class _AccountInTime:
    """The sandbox's buckets and what happens to them while nobody looks."""

    def __init__(self, account: Account, start: float, change: Change | None, foreign: Foreign | None) -> None:
        self._buckets = AccountBuckets(account, start)
        self._change, self._foreign = change, foreign
        self._load = ForeignLoad(foreign.seed, start) if foreign else None

    def first_moment(self, size: Size, now: float) -> float:
        """The first moment from `now` on at which the buckets hold the prompt; they give it away."""
        while True:
            self._advance(now)
            shortage = self._buckets.spend(size.input_tokens, size.output_tokens, now)
            if shortage is None:
                return now
            self._check_possible(size)
            now = self._next_look(now, now + max(shortage.wait_seconds, _STEP_SECONDS_MIN))

    def _advance(self, now: float) -> None:
        if self._change and now >= self._change.at_seconds:
            self._buckets.scale(self._change.factor, now)
        if self._load and self._foreign:
            self._load.take(self._foreign.share, self._buckets.all, now)

    def _next_look(self, now: float, wanted: float) -> float:
        """Not past the moment of a change: before it the old limit holds, after it the new one."""
        if self._change and now < self._change.at_seconds < wanted:
            return self._change.at_seconds
        return wanted

    def _check_possible(self, size: Size) -> None:
        demands = zip(self._buckets.all, (1, size.input_tokens, size.output_tokens), strict=True)
        for bucket, demand in demands:
            if demand > bucket.capacity:
                raise ValueError(f"{size!r} never fits a bucket of {bucket.capacity:g}")

"""Who sent when: counts over spans of time, from the sandbox's ledger. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_SPAN_SECONDS = 2.0
_REACHED_SHARE = 0.9
"""A rate counts as reached when a span has so much of it: one send of ten may fall outside."""


class Send(NamedTuple):
    """One request: seconds after the go signal, whose it was, whether it was paid or refused."""

    at: float
    shard: int
    key: str
    paid: bool
    refused: bool


def sends_of(entries: Sequence[Mapping[str, Any]], shard_of: Mapping[str, int], go_at: float) -> list[Send]:
    """From the ledger, in order of time."""
    sends = [
        Send(entry["at_seconds"] - go_at, shard_of[entry["key"]], entry["key"], entry["paid"], entry["status"] == 429)
        for entry in entries
        if entry["operation"] == "messages"
    ]
    return sorted(sends)


def count(sends: Sequence[Send], shard: int, since: float, until: float) -> int:
    """Paid sends in [since, until)."""
    return sum(send.paid and send.shard == shard and since <= send.at < until for send in sends)


def first_after(sends: Sequence[Send], shard: int, moment: float) -> float:
    """When a shard first sent from a moment on.

    Raises:
        ValueError: it never did.
    """
    return min(send.at for send in sends if send.shard == shard and send.at >= moment)


def last_before(sends: Sequence[Send], moment: float) -> float:
    """The last send before a moment.

    Raises:
        ValueError: there is none.
    """
    return max(send.at for send in sends if send.at < moment)


def last_of(sends: Sequence[Send], shard: int) -> float:
    """A shard's last send."""
    return max(send.at for send in sends if send.shard == shard)


def seconds_until_rate(sends: Sequence[Send], shard: int, moment: float, per_second: float) -> float:
    """How long after a moment a shard sends at a rate: the start of the first span that has nine tenths of it.

    Raises:
        ValueError: it never does.
    """
    needed = _REACHED_SHARE * per_second * _SPAN_SECONDS
    starts = [moment, *(send.at for send in sends if send.shard == shard and send.at > moment)]
    return min(at for at in starts if count(sends, shard, at, at + _SPAN_SECONDS) >= needed) - moment


def refusals(sends: Sequence[Send]) -> int:
    """Sends that got a 429."""
    return sum(send.refused for send in sends)


def paid_twice(sends: Sequence[Send]) -> int:
    """Payments beyond the first of a prompt."""
    return sum(times - 1 for times in Counter(send.key for send in sends if send.paid).values())

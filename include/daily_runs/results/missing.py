"""What missing answers could hide: the mean if all of them were as bad as can be, and as good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class AskedItem(NamedTuple):
    """An item with the prompts that it was asked by and the sum of the scores of those that were scored."""

    asked: int
    scored: int
    total: float


class PairedItem(NamedTuple):
    """An item that two runs asked: each one's mean (None: it has no score), its scores, and what it alone lost.

    `lost` and `other_lost`: answers without a score in the one run that have one in the other.
    """

    mean: float | None
    scored: int
    lost: int
    other_mean: float | None
    other_scored: int
    other_lost: int


class Bounds(NamedTuple):
    """The item-weighted mean with every missing score at 0, and with every one at 1 (Manski, 2003, chapter 1)."""

    worst: float
    best: float


def bounds_of(items: Iterable[AskedItem]) -> Bounds:
    """Bounds of the mean over all items asked, those without any score included.

    Raises:
        ValueError: no items, or one that was not asked.
    """
    everything = list(items)
    if not everything or any(item.asked < 1 or not 0 <= item.scored <= item.asked for item in everything):
        raise ValueError("bounds need items that were asked at least once")
    if not all(0 <= item.total <= item.scored + 1e-9 for item in everything):  # NaN is not, either
        raise ValueError("an item's scores are not within 0 to 1")
    worst = sum(item.total / item.asked for item in everything) / len(everything)
    best = sum((item.total + item.asked - item.scored) / item.asked for item in everything) / len(everything)
    return Bounds(worst, best)


def shifts_of(items: Iterable[PairedItem], estimate: float) -> tuple[float, float]:
    """How far a difference (other minus first) moves if what only the other run lost is 0, and if what only the first
    lost is.

    An item that has scores of the other run alone is taken to have moved as the rest did, by `estimate`: nobody knows
    what it was, so it neither adds to a drop nor hides one. The first figure is never above 0, the second never below:
    an answer that is missing never makes a verdict easier.

    Raises:
        ValueError: no items.
    """
    everything = list(items)
    if not everything:
        raise ValueError("no items to pair")
    worst = sum(_fall(item.mean, item.other_mean, item.other_scored, item.other_lost, estimate) for item in everything)
    best = sum(_fall(item.other_mean, item.mean, item.scored, item.lost, -estimate) for item in everything)
    return min(0.0, worst / len(everything)), max(0.0, -best / len(everything))


def _fall(before: float | None, after: float | None, scored: int, lost: int, estimate: float) -> float:
    """By how much an item's difference moves if `lost` answers beside the `scored` ones of `after` are 0."""
    if before is None:
        return 0.0
    if after is None:
        return min(0.0, -before - estimate)
    return after * scored / (scored + lost) - after

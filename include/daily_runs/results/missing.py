"""What missing answers could hide: the mean if all of them were as bad as can be, and as good."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class AskedItem(NamedTuple):
    """An item with the prompts that it was asked by and the sum of the scores of those that were scored."""

    asked: int
    scored: int
    total: float


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

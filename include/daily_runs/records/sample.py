"""Which items of a data set a sample asks: each class by its share, drawn by a seed, so that a sample can be repeated.

The first lines of a file are no sample: a file is in the order in which it was written, one language or topic after the
other. Shares of classes are by largest remainder (Hamilton's method). Which items of a class are drawn first depends on
the seed and the item's own id only: another item in the file moves hardly any, and a larger sample holds the smaller
one, as far as the shares of the classes allow it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from daily_runs.dataset import Item

SEED = "daily-runs-1"
"""The same on every day, because samples of the same items can be compared; another one draws other items."""


def sampled(items: Sequence[Item], count: int, seed: str = SEED) -> tuple[Item, ...]:
    """So many of the items (all of them, if there are no more), stratified by class, in the order they came in."""
    if count >= len(items):
        return tuple(items)
    places = seats(Counter(item.item_class for item in items), count)
    taken: Counter[str] = Counter()
    chosen = set()
    for item in sorted(items, key=lambda item: (_draw(seed, item.id), item.id)):
        if taken[item.item_class] < places[item.item_class]:
            taken[item.item_class] += 1
            chosen.add(item.id)
    return tuple(item for item in items if item.id in chosen)


def seats(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of `count` places each class gets: its exact share, rounded down or up.

    A class that would get none is rounded up before the others are, so that every class is there where that fits; then
    the largest remainders are.

    Args:
        sizes: items by class, each at least 1.
        count: from 0 to the number of items.
    """
    total = sum(sizes.values())
    places = {name: size * count // total for name, size in sizes.items()}
    remainders = {name: size * count % total for name, size in sizes.items()}
    up = [name for name in sizes if remainders[name]]
    up.sort(key=lambda name: (places[name] > 0, -remainders[name], name))
    for name in up[: count - sum(places.values())]:
        places[name] += 1
    return places


def _draw(seed: str, item_id: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{item_id}".encode()).digest()

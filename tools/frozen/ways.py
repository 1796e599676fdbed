"""What the modules of this folder share: how a plan becomes answers, and edits of a text that several of them need.

A *way* makes the text of an answer out of an item, and says which points follow from the making. They are read off the
rubric's scale: where its words for 1, 3 or 5 describe what was made, a sound judge may still be one point off, so

    HIGH      the words of 5 hold              4 or 5
    MIDDLING  the words of 3 hold              2 to 4
    LOW       the words of 1 hold              1 or 2
    NONE      the words of 1 hold, and there is nothing in the text that could earn more: 1
    NOT_GOOD  the words of 1 or those of 3 hold, by how strict the reader is: 1 to 3
    NOT_BAD   the words of 5 or those of 3 hold, by how strict the reader is: 3 to 5

A criterion of which the making says nothing is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from daily_runs.dataset import Item
from daily_runs.frozen_answers import FrozenAnswer

Points = tuple[int, int]
HIGH: Points = (4, 5)
MIDDLING: Points = (2, 4)
LOW: Points = (1, 2)
NONE: Points = (1, 1)
NOT_GOOD: Points = (1, 3)
NOT_BAD: Points = (3, 5)

_SENTENCE_END = re.compile(r"(?<=[.!])\s+(?=[A-Z0-9`\"'(])")
_REMARK = re.compile(r"\s*A good answer .*", re.DOTALL)
"""What some references say to the judge, about answers."""


class Way(NamedTuple):
    """How an answer is made, and by criterion the lowest and highest points that follow from it."""

    text: Callable[[Item], str]
    expected: Mapping[str, Points]


def answers_of(
    items: Sequence[Item], plan: Mapping[str, Sequence[str]], ways: Mapping[str, Way]
) -> Iterator[FrozenAnswer]:
    """The answers of a plan, which names by item the ways in which answers to it are made.

    Raises:
        KeyError: an item or a way that there is not.
    """
    known = {item.id: item for item in items}
    for name, names_of_ways in plan.items():
        for made in names_of_ways:
            way = ways[made]
            yield FrozenAnswer(
                id=f"{name}-{made.replace('_', '-')}",
                item=name,
                made=made,
                answer=way.text(known[name]),
                expected=dict(way.expected),
            )


def of_another_class(items: Sequence[Item], item: Item) -> Item:
    """An item of another class, from half the set further on, where the subjects are others too."""
    return next(other for other in _from(items, item, len(items) // 2) if other.item_class != item.item_class)


def of_the_same_class(items: Sequence[Item], item: Item) -> Item:
    """The next item of the same class."""
    return next(other for other in _from(items, item, 1) if other.item_class == item.item_class)


def _from(items: Sequence[Item], item: Item, further: int) -> Iterator[Item]:
    """All other items in the file's order, round its end, from so many places behind this one."""
    start = items.index(item) + further
    places = ((start + step) % len(items) for step in range(len(items)))
    yield from (items[place] for place in places if items[place] != item)


def without_remarks(text: str) -> str:
    """A reference without what it says to the judge."""
    return _REMARK.sub("", text).strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return _SENTENCE_END.split(text.strip())


def first_half(parts: Sequence[str]) -> list[str]:
    """The first half of something, rounded down, at least one."""
    return list(parts[: max(1, len(parts) // 2)])


def as_list(text: str) -> str:
    """A text as a list with a point for each of its sentences."""
    return "\n".join(f"- {sentence}" for sentence in sentences(text))


def headed(sections: Sequence[tuple[str, str]]) -> str:
    """Markdown: each text under its heading."""
    return "\n\n".join(f"### {heading}\n\n{text}" for heading, text in sections)

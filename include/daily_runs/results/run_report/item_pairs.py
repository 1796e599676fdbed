"""Which items a report shows side by side: the worst ones, and those that changed most. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.run_report.answer_rows import WantedAnswer
from daily_runs.results.run_report.questions import AskedQuestion

ITEMS_SHOWN = 10


class ItemsOfRun(NamedTuple):
    """A run or an attempt with its items."""

    run_key: str
    attempt_id: str
    items: Sequence[PublishedItem]


class ItemPair(NamedTuple):
    """An item of the run, beside the runs that it is held against.

    Attributes:
        before: the mean of its means in these runs; None if none of them scored it.
        other: the newest of them that scored it, and the item there.
    """

    item: PublishedItem
    before: float | None
    other: tuple[ItemsOfRun, PublishedItem] | None

    @property
    def change(self) -> float | None:
        """How far it moved, in points of the 0 to 1 scale."""
        return None if self.before is None or self.item.mean is None else self.item.mean - self.before

    def here(self, attempt_id: str) -> WantedAnswer:
        """The answer that shows it in the run, whose attempt this is."""
        return WantedAnswer(attempt_id, self.item.item_id, self.item.provider, self.item.mean)

    def there(self) -> WantedAnswer | None:
        """The answer that shows it in the other run."""
        if self.other is None:
            return None
        run, item = self.other
        return WantedAnswer(run.attempt_id, item.item_id, item.provider, item.mean)


def pairs_of(items: Sequence[PublishedItem], against: Sequence[ItemsOfRun]) -> list[ItemPair]:
    """Each item of a run that was scored, beside the runs `against` (oldest first).

    A run that two providers answered is beside none: its items have no figure over both.
    """
    scored = [item for item in items if item.scored]
    known: dict[str, list[tuple[ItemsOfRun, PublishedItem]]] = defaultdict(list)
    for run in against if len({item.provider for item in scored}) == 1 else ():
        for item in run.items:
            if item.scored:
                known[item.item_id].append((run, item))
    return [_pair(item, known.get(item.item_id, [])) for item in scored]


def _pair(item: PublishedItem, known: Sequence[tuple[ItemsOfRun, PublishedItem]]) -> ItemPair:
    if not known:
        return ItemPair(item, None, None)
    means = [other.mean for _, other in known if other.mean is not None]
    return ItemPair(item, math.fsum(means) / len(means), known[-1])


def worst_first(pairs: Sequence[ItemPair]) -> list[ItemPair]:
    """All of them, from the lowest mean on."""
    return sorted(pairs, key=lambda pair: (pair.item.mean, pair.item.item_id, pair.item.provider))


def worst(pairs: Sequence[ItemPair]) -> list[ItemPair]:
    """The ten with the lowest means."""
    return worst_first(pairs)[:ITEMS_SHOWN]


def most_changed(pairs: Sequence[ItemPair]) -> list[ItemPair]:
    """The ten that moved most, up or down; none where nothing is known of before."""
    moved = [(change, pair) for pair in pairs if (change := pair.change) is not None and change != 0]
    moved.sort(key=lambda one: (-abs(one[0]), one[1].item.item_id, one[1].item.provider))
    return [pair for _, pair in moved[:ITEMS_SHOWN]]


def wanted(pairs: Sequence[ItemPair], attempt_id: str) -> list[WantedAnswer]:
    """The answers that show these pairs, each once."""
    both = ((pair.here(attempt_id), pair.there()) for pair in pairs)
    return list(dict.fromkeys(one for pair in both for one in pair if one))


def as_json(
    pairs: Sequence[ItemPair],
    attempt_id: str,
    answers: Mapping[WantedAnswer, Mapping[str, Any]],
    questions: Mapping[str, AskedQuestion],
) -> list[dict[str, Any]]:
    """The pairs with what was asked, both answers and the judge's reasons of both."""
    names = ("item_id", "item_class", "provider", "mean", "answered", "scored", "failed")
    return [
        {name: getattr(pair.item, name) for name in names}
        | {
            "reference_mean": pair.before,
            "change": pair.change,
            "question": questions[pair.item.item_id].question if pair.item.item_id in questions else None,
            "here": answers.get(pair.here(attempt_id)),
            "reference": answers.get(there) if (there := pair.there()) else None,
            "reference_run": pair.other[0].run_key if pair.other else None,
        }
        for pair in pairs
    ]

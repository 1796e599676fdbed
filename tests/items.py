"""Single answers summed up by item, as the store does it in SQL: what tests hold the store's rows against."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from daily_runs.results.intervals import ItemScore


def items_of(answers: Iterable[tuple[str, str, float]]) -> list[ItemScore]:
    """(item id, class, score) of each scored answer, summed up by item, in order of item id."""
    scores: dict[tuple[str, str], list[float]] = {}
    for item_id, item_class, score in answers:
        scores.setdefault((item_id, item_class), []).append(score)
    return [
        ItemScore(item_id, item_class, math.fsum(found) / len(found), _variance(found), len(found))
        for (item_id, item_class), found in sorted(scores.items())
    ]


def _variance(scores: Sequence[float]) -> float:
    if len(scores) < 2:
        return 0.0
    mean = math.fsum(scores) / len(scores)
    return math.fsum((score - mean) ** 2 for score in scores) / (len(scores) - 1)

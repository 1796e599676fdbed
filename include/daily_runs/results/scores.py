"""Scores of a run in figures: mean, spread, and how sure the mean is."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

CONFIDENCE = 0.95


class Summary(NamedTuple):
    """Mean and standard deviation over prompts; `low`..`high` is the 95 % confidence interval of the mean (0..1)."""

    scored: int
    mean: float
    std: float
    low: float
    high: float


def summarise(scores: Iterable[tuple[str, float]]) -> Summary:
    """Summarise (item id, score) pairs.

    An item that is asked fifteen times is not fifteen items: the interval is Student's t over the items' means. With
    one item nothing is known of the spread, so the interval is the whole scale.

    Raises:
        ValueError: no scores.
    """
    by_item: dict[str, list[float]] = defaultdict(list)
    for item_id, score in scores:
        by_item[item_id].append(score)
    everything = [score for group in by_item.values() for score in group]
    if not everything:
        raise ValueError("no scores to summarise")
    mean = statistics.fmean(everything)
    half = half_width([statistics.fmean(group) for group in by_item.values()])
    return Summary(len(everything), mean, statistics.pstdev(everything), max(0.0, mean - half), min(1.0, mean + half))


def half_width(means: list[float]) -> float:
    """Half the 95 % confidence interval of a mean over items (Student's t); infinite for one item."""
    from scipy.special import stdtrit  # noqa: PLC0415 - half a second of import, needed once a run

    if len(means) < 2:
        return math.inf
    return float(stdtrit(len(means) - 1, (1 + CONFIDENCE) / 2)) * statistics.stdev(means) / math.sqrt(len(means))

"""A run's arms side by side: the paired difference of their scores, with its error bar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.results.scores import half_width
from daily_runs.store.database import Store


class ScoreDifference(NamedTuple):
    """Mean of (second − first) over the prompts that both scored; `low`..`high` is its 95 % confidence interval."""

    prompts: int
    mean: float
    low: float
    high: float


def paired_difference(pairs: Sequence[tuple[str, float, float]]) -> ScoreDifference | None:
    """Compare (item id, first score, second score) by item (see `daily_runs.results.scores`); None without a pair."""
    by_item: dict[str, list[float]] = defaultdict(list)
    for item_id, first, second in pairs:
        by_item[item_id].append(second - first)
    if not by_item:
        return None
    mean = fmean(difference for group in by_item.values() for difference in group)
    half = half_width([fmean(group) for group in by_item.values()])
    return ScoreDifference(len(pairs), mean, max(-1.0, mean - half), min(1.0, mean + half))


def compare(store: Store, keys: Sequence[RunKey]) -> dict[str, Any]:
    """What each arm published; `difference` is set when there are two arms and both have scores."""
    arms = {key.environment: published.of_run(store, str(key)) for key in keys}
    shown = ("asked", "answered", "failed", "scored", "unscored", "mean_score", "mean_score_low", "mean_score_high")
    outcome: dict[str, Any] = {
        "arms": {name: {column: row[column] for column in shown} for name, row in arms.items() if row},
        "difference": None,
    }
    if len(keys) == 2:
        difference = paired_difference(published.score_pairs(store, str(keys[0]), str(keys[1])))
        outcome["difference"] = difference._asdict() if difference else None
    return outcome

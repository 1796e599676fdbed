"""A run's arms side by side: are they comparable at all, and if so, how do their scores differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daily_runs.catalogue.features import Quality
from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.results.intervals import items_of
from daily_runs.results.power import items_to_see, smallest_visible_drop
from daily_runs.results.regression import RunEffect, judge_difference, paired, with_run_effect
from daily_runs.statuses import QualityVerdict
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

SHOWN = ("asked", "answered", "failed", "scored", "unscored", "mean_score", "mean_score_low", "mean_score_high")
KEY = ("dataset_sha256", "rubric_version", "judge_model", "prompts_sha256", "serving_providers")
"""What two runs must share besides what is compared: else the difference may be the ruler's or the questions'."""


def compare(store: Store, keys: Sequence[RunKey], quality: Quality) -> dict[str, Any]:
    """What each arm published; with two published arms also `difference`, the second minus the first."""
    arms = {key.environment: published.with_comparability(store, str(key)) for key in keys}
    there = {name: row for name, row in arms.items() if row}
    outcome: dict[str, Any] = {
        "arms": {name: {column: row[column] for column in SHOWN} for name, row in there.items()},
        "difference": None,
    }
    if len(there) == 2:
        (first, before), (second, after) = there.items()
        outcome["difference"] = difference(
            before,
            after,
            [published.item_scores(store, before["run_key"]), published.item_scores(store, after["run_key"])],
            quality,
        )
        outcome["sentence"] = f"{second} against {first}: {sentence(outcome['difference'])}"
    return outcome


def difference(
    before: Row, after: Row, scores: Sequence[Sequence[tuple[str, float]]], quality: Quality
) -> dict[str, Any]:
    """The verdict over two runs, with what it stands on.

    Args:
        before: the published run that is compared with, with the columns of `KEY`.
        after: the other one.
        scores: of both, (item id, score) of every scored answer. Items have no class yet: all are one.
    """
    differs = [column for column in KEY if before[column] != after[column]]
    if differs:
        return {"verdict": QualityVerdict.INCOMPARABLE.value, "differs": differs}
    first, second = (items_of((item_id, "", score) for item_id, score in of_run) for of_run in scores)
    pair = paired(first, second)
    if pair is None:
        return {"verdict": QualityVerdict.INCOMPARABLE.value, "differs": ["scored items"]}
    effect = RunEffect(quality.run_effect**2, quality.run_effect_runs - 1)
    found = with_run_effect(pair, effect)
    judged = judge_difference(found, {}, margin=quality.margin, part_margins={})
    visible = smallest_visible_drop(found, quality.margin)
    return {
        "verdict": judged.verdict.value,
        "differs": [],
        "items": pair.items,
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "smallest_visible_drop": visible if pair.degrees else None,
        "items_to_see_margin": items_to_see(quality.margin, pair, effect).items,
    }


def sentence(found: dict[str, Any]) -> str:
    """A difference in words: the verdict, the figures, and what could not have been seen."""
    if found["differs"]:
        return f"incomparable, since {', '.join(found['differs'])} differ"
    words = (
        f"{found['verdict'].replace('_', ' ')}, {found['estimate']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
    )
    visible = found["smallest_visible_drop"]
    seen = "one item shows no drop" if visible is None else f"smallest visible drop {visible:.3f}"
    return f"{words} over {found['items']} items; {seen}"

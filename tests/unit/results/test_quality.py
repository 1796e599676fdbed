"""The verdict over runs whose truth is known: an unchanged day is not called regressed, whatever it does to classes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pytest

from daily_runs.catalogue.features import Quality
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.quality import REFERENCE_RUNS, RULER, EarlierRun, RunVerdict, verdict_of
from daily_runs.statuses import QualityVerdict

CLASSES, ITEMS_EACH, ASKS = 14, 11, 6
RUNS_JUDGED = 60
MAY_REGRESS = 4
"""Of 60 unchanged runs, where 2.5 % are promised. The dice are seeded: chance alone gives more in one of 55 tests."""


def run(dice: np.random.Generator, day: int, class_effect: float, fell: Mapping[int, float]) -> EarlierRun:
    """A run of root cause analysis' size: each class has a level of its own on that day."""
    level = np.random.default_rng(7).uniform(0.7, 0.95, (CLASSES, ITEMS_EACH))
    effects = dice.normal(0, class_effect, CLASSES) if class_effect else np.zeros(CLASSES)
    items = []
    for number in range(CLASSES):
        for item in range(ITEMS_EACH):
            centre = level[number, item] + effects[number] - fell.get(number, 0.0)
            scores = np.clip(centre + dice.normal(0, 0.12, ASKS), 0, 1)
            mean, variance = float(scores.mean()), float(scores.var(ddof=1))
            name = f"item-{number}-{item}"
            items.append(
                PublishedItem(name, f"class {number}", "anthropic", ASKS, ASKS, 0, mean, variance, {"truth": mean})
            )
    date = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)
    return EarlierRun(f"run {day}", date, dict.fromkeys(RULER, "same"), {}, items)


def judged(seed: int, class_effect: float, fell: Mapping[int, float], reference_runs: int) -> RunVerdict:
    dice = np.random.default_rng(seed)
    reference = [run(dice, day, class_effect, {}) for day in range(reference_runs)]
    return verdict_of(run(dice, 99, class_effect, fell), reference, Quality(), 0.0, pinned_after=None)


@pytest.mark.parametrize("class_effect", [0.0, 0.022], ids=["no effect", "each class its own"])
@pytest.mark.parametrize("reference_runs", [3, REFERENCE_RUNS])
def test_unchanged_days_are_not_called_regressed(class_effect: float, reference_runs: int) -> None:
    found = [judged(seed, class_effect, {}, reference_runs).verdict for seed in range(RUNS_JUDGED)]
    assert found.count(QualityVerdict.REGRESSED) <= MAY_REGRESS


def test_a_drop_in_one_class_is_found_though_each_class_moves_by_itself() -> None:
    found = [judged(seed, 0.022, {3: 0.3}, REFERENCE_RUNS) for seed in range(20)]
    assert [one.regressed_parts[:1] for one in found] == [("class 3",)] * 20


def test_the_run_effect_of_a_class_is_estimated_from_its_own_runs() -> None:
    calm, wild = (judged(1, effect, {}, REFERENCE_RUNS).parts["class 3"] for effect in (0.0, 0.05))
    assert wild.error > 1.5 * calm.error

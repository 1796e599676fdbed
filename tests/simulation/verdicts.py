"""What verdicts say when nothing changed, and how often they find a drop that is there."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from daily_runs.results.intervals import ItemScore
from daily_runs.results.power import smallest_visible_drop
from daily_runs.results.regression import (
    RunEffect,
    judge_difference,
    paired,
    paired_by_class,
    with_run_effect,
)
from daily_runs.statuses import QualityVerdict
from tests.simulation.worlds import Floats, answers, beta

MARGIN = 0.02
RUN_EFFECT = RunEffect.declared(0.006, 28)
FALSE_ALARMS_MOST = 0.025
CLASSES_FOUND, FOUND_LEAST = 10, 0.94
"""From so many classes on, a drop of 0.03 that sits in one of them must be found in such a share of the days."""


class Shape(NamedTuple):
    """A data set, and how it is asked."""

    title: str
    classes: int
    items: int
    asks: int


class Told(NamedTuple):
    """Shares of the verdicts of a world, with the mean of the smallest visible drop."""

    shape: str
    classes: int
    dropped: float
    in_classes: int
    shares: dict[str, float]
    visible: float

    def share(self, verdict: QualityVerdict) -> float:
        """Of one verdict; 0 if it never came."""
        return self.shares.get(verdict.value, 0.0)


SHAPES = (
    Shape("115 items in 1 class, asked 8 times", 1, 115, 8),
    Shape("150 items in 10 classes, asked 6 times", 10, 15, 6),
    Shape("160 items in 20 classes, asked 6 times", 20, 8, 6),
    Shape("60 items in 5 classes, asked 4 times", 5, 12, 4),
)


def measure(shape: Shape, dropped: float, in_classes: int, runs: int, rng: np.random.Generator) -> Told:
    """Compare pairs of runs, the second of which has a drop that sits in some classes and is `dropped` over all.

    Each run has an effect of its own of the size that the product is told (`RUN_EFFECT`).
    """
    verdicts: Counter[str] = Counter()
    visible = 0.0
    shifts = np.zeros(shape.classes)
    shifts[:in_classes] = -dropped * shape.classes / max(1, in_classes)
    for _ in range(runs):
        levels = beta(0.8, 0.12)(rng, shape.classes * shape.items)
        first = _run(shape, rng, levels)
        second = _run(shape, rng, levels + np.repeat(shifts, shape.items))
        pair = paired(first, second)
        assert pair is not None
        whole = with_run_effect(pair, RUN_EFFECT)
        parts = {n: with_run_effect(p, RUN_EFFECT) for n, p in paired_by_class(first, second).items()}
        verdicts[judge_difference(whole, parts, margin=MARGIN, part_margins={}).verdict.value] += 1
        visible += smallest_visible_drop(whole, MARGIN) / runs
    shares = {verdict: number / runs for verdict, number in sorted(verdicts.items())}
    return Told(shape.title, shape.classes, dropped, in_classes, shares, visible)


def _run(shape: Shape, rng: np.random.Generator, levels: Floats) -> list[ItemScore]:
    effect = rng.normal(0, RUN_EFFECT.variance**0.5)
    scores = answers(rng, levels + effect, shape.asks, 0.15)
    means, variances = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    return [
        ItemScore(f"item {n}", f"class {n // shape.items}", float(mean), float(variance), shape.asks)
        for n, (mean, variance) in enumerate(zip(means, variances, strict=True))
    ]

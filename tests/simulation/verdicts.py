"""What verdicts say when nothing changed, and how often they find a drop that is there (`quality.verdict_of`)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import NamedTuple

import numpy as np

from daily_runs.catalogue.features import Quality
from daily_runs.results.quality import REFERENCE_RUNS, RULER, EarlierRun, RunVerdict, verdict_of
from daily_runs.statuses import QualityVerdict
from tests.simulation.worlds import Floats, beta, by_criterion, published_alike

QUALITY = Quality()
"""What holds for a feature whose file says nothing else."""
RUN_EFFECT = 0.006
NOISE = 0.15
DROP = 0.03
FALSE_ALARMS_MOST = 0.025
CLASSES_FOUND, FOUND_LEAST = 10, 0.94
"""From so many classes on, a drop of 0.03 that sits in one of them must be found in such a share of the days."""
FIRST = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC)


class Shape(NamedTuple):
    """A data set, and how it is asked."""

    title: str
    classes: int
    items: int
    asks: int


class Case(NamedTuple):
    """What a row of the table simulates.

    Attributes:
        reference_runs: earlier runs that the day is compared with.
        in_classes: how many classes the drop sits in; 0 for a day on which nothing changed.
    """

    shape: Shape
    reference_runs: int
    in_classes: int

    @property
    def title(self) -> str:
        """For the table."""
        classes = f"drop in {self.in_classes} of {self.shape.classes} classes" if self.in_classes else "no change"
        return f"{classes}, after {self.reference_runs} run{'s' if self.reference_runs > 1 else ''}"


class Told(NamedTuple):
    """Shares of the verdicts of a case, with the means of the smallest visible drop of the whole and of a class."""

    shape: str
    classes: int
    reference_runs: int
    in_classes: int
    runs: int
    shares: dict[str, float]
    visible: float
    visible_in_a_class: float

    def share(self, verdict: QualityVerdict) -> float:
        """Of one verdict; 0 if it never came."""
        return self.shares.get(verdict.value, 0.0)


SHAPES = (
    Shape("115 items in 1 class, asked 8 times", 1, 115, 8),
    Shape("150 items in 10 classes, asked 6 times", 10, 15, 6),
    Shape("160 items in 20 classes, asked 6 times", 20, 8, 6),
    Shape("60 items in 5 classes, asked 4 times", 5, 12, 4),
    Shape("60 items in 5 classes, asked once", 5, 12, 1),
)
CASES = tuple(
    Case(shape, runs, in_classes)
    for shape in SHAPES
    for runs, in_classes in [
        (1, 0),
        *((REFERENCE_RUNS, n) for n in sorted({0, 1, min(2, shape.classes), shape.classes})),
    ]
)


def measure(case: Case, runs: int, rng: np.random.Generator) -> Told:
    """Judge that many days, each against a reference of its own, with a drop that is `DROP` over all items.

    A drop is looked for in a quarter as many days as a false alarm, of which there must be few. Each run has an effect
    of its own of the size that the catalogue declares.
    """
    days = max(1, runs // 4) if case.in_classes else runs
    found = [_judged(case, rng) for _ in range(days)]
    verdicts = Counter(one.verdict.value for one in found)
    visible = [one.smallest_visible for one in found if one.smallest_visible is not None]
    in_a_class = [drop for one in found for name, drop in one.visible_parts.items() if name.startswith("class ")]
    return Told(
        case.shape.title,
        case.shape.classes,
        case.reference_runs,
        case.in_classes,
        days,
        {verdict: number / days for verdict, number in sorted(verdicts.items())},
        float(np.mean(visible)),
        float(np.mean(in_a_class)),
    )


def _judged(case: Case, rng: np.random.Generator) -> RunVerdict:
    shape = case.shape
    shifts = np.zeros(shape.classes)
    shifts[: case.in_classes] = -DROP * shape.classes / max(1, case.in_classes)
    levels = beta(0.8, 0.12)(rng, shape.classes * shape.items)
    reference = [simulated(shape, rng, levels, day) for day in range(case.reference_runs)]
    run = simulated(shape, rng, levels + np.repeat(shifts, shape.items), case.reference_runs)
    return verdict_of(run, reference, QUALITY, 0.0, pinned_after=None)


def simulated(shape: Shape, rng: np.random.Generator, levels: Floats, day: int) -> EarlierRun:
    """A published run of these items on some day, which moves them all by its own effect."""
    scores = by_criterion(rng, levels + rng.normal(0, RUN_EFFECT), shape.asks, NOISE)
    items = published_alike(scores, [f"class {n // shape.items}" for n in range(len(levels))])
    date = FIRST + dt.timedelta(days=day)
    return EarlierRun(f"run {day}", date, dict.fromkeys(RULER, "the same"), {}, items)

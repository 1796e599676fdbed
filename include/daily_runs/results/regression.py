"""Did quality move: the paired difference of two runs, with what a run's day alone moves, and the verdict over it.

The estimand is the mean difference over this data set's items. It says nothing of items that are not in it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from daily_runs.results.intervals import CONFIDENCE, END_WEIGHT, ItemScore, on_scale, student_quantile, within_classes
from daily_runs.statuses import QualityVerdict

RUNS_MIN = 14
"""Runs of different days that the run effect is estimated from; with fewer, the catalogue's prior stands."""


class RunMean(NamedTuple):
    """A run's mean score, and the variance of that mean that comes from its answers alone (asked again on that day).

    `within` is 0 where no item of the run was asked twice: such a run does not tell it, `stream_means` does.
    """

    mean: float
    within: float


class RunEffect(NamedTuple):
    """How much a run's day moves its mean, beyond its answers.

    Attributes:
        variance: of the effect, never below 0.
        degrees: of freedom that the figure is worth.
        mean_square: what has these degrees of freedom. For an estimate it is the variance between runs' means, of which
            the effect is what their answers leave: so an effect that is estimated as 0 is not certainly 0.
    """

    variance: float
    degrees: float
    mean_square: float

    @classmethod
    def declared(cls, deviation: float, runs: int) -> RunEffect:
        """An effect that somebody gives as a standard deviation, worth that many runs (at least 2)."""
        return cls(deviation**2, runs - 1, deviation**2)


class PairedDifference(NamedTuple):
    """Second minus first, over the items that both runs scored.

    Attributes:
        variance: of the estimate by the items alone, stratified by class.
        degrees: of freedom of that variance; 0 for a single item.
    """

    estimate: float
    variance: float
    degrees: float
    items: int


class QualityDifference(NamedTuple):
    """A difference with its 95 % confidence interval and its standard error, run effect included."""

    estimate: float
    low: float
    high: float
    error: float
    degrees: float


class Judged(NamedTuple):
    """The verdict, and the classes or criteria that regressed by themselves, the worst first."""

    verdict: QualityVerdict
    regressed_parts: tuple[str, ...]


def run_effect(runs: Sequence[RunMean], prior: RunEffect) -> RunEffect:
    """The run effect from comparable runs of different days over the same items, or the prior while there are few.

    Runs' means vary by the effect and by their answers; what is left after the second is the first (method of moments,
    Searle, Casella and McCulloch, Variance Components, 1992, 3.6).
    """
    if len(runs) < RUNS_MIN:
        return prior
    between = float(np.var([run.mean for run in runs], ddof=1))
    within = float(np.mean([run.within for run in runs]))
    return RunEffect(max(0.0, between - within), len(runs) - 1, between)


def run_mean(items: Sequence[ItemScore]) -> RunMean:
    """A run's mean over its items. An item with one answer varies as those with more do on average.

    Raises:
        ValueError: no items.
    """
    if not items:
        raise ValueError("no items to summarise")
    known = [item.variance for item in items if item.answers > 1]
    usual = math.fsum(known) / len(known) if known else 0.0
    spread = ((item.variance if item.answers > 1 else usual) / item.answers for item in items)
    mean = math.fsum(on_scale(item.mean) for item in items) / len(items)
    return RunMean(mean, math.fsum(spread) / len(items) ** 2)


def mean_items(runs: Sequence[Sequence[ItemScore]]) -> list[ItemScore]:
    """Each item's score over several runs: the mean of its means, of the runs that scored it."""
    found: dict[tuple[str, str], list[ItemScore]] = defaultdict(list)
    for items in runs:
        for item in items:
            found[item.item_id, item.item_class].append(item)
    return [
        ItemScore(
            item_id,
            item_class,
            math.fsum(one.mean for one in seen) / len(seen),
            math.fsum(one.variance for one in seen) / len(seen),
            sum(one.answers for one in seen),
        )
        for (item_id, item_class), seen in sorted(found.items())
    ]


def stream_means(runs: Sequence[Sequence[ItemScore]]) -> list[RunMean]:
    """The means of a stream's runs, oldest first.

    Where each item is asked once, its answers of different days stand for answers of one day: what is left of them
    without the item's own level and without the day's is their variance (a two-way layout, Searle, Casella and
    McCulloch 1992, 4.1). Taken for 0 instead, it would make a bound that raises some 60 false alarms in 1,000 runs.
    Only the first `RUNS_MIN` runs count, so that a later run never moves the bound that it is held against.

    Raises:
        ValueError: a run without items.
    """
    found = [run_mean(items) for items in runs]
    if any(item.answers > 1 for items in runs for item in items):
        return found
    within = _within_by_days(runs[:RUNS_MIN])
    return [run._replace(within=within) for run in found]


def _within_by_days(runs: Sequence[Sequence[ItemScore]]) -> float:
    """The variance of a run's mean by its answers alone, from items that all of these runs scored; 0 if none tell."""
    scores = [{item.item_id: item.mean for item in items} for items in runs]
    shared = sorted(set(scores[0]).intersection(*scores)) if scores else []
    if len(runs) < 2 or len(shared) < 2:
        return 0.0
    table = np.array([[of_run[item] for item in shared] for of_run in scores])
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    return float((rest**2).sum()) / ((len(runs) - 1) * (len(shared) - 1)) / len(shared)


def paired(first: Sequence[ItemScore], second: Sequence[ItemScore]) -> PairedDifference | None:
    """Compare two runs item by item; None if they share no item.

    Like the interval of a mean, the variance has a part for what few answers have not shown: each end of the scale of
    differences, -1 and 1, counts as `END_WEIGHT` answers of an item.

    Raises:
        ValueError: an item has another class in the other run, or a mean that is not within 0 to 1.
    """
    before = {item.item_id: on_scale(item.mean) for item in first}
    classes = {item.item_id: item.item_class for item in first}
    both = [item for item in second if item.item_id in before]
    if not both:
        return None
    if any(item.item_class != classes[item.item_id] for item in both):
        raise ValueError("an item has another class in the other run")
    differences = np.array([on_scale(item.mean) - before[item.item_id] for item in both])
    estimate = float(differences.mean())
    if len(both) == 1:
        return PairedDifference(estimate, math.inf, 0.0, 1)
    answers = math.fsum(item.answers for item in both) / len(both)
    ends = END_WEIGHT * ((1 + estimate) ** 2 + (1 - estimate) ** 2) / answers
    deviations, degrees = within_classes(differences, [item.item_class for item in both], spread=ends)
    variance = (float((deviations**2).sum()) + ends) / len(both) ** 2
    return PairedDifference(estimate, variance, degrees, len(both))


def with_run_effect(pair: PairedDifference, effect: RunEffect, *, reference_runs: int = 1) -> QualityDifference:
    """The difference of one run from a mean of `reference_runs`, with the run effect of each side.

    Degrees of freedom of the sum are Satterthwaite's (1946), so a run effect known from 14 runs only counts as such.
    """
    runs = effect.variance * (1 + 1 / reference_runs)
    error = math.sqrt(pair.variance + runs)
    if not pair.degrees:
        return QualityDifference(pair.estimate, -1.0, 1.0, math.inf, 0.0)
    uncertain = (effect.mean_square * (1 + 1 / reference_runs)) ** 2 / effect.degrees
    degrees = (pair.variance + runs) ** 2 / (pair.variance**2 / pair.degrees + uncertain)
    half = student_quantile(degrees, (1 + CONFIDENCE) / 2) * error
    low, high = max(-1.0, pair.estimate - half), min(1.0, pair.estimate + half)
    return QualityDifference(pair.estimate, low, high, error, degrees)


def shifted_by(difference: QualityDifference, by: float) -> QualityDifference:
    """The difference, as sure as it was, at another place."""
    low, high = difference.low + by, difference.high + by
    return difference._replace(estimate=difference.estimate + by, low=low, high=high)


def judge_difference(
    whole: QualityDifference,
    parts: Mapping[str, QualityDifference],
    *,
    margin: float,
) -> Judged:
    """What a difference means, in this order: regressed, improved, no worse, inconclusive.

    A part (a class, a criterion) that is beyond its margin by itself makes the whole regressed, even where the mean is
    not. "Beyond" is tested, not only seen: that the part's true drop is the margin at most is refused at 2.5 %, by Holm
    (1979) over all parts. So parts hardly add to the whole's own false alarms, however many there are.

    Args:
        margin: the smallest drop that anybody would act on, in points of the 0 to 1 scale.
    """
    level = (1 - CONFIDENCE) / 2
    adjusted = holm({name: _chance(part, margin) for name, part in parts.items()})
    found = sorted((name for name, p in adjusted.items() if p < level), key=lambda name: parts[name].estimate)
    if found or (whole.high < 0 and whole.estimate < -margin):
        return Judged(QualityVerdict.REGRESSED, tuple(found))
    if whole.low > 0:
        return Judged(QualityVerdict.IMPROVED, ())
    if whole.low > -margin:
        return Judged(QualityVerdict.NO_WORSE, ())
    return Judged(QualityVerdict.INCONCLUSIVE, ())


def holm(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted probabilities (1979): the smallest times all, the next times all but one, and never falling.

    Raises:
        ValueError: a probability that is not within 0 to 1 (NaN): it would hide those after it.
    """
    if not all(0 <= p <= 1 for p in probabilities.values()):
        raise ValueError("a part's probability is undefined")
    ordered = sorted(probabilities, key=lambda name: probabilities[name])
    raised = ((len(ordered) - rank) * probabilities[name] for rank, name in enumerate(ordered))
    return {name: min(1.0, p) for name, p in zip(ordered, accumulate(raised, max), strict=True)}


def _chance(part: QualityDifference, margin: float) -> float:
    """The probability of an estimate as low or lower, if the part's true drop is the margin."""
    return float(stdtr(part.degrees, (part.estimate + margin) / part.error)) if part.degrees else 1.0

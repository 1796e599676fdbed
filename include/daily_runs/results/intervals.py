"""How sure a mean score is: one interval over the items asked, one over items of classes that nobody has asked yet.

Items count once each, however often each was asked, so an item that lost answers does not weigh less. Both intervals
say what they are an interval of (their *estimand*): a reader who wants to know about new kinds of items needs the
second.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
END_WEIGHT = 0.25
"""Items that each end of the scale counts as, beside those that were seen.

It stands for what a sample has not shown: half of all samples of 14 items have no complete miss where 5 % of items are
one. Chosen by simulation (`make statistics`): a quarter keeps the coverage at 0.93 or more from 5 to 115 items (at 0.92
where items are all right or all wrong), and widens the interval of 115 items by 4 %."""
CLASSES_MIN = 8
"""With fewer classes, nothing useful is known of a class that was not asked."""


class ItemScore(NamedTuple):
    """One item's scored answers in a run.

    Attributes:
        item_class: the item's class in the data set.
        mean: over its answers, 0 to 1.
        variance: of one answer's score around it (n - 1 in the denominator); 0 for a single answer.
        answers: how many were scored, at least 1.
    """

    item_id: str
    item_class: str
    mean: float
    variance: float
    answers: int


class Interval(NamedTuple):
    """A 95 % confidence interval, and the degrees of freedom of its spread."""

    estimate: float
    low: float
    high: float
    degrees: float


def over_these_classes(items: Sequence[ItemScore]) -> Interval:
    """The mean over this data set's items: item-weighted, classes are strata, so their mixture is not left to chance.

    The interval is an empirical likelihood ratio's (Owen, Empirical Likelihood, 2001, chapter 2), calibrated by
    Student's t squared as F(1, degrees), over the items' deviations from their class. To the items each end of the
    scale is added with `END_WEIGHT` (as Chen, Variyath and Abraham 2008 add one point), so it is never of zero width
    and leans to where the scale has room. One item tells nothing of the spread: its interval is the whole scale. The
    centre is the plain mean, which the ends do not move.

    Raises:
        ValueError: no items, or a mean that is not within 0 to 1.
    """
    means = _means(items)
    centre = float(means.mean())
    if len(items) == 1:
        return Interval(centre, 0.0, 1.0, 0.0)
    deviations, degrees = within_classes(means, [item.item_class for item in items], spread=_end_spread(centre))
    low, high = likelihood_interval(centre, centre + deviations, degrees)
    return Interval(centre, low, high, degrees)


def over_new_classes(items: Sequence[ItemScore]) -> Interval | None:
    """The mean over items like these, whose classes nobody has asked yet; None for fewer than `CLASSES_MIN` classes.

    Cluster-robust by class: CR2 with Satterthwaite's degrees of freedom under independent errors (Bell and McCaffrey
    2002; Pustejovsky and Tipton 2018, doi:10.1080/07350015.2016.1247004), for a regression on a constant.

    Raises:
        ValueError: as in `over_these_classes`.
    """
    means = _means(items)
    centre = float(means.mean())
    names = [item.item_class for item in items]
    sizes = Counter(names)
    if len(sizes) < CLASSES_MIN:
        return None
    share = np.array([size / len(names) for size in sizes.values()])
    sums = np.array([sum(m - centre for m, name in zip(means, names, strict=True) if name == c) for c in sizes])
    variance = float((sums**2 / (1 - share)).sum()) / len(names) ** 2
    scale = 1 / np.sqrt(1 - share)
    working = np.outer(scale, scale) * (np.diag(share) - np.outer(share, share))
    degrees = float(np.trace(working) ** 2 / (working**2).sum())
    half = student_quantile(degrees, (1 + CONFIDENCE) / 2) * math.sqrt(variance + _end_spread(centre) / len(names) ** 2)
    return Interval(centre, max(0.0, centre - half), min(1.0, centre + half), degrees)


def within_classes(values: Floats, classes: Sequence[str], *, spread: float) -> tuple[Floats, float]:
    """Deviations from the class's mean, scaled so that their mean square is the stratified variance, and its degrees.

    A class of one item shows no spread of its own: all such classes count as one, and a lone one joins the smallest of
    the others. Degrees of freedom are Satterthwaite's over classes, with `spread` (a sum of squares) dealt out to the
    items evenly, so that equal values give a number and not 0 / 0.
    """
    strata = _strata(classes)
    deviations = np.zeros(len(values))
    parts, squares = 0.0, 0.0
    for stratum in sorted(set(strata)):
        chosen = np.array([name == stratum for name in strata])
        size = int(chosen.sum())
        deviations[chosen] = (values[chosen] - values[chosen].mean()) * math.sqrt(size / (size - 1))
        part = float((deviations[chosen] ** 2).sum()) + spread * size / len(values)
        parts += part
        squares += part**2 / (size - 1)
    return deviations, parts**2 / squares if squares else float(len(values) - len(set(strata)))


def likelihood_interval(centre: float, values: Floats, degrees: float) -> tuple[float, float]:
    """The ends of the empirical likelihood's interval within 0 to 1, around a centre that is part of it."""
    points = np.append(values, [0.0, 1.0])
    weights = np.append(np.ones(len(values)), [END_WEIGHT, END_WEIGHT])
    bound = student_quantile(degrees, (1 + CONFIDENCE) / 2) ** 2
    lowest, highest = float(points.min()), float(points.max())
    low = lowest + _lower_end(points - lowest, weights, bound)
    high = highest - _lower_end(highest - points, weights, bound)
    return max(0.0, min(low, centre)), min(1.0, max(high, centre))


def on_scale(score: float) -> float:
    """The score itself.

    Raises:
        ValueError: it is not within 0 to 1; NaN is not, either.
    """
    if not 0 <= score <= 1:
        raise ValueError(f"the score {score} is not within 0 to 1")
    return score


def beside(value: float, line: float) -> str:
    """A figure in three digits; one under a line is not rounded up to it: 0.49996 is not the 0.5 that it misses."""
    rounded = f"{value:.3f}"
    return f"{math.floor(value * 1000) / 1000:.3f}" if value < line <= float(rounded) else rounded


def student_quantile(degrees: float, level: float) -> float:
    """Student's t; infinite without a degree of freedom."""
    return float(stdtrit(degrees, level)) if degrees > 0 else math.inf


def _lower_end(points: Floats, weights: Floats, bound: float) -> float:
    """The smallest mean whose likelihood ratio is within the bound, of points from 0 on.

    The weights that make a mean likeliest are proportional to weight / (point + c), with one c for each mean (Owen
    2001, 2.9), so c is sought and not the mean: the ratio falls and the mean rises with it.
    """

    def tilted(log_c: float) -> Floats:
        raw = weights / (points + math.exp(log_c))
        shares: Floats = raw / raw.sum()
        return shares

    def excess(log_c: float) -> float:
        return float(-2 * (weights * np.log(tilted(log_c) * weights.sum() / weights)).sum()) - bound

    smallest, largest = -60.0, 30.0  # c in points of a scale of about 1: all weight on 0, and no tilt at all
    if excess(smallest) <= 0:
        return 0.0
    return float((tilted(brentq(excess, smallest, largest, xtol=1e-9)) * points).sum())


def _strata(classes: Sequence[str]) -> list[str]:
    sizes = Counter(classes)
    lone = {name for name, size in sizes.items() if size == 1}
    if len(lone) != 1 or len(sizes) == 1:
        return ["" if name in lone else name for name in classes]
    partner = min((size, name) for name, size in sizes.items() if size > 1)[1]
    return [partner if name in lone else name for name in classes]


def _end_spread(centre: float) -> float:
    """What the two ends of the scale add to the sum of squares."""
    return END_WEIGHT * (centre**2 + (1 - centre) ** 2)


def _means(items: Sequence[ItemScore]) -> Floats:
    if not items:
        raise ValueError("no items to summarise")
    return np.array([on_scale(item.mean) for item in items])

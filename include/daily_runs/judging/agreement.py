"""How far two judges agree on the same answers.

A second judge says nothing of who is right. It tells whether a finding would be the same with another model as judge.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.judging.rubric import SCALE_MAX, SCALE_MIN

CONFIDENCE = 0.95


class JudgedTwice(NamedTuple):
    """An answer with the scores (0 to 1) and the points by criterion that two judges gave."""

    item_id: str
    first_score: float
    second_score: float
    first_points: Mapping[str, float]
    second_points: Mapping[str, float]


class JudgeAgreement(NamedTuple):
    """Two judges over the same answers.

    Attributes:
        answers, items: how many answers both judged, and of how many items.
        difference: mean over items of (second score - first score), with its 95 % interval `low` to `high`, which is
            None for one item.
        kappa: quadratically weighted kappa of the points over all criteria; None where a judge gave one value only.
        by_criterion: the same of each criterion.
    """

    answers: int
    items: int
    first_mean: float
    second_mean: float
    difference: float
    low: float | None
    high: float | None
    kappa: float | None
    by_criterion: Mapping[str, float | None]


def agreement_of(judged: Sequence[JudgedTwice]) -> JudgeAgreement | None:
    """How far two judges agree; None if no answer has a verdict of both.

    An item is the unit: two answers to one question are not two questions. The interval is Student's for the mean of
    the items' mean differences.
    """
    if not judged:
        return None
    by_item = defaultdict[str, list[JudgedTwice]](list)
    for one in judged:
        by_item[one.item_id].append(one)
    differences = [_mean([one.second_score - one.first_score for one in asked]) for asked in by_item.values()]
    half = _half_width(differences)
    centre = _mean(differences)
    pairs = {
        name: [(one.first_points[name], one.second_points[name]) for one in judged] for name in judged[0].first_points
    }
    return JudgeAgreement(
        answers=len(judged),
        items=len(by_item),
        first_mean=_mean([_mean([one.first_score for one in asked]) for asked in by_item.values()]),
        second_mean=_mean([_mean([one.second_score for one in asked]) for asked in by_item.values()]),
        difference=centre,
        low=None if half is None else max(-1.0, centre - half),
        high=None if half is None else min(1.0, centre + half),
        kappa=weighted_kappa([pair for given in pairs.values() for pair in given]),
        by_criterion={name: weighted_kappa(given) for name, given in pairs.items()},
    )


def weighted_kappa(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Agreement beyond chance of two judges' points, a difference weighted by its square (Cohen 1968).

    Points may be means of several verdicts, which are not rounded. 1 is agreement in every case, 0 what the two habits
    alone would give. None where a judge gave one value only: chance then explains everything, and kappa is not defined
    or says nothing.
    """
    first, second = [one for one, _ in pairs], [two for _, two in pairs]
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    seen = math.fsum((one - two) ** 2 for one, two in pairs) / len(pairs)
    habits, others = Counter(first), Counter(second)
    by_chance = math.fsum((one - two) ** 2 * habits[one] * others[two] for one in habits for two in others)
    return 1 - seen / (by_chance / len(pairs) ** 2)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _half_width(values: Sequence[float]) -> float | None:
    """Half of the interval; never zero: two judges who gave the same points so far may differ on the next item.

    Where all items agree, the half-width is that of one item in n + 1 that differs by one step of the scale.
    """
    if len(values) < 2:
        return None
    from scipy import stats  # noqa: PLC0415 - a second of import, which only runs with a second judge need

    centre, n = _mean(values), len(values)
    variance = math.fsum((value - centre) ** 2 for value in values) / (n - 1)
    step = 1 / (SCALE_MAX - SCALE_MIN)
    least = step**2 * n / (n + 1) ** 2
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1))
    return quantile * math.sqrt(max(variance, least) / n)

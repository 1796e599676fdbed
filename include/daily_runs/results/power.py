"""How small a drop a comparison could have seen, and what it would take to see a smaller one."""

from __future__ import annotations

import math
from typing import NamedTuple

from daily_runs.results.intervals import CONFIDENCE, student_quantile
from daily_runs.results.regression import PairedDifference, QualityDifference, RunEffect

POWER = 0.8
"""Of ten drops of that size, eight are called *regressed*: the share that trials are planned for."""


class ItemsNeeded(NamedTuple):
    """How many items would show a drop; None where no number would, since the run effect alone hides it."""

    drop: float
    items: int | None


def smallest_visible_drop(difference: QualityDifference, margin: float) -> float:
    """The drop that is called *regressed* in 80 % of the days, run effect included; infinite for a single item.

    Two conditions must hold on such a day: the interval's upper end is below 0, and the point is below -margin.
    """
    if not difference.degrees:
        return math.inf
    likely = student_quantile(difference.degrees, POWER)
    clear = student_quantile(difference.degrees, (1 + CONFIDENCE) / 2)
    return max((clear + likely) * difference.error, margin + likely * difference.error)


def items_to_see(drop: float, pair: PairedDifference, effect: RunEffect, *, reference_runs: int = 1) -> ItemsNeeded:
    """Items, like those there are, whose interval shows a drop of this size (its upper end is below 0) in 80 % of days.

    Normal quantiles, as for planning a trial; the t's degrees of freedom would be those of a run that is not made yet.
    """
    quantiles = student_quantile(math.inf, (1 + CONFIDENCE) / 2) + student_quantile(math.inf, POWER)
    room = (drop / quantiles) ** 2 - effect.variance * (1 + 1 / reference_runs)
    if room <= 0 or not math.isfinite(pair.variance):
        return ItemsNeeded(drop, None)
    return ItemsNeeded(drop, max(2, math.ceil(pair.variance * pair.items / room)))

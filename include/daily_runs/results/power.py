"""How small a drop a comparison could have seen."""

from __future__ import annotations

import math
from collections.abc import Mapping

from daily_runs.results.intervals import CONFIDENCE, student_quantile
from daily_runs.results.regression import QualityDifference

POWER = 0.8
"""Of ten drops of that size, eight are called *regressed*: the share that trials are planned for."""


def smallest_visible_drop(difference: QualityDifference, margin: float) -> float:
    """The drop that is called *regressed* in 80 % of the days, run effect included; infinite for a single item.

    Two conditions must hold on such a day: the interval's upper end is below 0, and the point is below -margin.
    """
    if not difference.degrees:
        return math.inf
    likely = student_quantile(difference.degrees, POWER)
    clear = student_quantile(difference.degrees, (1 + CONFIDENCE) / 2)
    return max((clear + likely) * difference.error, margin + likely * difference.error)


def smallest_visible_part_drops(parts: Mapping[str, QualityDifference], margin: float) -> dict[str, float]:
    """Of each class or criterion, the drop that makes it regress by itself in 80 % of the days.

    It holds for a part that falls alone: among all parts it has to pass the first step of Holm's test, which deals the
    level out to them. Infinite for a part of a single item, and where even a drop of the whole scale would not do.
    """
    level = 1 - (1 - CONFIDENCE) / 2 / max(1, len(parts))
    found = {}
    for name, part in parts.items():
        clear = student_quantile(part.degrees, level) + student_quantile(part.degrees, POWER)
        drop = margin + clear * part.error if part.degrees else math.inf
        found[name] = drop if drop <= 1 else math.inf
    return found


def items_needed(variance: float, run_variance: float, items: int, margin: float) -> int | None:
    """How many items like these would show a drop of the margin in 80 % of the days; None if no number would.

    Args:
        variance: of the difference, by the items alone; infinite for a single item.
        run_variance: what the runs' days add to it, which more items do not lessen.
        items: how many there are now.
        margin: the drop to be seen, below which the interval must lie.
    """
    wanted = (margin / (student_quantile(math.inf, POWER) + student_quantile(math.inf, (1 + CONFIDENCE) / 2))) ** 2
    if math.isinf(variance) or run_variance >= wanted:
        return None
    return math.ceil(variance * items / (wanted - run_variance))

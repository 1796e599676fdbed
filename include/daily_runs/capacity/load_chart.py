"""A plan's load minute by minute, and its form in text. Pure.

Limits are per minute, so a minute is what load is shown by: a burst of seconds counts as what it fills of its minute,
and nothing shorter than a minute looks like more than it is.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from daily_runs.capacity.plan import WeekPlan

DAY_MINUTES = 24 * 60
BLOCKS = "▁▂▃▄▅▆▇█"
COLUMNS_MAX = 92


class Band(NamedTuple):
    """Whose load it is."""

    feature: str
    stage: str


Load = Mapping[int, Mapping[Band, float]]
"""By minute of the plan's dates: what each band takes of the account's minute, from 0 to 1."""


class Busiest(NamedTuple):
    """The fullest minute of an account."""

    share: float
    moment: dt.datetime | None


def loads(plan: WeekPlan) -> dict[str, dict[int, dict[Band, float]]]:
    """The load of each account; minutes without any are absent."""
    begins, ends = plan.scenario.span
    found: dict[str, dict[int, dict[Band, float]]] = {name: {} for name in plan.limits.accounts}
    for spell in plan.spells:
        part = spell.flow.per_minute * plan.limits.part_of_account(spell.stream)
        band = Band(spell.stream.feature, spell.stream.stage)
        first, last = max(spell.begins, begins), min(spell.ends, ends)
        for minute in range(math.floor(first), math.ceil(last)) if last > first else ():
            bands = found[spell.stream.account].setdefault(int(minute - begins), {})
            inside = min(last, minute + 1) - max(first, minute)
            bands[band] = bands.get(band, 0.0) + part * inside
    return found


def busiest(plan: WeekPlan, load: Load) -> Busiest:
    """The fullest minute of one account's load; the first of several."""
    if not load:
        return Busiest(0.0, None)
    minute = max(sorted(load), key=lambda minute: round(sum(load[minute].values()), 9))
    return Busiest(sum(load[minute].values()), plan.scenario.moment(plan.scenario.span[0] + minute))


class LoadLine(NamedTuple):
    """The load of a feature on an account."""

    account: str
    feature: str
    blocks: str


def lines(plan: WeekPlan) -> Iterator[LoadLine]:
    """One line a feature and account, with a block for the fullest minute of each few hours.

    Days are divided by `|`. A plan of too many days for a line gives none.
    """
    days = (plan.scenario.last - plan.scenario.first).days + 1
    hours = next((hours for hours in (1, 2, 3, 4, 6, 8, 12, 24) if days * (24 // hours + 1) - 1 <= COLUMNS_MAX), None)
    if hours is None:
        return
    cells_a_day, width = 24 // hours, hours * 60
    for account, load in loads(plan).items():
        peaks: dict[str, list[float]] = {}
        for minute, bands in load.items():
            of_feature: dict[str, float] = {}
            for band, share in bands.items():
                of_feature[band.feature] = of_feature.get(band.feature, 0.0) + share
            for feature, share in of_feature.items():
                row = peaks.setdefault(feature, [0.0] * (days * cells_a_day))
                row[minute // width] = max(row[minute // width], share)
        for feature in sorted(peaks, key=list(plan.scenario.catalogue.features).index):
            row = peaks[feature]
            parts = (row[at : at + cells_a_day] for at in range(0, len(row), cells_a_day))
            yield LoadLine(account, feature, "|".join("".join(map(_block, part)) for part in parts))


def _block(share: float) -> str:
    if share <= 0:
        return "·"
    return BLOCKS[min(len(BLOCKS), math.ceil(round(share * len(BLOCKS), 6))) - 1]

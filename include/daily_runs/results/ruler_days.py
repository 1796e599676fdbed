"""The frozen judgings of one ruler, oldest first: which are its first days, how later ones stand beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from daily_runs.results.ruler_check import FrozenDay, FrozenSheet, Move, moved, watch

REFERENCE_DAYS = 7
"""The first frozen judgings of a ruler that passed; the later ones are compared with them."""


class WatchedDay(NamedTuple):
    """A frozen judging beside the first days of its ruler.

    Attributes:
        move: of the mean score; None where there is no earlier day to compare with.
        held: whether it passed every question.
        is_first: whether it is one of the first days itself.
    """

    day: FrozenDay
    move: Move | None
    held: bool
    is_first: bool


def reference_of(sheet: FrozenSheet, earlier: Iterable[FrozenDay], *, in_range_min: float) -> list[FrozenDay]:
    """The first `REFERENCE_DAYS` judgings, or as many as there are.

    One that fails a question against those before it is left out: it would make the next bad day look usual.

    Args:
        earlier: judgings of one ruler and the same answers, oldest first; none is asked for once the first are found.
    """
    first = (one.day for one in watched_days(sheet, earlier, in_range_min=in_range_min) if one.is_first)
    return list(islice(first, REFERENCE_DAYS))


def watched_days(sheet: FrozenSheet, days: Iterable[FrozenDay], *, in_range_min: float) -> Iterator[WatchedDay]:
    """Each judging of one ruler, oldest first, as the gate saw it: beside the first days that were known by then."""
    first: list[FrozenDay] = []
    for day in days:
        held = all(one.passed for one in watch(sheet, day, first, in_range_min=in_range_min))
        move = moved(sheet, day.points, first)[""] if first else None
        is_first = held and len(first) < REFERENCE_DAYS
        yield WatchedDay(day, move, held, is_first)
        if is_first:
            first.append(day)

"""One file by itself: everything that is wrong with a data set or a rubric, by the checks that a run makes.

What only shows beside the catalogue (does the feature ask about such things?) `daily-runs catalogue check` tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from daily_runs.dataset import NO_ROWS, NO_ROWS_REMEDY, Item, rows_of
from daily_runs.dataset_card import read_card
from daily_runs.errors import DatasetError, Fault
from daily_runs.frozen_answers import frozen_path, frozen_rows
from daily_runs.judging import rubric
from daily_runs.row_faults import lines_of


class DatasetCheck(NamedTuple):
    """The items that could be read, by class how many there are, and every fault of data set, card, frozen answers."""

    items: tuple[Item, ...]
    frozen: int
    faults: tuple[Fault, ...]

    @property
    def classes(self) -> Mapping[str, int]:
        """Items by class, in the file's order."""
        return Counter(item.item_class for item in self.items)


def check_dataset(path: Path) -> DatasetCheck:
    """Check a data set, its card and the frozen answers beside it, if there are any."""
    card, card_faults = read_card(path)
    faults = list(card_faults)
    try:
        lines = lines_of(path)
    except DatasetError as error:
        return DatasetCheck((), 0, (*faults, Fault(error.place, error.problem, error.remedy)))
    items, bad = rows_of(lines, card.classes if card else None)
    faults += [fault.of_file(path) for fault in bad]
    if not lines:
        faults.append(Fault(str(path), NO_ROWS, NO_ROWS_REMEDY))
    frozen, frozen_faults = _check_frozen(path, items if len(items) == len(lines) else None)
    return DatasetCheck(items, frozen, (*faults, *frozen_faults))


def _check_frozen(path: Path, items: tuple[Item, ...] | None) -> tuple[int, tuple[Fault, ...]]:
    file = frozen_path(path)
    if not file.exists():
        return 0, ()
    try:
        lines = lines_of(file)
    except DatasetError as error:
        return 0, (Fault(error.place, error.problem, error.remedy),)
    answers, bad = frozen_rows(lines, None if items is None else {item.id for item in items})
    return len(answers), tuple(fault.of_file(file) for fault in bad)


def check_rubric(path: Path) -> rubric.RubricReading:
    """Check a rubric; its faults name the file as it was given."""
    reading = rubric.read(path)
    named = f"rubrics/{path.name}"
    faults = [fault._replace(place=f"{path}{fault.place.removeprefix(named)}") for fault in reading.faults]
    return rubric.RubricReading(reading.rubric, tuple(faults))

"""Whether a feature's data set and rubric hold what the feature needs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from daily_runs import dataset
from daily_runs.catalogue import folders
from daily_runs.catalogue.features import ASKED_ABOUT, Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading.files import Reading
from daily_runs.catalogue.reading.yaml_lines import Fault, shown_faults
from daily_runs.errors import CatalogueError, DatasetError, UserError
from daily_runs.judging import rubric


def check(path: Path | None = None, overlay: str | None = None) -> Reading:
    """Check the catalogue in a folder (default: the shipped one) with the data sets and rubrics beside it.

    Returns:
        The catalogue, or every fault, a line each.
    """
    reading = catalogue_files.read(path, overlay)
    if reading.catalogue is None:
        return reading
    include = path.parent if path else folders.include_root()
    contents = [contents_of(feature, include) for feature in reading.catalogue.features.values()]
    faults = [fault for content in contents for fault in content.faults]
    return Reading(None, shown_faults(faults)) if faults else reading


class Contents(NamedTuple):
    """What a feature's data set and rubric hold: the number of items, and what is wrong."""

    items: int
    faults: tuple[Fault, ...]


def contents_of(feature: Feature, include: Path) -> Contents:
    """Load a feature's data set and rubric, and see whether they are what the feature needs."""
    items: tuple[dataset.Item, ...] = ()
    faults: list[Fault] = []
    file = include / "datasets" / feature.dataset
    try:
        items = dataset.load(file, below=include / "datasets")
        faults += _other_kinds(feature, items, file)
    except DatasetError as error:
        faults.append(_fault(error))
    try:
        weighs = rubric.load(include / "rubrics" / feature.rubric, below=include / "rubrics")
    except CatalogueError as error:
        faults.append(_fault(error))
    else:
        if weighs.feature != feature.feature:
            problem = f"is written for {weighs.feature!r}, yet {feature.feature!r} names it"
            faults.append(Fault(f"rubrics/{feature.rubric}", problem, "Correct the one or the other."))
    return Contents(len(items), tuple(faults))


def _fault(error: UserError) -> Fault:
    return Fault(error.place, error.problem, error.remedy)


def _other_kinds(feature: Feature, items: tuple[dataset.Item, ...], file: Path) -> list[Fault]:
    kind = ASKED_ABOUT[feature.call]
    others = [item for item in items if item.resource.type != kind]
    if not others:
        return []
    first = f"the first is {others[0].id!r}, a {others[0].resource.type}"
    problem = f"{len(others)} of {len(items)} items are no {kind}, which {feature.call} of {feature.feature} is about"
    return [Fault(str(file), f"{problem}; {first}", "Correct the items, or the feature's dataset or call.")]

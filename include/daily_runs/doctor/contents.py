"""Whether a feature's data set, its frozen answers and its rubric hold what the feature needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daily_runs import dataset, frozen_answers
from daily_runs.catalogue import folders
from daily_runs.catalogue.features import Feature
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
    """Load a feature's data set, frozen answers and rubric, and see whether they are what the feature needs."""
    items: tuple[dataset.Item, ...] = ()
    faults: list[Fault] = []
    file = include / "datasets" / feature.dataset
    try:
        items = dataset.load(file, below=include / "datasets")
        faults += _other_kinds(feature, items, file)
        dataset.as_asked(feature, items)
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
        if not faults:  # else each of theirs would be told twice
            faults += _of_frozen(feature, file, items, weighs)
    return Contents(len(items), tuple(faults))


def _fault(error: UserError) -> Fault:
    """On one line: a data set tells each of its faults on a line of its own, whose breaks would be shown as escapes."""
    return Fault(error.place, error.problem.replace("\n  ", "; "), error.remedy)


def _other_kinds(feature: Feature, items: tuple[dataset.Item, ...], file: Path) -> list[Fault]:
    kind = feature.asked_about
    others = [item for item in items if item.resource.type != kind]
    if not others:
        return []
    first = f"the first is {others[0].id!r}, a {others[0].resource.type}"
    problem = f"{len(others)} of {len(items)} items are no {kind}, which {feature.call} of {feature.feature} is about"
    return [Fault(str(file), f"{problem}; {first}", "Correct the items, or the feature's dataset or call.")]


def _of_frozen(
    feature: Feature, dataset_file: Path, items: tuple[dataset.Item, ...], weighs: rubric.Rubric
) -> Iterator[Fault]:
    """What is wrong with a feature's frozen answers: of the file, of their number, of the criteria that they name."""
    try:
        answers = frozen_answers.load(dataset_file, items, below=dataset_file.parent)
    except DatasetError as error:
        yield _fault(error)
        return
    if len(answers) != feature.frozen_answers:
        problem = f"holds {len(answers)} answers, yet {feature.feature!r} says frozen_answers: {feature.frozen_answers}"
        yield Fault(str(frozen_answers.frozen_path(dataset_file)), problem, "Correct the one or the other.")
    known = {criterion.name for criterion in weighs.criteria}
    for answer in answers:
        for name in sorted(answer.expected.keys() - known):
            problem = f"{answer.id}: criterion {name!r} is not in {feature.rubric}"
            yield Fault(str(frozen_answers.frozen_path(dataset_file)), problem, "Correct the answer's expected points.")

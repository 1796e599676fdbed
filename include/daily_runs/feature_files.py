"""The catalogue with all that its features' files hold: data sets with cards and frozen answers, and rubrics.

Whoever wants to know which features can run asks here. Who works on one feature takes `catalogue.reading.files`; its
stages read its data set and rubric themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daily_runs import dataset, frozen_answers
from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading.files import Reading
from daily_runs.errors import CatalogueError, DatasetError, Fault, UserError
from daily_runs.judging import rubric


def load(path: Path | None = None, overlay: str | None = None) -> Catalogue:
    """Read the catalogue of the features that can run: all of their files are sound. `left_out` has the others.

    Args:
        path, overlay: see `catalogue.reading.files.load`.

    Raises:
        CatalogueError: a fault belongs to no single feature; with a line for each fault.
    """
    return read(path, overlay).sound()


def read(path: Path | None = None, overlay: str | None = None) -> Reading:
    """As `load`, for those who want each fault: it raises nothing."""
    reading = catalogue_files.read(path, overlay)
    if reading.catalogue is None:
        return reading
    include, known = path.parent if path else folders.include_root(), reading.catalogue
    found = {name: contents_of(feature, include).faults for name, feature in known.features.items()}
    broken = {name: faults for name, faults in found.items() if faults}
    if not broken:
        return reading
    catalogue = known.model_copy(
        update={
            "features": {name: feature for name, feature in known.features.items() if name not in broken},
            "left_out": dict(sorted({**known.left_out, **broken}.items())),
        }
    )
    of_contents = [fault for faults in broken.values() for fault in faults]
    return Reading(catalogue, catalogue_files.in_order([*reading.faults, *of_contents]))


def must_leave_out_none() -> None:
    """See that every feature can run.

    A catalogue that is refused as a whole is not told: whoever loads it tells that.

    Raises:
        CatalogueError: features are left out; a line for each fault, and last the features with their first places.
    """
    catalogue, faults = read()
    if catalogue is None or not catalogue.left_out:
        return
    first, *others = faults
    named = ", ".join(f"{name} ({told[0].place})" for name, told in catalogue.left_out.items())
    last = f"Left out until their files are mended: {named}. All other features run."
    raise CatalogueError(first.place, first.problem, "\n".join([first.remedy, *map(str, others), last]))


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

"""A feature's rubrics: the one that its catalogue file names, and others of its name that are kept beside it.

`rubrics/duo_chat.yaml` is the catalogue's; `rubrics/duo_chat-strict.yaml` or an older copy may stand beside it. A
version is a rubric's content hash, so it does not matter what such a file is called.
"""

from __future__ import annotations

from daily_runs.catalogue import folders
from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError
from daily_runs.judging.rubric import Rubric, load

PREFIX_MIN = 8
"""So many hex digits of a version are enough to name it."""


def current(feature: Feature) -> Rubric:
    """The rubric that the catalogue names.

    Raises:
        CatalogueError: it is not sound.
    """
    return load(folders.rubric_path(feature), folders.include_root() / "rubrics")


def known(feature: Feature) -> dict[str, Rubric]:
    """Every rubric of the feature by version, the catalogue's first.

    Raises:
        CatalogueError: one of the files is not sound.
    """
    own, below = folders.rubric_path(feature), folders.include_root() / "rubrics"
    others = [load(file, below) for file in sorted(own.parent.glob(f"{own.stem}*.yaml")) if file != own]
    chosen = load(own, below)
    return {rubric.version: rubric for rubric in (chosen, *others) if rubric.feature == chosen.feature}


def named(feature: Feature, version: str) -> Rubric:
    """The feature's rubric of a version, given by its first 8 digits or more; empty means the catalogue's.

    Raises:
        ParameterError: none of the feature's rubrics has it, or more than one.
        CatalogueError: a rubric is not sound.
    """
    if not version:
        return current(feature)
    found = known(feature)
    matching = [rubric for of, rubric in found.items() if of.startswith(version) and len(version) >= PREFIX_MIN]
    if len(matching) != 1:
        versions = ", ".join(found)
        files = f"include/rubrics/{folders.rubric_path(feature).stem}*.yaml"
        raise ParameterError("rubric_version", f"no rubric of {files} has version {version!r}", f"Known: {versions}.")
    return matching[0]

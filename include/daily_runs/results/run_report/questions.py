"""What a run asked: the questions of its data set, as long as the data set is still the one that it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.dataset import (
    CiJob,
    CodeCut,
    Item,
    Resource,
    SnippetText,
    Vulnerability,
    WorkItem,
    dataset_sha256,
    load_feature_dataset,
)
from daily_runs.errors import DatasetError


class AskedQuestion(NamedTuple):
    """An item's class, what was asked about which resource, in one line, and what a good answer says."""

    item_class: str
    question: str
    expected: str = ""


Questions = Callable[[str, str], Mapping[str, AskedQuestion]]
"""Takes a feature and the hash of the data set that its run was asked from."""


def of_catalogue(catalogue: Catalogue) -> Questions:
    """The questions by item; none where the feature or the data set is not what the run had.

    Raises (when it is called):
        DatasetError: the data set is not sound.
    """

    def found(feature: str, sha256: str) -> Mapping[str, AskedQuestion]:
        if feature not in catalogue.features:
            return {}
        items = load_feature_dataset(catalogue.features[feature])
        if dataset_sha256(items) != sha256:
            return {}
        return {item.id: AskedQuestion(item.item_class, _question(item), _expected(item)) for item in items}

    return found


def of_sound_sets(catalogue: Catalogue) -> Questions:
    """The same; of a data set that is not sound there is none: it is today's, which need not be the run's."""
    asked = of_catalogue(catalogue)

    def found(feature: str, sha256: str) -> Mapping[str, AskedQuestion]:
        try:
            return asked(feature, sha256)
        except DatasetError:
            return {}

    return found


def none_known(_feature: str, _sha256: str) -> Mapping[str, AskedQuestion]:
    """No question at all: the catalogue cannot be read."""
    return {}


def _question(item: Item) -> str:
    about = _about(item.resource)
    return f"{item.question} (about {about})" if item.question else f"About {about}"


def _expected(item: Item) -> str:
    return "\n\n".join(f"{section}: {text}" for section, text in item.reference.items())


def _about(resource: Resource) -> str:
    if isinstance(resource, CiJob):
        return f"CI job {resource.name}, which ran {resource.command}"
    if isinstance(resource, WorkItem):
        return f"{resource.kind} {resource.title}"
    if isinstance(resource, Vulnerability):
        return f"{resource.title} in {resource.file_name}, line {resource.start_line}"
    if isinstance(resource, CodeCut):
        return f"{resource.intent} in {resource.file_name}"
    return resource.name if isinstance(resource, SnippetText) else f"a diff of {len(resource.diff.splitlines())} lines"

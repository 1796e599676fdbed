"""Which column of another tool's file becomes which key of an item."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.catalogue.reading.yaml_lines import KeyPath
from daily_runs.dataset import CiJob, CodeCut, DiffText, SnippetText, Vulnerability, WorkItem
from daily_runs.errors import ParameterError

_OF_ITEMS = ("id", "seed_key", "class", "tags", "question", "reference")
_RESOURCES = (CiJob, WorkItem, Vulnerability, CodeCut, SnippetText, DiffText)
_OF_RESOURCES = tuple(dict.fromkeys(f"resource.{name}" for one in _RESOURCES for name in one.model_fields))
KEYS = (*_OF_ITEMS, *_OF_RESOURCES)
_SECTION = re.compile(r"reference\.[a-z0-9]+(?:[-_/.][a-z0-9]+)*")
ANSWER = "answer"
"""The section of the reference that a plain `reference` fills."""
_TELLING = {"log": "ci_job", "description": "work_item", "code": "vulnerability", "above": "code_cut"}
_TYPES = {**_TELLING, "text": "text", "diff": "diff"}
"""The key by which a resource's type is told, where none is given."""


class ColumnMap(NamedTuple):
    """By key of an item (`question`, `reference.answer`, `resource.diff`) its column, or its one value."""

    columns: Mapping[str, str]
    fixed: Mapping[str, str]

    def key_of(self, location: KeyPath) -> str | None:
        """The key that a fault's place in a row belongs to, if it was given."""
        for length in range(len(location), 0, -1):
            key = ".".join(map(str, location[:length]))
            if key in self.columns or key in self.fixed:
                return key
        return None


def column_map(columns: Sequence[str], fixed: Sequence[str]) -> ColumnMap:
    """Read the options `--column KEY=COLUMN` and `--set KEY=VALUE`.

    Raises:
        ParameterError: no `=`, an unknown key, one that is given twice, or no class, reference or resource.
    """
    given = [("--column", option) for option in columns] + [("--set", option) for option in fixed]
    found: dict[str, dict[str, str]] = {"--column": {}, "--set": {}}
    for name, option in given:
        key, equals, value = option.partition("=")
        if not equals or not key or not value:
            raise ParameterError(name, f"{option!r} is no KEY=…", f"Write, for instance, {name} question=prompt.")
        if key not in KEYS and not _SECTION.fullmatch(key):
            raise ParameterError(name, f"an item has no key {key!r}", did_you_mean(key, KEYS))
        key = f"reference.{ANSWER}" if key == "reference" else key
        if any(key in of_option for of_option in found.values()):
            raise ParameterError(name, f"{key!r} is given twice", "Give each key once.")
        found[name][key] = value
    mapping = ColumnMap(found["--column"], found["--set"])
    _must_be_enough(mapping)
    return mapping._replace(fixed=_with_type(mapping))


def _must_be_enough(mapping: ColumnMap) -> None:
    keys = {*mapping.columns, *mapping.fixed}
    if "class" not in keys:
        raise ParameterError(
            "--column", "nothing gives the class", "Add --column class=COLUMN, or --set class=general."
        )
    if not any(key.startswith("reference.") for key in keys):
        raise ParameterError("--column", "nothing gives the reference", "Add --column reference=COLUMN.")
    if not any(key.startswith("resource.") for key in keys):
        remedy = "Add --column resource.text=COLUMN (or resource.diff, resource.description, …)."
        raise ParameterError("--column", "nothing gives the resource that is asked about", remedy)


def _with_type(mapping: ColumnMap) -> Mapping[str, str]:
    keys = {*mapping.columns, *mapping.fixed}
    kind = next((kind for key, kind in _TYPES.items() if f"resource.{key}" in keys), None)
    if "resource.type" in keys or kind is None:
        return mapping.fixed
    return {**mapping.fixed, "resource.type": kind}

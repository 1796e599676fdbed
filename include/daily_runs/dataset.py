"""Data sets: one JSON object a line, checked on load (format: docs/datasets.md).

An item says what to ask about (`resource`), what a good answer contains (`reference`) and under which key, the same in
every environment, the resource is found (`seed_key`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.folders import dataset_path, include_root
from daily_runs.errors import DatasetError, UserError
from daily_runs.input_files import JSONL_BYTES_MAX, first_of, is_one_line, json_row, read_text, shortened


def load_feature_dataset(feature: Feature) -> tuple[Item, ...]:
    """A feature's items, each once (a run cycles them to `prompts_per_run`).

    Raises:
        DatasetError: see `load`.
    """
    return load(dataset_path(feature), below=include_root() / "datasets")


def dataset_sha256(items: Sequence[Item]) -> str:
    """Content hash of a data set (hex)."""
    return hashlib.sha256("\n".join(item.model_dump_json() for item in items).encode()).hexdigest()


Text = Annotated[str, StringConstraints(min_length=1)]
KEY_PATTERN = r"^[a-z0-9]+(?:[-_/.][a-z0-9]+)*$"
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, max_length=80)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CiJob(_Strict):
    """A failed CI job; `log` is all that its command printed, which its trace holds among the runner's own lines."""

    type: Literal["ci_job"]
    name: Text
    stage: Text
    command: Text
    exit_code: int = Field(ge=1, le=255)
    log: Text

    @property
    def content(self) -> str:
        """The text whose checksum the seed check compares with the live resource."""
        return self.log


class WorkItem(_Strict):
    """An issue or epic that a chat question is about."""

    type: Literal["work_item"]
    kind: Literal["issue", "epic"]
    title: Text
    description: Text

    @property
    def content(self) -> str:
        """See `CiJob.content`."""
        return self.description


class Vulnerability(_Strict):
    """A SAST finding; `code` is the whole file the scanner read, `report` the scanner's own finding for it."""

    type: Literal["vulnerability"]
    title: Text
    severity: Literal["INFO", "UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    scanner: Text
    identifier: Text
    file_name: Text
    start_line: int = Field(ge=1)
    code: Text
    report: dict[str, object]

    @property
    def content(self) -> str:
        """See `CiJob.content`."""
        return self.code


class CodeCut(_Strict):
    """A module cut at a cursor; sent in the request itself, so nothing is seeded in GitLab."""

    type: Literal["code_cut"]
    file_name: Text
    intent: Literal["completion", "generation"]
    above: Text
    below: str

    @property
    def content(self) -> str:
        """See `CiJob.content`."""
        return self.above + self.below


_NAMES = frozenset({"name", "stage", "title", "scanner", "identifier", "file_name"})

Resource = Annotated[CiJob | WorkItem | Vulnerability | CodeCut, Field(discriminator="type")]


class Item(_Strict):
    """One line of a data set.

    `question` is what is asked (a slash command or free text; a chat item needs one). `reference` maps a section's
    name to its text: what a good answer says. `anchor` items never change (docs/domain.md §8).
    """

    id: Key
    seed_key: Key
    tags: tuple[Key, ...] = ()
    anchor: bool = False
    question: str = ""
    resource: Resource
    reference: dict[Key, Text] = Field(min_length=1)

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) of the resource's content."""
        return hashlib.sha256(self.resource.content.encode()).hexdigest()


def load(path: Path, below: Path | None = None) -> tuple[Item, ...]:
    """Read a data set, or name the line of each bad row and what is wrong with it.

    Args:
        below: the folder in which the file must lie; any, by default.

    Raises:
        DatasetError: unreadable file (see `input_files.read_text`), no rows, bad rows (a line each; if there are very
            many, the first ones), or a repeated id or seed key.
    """
    place = str(path)
    try:
        text = read_text(path, place, bytes_max=JSONL_BYTES_MAX, below=below)
    except UserError as error:
        problem = error.problem if error.problem.startswith("cannot") else f"cannot be read (it {error.problem})"
        raise DatasetError(place, problem, error.remedy) from error
    items: list[Item] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        item, faults = _item(line)
        for name in (f"id {item.id!r}", f"seed_key {item.seed_key!r}") if item else ():
            if name in seen:
                faults.append(f"{name} stands already in line {seen[name]}")
            seen.setdefault(name, number)
        bad += [f"line {number}: {shortened(fault)}" for fault in faults]
        items += [item] if item else []
    if bad:
        raise DatasetError(place, f"{len(bad)} faults\n  " + "\n  ".join(first_of(bad)), "Mend or remove these rows.")
    if not items:
        raise DatasetError(place, "holds no rows", "A data set needs at least one item.")
    return tuple(items)


def _item(line: str) -> tuple[Item | None, list[str]]:
    """A row's item, or what is wrong with the row."""
    try:
        item = Item.model_validate(json_row(line))
    except ValidationError as error:
        return None, [f"{_where(e['loc'])}: {e['msg']}" for e in error.errors()]
    except ValueError as error:
        return None, [str(error)]
    return item, [*_of_names(item.resource), *_of_question(item)]


def _of_names(resource: Resource) -> Iterator[str]:
    """Names go to terminals, logs and GitLab as they are; a log, a description or code may hold anything."""
    for field in sorted(_NAMES & type(resource).model_fields.keys()):
        if not is_one_line(getattr(resource, field)):
            yield f"resource.{resource.type}.{field}: is not one line without control characters"


def _of_question(item: Item) -> Iterator[str]:
    is_seen = any(character.isprintable() and not character.isspace() for character in item.question)
    if isinstance(item.resource, WorkItem) and not is_seen:
        yield "question: a chat about a work item needs one"


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the row"

"""Data sets: one JSON object a line and a card beside them, checked on load (format: docs/datasets.md).

An item says what to ask about (`resource`), what a good answer contains (`reference`) and under which key, the same in
every environment, the resource is found (`seed_key`). The card lists the classes that the items are of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.folders import dataset_path, include_root
from daily_runs.catalogue.reading import yaml_lines
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

    `item_class` (in files: `class`) is one of the classes of the data set's card: samples and scores keep to them.
    `question` is what is asked (a slash command or free text; a chat item needs one). `reference` maps a section's
    name to its text: what a good answer says.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    id: Key
    seed_key: Key
    item_class: Key = Field(validation_alias="class", serialization_alias="class")
    tags: tuple[Key, ...] = ()
    question: str = ""
    resource: Resource
    reference: dict[Key, Text] = Field(min_length=1)

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) of the resource's content."""
        return hashlib.sha256(self.resource.content.encode()).hexdigest()


class DatasetCard(_Strict):
    """What somebody must know of a data set before he trusts its scores.

    `what` it holds, `how_made`, what it does `not_covered`; `classes`: the closed list of the items' classes, each with
    one sentence that says which items are of it.
    """

    what: Text
    how_made: Text
    not_covered: Text
    classes: dict[Key, Text] = Field(min_length=1)


_CARD_REMEDY = "Mend the card (docs/datasets.md has an example)."


def card_path(path: Path) -> Path:
    """Where a data set's card is: `duo_chat.card.yaml` beside `duo_chat.jsonl`."""
    return path.with_suffix(".card.yaml")


def load_card(path: Path, below: Path | None = None) -> DatasetCard:
    """Read the card of a data set.

    Args:
        path: the data set's own file, not the card's.
        below: the folder in which the card must lie; any, by default.

    Raises:
        DatasetError: there is no card, or it is not sound; each fault with its line.
    """
    card = card_path(path)
    document = yaml_lines.read(card, str(card), below=below)
    faults = [(fault.place, fault.problem) for fault in document.faults]
    if not faults:
        try:
            return DatasetCard.model_validate(document.data)
        except ValidationError as error:
            faults = [(_line_of(details["loc"], document), told(details)) for details in error.errors()]
    if len(faults) == 1:
        raise DatasetError(faults[0][0], shortened(faults[0][1]), _CARD_REMEDY)
    lines = [f"{fault_place}: {shortened(problem)}" for fault_place, problem in faults]
    raise DatasetError(str(card), f"{len(lines)} faults\n  " + "\n  ".join(first_of(lines)), _CARD_REMEDY)


def _line_of(location: tuple[int | str, ...], document: yaml_lines.Document) -> str:
    """The line of a key, or of the nearest key above it that stands in the card."""
    known = tuple(part for part in location if part != "[key]")
    while known not in document.places:
        known = known[:-1]
    return str(document.places[known])


def load(path: Path, below: Path | None = None) -> tuple[Item, ...]:
    """Read a data set, or name the line of each bad row and what is wrong with it.

    Args:
        below: the folder in which the file and its card must lie; any, by default.

    Raises:
        DatasetError: unreadable file (see `input_files.read_text`), no rows, bad rows (a line each; if there are very
            many, the first ones), a repeated id or seed key, a class that the card does not list, or a bad card.
    """
    lines = lines_of(path, below)
    classes = load_card(path, below).classes
    items: list[Item] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    for number, line in lines:
        item, faults = _item(line, classes)
        for name in (f"id {item.id!r}", f"seed_key {item.seed_key!r}") if item else ():
            if name in seen:
                faults.append(f"{name} stands already in line {seen[name]}")
            seen.setdefault(name, number)
        bad += [f"line {number}: {shortened(fault)}" for fault in faults]
        items += [item] if item else []
    refuse_rows(path, bad)
    if not items:
        raise DatasetError(str(path), "holds no rows", "A data set needs at least one item.")
    return tuple(items)


def lines_of(path: Path, below: Path | None = None) -> list[tuple[int, str]]:
    """The lines of a JSONL file that are not blank, each with its number from 1.

    Raises:
        DatasetError: unreadable file (see `input_files.read_text`).
    """
    try:
        text = read_text(path, str(path), bytes_max=JSONL_BYTES_MAX, below=below)
    except UserError as error:
        problem = error.problem if error.problem.startswith("cannot") else f"cannot be read (it {error.problem})"
        raise DatasetError(str(path), problem, error.remedy) from error
    return [(number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]


def refuse_rows(path: Path, bad: Sequence[str]) -> None:
    """Name a file's bad rows, a line each; if there are very many, the first ones.

    Raises:
        DatasetError: there is one.
    """
    if bad:
        problem = f"{len(bad)} faults\n  " + "\n  ".join(first_of(bad))
        raise DatasetError(str(path), problem, "Mend or remove these rows.")


def _item(line: str, classes: Collection[str]) -> tuple[Item | None, list[str]]:
    """A row's item, or what is wrong with the row."""
    try:
        item = Item.model_validate(json_row(line))
    except ValidationError as error:
        return None, [told(details) for details in error.errors()]
    except ValueError as error:
        return None, [str(error)]
    return item, [*_of_class(item, classes), *_of_names(item.resource), *_of_question(item)]


def _of_class(item: Item, classes: Collection[str]) -> Iterator[str]:
    if item.item_class not in classes:
        yield f"class: {item.item_class!r} is not in the card, which lists {', '.join(classes)}"


def _of_names(resource: Resource) -> Iterator[str]:
    """Names go to terminals, logs and GitLab as they are; a log, a description or code may hold anything."""
    for field in sorted(_NAMES & type(resource).model_fields.keys()):
        if not is_one_line(getattr(resource, field)):
            yield f"resource.{resource.type}.{field}: is not one line without control characters"


def _of_question(item: Item) -> Iterator[str]:
    is_seen = any(character.isprintable() and not character.isspace() for character in item.question)
    if isinstance(item.resource, WorkItem) and not is_seen:
        yield "question: a chat about a work item needs one"


def told(details: ErrorDetails) -> str:
    """A fault of a row in one line: where in the row, and what is wrong there."""
    return f"{_where(details['loc'])}: {details['msg']}"


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the row"

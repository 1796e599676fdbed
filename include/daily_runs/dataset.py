"""Data sets: one JSON object a line and a card beside them, checked on load (format: docs/datasets.md).

An item says what to ask about (`resource`), what a good answer contains (`reference`) and under which key, the same in
every environment, the resource is found (`seed_key`). The card lists the classes that the items are of.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.fields import Key
from daily_runs.catalogue.folders import dataset_path, include_root
from daily_runs.catalogue.reading.fault_texts import Refusal, shown
from daily_runs.dataset_card import load_card
from daily_runs.errors import DatasetError
from daily_runs.input_files import is_one_line, json_row
from daily_runs.row_faults import RowFault, lines_of, refuse_rows, row_of


def load_feature_dataset(feature: Feature) -> tuple[Item, ...]:
    """A feature's items as they are asked, each once (a run cycles them to `prompts_per_run`).

    Raises:
        DatasetError: see `load`; of a `chat_command`, an item of which nothing would be asked.
    """
    return as_asked(feature, load(dataset_path(feature), below=include_root() / "datasets"))


def as_asked(feature: Feature, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with the question that is sent: of a `chat_command`, its content around the item's own question.

    So the judge is told what was asked, and another content is another data set.

    Raises:
        DatasetError: an item of which nothing would be asked.
    """
    if feature.chat is None:
        return tuple(items)
    asked = tuple(item.model_copy(update={"question": feature.chat.message(item.question)}) for item in items)
    silent = [item.id for item in asked if not is_seen(item.question)]
    if silent:
        problem = f"of {len(silent)} items nothing would be asked (the first is {silent[0]!r}): they have no question"
        raise DatasetError(str(dataset_path(feature)), problem, "Write questions, or words into chat.content.")
    return asked


def dataset_sha256(items: Sequence[Item]) -> str:
    """Content hash of a data set (hex)."""
    return hashlib.sha256("\n".join(item.model_dump_json() for item in items).encode()).hexdigest()


Text = Annotated[str, StringConstraints(min_length=1)]
SENT_CHARACTERS_MAX = 600_000
"""GitLab takes no longer `content` in a chat's `additionalContext`."""
SentText = Annotated[str, StringConstraints(min_length=1, max_length=SENT_CHARACTERS_MAX)]
NO_ROWS, NO_ROWS_REMEDY = "holds no rows", "A data set needs at least one item."


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


class SnippetText(_Strict):
    """A text that is sent with a chat; nothing is seeded in GitLab. `name` says in one line what it is."""

    type: Literal["text"]
    name: Text
    text: SentText

    @property
    def content(self) -> str:
        """See `CiJob.content`."""
        return self.text


class DiffText(_Strict):
    """A change as `git diff` prints it, sent with a chat; nothing is seeded in GitLab."""

    type: Literal["diff"]
    diff: SentText

    @property
    def content(self) -> str:
        """See `CiJob.content`."""
        return self.diff


_NAMES = frozenset({"name", "stage", "title", "scanner", "identifier", "file_name"})
_DIFF_BEGINS = re.compile(r"^(?:diff --git |@@ )", re.MULTILINE)

Resource = Annotated[CiJob | WorkItem | Vulnerability | CodeCut | SnippetText | DiffText, Field(discriminator="type")]
SENT_TYPES = frozenset({"code_cut", "text", "diff"})
"""Types of resources that are sent in the request itself, so nothing of them is in GitLab."""


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


class DatasetRows(NamedTuple):
    """The items of sound rows, and what is wrong with the others."""

    items: tuple[Item, ...]
    faults: tuple[RowFault, ...]


def load(path: Path, below: Path | None = None) -> tuple[Item, ...]:
    """Read a data set, or name the line of each bad row and what is wrong with it.

    Args:
        below: the folder in which the file and its card must lie; any, by default.

    Raises:
        DatasetError: unreadable file (see `input_files.read_text`), no rows, bad rows (a line each; if there are very
            many, the first ones), a repeated id or seed key, a class that the card does not list, or a bad card.
    """
    lines = lines_of(path, below)
    items, faults = rows_of(lines, load_card(path, below).classes)
    refuse_rows(path, faults)
    if not items:
        raise DatasetError(str(path), NO_ROWS, NO_ROWS_REMEDY)
    return items


def rows_of(lines: Iterable[tuple[int, str]], classes: Collection[str] | None) -> DatasetRows:
    """Every item, and everything that is wrong with rows.

    Args:
        lines: each with its number.
        classes: those of the card; None if it cannot be read, then classes are not compared.
    """
    items: list[Item] = []
    faults: list[RowFault] = []
    seen: dict[str, int] = {}
    for number, line in lines:
        item, refused = row_of(Item, line)
        refused += _of_keys(_keys_of(item, line), refused, classes, seen, number)
        if item:
            refused += [*_of_names(item.resource), *_of_question(item), *_of_diff(item)]
            items.append(item)
        faults += [RowFault(number, *one) for one in refused]
    return DatasetRows(tuple(items), tuple(faults))


def _keys_of(item: Item | None, line: str) -> dict[str, str]:
    """A row's id, seed key and class, as far as they are texts; also of a row that is no item for another reason."""
    if item:
        return {"id": item.id, "seed_key": item.seed_key, "class": item.item_class}
    try:
        row = json_row(line)
    except ValueError:
        return {}
    given = row if isinstance(row, dict) else {}
    return {key: given[key] for key in ("id", "seed_key", "class") if isinstance(given.get(key), str)}


def _of_keys(
    keys: Mapping[str, str],
    refused: Sequence[Refusal],
    classes: Collection[str] | None,
    seen: dict[str, int],
    number: int,
) -> list[Refusal]:
    """A class that the card does not list, and keys that another line has; nothing of a key that is refused already."""
    found = []
    told = {one.location for one in refused}
    name = keys.get("class")
    if name is not None and ("class",) not in told and classes is not None and name not in classes:
        problem = f"{name!r} is not in the card, which lists {', '.join(classes)}"
        found.append(Refusal(("class",), problem, "Give one of these, or add the class to the card."))
    for key in ("id", "seed_key"):
        if key not in keys or (key,) in told:
            continue
        if (name := f"{key} {keys[key]!r}") in seen:
            found.append(Refusal((), f"{name} stands already in line {seen[name]}", "Give each row its own."))
        seen.setdefault(name, number)
    return found


def _of_names(resource: Resource) -> Iterator[Refusal]:
    """Names go to terminals, logs and GitLab as they are; a log, a description or code may hold anything."""
    for field in sorted(_NAMES & type(resource).model_fields.keys()):
        if not is_one_line(getattr(resource, field)):
            problem = f"is not one line without control characters: {shown(getattr(resource, field))}"
            yield Refusal(("resource", field), problem, "Write it in one line.")


def _of_question(item: Item) -> Iterator[Refusal]:
    if isinstance(item.resource, WorkItem) and not is_seen(item.question):
        problem = f"a chat about a work item needs one, is {shown(item.question)}"
        yield Refusal(("question",), problem, "Write what is asked.")


def _of_diff(item: Item) -> Iterator[Refusal]:
    if isinstance(item.resource, DiffText) and not _DIFF_BEGINS.search(item.resource.diff):
        problem = f"is no diff: no line begins with `diff --git` or `@@ `, is {shown(item.resource.diff)}"
        yield Refusal(("resource", "diff"), problem, "Give what `git diff` prints.")


def is_seen(text: str) -> bool:
    """Whether a text shows anything."""
    return any(character.isprintable() and not character.isspace() for character in text)

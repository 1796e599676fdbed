"""Data sets: one JSON object a line, checked on load (format: docs/datasets.md).

An item says what to ask about (`resource`), what a good answer contains (`reference`) and under which key, the same in
every environment, the resource is found (`seed_key`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.folders import dataset_path
from daily_runs.errors import DatasetError


def load_feature_dataset(feature: Feature) -> tuple[Item, ...]:
    """A feature's items, each once (a run cycles them to `prompts_per_run`).

    Raises:
        DatasetError: see `daily_runs.load`.
    """
    return load(dataset_path(feature))


def dataset_sha256(items: Sequence[Item]) -> str:
    """Content hash of a data set (hex)."""
    return hashlib.sha256("\n".join(item.model_dump_json() for item in items).encode()).hexdigest()


Text = Annotated[str, StringConstraints(min_length=1)]
KEY_PATTERN = r"^[a-z0-9]+(?:[-_/.][a-z0-9]+)*$"
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, max_length=80)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CiJob(_Strict):
    """A failed CI job; `log` is its whole trace."""

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


Resource = Annotated[CiJob | WorkItem | Vulnerability | CodeCut, Field(discriminator="type")]


class Item(_Strict):
    """One line of a data set.

    `question` is what is asked (a slash command or free text; empty for code suggestions). `reference` maps a section's
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


def load(path: Path) -> tuple[Item, ...]:
    """Read a data set, or say of *every* bad row which line it is and why.

    Raises:
        DatasetError: unreadable file, no rows, bad rows (all of them, a line each), or a repeated id or seed key.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(str(path), f"cannot be read ({error})", "Give a readable UTF-8 JSONL file.") from error
    items: list[Item] = []
    bad: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = Item.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            bad.append(f"line {number}: not JSON ({error.msg} at column {error.colno})")
            continue
        except ValidationError as error:
            bad.extend(f"line {number}: {_where(e['loc'])}: {e['msg']}" for e in error.errors())
            continue
        for name in (f"id {item.id!r}", f"seed_key {item.seed_key!r}"):
            if name in seen:
                bad.append(f"line {number}: {name} stands already in line {seen[name]}")
            seen.setdefault(name, number)
        items.append(item)
    if bad:
        raise DatasetError(str(path), f"{len(bad)} faults\n  " + "\n  ".join(bad), "Mend or remove these rows.")
    if not items:
        raise DatasetError(str(path), "holds no rows", "A data set needs at least one item.")
    return tuple(items)


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "the row"

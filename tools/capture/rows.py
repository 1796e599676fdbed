"""How the capture scripts write a data set: checked first, then replaced in one step."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from daily_runs.dataset import Item
from daily_runs.dataset_card import load_card
from daily_runs.errors import DatasetError

SETS = Path(__file__).resolve().parents[2] / "include" / "datasets"


Row = dict[str, object]


def existing(name: str) -> dict[str, Row]:
    """The rows of a set by slug (the last part of the seed key); none where there is no file."""
    path = SETS / f"{name}.jsonl"
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["seed_key"].partition("/")[2]: row for row in rows}


def numbered(name: str, slugs: Sequence[str]) -> dict[str, int]:
    """A number for each slug: the one that its id has in the set already, for a new one the next.

    Published results refer to items by id, so an item keeps its number wherever a new one is put in its source.
    """
    numbers = {slug: int(str(row["id"]).rpartition("-")[2]) for slug, row in existing(name).items() if slug in slugs}
    for slug in slugs:
        numbers.setdefault(slug, max(numbers.values(), default=0) + 1)
    return numbers


def write(name: str, rows: list[Row]) -> Path:
    """Write `rows` by their ids as the data set `name` and return its path.

    ASCII only, so that no reader takes an unusual line separator inside a text for the end of a row.

    Raises:
        pydantic.ValidationError: a row breaks the schema; the old file stays.
        DatasetError: the card is not sound, or does not list a row's class; the old file stays.
    """
    path = SETS / f"{name}.jsonl"
    classes = load_card(path).classes
    for row in rows:
        item = Item.model_validate(row)
        if item.item_class not in classes:
            raise DatasetError(item.id, f"class {item.item_class!r} is not in the card", "Use one that it lists.")
    scratch = path.with_suffix(".new")
    lines = [json.dumps(row, ensure_ascii=True) + "\n" for row in sorted(rows, key=lambda row: str(row["id"]))]
    scratch.write_text("".join(lines), encoding="utf-8")
    os.replace(scratch, path)
    return path

"""How the capture scripts write a data set: checked first, then replaced in one step."""

from __future__ import annotations

import json
import os
from pathlib import Path

from daily_runs.dataset import Item, load_card
from daily_runs.errors import DatasetError

SETS = Path(__file__).resolve().parents[2] / "include" / "datasets"


def write(name: str, rows: list[dict[str, object]]) -> Path:
    """Write `rows` as the data set `name` and return its path.

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
    scratch.write_text("".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows), encoding="utf-8")
    os.replace(scratch, path)
    return path

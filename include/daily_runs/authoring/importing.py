"""A data set from another tool's file: each row by a column map, checked as a run checks it, all rows or none."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from daily_runs.authoring.column_map import ColumnMap
from daily_runs.catalogue.reading.suggestions import did_you_mean
from daily_runs.catalogue.reading.yaml_lines import spell
from daily_runs.dataset import Item, rows_of
from daily_runs.dataset_card import card_path, read_card
from daily_runs.errors import Fault, ParameterError
from daily_runs.input_files import JSONL_BYTES_MAX, json_row, read_text, shortened
from daily_runs.row_faults import RowFault

CSV, JSONL = ".csv", ".jsonl"
_CELL_CHARACTERS_MAX = 4 * 1024 * 1024


class SourceRow(NamedTuple):
    """A row of the other tool's file: the line it begins in, and its values by column."""

    line: int
    values: Mapping[str, Any]


class ImportedSet(NamedTuple):
    """What an import comes to. With faults, nothing may be written.

    `files`: the texts to write; `unused`: columns that no key takes.
    """

    items: tuple[Item, ...]
    files: Mapping[Path, str]
    unused: tuple[str, ...]
    faults: tuple[Fault, ...]


def imported(source: Path, target: Path, mapping: ColumnMap) -> ImportedSet:
    """Turn a CSV or JSONL file into a data set; nothing is written.

    Raises:
        ParameterError: the file is neither, or lacks a column of the map, or the target is no `.jsonl`.
        UserError: the file cannot be read.
    """
    if target.suffix != JSONL or len(target.suffixes) != 1:
        raise ParameterError(
            "--to", f"{str(target)!r} is no name of a data set", "Give a name such as my_feature.jsonl."
        )
    rows, faults = _rows(source)
    columns = tuple(dict.fromkeys(name for row in rows for name in row.values))
    _must_have(source, columns, mapping)
    card = read_card(target) if card_path(target).exists() else None
    if card:
        faults += card.faults
    lines = [(row.line, _line(row, number, target.stem, mapping)) for number, row in enumerate(rows, start=1)]
    items, bad = rows_of(lines, card.card.classes if card and card.card else None)
    faults += [_told(source, fault, mapping) for fault in bad]
    if not rows and not faults:
        faults.append(Fault(str(source), "holds no rows", "Give a file with a row for each item."))
    files = {target: "".join(f"{line}\n" for line in map(_written, items))}
    if card is None:
        files[card_path(target)] = _card(source, items)
    used = {column.partition(".")[0] if column not in columns else column for column in mapping.columns.values()}
    return ImportedSet(items, files, tuple(name for name in columns if name not in used), tuple(faults))


def _rows(source: Path) -> tuple[list[SourceRow], list[Fault]]:
    text = read_text(source, str(source), bytes_max=JSONL_BYTES_MAX)
    if source.suffix == CSV:
        return _of_csv(source, text)
    if source.suffix == JSONL:
        return _of_jsonl(source, text)
    raise ParameterError(str(source), f"ends in {source.suffix or 'nothing'}", "Give a .csv or a .jsonl file.")


def _of_csv(source: Path, text: str) -> tuple[list[SourceRow], list[Fault]]:
    rows: list[SourceRow] = []
    faults: list[Fault] = []
    csv.field_size_limit(_CELL_CHARACTERS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    before = 0
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not header:
                header = cells
            elif cells and len(cells) != len(header):
                problem = f"has {len(cells)} cells, the header {len(header)}"
                faults.append(Fault(f"{source}:{line}", problem, "Quote cells that hold a comma or a line break."))
            elif cells:
                rows.append(SourceRow(line, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        faults.append(Fault(f"{source}:{before + 1}", f"is no CSV ({error})", "Mend the row at this line."))
    if twice := sorted({name for name in header if header.count(name) > 1}):
        faults.append(Fault(f"{source}:1", f"has two columns {twice[0]!r}", "Give each column its own name."))
    return rows, faults


def _of_jsonl(source: Path, text: str) -> tuple[list[SourceRow], list[Fault]]:
    rows: list[SourceRow] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json_row(line)
        except ValueError as error:
            faults.append(Fault(f"{source}:{number}", shortened(str(error)), "Write one JSON object a line."))
            continue
        if isinstance(value, dict):
            rows.append(SourceRow(number, value))
        else:
            faults.append(Fault(f"{source}:{number}", "is no JSON object", "Write one JSON object a line."))
    return rows, faults


def _must_have(source: Path, columns: tuple[str, ...], mapping: ColumnMap) -> None:
    for key, column in mapping.columns.items():
        if columns and column not in columns and column.partition(".")[0] not in columns:
            problem = f"{key}={column}: {source} has no column {column!r}"
            raise ParameterError("--column", problem, did_you_mean(column, columns))


def _line(row: SourceRow, number: int, stem: str, mapping: ColumnMap) -> str:
    """The item as a line of a data set, as far as the row has values; what is missing is told by the usual check."""
    item: dict[str, Any] = {}
    given = {key: _value(key, _cell(row.values, column)) for key, column in mapping.columns.items()}
    for key, value in (given | {key: _value(key, text) for key, text in mapping.fixed.items()}).items():
        top, dot, below = key.partition(".")
        if value is None:
            continue
        if dot:
            item.setdefault(top, {})[below] = value
        else:
            item[top] = value
    item.setdefault("id", f"{stem}-{number:03}".replace("_", "-"))
    item.setdefault("seed_key", f"{stem}/{number:03}".replace("_", "-"))
    return json.dumps(item, ensure_ascii=False)


def _cell(values: Mapping[str, Any], column: str) -> Any:
    """A column's value; `inputs.question` also leads into an object."""
    if column in values:
        return values[column]
    value: Any = values
    for name in column.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _value(key: str, value: Any) -> Any:
    if key == "tags" and isinstance(value, str):
        return [tag for tag in re.split(r"[,;\s]+", value) if tag]
    if key == "resource.report" and isinstance(value, str):
        try:
            return json_row(value)
        except ValueError:
            return value  # the check says that it is no mapping
    return value


def _told(source: Path, fault: RowFault, mapping: ColumnMap) -> Fault:
    """A fault with the line and the column that it came from."""
    key = mapping.key_of(fault.location)
    if key is not None and key in mapping.columns:
        where = f"column {mapping.columns[key]!r} ({spell(fault.location)}): "
    elif key is not None:
        where = f"--set {key}: "
    else:
        where = f"{spell(fault.location)}: " if fault.location else ""
    return Fault(f"{source}:{fault.line}", shortened(f"{where}{fault.problem}"), shortened(fault.remedy))


def _written(item: Item) -> str:
    return json.dumps(item.model_dump(mode="json", by_alias=True), ensure_ascii=False)


def _card(source: Path, items: tuple[Item, ...]) -> str:
    classes = dict.fromkeys(item.item_class for item in items)
    card = {
        "what": f"Rows of {source.name}. Say here what they are.",
        "how_made": f"Imported from {source.name}. Say here how that file was made, and by whom.",
        "not_covered": "Nobody has said yet what the rows do not cover.",
        "classes": dict.fromkeys(classes, "Say here which items are of this class."),
    }
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True, width=110)

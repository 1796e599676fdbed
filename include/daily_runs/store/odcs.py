"""The contract's views as an Open Data Contract Standard file (https://bitol.io, version 3.1.0).

It is made from the live schema: a view's comment says what it is, and after `Key:` which columns tell its rows apart; a
column's comment says what it means, and after `Null:` when it is null. A column without that word is never null.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import yaml

from daily_runs.errors import AccessError
from daily_runs.store.database import newest_revision
from daily_runs.store.pool import Row
from daily_runs.store.session import connect, in_our_terms, place_of

LOGICAL_TYPES = {
    "text": "string",
    "uuid": "string",
    "boolean": "boolean",
    "integer": "integer",
    "bigint": "integer",
    "double precision": "number",
    "date": "date",
    "timestamp with time zone": "timestamp",
    "jsonb": "object",
}
"""The standard's type for each of Postgres's that a view has. A list in `jsonb` is an `object` here, too: the standard
wants the type of a list's entries, which a column does not tell."""

_HEAD = (
    "# The views of the schema `contract`, by the Open Data Contract Standard. `make schema` writes this file from\n"
    "# what the migrations leave, comments included; nobody edits it. What is promised: docs/data_contract.md.\n"
)
_KEY = re.compile(r" Key: ([\w, ]+)\.$")
_COLUMNS = """
SELECT c.relname AS view, obj_description(c.oid) AS about, a.attname AS name,
       format_type(a.atttypid, a.atttypmod) AS type, col_description(c.oid, a.attnum) AS meaning
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'contract'::regnamespace AND c.relkind = 'v'
ORDER BY c.relname COLLATE "C", a.attnum
"""


def describe(url: str) -> str:
    """The file, as YAML.

    Raises:
        AccessError: a view or a column has no comment, or a type that is not known here.
    """
    with in_our_terms(), connect(url) as connection:
        columns = connection.execute(_COLUMNS.encode()).fetchall()
    views = [_view(url, name, list(rows)) for name, rows in groupby(columns, key=lambda row: str(row["view"]))]
    whole = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "daily-runs.contract",
        "name": "daily_runs",
        "version": f"1.{int(newest_revision())}.0",
        "status": "active",
        "description": {
            "purpose": "Scores, failures, operations and costs of the daily evaluation of AI features.",
            "limitations": "Rows with provenance sandbox say nothing about a real model. Columns are only added.",
            "usage": "Read as a member of the role daily_runs_reader; see docs/data_contract.md.",
        },
        "schema": views,
        "roles": [{"role": "daily_runs_reader", "access": "read", "description": "Sees these views and nothing else."}],
    }
    return _HEAD + yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=118)


def _view(url: str, name: str, columns: list[Row]) -> dict[str, Any]:
    about = columns[0]["about"] or ""
    found = _KEY.search(about)
    key = found[1].split(", ") if found else []
    properties = [_property(url, name, row, key) for row in columns]
    if not about:
        raise _undescribed(url, name)
    return {
        "name": name,
        "physicalName": f"contract.{name}",
        "logicalType": "object",
        "physicalType": "view",
        "description": _KEY.sub("", about),
        "properties": properties,
    }


def _property(url: str, view: str, row: Row, key: list[str]) -> dict[str, Any]:
    name, meaning, physical = str(row["name"]), row["meaning"] or "", str(row["type"])
    if not meaning or physical not in LOGICAL_TYPES:
        raise _undescribed(url, f"{view}.{name} ({physical})")
    position = {"primaryKey": True, "primaryKeyPosition": key.index(name) + 1} if name in key else {}
    return {
        "name": name,
        "logicalType": LOGICAL_TYPES[physical],
        "physicalType": physical,
        "required": "Null: " not in meaning,
        **position,
        "description": meaning,
    }


def _undescribed(url: str, what: str) -> AccessError:
    problem = f"contract.{what} has no comment, or a type that no consumer was promised"
    return AccessError(place_of(url), problem, "Add COMMENT ON in a migration, or the type in store/odcs.py.")

"""Rows of a contract view as CSV, some at a time: a large view fits in a small process.

CSV is opened by spreadsheets, which run what begins like a formula
(https://owasp.org/www-community/attacks/CSV_Injection), and texts such as models and notes come from elsewhere. So a
text that begins with one of `RISKY` gets a single quote before it. Figures and dates are written as they are.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import IO, Any, NamedTuple

from psycopg import sql

from daily_runs.errors import ParameterError
from daily_runs.store.pool import Connection, Row

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a text begins that a spreadsheet may take for a formula; the last four are the full-width signs."""
BATCH = 2000
"""Rows that are in memory at once."""
FIRST = ("run_key", "day", "feature", "environment", "logical_date", "started_at", "prompt_id", "criterion")
"""By which columns rows are ordered, as far as a view has them; its others follow."""

_COLUMNS = """
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = to_regclass(%(view)s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_VIEWS = """
SELECT relname AS name FROM pg_class WHERE relnamespace = to_regnamespace('contract') AND relkind = 'v' ORDER BY 1
"""


class Wanted(NamedTuple):
    """Which rows: all of these that are given must hold. `since` (aware): by `logical_date`, or else by `day`."""

    view: str
    run: str | None = None
    feature: str | None = None
    since: dt.datetime | None = None


def columns_of(connection: Connection, view: str) -> dict[str, str]:
    """The columns of a contract view in their order, each with its type as Postgres names it.

    Raises:
        ParameterError: there is no such view.
    """
    views = [row["name"] for row in connection.execute(_VIEWS)]
    if view not in views:
        raise ParameterError("--view", f"{view!r} is no view of the contract", f"Give one of: {', '.join(views)}.")
    rows = connection.execute(_COLUMNS, {"view": f"contract.{view}"})
    return {row["name"]: row["type"] for row in rows}


@contextmanager
def batches(connection: Connection, wanted: Wanted, columns: Collection[str]) -> Iterator[Iterator[list[Row]]]:
    """The rows as they are at one moment, `BATCH` at a time, always in the same order.

    Raises:
        ParameterError: the view has no such column to choose by.
    """
    where, given = _conditions(wanted, columns)
    order = sorted(columns, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    query = sql.SQL("SELECT * FROM contract.{view} WHERE {where} ORDER BY {order}").format(
        view=sql.Identifier(wanted.view),
        where=sql.SQL(" AND ").join([sql.SQL("true"), *where]),
        order=sql.SQL(", ").join(map(sql.Identifier, order)),
    )
    with connection.transaction(), connection.cursor("export") as cursor:
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = '10min'")  # a pipe may be read slowly
        cursor.execute(query, given)
        yield iter(lambda: cursor.fetchmany(BATCH), [])


def _conditions(wanted: Wanted, names: Collection[str]) -> tuple[list[sql.Composable], dict[str, Any]]:
    dated = "logical_date" if "logical_date" in names else "day"
    choices = {
        "run": ("run_key", sql.SQL("{} = {}"), wanted.run),
        "feature": ("feature", sql.SQL("{} = {}"), wanted.feature),
        "since": (dated, sql.SQL("{} >= {}"), wanted.since),
    }
    where: list[sql.Composable] = []
    for option, (column, condition, value) in choices.items():
        if value is not None and column not in names:
            raise ParameterError(option, f"{wanted.view} has no {column} to choose by", "Leave it out.")
        if value is not None:
            where.append(condition.format(sql.Identifier(column), sql.Placeholder(option)))
    return where, {option: value for option, (_, _, value) in choices.items()}


def write_csv(into: IO[str], columns: Collection[str], found: Iterator[list[Row]]) -> int:
    """Write a heading and the rows (RFC 4180); null is an empty field. Returns the number of rows."""
    writer = csv.writer(into)
    writer.writerow(columns)
    count = 0
    for rows in found:
        writer.writerows([_cell(row[column]) for column in columns] for row in rows)
        count += len(rows)
    return count


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | dt.date):
        return str(value)
    return defused(json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value))


def defused(text: str) -> str:
    """The text, with a single quote before it if a spreadsheet might take it for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text

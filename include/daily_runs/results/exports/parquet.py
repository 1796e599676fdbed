"""Rows of a contract view as a Parquet file (https://parquet.apache.org/docs/file-format/), some at a time.

pyarrow writes it, and is an extra (docs/decisions/0033-parquet-is-an-extra.md): each function imports it when it is
called. Texts are written as they are, since no reader of Parquet takes a text for a formula.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from daily_runs.errors import ParameterError
from daily_runs.store.pool import Row

SUFFIX = ".parquet"
ROWS_IN_GROUP = 10_000
"""Rows of a row group at least, but for the last one. A group is in memory until it is written."""

_ARROW = {
    "bigint": "int64",
    "boolean": "bool",
    "date": "date32",
    "double precision": "float64",
    "integer": "int32",
    "jsonb": "string",
    "text": "string",
    "uuid": "string",
}
"""Types of the contract's columns, as Postgres and as Arrow name them; moments are microseconds in UTC."""
_MOMENT = "timestamp with time zone"


def must_be_there() -> None:
    """See that pyarrow is installed, before anything is read.

    Raises:
        ParameterError: it is not.
    """
    try:
        import pyarrow.parquet  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        problem = f"a file that ends with {SUFFIX} needs pyarrow, which is not here ({error})"
        remedy = "Install it: pip install 'pyarrow>=21'. Or name a file that ends with .csv."
        raise ParameterError("--output", problem, remedy) from None


def write(into: IO[bytes], columns: Mapping[str, str], found: Iterator[list[Row]]) -> int:
    """Write the rows with the types of their columns, null as null. Returns the number of rows."""
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = _schema(columns)
    count = waiting = 0
    group: list[Any] = []
    with pq.ParquetWriter(into, schema) as writer:
        for rows in found:
            cells = [{name: _cell(row[name], kind) for name, kind in columns.items()} for row in rows]
            group.append(pa.RecordBatch.from_pylist(cells, schema=schema))
            count, waiting = count + len(rows), waiting + len(rows)
            if waiting >= ROWS_IN_GROUP:
                writer.write_table(pa.Table.from_batches(group))
                group, waiting = [], 0
        if group:
            writer.write_table(pa.Table.from_batches(group))
    return count


def _schema(columns: Mapping[str, str]) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - an extra

    moment = pa.timestamp("us", tz="UTC")
    kinds = {name: moment if kind == _MOMENT else pa.type_for_alias(_ARROW[kind]) for name, kind in columns.items()}
    return pa.schema(list(kinds.items()))


def _cell(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "jsonb":
        return json.dumps(value, sort_keys=True)
    return str(value) if kind == "uuid" else value

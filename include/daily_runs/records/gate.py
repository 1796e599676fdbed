"""Rows that the gate reads and writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import psycopg

from daily_runs.errors import StageError
from daily_runs.statuses import AttemptStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row
from daily_runs.store.text import storable

BATCH = 500
"""Rows that are in memory at once; an answer has some kilobytes."""

T = TypeVar("T")

_ROWS = """
SELECT a.prompt_id, a.item_id, a.status, a.answer, a.error_hop, a.error_kind, a.error_blame, a.serving_provider,
       a.serving_model, a.input_tokens, a.output_tokens,
       extract(epoch FROM a.settled_at - a.sent_at)::float8 AS wall_seconds,
       j.status AS judgement, j.score, j.scores
FROM daily_runs.answer a LEFT JOIN daily_runs.judged j USING (attempt_id, prompt_id)
WHERE a.attempt_id = %(attempt)s ORDER BY a.prompt_id
"""


class AttemptRows:
    """Every prompt of an attempt with its answer and verdict, in order of prompt id. Missing values are None.

    The server keeps them and gives out `BATCH` at a time, so that a large run fits in a small worker. They can be gone
    through again, from the start, and are the same rows each time, whatever others write meanwhile. One pass must end
    before the next one begins.
    """

    def __init__(self, cursor: psycopg.ServerCursor[Row]) -> None:
        self._cursor = cursor

    def __iter__(self) -> Iterator[Row]:
        """Go through them from the start."""
        self._cursor.scroll(0, mode="absolute")
        while some := self._cursor.fetchmany(BATCH):  # iterating over the cursor would not see that it was scrolled
            yield from some


@contextmanager
def rows_within(connection: Connection, attempt_id: str) -> Iterator[AttemptRows]:
    """The rows of an attempt as they are now, inside the caller's transaction."""
    # All of them are read. A cursor is planned to be quick with its first tenth, by a plan that is quadratic here.
    connection.execute("SET LOCAL cursor_tuple_fraction = 1")
    with connection.cursor("attempt_rows", scrollable=True) as cursor:
        cursor.execute(_ROWS, {"attempt": attempt_id})
        yield AttemptRows(cursor)


def read(store: Store, attempt_id: str, use: Callable[[AttemptRows], T]) -> T:
    """What `use` makes of an attempt's rows; it runs inside a transaction, and again if the server goes away."""

    def work(connection: Connection) -> T:
        with rows_within(connection, attempt_id) as rows:
            return use(rows)

    return store.retrying(work)


def digest(rows: Iterable[Row]) -> str:
    """SHA-256 (hex) over an attempt's rows: what passed the gate is what is published."""
    found = hashlib.sha256()
    for part in json_list(rows, sort_keys=True):
        found.update(part)
    return found.hexdigest()


def json_list(entries: Iterable[Any], *, sort_keys: bool = False) -> Iterator[bytes]:
    """The bytes of `json.dumps` of a list of these entries, one entry at a time, so that nobody holds the list."""
    before = "["
    for entry in entries:
        yield (before + json.dumps(entry, sort_keys=sort_keys)).encode()
        before = ", "
    yield b"[]" if before == "[" else b"]"


class GateOverride(NamedTuple):
    """Somebody's order to publish an attempt although the gate blocks it: `reason` in words, `by` whom."""

    reason: str
    by: str


def insert_override(connection: Connection, attempt_id: str, override: GateOverride) -> None:
    """Keep the order with its attempt, inside the caller's transaction."""
    connection.execute(
        "INSERT INTO daily_runs.gate_override (attempt_id, reason, ordered_by) VALUES (%s, %s, %s)",
        [attempt_id, storable(override.reason), storable(override.by)],
    )


def ordered_override(store: Store, attempt_id: str) -> GateOverride | None:
    """See `override_of`; while the store is away it is waited for."""
    return store.retrying(lambda connection: override_of(connection, attempt_id))


def override_of(connection: Connection, attempt_id: str) -> GateOverride | None:
    """The order that an attempt was opened with; None if there is none."""
    query = "SELECT reason, ordered_by FROM daily_runs.gate_override WHERE attempt_id = %s"
    row = connection.execute(query, [attempt_id]).fetchone()
    return GateOverride(row["reason"], row["ordered_by"]) if row else None


def carried_out(connection: Connection, attempt_id: str) -> GateOverride | None:
    """The order by which an attempt was let through; None if there is none, or if the gate found nothing against it."""
    query = "SELECT FROM daily_runs.overridden_attempt WHERE attempt_id = %s"
    is_overridden = connection.execute(query, [attempt_id]).fetchone() is not None
    return override_of(connection, attempt_id) if is_overridden else None


def save(store: Store, attempt_id: str, checks: Sequence[tuple[Any, ...]], *, passed: str | None) -> None:
    """Store (expectation, passed, observed, required) and what passed, in one transaction.

    Args:
        store: an open store.
        attempt_id: the attempt that was checked.
        checks: what the gate found.
        passed: `digest` of the rows that passed; None marks the attempt `quarantined`.

    Raises:
        StageError: the attempt fails, but is published or superseded already; nothing was changed.
    """

    def saved(connection: Connection) -> None:  # twice is as good as once
        connection.execute(
            "UPDATE daily_runs.attempt SET gated_sha256 = %s WHERE attempt_id = %s", [passed, attempt_id]
        )
        if passed is None:
            _quarantine(connection, attempt_id)
        connection.execute("DELETE FROM daily_runs.gate_result WHERE attempt_id = %s", [attempt_id])
        connection.cursor().executemany(
            """
            INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)
            VALUES (%s, %s, %s, %s, %s)
            """,
            [(attempt_id, *check) for check in checks],
        )

    store.retrying(saved)


def _quarantine(connection: Connection, attempt_id: str) -> None:
    """Only what readers do not see can be withheld from them."""
    done = connection.execute(
        "UPDATE daily_runs.attempt SET status = %s, ended_at = now() WHERE attempt_id = %s AND status = ANY(%s)",
        [AttemptStatus.QUARANTINED, attempt_id, [AttemptStatus.RUNNING, AttemptStatus.QUARANTINED]],
    )
    if done.rowcount == 0:
        query = "SELECT status FROM daily_runs.attempt WHERE attempt_id = %s"
        status = (connection.execute(query, [attempt_id]).fetchone() or {"status": "unknown"})["status"]
        raise StageError(
            f"attempt {attempt_id} fails the gate as it stands now, but is {status} already. Nothing was changed."
            " Trigger the run again to replace it."
        )


def results(store: Store, attempt_id: str) -> list[Row]:
    """What the gate found, failures first."""
    return store.rows(
        "SELECT expectation, passed, observed, required FROM daily_runs.gate_result"
        " WHERE attempt_id = %(attempt)s ORDER BY passed, expectation",
        {"attempt": attempt_id},
    )

"""Rows that the gate reads and writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from daily_runs.errors import StageError
from daily_runs.statuses import AttemptStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

_ROWS = """
SELECT a.prompt_id, a.item_id, a.status, a.answer, a.error_hop, a.error_kind, a.error_blame, a.serving_provider,
       a.serving_model, a.input_tokens, a.output_tokens,
       extract(epoch FROM a.settled_at - a.sent_at)::float8 AS wall_seconds,
       j.status AS judgement, v.score, v.scores
FROM daily_runs.answer a
LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
LEFT JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key AND j.status = 'scored'
WHERE a.attempt_id = %(attempt)s ORDER BY a.prompt_id
"""


def rows(store: Store, attempt_id: str) -> list[Row]:
    """Every prompt of an attempt with its answer and verdict. Missing values are None."""
    return store.retrying(lambda connection: rows_within(connection, attempt_id))


def rows_within(connection: Connection, attempt_id: str) -> list[Row]:
    """The same, inside the caller's transaction."""
    return connection.execute(_ROWS, {"attempt": attempt_id}).fetchall()


def digest(rows: Sequence[Row]) -> str:
    """SHA-256 (hex) over an attempt's rows: what passed the gate is what is published."""
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


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

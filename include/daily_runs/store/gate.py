"""Rows that the gate reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daily_runs.statuses import AttemptStatus
from daily_runs.store.attempts import end_attempt
from daily_runs.store.database import Row, Store

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
    """Every prompt of an attempt with its answer and verdict; what there is none of is None."""
    return store.rows(_ROWS, {"attempt": attempt_id})


def save(store: Store, attempt_id: str, checks: Sequence[tuple[Any, ...]], *, quarantine: bool) -> None:
    """Store (expectation, passed, observed, required); mark a failing attempt `quarantined` in the same transaction."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM daily_runs.gate_result WHERE attempt_id = %s", [attempt_id])
        connection.cursor().executemany(
            """
            INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)
            VALUES (%s, %s, %s, %s, %s)
            """,
            [(attempt_id, *check) for check in checks],
        )
        if quarantine:
            end_attempt(connection, attempt_id, AttemptStatus.QUARANTINED)


def results(store: Store, attempt_id: str) -> list[Row]:
    """What the gate found, failures first."""
    return store.rows(
        "SELECT expectation, passed, observed, required FROM daily_runs.gate_result"
        " WHERE attempt_id = %(attempt)s ORDER BY passed, expectation",
        {"attempt": attempt_id},
    )

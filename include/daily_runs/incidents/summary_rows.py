"""Rows of how DAG runs ended: one line each, written by the last task.

`records.routes.goes_on` takes it away when a stage begins.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs.incidents.incident_rows import facts_of
from daily_runs.incidents.run_line import ArmEnd, RunLine
from daily_runs.store.database import Store

_SAVE = """
INSERT INTO daily_runs.run_summary (feature, airflow_run_id, logical_date, outcome, line, attempt_ids)
VALUES (%(feature)s, %(airflow_run_id)s, %(logical_date)s, %(outcome)s, %(line)s, %(attempt_ids)s::uuid[])
ON CONFLICT (feature, airflow_run_id) DO UPDATE SET
    logical_date = EXCLUDED.logical_date, outcome = EXCLUDED.outcome, line = EXCLUDED.line,
    attempt_ids = EXCLUDED.attempt_ids, written_at = EXCLUDED.written_at
"""
_ARM = """
SELECT r.environment, r.sample, t.status, p.verdict, p.item_mean AS score, p.item_mean_low AS low,
       p.item_mean_high AS high
FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
LEFT JOIN daily_runs.published_run p USING (attempt_id)
WHERE t.attempt_id = %(attempt_id)s::uuid
"""


_ATTEMPTS = """
SELECT DISTINCT ON (r.environment) r.environment, t.attempt_id::text
FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
WHERE t.airflow_run_id = %(airflow_run_id)s AND r.feature = %(feature)s ORDER BY r.environment, t.started_at DESC
"""


class EndedRun(NamedTuple):
    """A DAG run. `logical_date`: None before it knew it; `attempt_ids`: of its arms, by environment."""

    feature: str
    airflow_run_id: str
    logical_date: dt.datetime | None
    attempt_ids: Mapping[str, str]


def attempts_of(store: Store, feature: str, airflow_run_id: str) -> dict[str, str]:
    """The attempt that a DAG run opened last, by environment; one that it went on with is another's."""
    rows = store.rows(_ATTEMPTS, {"feature": feature, "airflow_run_id": airflow_run_id})
    return {row["environment"]: row["attempt_id"] for row in rows}


def arm_of(store: Store, attempt_id: str) -> ArmEnd:
    """How an arm's attempt ended."""
    facts = facts_of(store, "", "", "", attempt_id)
    assert facts is not None  # attempts are never deleted
    return ArmEnd(
        **store.row(_ARM, {"attempt_id": attempt_id}),
        asked=facts.asked,
        answered=facts.answered,
        scored=facts.scored,
        spent_usd=facts.spent_usd,
    )


def save(store: Store, run: EndedRun, line: RunLine) -> None:
    """Write a run's line; one that ends again replaces its own."""
    row = {**run._asdict(), "attempt_ids": list(run.attempt_ids.values()), "outcome": line.outcome, "line": line.text}
    store.rows(_SAVE, row)

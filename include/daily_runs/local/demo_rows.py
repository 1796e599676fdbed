"""How far a DAG run has come and how fast it sent, for who watches it."""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.records.attempts import find_attempt
from daily_runs.records.run import Attempt
from daily_runs.store.database import Store
from daily_runs.store.pool import Row


class Sends(NamedTuple):
    """The sending of an attempt's prompts: wall-clock seconds from the first to the last, and users they came from."""

    seconds: float
    users: int


def progress(store: Store, feature: str, airflow_run_id: str) -> list[Row]:
    """For each attempt of a feature's DAG run: prompts settled by `inference` and `judging`, stages which `reported`.

    A run id alone is not enough: all features of a backfill share it.
    """
    return store.rows(
        """
        SELECT (SELECT count(*)::int FROM daily_runs.answer a WHERE a.attempt_id = t.attempt_id
                       AND a.status IN ('answered', 'failed')) AS inference,
               (SELECT count(*)::int FROM daily_runs.judgement j WHERE j.attempt_id = t.attempt_id
                       AND j.status IN ('scored', 'unscored')) AS judging,
               (SELECT coalesce(array_agg(DISTINCT stage), '{}') FROM daily_runs.stage_report r
                       WHERE r.attempt_id = t.attempt_id) AS reported
        FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
        WHERE t.airflow_run_id = %(run)s AND r.feature = %(feature)s
        """,
        {"run": airflow_run_id, "feature": feature},
    )


def attempts_of(store: Store, feature: str, airflow_run_id: str) -> list[Attempt]:
    """The attempts that a feature's DAG run opened, one for each arm that got so far."""
    query = """
        SELECT attempt_id::text FROM daily_runs.attempt JOIN daily_runs.run USING (run_key)
        WHERE airflow_run_id = %(run)s AND feature = %(feature)s ORDER BY started_at
    """
    rows = store.rows(query, {"run": airflow_run_id, "feature": feature})
    return [find_attempt(store, row["attempt_id"]) for row in rows]


def sends(store: Store, attempt_id: str) -> Sends:
    """When and from how many evaluation users an attempt's prompts went out; no seconds before the first."""
    row = store.row(
        """
        SELECT coalesce(extract(epoch FROM max(sent_at) - min(sent_at)), 0)::float8 AS seconds,
               count(DISTINCT evaluation_user)::int AS users
        FROM daily_runs.answer WHERE attempt_id = %(attempt)s
        """,
        {"attempt": attempt_id},
    )
    return Sends(**row)


def published_results(store: Store, run_key: str) -> int:
    """How many result rows are published of a run."""
    query = "SELECT count(*)::int AS n FROM daily_runs.published_result WHERE run_key = %(key)s"
    row = store.row(query, {"key": run_key})
    return int(row["n"])

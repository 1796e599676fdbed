"""Rows of DAG runs: where one was sent, and why; and that it goes on after it has ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.statuses import ReadinessState
from daily_runs.store.database import Store
from daily_runs.store.pool import Row


class Routed(NamedTuple):
    """A decision. `planned`, `chosen`: environments; `readiness`: staging's, None when nobody asked for it."""

    feature: str
    airflow_run_id: str
    logical_date: dt.datetime
    planned: Sequence[str]
    chosen: Sequence[str]
    forced: bool
    readiness: ReadinessState | None
    reason: str


def save(store: Store, routed: Routed) -> None:
    """Store a decision; a DAG run that decides again replaces its own."""
    store.rows(
        """
        INSERT INTO daily_runs.routed (feature, airflow_run_id, logical_date, planned, chosen, forced, readiness,
                                       reason)
        VALUES (%(feature)s, %(airflow_run_id)s, %(logical_date)s, %(planned)s, %(chosen)s, %(forced)s, %(readiness)s,
                %(reason)s)
        ON CONFLICT (feature, airflow_run_id) DO UPDATE SET
            logical_date = EXCLUDED.logical_date, planned = EXCLUDED.planned, chosen = EXCLUDED.chosen,
            forced = EXCLUDED.forced, readiness = EXCLUDED.readiness, reason = EXCLUDED.reason,
            decided_at = clock_timestamp()
        """,
        {**routed._asdict(), "planned": list(routed.planned), "chosen": list(routed.chosen)},
    )


def of_run(store: Store, feature: str, airflow_run_id: str) -> Row | None:
    """The decision of a feature's DAG run; None when it has made none."""
    found = store.rows(
        "SELECT * FROM daily_runs.routed WHERE feature = %(feature)s AND airflow_run_id = %(run)s",
        {"feature": feature, "run": airflow_run_id},
    )
    return found[0] if found else None


def sent_somewhere(store: Store, feature: str) -> list[Row]:
    """Each date's newest decision that sent the feature's run somewhere: `logical_date`, `chosen`, `decided_at`."""
    return store.rows(
        """
        SELECT DISTINCT ON (logical_date) logical_date, chosen, decided_at FROM daily_runs.routed
        WHERE feature = %(feature)s AND cardinality(chosen) > 0 ORDER BY logical_date, decided_at DESC
        """,
        {"feature": feature},
    )


def logical_dates(store: Store, feature: str) -> list[dt.datetime]:
    """The dates for which a feature's runs were routed, those that were skipped included."""
    query = "SELECT DISTINCT logical_date FROM daily_runs.routed WHERE feature = %(feature)s"
    return [row["logical_date"] for row in store.rows(query, {"feature": feature})]


def goes_on(store: Store, attempt_id: str) -> None:
    """Somebody works on an attempt again: no line tells any longer how its DAG run ended."""
    query = "DELETE FROM daily_runs.run_summary WHERE %(attempt_id)s::uuid = ANY(attempt_ids)"
    store.rows(query, {"attempt_id": attempt_id})

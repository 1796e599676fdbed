"""What the store tells of a feature's week."""

from __future__ import annotations

import datetime as dt

from daily_runs.store.database import Store
from daily_runs.store.pool import Row


def runs(store: Store, feature: str, since: dt.datetime, until: dt.datetime) -> list[Row]:
    """Published full runs whose date lies in a stretch of time, oldest first."""
    return store.rows(
        """
        SELECT logical_date, environment, item_mean, verdict, comparability_key FROM daily_runs.published_run
        WHERE feature = %(feature)s AND sample = '' AND logical_date >= %(since)s AND logical_date < %(until)s
        ORDER BY logical_date, environment
        """,
        {"feature": feature, "since": since, "until": until},
    )


def quarantined(store: Store, feature: str, since: dt.datetime, until: dt.datetime) -> int:
    """How many full runs of a stretch of dates have nothing but attempts that the gate blocked."""
    row = store.row(
        """
        SELECT count(DISTINCT t.run_key)::int AS runs
        FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
        WHERE r.feature = %(feature)s AND r.sample = '' AND r.logical_date >= %(since)s AND r.logical_date < %(until)s
              AND t.status = 'quarantined'
              AND NOT EXISTS (SELECT FROM daily_runs.published_run p WHERE p.run_key = t.run_key)
        """,
        {"feature": feature, "since": since, "until": until},
    )
    return int(row["runs"])


def alarms(store: Store, feature: str, since: dt.datetime) -> list[Row]:
    """A feature's alarms that are open, or were resolved since a moment; the oldest first."""
    return store.rows(
        """
        SELECT kind, environment, state, raised_at, resolved_by FROM daily_runs.alarm
        WHERE feature = %(feature)s AND (state = 'open' OR resolved_at >= %(since)s) ORDER BY raised_at, alarm_id
        """,
        {"feature": feature, "since": since},
    )

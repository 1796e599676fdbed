"""What the status board reads of the last days: attempts with their stages and figures, and where runs were sent."""

from __future__ import annotations

import datetime as dt

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

DAYS_READ = 2
"""A feature's day may have begun as long ago, wherever its time zone is."""
_ATTEMPTS = """
SELECT t.*, p.item_mean, p.item_mean_low, p.item_mean_high, p.populations, p.verdict, p.verdict_reason
FROM contract.attempts_v1 t LEFT JOIN daily_runs.published_run p USING (attempt_id)
WHERE t.started_at >= %(since)s OR (t.outcome = 'running' AND t.started_at >= %(since)s - interval '7 days')
ORDER BY t.started_at
"""
_ROUTES = """
SELECT feature, airflow_run_id, logical_date, planned, chosen, forced, readiness, reason, decided_at
FROM daily_runs.routed WHERE decided_at >= %(since)s ORDER BY decided_at
"""


def attempts(store: Store, now: dt.datetime) -> list[Row]:
    """The attempts of the last `DAYS_READ` days, and those of a week that are not finished."""
    return store.rows(_ATTEMPTS, {"since": now - dt.timedelta(days=DAYS_READ)})


def routes(store: Store, now: dt.datetime) -> list[Row]:
    """The routing decisions of the last `DAYS_READ` days."""
    return store.rows(_ROUTES, {"since": now - dt.timedelta(days=DAYS_READ)})

"""What the store tells of readiness over time, of runs at work, and of runs that never began."""

from __future__ import annotations

import datetime as dt

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

USUAL_RUNS = 10
"""Published runs that tell how long a run usually works."""
LIVELY_DAYS = 14
"""A feature whose planned runs were routed within so many days is alive: a run that is not there is missing."""

_READINESS = """
WITH seen AS (
    SELECT l.environment, r.feature, r.aspect, r.state, r.reason, r.owner,
           row_number() OVER (PARTITION BY l.environment, r.feature, r.aspect ORDER BY l.look_id DESC) AS back
    FROM daily_runs.readiness r JOIN daily_runs.look l USING (look_id) WHERE l.ended_at IS NOT NULL
)
SELECT environment, feature, aspect,
       max(state) FILTER (WHERE back = 1) AS state, max(reason) FILTER (WHERE back = 1) AS reason,
       max(owner) FILTER (WHERE back = 1) AS owner,
       bool_or(state = 'ready') AS was_ready,
       count(*) FILTER (WHERE back <= %(looks)s AND state = 'not_ready') = %(looks)s AS is_lost
FROM seen GROUP BY environment, feature, aspect ORDER BY environment, feature, aspect
"""
_RUNNING = """
SELECT r.feature, r.environment, r.sample, r.logical_date, t.airflow_run_id, t.started_at, t.asked,
       (SELECT count(*)::int FROM daily_runs.answer a WHERE a.attempt_id = t.attempt_id AND a.status = 'answered')
           AS answered,
       (SELECT b.reason FROM daily_runs.breaker b WHERE b.provider = 'gitlab ' || r.environment AND b.state = 'open')
           AS breaker,
       coalesce(u.runs, 0)::int AS usual_runs, u.minutes AS usual_minutes
FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
LEFT JOIN LATERAL (
    SELECT count(*) AS runs, percentile_cont(0.5) WITHIN GROUP (ORDER BY minutes) AS minutes FROM (
        SELECT extract(epoch FROM p.published_at - o.started_at)::float8 / 60 AS minutes
        FROM daily_runs.published_run p JOIN daily_runs.attempt o USING (attempt_id)
        WHERE p.feature = r.feature AND p.environment = r.environment AND p.sample = '' AND o.redo = 'all'
        ORDER BY p.logical_date DESC LIMIT %(runs)s) AS published
) AS u ON r.sample = ''
WHERE t.status = 'running' AND t.airflow_run_id IS NOT NULL
      -- an attempt whose run failed stays unfinished until somebody goes on with it, or for ever
      AND NOT EXISTS (SELECT FROM daily_runs.incident_member m JOIN daily_runs.incident i USING (incident_id)
                      WHERE m.feature = r.feature AND m.airflow_run_id = t.airflow_run_id
                            AND (i.over_at IS NOT NULL OR i.kind <> 'run_late'))
      AND NOT EXISTS (SELECT FROM daily_runs.attempt o JOIN daily_runs.run s USING (run_key)
                      WHERE s.feature = r.feature AND s.environment = r.environment AND s.sample = r.sample
                            AND o.started_at > t.started_at)
"""
_IS_MISSING = """
SELECT EXISTS (SELECT FROM daily_runs.routed WHERE feature = %(feature)s
               AND logical_date BETWEEN %(tick)s - make_interval(days => %(days)s) AND %(tick)s - interval '1 second')
       AND NOT EXISTS (SELECT FROM daily_runs.routed WHERE feature = %(feature)s AND logical_date >= %(tick)s)
       AND NOT EXISTS (SELECT FROM daily_runs.run WHERE feature = %(feature)s AND logical_date >= %(tick)s)
       AND NOT EXISTS (SELECT FROM daily_runs.incident_member -- it failed before it was routed
                       WHERE feature = %(feature)s AND airflow_run_id IS NOT NULL AND since >= %(tick)s)
       AS is_missing
"""


def readiness(store: Store, looks: int) -> list[Row]:
    """Each aspect of each feature: what the newest look says, whether it ever was ready, whether it is lost.

    Args:
        looks: so many looks in a row must say *not ready*, and the newest must be one of them.
    """
    return store.rows(_READINESS, {"looks": looks})


def running(store: Store) -> list[Row]:
    """Runs of Airflow at work, the newest of each feature and environment whose failure nobody was told: since when,
    how far, how long full runs usually take, why the breaker of their path is open."""
    return store.rows(_RUNNING, {"runs": USUAL_RUNS})


def is_missing(store: Store, feature: str, tick: dt.datetime) -> bool:
    """Whether a feature whose planned runs were routed lately has none of this moment, or of a later one."""
    given = {"feature": feature, "tick": tick, "days": LIVELY_DAYS}
    return bool(store.row(_IS_MISSING, given)["is_missing"])

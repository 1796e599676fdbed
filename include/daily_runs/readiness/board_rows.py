"""What the status board reads: each feature's newest look, and run, gate and route of its newest date."""

from __future__ import annotations

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

_ASPECTS = """
SELECT feature, aspect, state, reason, owner, details, looked_at FROM daily_runs.latest_readiness
WHERE environment = %(environment)s
"""
_RUNS = """
WITH newest AS MATERIALIZED (  -- first, so that answers are counted of these attempts only
    SELECT DISTINCT ON (r.feature) r.feature, r.environment, r.logical_date, r.sample, a.attempt_id, a.status,
           a.provenance, a.asked
    FROM daily_runs.attempt a JOIN daily_runs.run r USING (run_key)
    ORDER BY r.feature, r.logical_date DESC, a.started_at DESC
)
SELECT a.feature, a.environment, a.logical_date, a.sample, a.provenance, a.asked,
       CASE WHEN a.status = 'running' AND s.outcome = 'failed' THEN 'failed' ELSE a.status END AS status, s.line,
       (SELECT count(*)::int FROM daily_runs.answer w WHERE w.attempt_id = a.attempt_id AND w.status = 'answered')
           AS answered,
       p.mean_score, p.verdict
FROM newest a LEFT JOIN daily_runs.published_run p USING (attempt_id)
LEFT JOIN LATERAL (
    SELECT outcome, line FROM daily_runs.run_summary WHERE a.attempt_id = ANY(attempt_ids)
    ORDER BY written_at DESC LIMIT 1) s ON true
"""
_GATES = """
SELECT DISTINCT ON (r.feature) r.feature, r.environment, r.logical_date, g.passed, g.checks, g.failed, g.checked_at
FROM (SELECT attempt_id, count(*) FILTER (WHERE passed)::int AS passed, count(*)::int AS checks,
             coalesce(array_agg(expectation ORDER BY expectation) FILTER (WHERE NOT passed), '{}') AS failed,
             max(checked_at) AS checked_at
      FROM daily_runs.gate_result GROUP BY attempt_id) AS g
JOIN daily_runs.attempt a USING (attempt_id) JOIN daily_runs.run r USING (run_key)
ORDER BY r.feature, r.logical_date DESC, g.checked_at DESC
"""
_ROUTES = """
SELECT DISTINCT ON (feature) feature, logical_date, planned, chosen, forced, reason, decided_at
FROM daily_runs.routed ORDER BY feature, logical_date DESC, decided_at DESC
"""


def aspects(store: Store, environment: str) -> dict[tuple[str, str], Row]:
    """What the newest look at an environment found, by feature and aspect."""
    rows = store.rows(_ASPECTS, {"environment": environment})
    return {(row["feature"], row["aspect"]): row for row in rows}


def last_runs(store: Store) -> dict[str, Row]:
    """The newest attempt of each feature's newest date: where, how far; if published, its mean score and verdict.

    `status` is the attempt's, or `failed` where its DAG run ended with a failed task: an attempt stays `running`, so
    that it can be gone on with. `line`: how the DAG run ended; None while it goes on, or without Airflow.
    """
    return _by_feature(store, _RUNS)


def last_gates(store: Store) -> dict[str, Row]:
    """The newest gate of each feature's newest date that had one: how many checks passed, and which did not."""
    return _by_feature(store, _GATES)


def last_routes(store: Store) -> dict[str, Row]:
    """The newest routing decision for each feature's newest date."""
    return _by_feature(store, _ROUTES)


def _by_feature(store: Store, query: str) -> dict[str, Row]:
    return {row["feature"]: row for row in store.rows(query)}

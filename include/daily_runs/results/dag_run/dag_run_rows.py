"""The attempts of a DAG run, one for each arm that got so far, and the limits that one of them met."""

from __future__ import annotations

from collections.abc import Sequence

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

_ATTEMPTS = """
SELECT t.*, p.item_mean, p.item_mean_low, p.item_mean_high, p.populations, p.verdict, p.verdict_reason
FROM contract.attempts_v1 t LEFT JOIN daily_runs.published_run p USING (attempt_id)
WHERE t.feature = %(feature)s AND (t.dag_run_id = %(dag_run)s OR t.attempt_id::text = ANY(%(attempts)s))
ORDER BY t.started_at
"""
_LIMITS = """
SELECT * FROM (
    SELECT DISTINCT ON (hop, limit_name) hop, limit_name, needed, allowed, unit, verdict, source, owner, remedy, binds
    FROM daily_runs.limit_probe WHERE attempt_id = %(attempt)s::uuid ORDER BY hop, limit_name, probed_at DESC
) AS newest
ORDER BY verdict <> 'too_low', binds DESC, hop, limit_name
"""
_PACE = """
SELECT count(*) FILTER (WHERE sent_at IS NOT NULL)::int AS sent, coalesce(sum(tries), 0)::int AS tries,
       count(DISTINCT evaluation_user)::int AS users, min(sent_at) AS first_sent, max(sent_at) AS last_sent
FROM daily_runs.answer WHERE attempt_id = %(attempt)s::uuid
"""


def attempts(store: Store, feature: str, airflow_run_id: str, attempt_ids: Sequence[str] = ()) -> list[Row]:
    """The attempts that a feature's DAG run opened, in the order in which it did.

    Rows are those of `contract.attempts_v1`, with the published figures. A run id alone is not enough: all features of
    a backfill share it.

    Args:
        attempt_ids: others that it worked on, since it went on with what another run had opened.
    """
    given = {"feature": feature, "dag_run": airflow_run_id, "attempts": list(attempt_ids)}
    return store.rows(_ATTEMPTS, given)


def limits(store: Store, attempt_id: str) -> list[Row]:
    """What the attempt's last limit probe found, what is too low first, then the limit that binds."""
    return store.rows(_LIMITS, {"attempt": attempt_id})


def pace(store: Store, attempt_id: str) -> Row:
    """How an attempt's prompts went out: prompts `sent`, `tries` in all, `users`, the first and the last moment."""
    return store.row(_PACE, {"attempt": attempt_id})

"""What the store knows of a failed task's attempt: counts, failures by hop and kind, money spent and still to spend."""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.records.catalogue_rows import AttemptTerms, estimated_usd
from daily_runs.results.run_report import cost_rows
from daily_runs.store.database import Store


class AttemptFacts(NamedTuple):
    """An attempt as it stands.

    Attributes:
        asked, answered, failed, scored: counts of prompts.
        failures: how many prompts or verdicts failed, by `kind at hop`, the most frequent first.
        blocked_by: names of the gate's checks that failed.
        spent_usd: what all calls of the attempt's run cost by list price; None where a price is unknown.
        missing_usd: what its missing answers and verdicts will cost, by the catalogue's estimate.
        again_usd: what a new verdict on every answer will cost, by the same.
    """

    attempt_id: str
    run_key: str
    asked: int
    answered: int
    failed: int
    scored: int
    failures: dict[str, int]
    blocked_by: list[str]
    spent_usd: float | None
    missing_usd: float | None
    again_usd: float | None


_FACTS = """
WITH one AS (
    SELECT t.attempt_id, t.run_key, t.asked, t.judge_repeats
    FROM daily_runs.attempt t JOIN daily_runs.run r USING (run_key)
    WHERE CASE WHEN %(attempt_id)s::uuid IS NOT NULL THEN t.attempt_id = %(attempt_id)s::uuid
               ELSE t.airflow_run_id = %(airflow_run_id)s AND r.feature = %(feature)s
                    AND r.environment = %(environment)s END
    ORDER BY t.started_at DESC LIMIT 1
), counted AS (
    SELECT count(*) FILTER (WHERE a.status = 'answered')::int AS answered,
           count(*) FILTER (WHERE a.status = 'failed')::int AS failed,
           count(*) FILTER (WHERE j.status = 'scored')::int AS scored
    FROM one JOIN daily_runs.answer a USING (attempt_id) LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
), failure AS (
    SELECT kind || ' at ' || hop AS failure, count(*)::int AS n FROM (
        SELECT a.error_kind AS kind, a.error_hop AS hop FROM one JOIN daily_runs.answer a USING (attempt_id)
        WHERE a.status = 'failed'
        UNION ALL
        SELECT j.error_kind, j.error_hop FROM one JOIN daily_runs.judgement j USING (attempt_id)
        WHERE j.status = 'unscored') AS f
    GROUP BY 1 ORDER BY 2 DESC, 1
)
SELECT one.attempt_id::text, one.run_key, one.asked, counted.*,
       coalesce((SELECT json_object_agg(failure, n) FROM failure), '{}') AS failures,
       ARRAY(SELECT g.expectation FROM daily_runs.gate_result g
             WHERE g.attempt_id = one.attempt_id AND NOT g.passed ORDER BY 1) AS blocked_by,
       one.judge_repeats,
       (SELECT to_jsonb(w) - 'attempt_id' FROM daily_runs.attempt_terms w WHERE w.attempt_id = one.attempt_id) AS terms
FROM one CROSS JOIN counted
"""


def facts_of(
    store: Store, airflow_run_id: str, feature: str, environment: str, attempt_id: str | None = None
) -> AttemptFacts | None:
    """What is known of an attempt; None before there is one.

    Args:
        airflow_run_id, feature, environment: name the attempt that a DAG run opened last in an environment.
        attempt_id: names it where the task was given one: an attempt that is gone on with was opened by another run.
    """
    given = {"airflow_run_id": airflow_run_id, "feature": feature, "environment": environment, "attempt_id": attempt_id}
    rows = store.rows(_FACTS, given)
    if not rows:
        return None
    (row,) = rows
    failures = dict(sorted(row.pop("failures").items(), key=lambda one: (-one[1], one[0])))
    terms, repeats = row.pop("terms"), row.pop("judge_repeats")
    each = AttemptTerms(**terms) if terms else None
    answer_usd, verdict_usd = (each.answer_usd, each.verdict_usd) if each else (None, None)
    unscored = repeats * (row["asked"] - row["scored"])
    return AttemptFacts(
        **row,
        failures=failures,
        spent_usd=_spent_usd(store, row["run_key"]),
        missing_usd=estimated_usd((row["asked"] - row["answered"], answer_usd), (unscored, verdict_usd)),
        again_usd=estimated_usd((repeats * row["answered"], verdict_usd)),
    )


def _spent_usd(store: Store, run_key: str) -> float | None:
    with store.transaction() as connection:
        found = cost_rows.of_run(connection, run_key)
    usd: float | None = found["usd"] if found["rows"] else 0.0
    return usd

"""Tokens that published runs have measured: what plans reckon with where they exist."""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.store.database import Store

RUNS_LOOKED_AT = 5
"""So many of a feature's newest published runs count: tokens change with prompts and models."""


class Measured(NamedTuple):
    """Mean tokens of one call of a feature, over so many calls."""

    feature: str
    input_tokens: float
    output_tokens: float
    calls: int


def prompts(store: Store, provenance: str) -> list[Measured]:
    """Tokens of a prompt, of features whose path tells them (null is unknown and does not count)."""
    rows = store.rows(
        """
        WITH newest AS (
            SELECT run_key, feature,
                   row_number() OVER (PARTITION BY feature ORDER BY logical_date DESC, environment) AS place
            FROM daily_runs.published_run WHERE provenance = %(provenance)s
        )
        SELECT n.feature, avg(r.input_tokens)::float8 AS input_tokens, avg(r.output_tokens)::float8 AS output_tokens,
               count(*)::int AS calls
        FROM newest n JOIN daily_runs.published_result r USING (run_key)
        WHERE n.place <= %(runs)s AND r.input_tokens > 0 AND r.output_tokens > 0
        GROUP BY n.feature ORDER BY n.feature
        """,
        {"provenance": provenance, "runs": RUNS_LOOKED_AT},
    )
    return [Measured(**row) for row in rows]


def verdicts(store: Store, provenance: str, judge_model: str) -> list[Measured]:
    """Tokens of a verdict, by feature."""
    rows = store.rows(
        """
        WITH newest AS (
            SELECT attempt_id, feature,
                   row_number() OVER (PARTITION BY feature ORDER BY logical_date DESC, environment) AS place
            FROM daily_runs.published_run WHERE provenance = %(provenance)s AND judge_model = %(judge_model)s
        )
        SELECT n.feature, avg(v.input_tokens)::float8 AS input_tokens, avg(v.output_tokens)::float8 AS output_tokens,
               count(*)::int AS calls
        FROM newest n
        JOIN daily_runs.judgement j USING (attempt_id)
        JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key
        WHERE n.place <= %(runs)s AND v.input_tokens > 0 AND v.output_tokens > 0
        GROUP BY n.feature ORDER BY n.feature
        """,
        {"provenance": provenance, "judge_model": judge_model, "runs": RUNS_LOOKED_AT},
    )
    return [Measured(**row) for row in rows]

"""What runs cost: all calls of all their attempts, by the same reckoning as `contract.costs_v1`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from daily_runs.store.pool import Connection

_COSTS = """
WITH attempts AS MATERIALIZED (
    SELECT attempt_id, run_key, count(*) OVER (PARTITION BY run_key) = 1 AND run_key NOT LIKE '%%/rubric-%%' AS is_alone
    FROM daily_runs.attempt WHERE run_key = ANY(%(run_keys)s)
), asked AS (
    SELECT a.attempt_id, a.sent_at, a.tries, a.input_tokens, a.output_tokens FROM daily_runs.asked_once a
    WHERE a.run_key = ANY(ARRAY(SELECT run_key FROM attempts WHERE NOT is_alone))
    UNION ALL -- where nothing can have been taken over, each answer was asked once: no other attempt is looked for
    SELECT a.attempt_id, a.sent_at, a.tries, a.input_tokens, a.output_tokens FROM daily_runs.answer a
    JOIN attempts USING (attempt_id) WHERE is_alone AND a.status <> 'planned'
), paid AS (
    SELECT 'inference' AS stage, w.answer_model AS model, a.tries, a.input_tokens, a.output_tokens,
           w.answer_input_tokens AS usual_input, w.answer_output_tokens AS usual_output,
           w.answer_input_usd AS input_usd, w.answer_output_usd AS output_usd, w.prices_as_of, w.prices_verified
    FROM asked a LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    WHERE a.sent_at IS NOT NULL OR a.tries > 0
    UNION ALL
    SELECT 'judging', k.judge_model, k.tries, k.input_tokens, k.output_tokens, w.verdict_input_tokens,
           w.verdict_output_tokens,
           CASE k.judge_model WHEN w.verdict_model THEN w.verdict_input_usd
                              WHEN w.second_model THEN w.second_input_usd END,
           CASE k.judge_model WHEN w.verdict_model THEN w.verdict_output_usd
                              WHEN w.second_model THEN w.second_output_usd END, w.prices_as_of, w.prices_verified
    FROM daily_runs.judge_calls k LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
    WHERE k.attempt_id = ANY(ARRAY(SELECT attempt_id FROM attempts))
)
SELECT stage, model, basis, sum(calls)::int AS calls, sum(calls * input_each) AS input_tokens,
       sum(calls * output_each) AS output_tokens,
       sum(calls * (input_each * input_usd + output_each * output_usd)) / 1000000 AS usd, prices_as_of, prices_verified
FROM paid CROSS JOIN LATERAL (
    SELECT CASE WHEN input_tokens IS NOT NULL AND output_tokens IS NOT NULL THEN 'measured' ELSE 'estimate' END, 1,
           coalesce(input_tokens, usual_input), coalesce(output_tokens, usual_output)
    UNION ALL
    SELECT 'estimate', tries - 1, usual_input, usual_output WHERE tries > 1
) AS c (basis, calls, input_each, output_each)
GROUP BY stage, model, basis, prices_as_of, prices_verified ORDER BY stage, model, basis
"""


def of_run(connection: Connection, run_key: str) -> dict[str, Any]:
    """As `of_runs`, of one run."""
    return of_runs(connection, [run_key])


def of_runs(connection: Connection, run_keys: Sequence[str]) -> dict[str, Any]:
    """Calls, tokens and list-price USD by stage, model and basis, and the sum; None where a price is not known.

    `basis` is `measured` where the path told the tokens, else `estimate`: the catalogue's expectation.
    """
    rows = connection.execute(_COSTS.encode(), {"run_keys": list(run_keys)}).fetchall()
    known = [row["usd"] for row in rows]
    return {"rows": rows, "usd": math.fsum(known) if rows and None not in known else None}

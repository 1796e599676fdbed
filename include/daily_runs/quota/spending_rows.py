"""What a feature's calls of a stretch of time took, for its budget."""

from __future__ import annotations

import datetime as dt

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

_ANSWERS = """
SELECT coalesce(sum(coalesce(n.input_tokens, %(input)s) + %(input)s * greatest(tries - 1, 0)), 0)::float8
           AS input_tokens,
       coalesce(sum(coalesce(n.output_tokens, %(output)s) + %(output)s * greatest(tries - 1, 0)), 0)::float8
           AS output_tokens
FROM (
    SELECT DISTINCT ON (t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at)) -- a rerun holds it once more
           a.input_tokens, a.output_tokens,
           max(a.tries) OVER (PARTITION BY t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at)) AS tries
    FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
    WHERE r.feature = %(feature)s AND coalesce(r.environment = %(environment)s::text, true)
      AND a.status <> 'planned' AND coalesce(a.settled_at, a.sent_at) >= %(since)s
    ORDER BY t.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at), a.settled_at
) AS n
"""
_VERDICTS = """
SELECT coalesce(sum(coalesce(v.input_tokens, %(input)s)), 0)::float8 AS input_tokens,
       coalesce(sum(coalesce(v.output_tokens, %(output)s)), 0)::float8 AS output_tokens
FROM daily_runs.verdict v WHERE v.judged_at >= %(since)s AND EXISTS (
    SELECT FROM daily_runs.judgement j JOIN daily_runs.attempt USING (attempt_id) JOIN daily_runs.run USING (run_key)
    WHERE j.verdict_key = v.verdict_key AND feature = %(feature)s)
"""


def answers(
    store: Store,
    feature: str,
    since: dt.datetime,
    *,
    input_tokens: int,
    output_tokens: int,
    environment: str | None = None,
) -> Row:
    """Tokens of the feature's calls since a moment, in one environment or in all.

    Each try counts; a try whose path does not tell its tokens counts with the figures given here.
    """
    given = {
        "feature": feature,
        "environment": environment,
        "since": since,
        "input": input_tokens,
        "output": output_tokens,
    }
    return store.row(_ANSWERS, given)


def verdicts(store: Store, feature: str, since: dt.datetime, *, input_tokens: int, output_tokens: int) -> Row:
    """Tokens of the verdicts on the feature's answers since a moment, each counted once however often it was used.

    A verdict whose tokens the judge did not tell counts with the figures given here.
    """
    given = {"feature": feature, "since": since, "input": input_tokens, "output": output_tokens}
    return store.row(_VERDICTS, given)

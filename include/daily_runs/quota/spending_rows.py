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
    SELECT DISTINCT ON (asked.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at)) -- a rerun holds it once more
           a.input_tokens, a.output_tokens,
           max(a.tries) OVER (PARTITION BY asked.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at)) AS tries
    FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)
    CROSS JOIN LATERAL (SELECT split_part(t.run_key, '/rubric-', 1)) AS asked (run_key) -- a trial: its run's answers
    WHERE r.feature = %(feature)s AND coalesce(r.environment = %(environment)s::text, true)
      AND a.status <> 'planned' AND coalesce(a.settled_at, a.sent_at) >= %(since)s
    ORDER BY asked.run_key, a.prompt_id, coalesce(a.sent_at, a.settled_at), a.settled_at
) AS n
"""
_VERDICTS = """
SELECT coalesce(sum(coalesce(input_tokens, %(input)s) + %(input)s * greatest(tries - 1, 0)), 0)::float8
           AS input_tokens,
       coalesce(sum(coalesce(output_tokens, %(output)s) + %(output)s * greatest(tries - 1, 0)), 0)::float8
           AS output_tokens
FROM daily_runs.judge_calls WHERE feature = %(feature)s AND ended_at >= %(since)s AND
"""
_BY_FIRST, _BY_SECOND = "NOT by_second", "by_second AND judge_model = %(model)s"


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
    """Tokens of the calls to the judge for the feature's answers since a moment, frozen ones too, each counted once.

    Calls that gave no verdict were paid, too. They count with the figures given here, and so does a verdict whose
    tokens the judge did not tell.
    """
    given = {"feature": feature, "since": since, "input": input_tokens, "output": output_tokens}
    return store.row(_VERDICTS + _BY_FIRST, given)


def second_verdicts(
    store: Store, feature: str, since: dt.datetime, *, model: str, input_tokens: int, output_tokens: int
) -> Row:
    """Tokens of the calls to a second judge of this model for the feature's answers since a moment (see `verdicts`)."""
    given = {"feature": feature, "since": since, "model": model, "input": input_tokens, "output": output_tokens}
    return store.row(_VERDICTS + _BY_SECOND, given)

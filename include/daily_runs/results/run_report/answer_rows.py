"""The answers that a report shows, each with the judge's reasons: of an item, the one nearest to the item's mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from daily_runs.results.item_rows import UNKNOWN
from daily_runs.store.pool import Connection


class WantedAnswer(NamedTuple):
    """One item of an attempt as one provider served it, and the mean of its answers there."""

    attempt_id: str
    item_id: str
    provider: str
    mean: float | None


_ATTEMPTS = "SELECT run_key, attempt_id::text FROM daily_runs.published_run WHERE run_key = ANY(%(keys)s)"
_ANSWERS = """
WITH kept AS MATERIALIZED (  -- first, by their index: joined at once, all answers that there are would be read
    SELECT attempt_id, prompt_id, item_id, answer, coalesce(serving_provider, %(unknown)s) AS provider
    FROM daily_runs.answer WHERE attempt_id = ANY(%(of)s::uuid[]) AND status = 'answered'
)
SELECT DISTINCT ON (w.attempt_id, w.item_id, w.provider) w.attempt_id::text, w.item_id, w.provider, a.prompt_id,
       a.answer, j.error_kind AS unscored_kind, v.reasons, v.scores AS points, m.score, m.verdicts
FROM unnest(%(attempts)s::uuid[], %(items)s::text[], %(providers)s::text[], %(means)s::float8[])
     AS w (attempt_id, item_id, provider, mean)
JOIN kept a USING (attempt_id, item_id, provider)
LEFT JOIN daily_runs.judgement j ON j.attempt_id = a.attempt_id AND j.prompt_id = a.prompt_id
LEFT JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key AND j.status = 'scored'
CROSS JOIN LATERAL (
    SELECT avg(x.score) AS score, count(*)::int AS verdicts FROM daily_runs.verdict x
    WHERE j.status = 'scored' AND (x.verdict_key = j.verdict_key OR x.repeat_of = j.verdict_key)
) AS m
ORDER BY w.attempt_id, w.item_id, w.provider, abs(m.score - w.mean) NULLS LAST, a.prompt_id
"""


def read(connection: Connection, wanted: Sequence[WantedAnswer]) -> dict[WantedAnswer, dict[str, Any]]:
    """The answers that are kept: text, score, and points and reasons of the first verdict on each."""
    asked = {
        "of": sorted({one.attempt_id for one in wanted}),
        "attempts": [one.attempt_id for one in wanted],
        "items": [one.item_id for one in wanted],
        "providers": [one.provider for one in wanted],
        "unknown": UNKNOWN,
        "means": [one.mean for one in wanted],
    }
    rows = connection.execute(_ANSWERS.encode(), asked).fetchall() if wanted else []
    by_name = {tuple(row.pop(name) for name in ("attempt_id", "item_id", "provider")): row for row in rows}
    return {one: by_name[one[:3]] for one in wanted if one[:3] in by_name}


def published_attempts(connection: Connection, run_keys: Sequence[str]) -> dict[str, str]:
    """The id of the attempt that is published of each of these runs, which has their answers."""
    rows = connection.execute(_ATTEMPTS, {"keys": list(run_keys)}).fetchall()
    return {row["run_key"]: row["attempt_id"] for row in rows}

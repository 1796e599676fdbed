"""What an attempt left, published or not: how its prompts ended, how long they took, and its items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daily_runs.results.item_rows import UNKNOWN, PublishedItem
from daily_runs.results.run_report.questions import AskedQuestion
from daily_runs.store.pool import Connection, Row

_NAMED = """
SELECT * FROM contract.attempts_v1 WHERE attempt_id::text = %(name)s OR run_key = %(name)s
ORDER BY started_at DESC LIMIT 1
"""
_OF_RUN = """
SELECT attempt_id::text, outcome, reason, rerun, note, started_at, ended_at FROM contract.attempts_v1
WHERE run_key = %(run_key)s ORDER BY started_at DESC
"""
_FAILURES = """
SELECT error_hop AS hop, error_kind AS kind, count(*)::int AS prompts FROM daily_runs.answer
WHERE attempt_id = %(attempt_id)s AND status = 'failed' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_UNSCORED = """
SELECT error_hop AS hop, error_kind AS kind, count(*)::int AS prompts FROM daily_runs.judgement
WHERE attempt_id = %(attempt_id)s AND status = 'unscored' GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM a.settled_at - a.sent_at)::float8
                    * CASE WHEN t.provenance = 'live' THEN 1 ELSE w.time_scale END) AS seconds
FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id)
LEFT JOIN daily_runs.attempt_terms w USING (attempt_id)
WHERE a.attempt_id = %(attempt_id)s AND a.status = 'answered'
"""
_ITEMS = f"""
SELECT a.item_id, coalesce(a.serving_provider, '{UNKNOWN}') AS provider,
       (count(*) FILTER (WHERE a.status = 'answered'))::int AS answered, count(j.score)::int AS scored,
       (sum(count(*) FILTER (WHERE a.status = 'failed')) OVER (PARTITION BY a.item_id))::int AS failed,
       avg(j.score) AS mean, coalesce(var_samp(j.score), 0) AS variance
FROM daily_runs.answer a
LEFT JOIN daily_runs.judged j ON j.attempt_id = a.attempt_id AND j.prompt_id = a.prompt_id AND j.status = 'scored'
WHERE a.attempt_id = %(attempt_id)s GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - a word of ours
_RULER = """
SELECT t.rubric_version, t.judge_model, t.judge_effort, t.judge_thinking, t.prompt_template, t.judge_repeats,
       (SELECT coalesce(jsonb_object_agg(judge, verdicts), '{}') FROM (
            SELECT coalesce(v.answered_by, 'unknown') AS judge, count(*)::int AS verdicts
            FROM daily_runs.judgement j
            JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key
            WHERE j.attempt_id = t.attempt_id AND j.status = 'scored' GROUP BY 1) AS given) AS answered_by
FROM daily_runs.attempt t WHERE t.attempt_id = %(attempt_id)s
"""


def named(connection: Connection, name: str) -> Row | None:
    """The attempt with that id, or the newest one of the run with that key (a row of `contract.attempts_v1`)."""
    return connection.execute(_NAMED.encode(), {"name": name}).fetchone()


def of_run(connection: Connection, run_key: str) -> list[Row]:
    """All attempts of a run, the newest first."""
    return connection.execute(_OF_RUN.encode(), {"run_key": run_key}).fetchall()


def failures(connection: Connection, attempt_id: str) -> list[Row]:
    """How many prompts have no answer, by hop and kind, the most frequent first."""
    return connection.execute(_FAILURES.encode(), {"attempt_id": attempt_id}).fetchall()


def unscored(connection: Connection, attempt_id: str) -> list[Row]:
    """How many answers could not be judged, by hop and kind, the most frequent first."""
    return connection.execute(_UNSCORED.encode(), {"attempt_id": attempt_id}).fetchall()


def latency(connection: Connection, attempt_id: str) -> Row | None:
    """The 50th, 95th and 99th percentile of answered prompts, as `seconds` of the domain; null where unknown."""
    return connection.execute(_LATENCY.encode(), {"attempt_id": attempt_id}).fetchone()


def items(connection: Connection, attempt_id: str, questions: Mapping[str, AskedQuestion]) -> list[PublishedItem]:
    """The items as they stand; their classes come from the data set, and are empty where that has changed."""
    rows = connection.execute(_ITEMS.encode(), {"attempt_id": attempt_id}).fetchall()
    return [
        PublishedItem(
            **row, item_class=questions[row["item_id"]].item_class if row["item_id"] in questions else "", criteria={}
        )
        for row in rows
    ]


def ruler(connection: Connection, attempt_id: str) -> dict[str, Any]:
    """What its answers were measured with; `answered_by`: how many verdicts each model gave, by its own name."""
    row = connection.execute(_RULER.encode(), {"attempt_id": attempt_id}).fetchone()
    assert row is not None  # the attempt was just read
    return row

"""Rows of verdicts (each paid once in its judging) and of judgements (an attempt's prompt and its verdicts)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from daily_runs.errors import CallError
from daily_runs.judging.ruler import Ruler
from daily_runs.judging.verdict import Verdict
from daily_runs.statuses import JudgementStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Row
from daily_runs.store.text import storable


def unjudged(store: Store, attempt_id: str, shard: int | None) -> list[Row]:
    """Answered prompts without a settled judgement."""
    return store.rows(
        """
        SELECT a.prompt_id, a.item_id, a.answer, coalesce(j.tries, 0) AS tries FROM daily_runs.answer a
        LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
        WHERE a.attempt_id = %(attempt)s AND a.status = 'answered' AND coalesce(j.status, 'sent') = 'sent'
              AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
        ORDER BY a.prompt_id
        """,
        {"attempt": attempt_id, "shard": shard},
    )


def counts(store: Store, attempt_id: str, shard: int | None = None) -> dict[str, int]:
    """Judgements by status; those without one count as `missing`."""
    rows = store.rows(
        """
        SELECT coalesce(nullif(j.status, 'sent'), 'missing') AS status, count(*)::int AS n FROM daily_runs.answer a
        LEFT JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
        WHERE a.attempt_id = %(attempt)s AND a.status = 'answered'
              AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
        GROUP BY 1
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["status"]: row["n"] for row in rows}


def failures(store: Store, attempt_id: str, shard: int | None = None) -> dict[str, int]:
    """How many answers could not be judged, by `hop: kind`, the most frequent first."""
    rows = store.rows(
        """
        SELECT j.error_hop || ': ' || j.error_kind AS failure, count(*)::int AS n FROM daily_runs.judgement j
        JOIN daily_runs.answer a USING (attempt_id, prompt_id)
        WHERE attempt_id = %(attempt)s AND j.status = 'unscored' AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
        GROUP BY 1 ORDER BY 2 DESC
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["failure"]: row["n"] for row in rows}


def known_verdicts(store: Store, keys: Sequence[str]) -> set[str]:
    """Which of these verdicts were paid for already."""
    rows = store.rows(
        "SELECT verdict_key FROM daily_runs.verdict WHERE verdict_key = ANY(%(keys)s)", {"keys": list(keys)}
    )
    return {row["verdict_key"] for row in rows}


def known_failures(store: Store, keys: Sequence[str], kinds: Sequence[str]) -> dict[str, str]:
    """Which of these verdicts somebody asked for and got none, for one of these kinds of reasons: kind by key."""
    rows = store.rows(
        "SELECT DISTINCT verdict_key, error_kind FROM daily_runs.judgement"
        " WHERE verdict_key = ANY(%(keys)s) AND error_kind = ANY(%(kinds)s)",
        {"keys": list(keys), "kinds": list(kinds)},
    )
    return {row["verdict_key"]: row["error_kind"] for row in rows}


def judges_of(store: Store, attempt_id: str, shard: int | None = None) -> dict[str, int]:
    """How many of an attempt's verdicts each model gave, as the answers name it."""
    rows = store.rows(
        """
        SELECT coalesce(v.answered_by, 'unknown') AS judge, count(*)::int AS n FROM daily_runs.judgement j
        JOIN daily_runs.answer a USING (attempt_id, prompt_id)
        JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key
        WHERE j.attempt_id = %(attempt)s AND j.status = 'scored' AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
        GROUP BY 1 ORDER BY 1
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["judge"]: row["n"] for row in rows}


def judge_std(store: Store, attempt_id: str, shard: int | None = None) -> float | None:
    """The judge's own noise: the standard deviation of one verdict's score around its answer's mean; None if unknown.

    Pooled over the answers with two verdicts or more, each with one degree of freedom less than it has verdicts.
    """
    found = store.row(
        """
        SELECT sqrt(sum((v.score - m.score) ^ 2) / nullif(count(*) - count(DISTINCT prompt_id), 0)) AS std
        FROM daily_runs.judged m JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
        JOIN daily_runs.answer a USING (attempt_id, prompt_id)
        JOIN daily_runs.verdict v ON v.verdict_key = j.verdict_key OR v.repeat_of = j.verdict_key
        WHERE attempt_id = %(attempt)s AND m.verdicts > 1 AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
        """,
        {"attempt": attempt_id, "shard": shard},
    )["std"]
    return None if found is None else float(found)


_JUDGEMENT = """
INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, error_hop, error_kind, sent_at,
                                  settled_at)
SELECT %(attempt)s, p, %(key)s, %(status)s,
       coalesce(%(tries)s::int, CASE %(status)s WHEN 'sent' THEN 1 WHEN 'unscored' THEN 0 ELSE (
           SELECT coalesce(sum(v.tries), 0) FROM daily_runs.verdict v
           WHERE v.paid_by = %(attempt)s AND (v.verdict_key = %(key)s OR v.repeat_of = %(key)s)) END),
       %(hop)s, %(kind)s, CASE WHEN %(status)s = 'sent' THEN clock_timestamp() END,
       CASE WHEN %(status)s <> 'sent' THEN clock_timestamp() END
FROM unnest(%(prompts)s::text[]) AS p
ON CONFLICT (attempt_id, prompt_id) DO UPDATE SET
    verdict_key = EXCLUDED.verdict_key, status = EXCLUDED.status, error_hop = EXCLUDED.error_hop,
    error_kind = EXCLUDED.error_kind, sent_at = coalesce(EXCLUDED.sent_at, judgement.sent_at),
    settled_at = EXCLUDED.settled_at,
    tries = CASE WHEN EXCLUDED.status = 'scored' THEN EXCLUDED.tries
                 ELSE coalesce(%(tries)s::int, judgement.tries + EXCLUDED.tries) END
"""
"""`tries` are the calls since the prompt's last verdict; once it is scored, those of all its verdicts that the attempt
paid for."""
_VERDICT = """
WITH kept AS (
    INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, input_tokens,
                                    output_tokens, repeat, repeat_of, tries, answered_by, judge_effort, judge_thinking,
                                    prompt_template, sdk_version, paid_by)
    VALUES (%(key)s, %(rubric_version)s, %(judge_model)s, %(reasons)s, %(points)s, %(score)s, %(input_tokens)s,
            %(output_tokens)s, %(repeat)s, %(repeat_of)s, %(tries)s, %(answered_by)s, %(judge_effort)s,
            %(judge_thinking)s, %(prompt_template)s, %(sdk_version)s, %(attempt)s)
    ON CONFLICT (verdict_key) DO NOTHING RETURNING coalesce(repeat_of, verdict_key) AS first_key
)
UPDATE daily_runs.judgement SET tries = 0 FROM kept
WHERE attempt_id = %(attempt)s AND verdict_key = first_key AND status = 'sent'
"""
"""The verdict has the tries that it took, so its judgement has them no more: they are paid once."""


class JudgementRows:
    """Writes the judgements of one attempt's prompts."""

    def __init__(self, store: Store, attempt_id: str) -> None:
        self._store, self._attempt = store, attempt_id

    def _judgement(
        self,
        prompt_ids: Sequence[str],
        key: str,
        status: JudgementStatus,
        error: CallError | None = None,
        tries: int | None = None,
    ) -> None:
        self._store.rows(
            _JUDGEMENT,
            {
                "attempt": self._attempt,
                "prompts": list(prompt_ids),
                "key": key,
                "status": status,
                "hop": error.hop if error else None,
                "kind": error.kind if error else None,
                "tries": tries,
            },
        )

    def sent(self, prompt_ids: Sequence[str], key: str, tries: int | None = None) -> None:
        """Store the intent: from here on the call may have been paid for (`tries`: see `AnswerRows.sent`)."""
        self._judgement(prompt_ids, key, JudgementStatus.SENT, tries=tries)

    def refused(self, prompt_ids: Sequence[str], tries: int) -> None:
        """The call was refused, so not paid: store only how many `tries` count."""
        self._store.rows(
            """
            UPDATE daily_runs.judgement SET tries = %(tries)s
            WHERE attempt_id = %(attempt)s AND prompt_id = ANY(%(prompts)s) AND status = 'sent'
            """,
            {"tries": tries, "attempt": self._attempt, "prompts": list(prompt_ids)},
        )

    def scored(self, prompt_ids: Sequence[str], key: str) -> None:
        """Point the prompts at verdicts that the store has: the first one's key."""
        self._judgement(prompt_ids, key, JudgementStatus.SCORED)

    def unscored(self, prompt_ids: Sequence[str], key: str, error: CallError) -> None:
        """Store that no usable verdict came, and why."""
        self._judgement(prompt_ids, key, JudgementStatus.UNSCORED, error)

    def keep(
        self, key: str, verdict: Verdict, ruler: Ruler, *, repeat: int = 1, repeat_of: str | None = None, tries: int = 1
    ) -> None:
        """Keep a verdict that this attempt paid for, before any prompt is pointed at it.

        Args:
            key: names it.
            verdict: what the judge gave.
            ruler: what it was made with.
            repeat: which verdict on its answer it is, from 1.
            repeat_of: the key of the first one; None of the first.
            tries: how many calls it took.
        """
        self._store.rows(
            _VERDICT,
            {
                **verdict._asdict(),
                **ruler._asdict(),
                "reasons": storable(verdict.reasons),
                "points": json.dumps(verdict.points),
                "key": key,
                "attempt": self._attempt,
                "repeat": repeat,
                "repeat_of": repeat_of,
                "tries": tries,
            },
        )

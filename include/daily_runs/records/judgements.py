"""Rows of verdicts (paid once, keyed by what was judged) and of judgements (an attempt's prompt and its verdict)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from daily_runs.errors import CallError
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
            """
            INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, error_hop, error_kind,
                                              settled_at)
            SELECT %(attempt)s, p, %(key)s, %(status)s, coalesce(%(tries)s::int, (%(status)s = 'sent')::int), %(hop)s,
                   %(kind)s, CASE WHEN %(status)s <> 'sent' THEN clock_timestamp() END
            FROM unnest(%(prompts)s::text[]) AS p
            ON CONFLICT (attempt_id, prompt_id) DO UPDATE SET
                verdict_key = EXCLUDED.verdict_key, status = EXCLUDED.status, error_hop = EXCLUDED.error_hop,
                error_kind = EXCLUDED.error_kind, settled_at = EXCLUDED.settled_at,
                tries = coalesce(%(tries)s::int, judgement.tries + EXCLUDED.tries)
            """,
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

    def reused(self, prompt_ids: Sequence[str], key: str) -> None:
        """Point the prompts at a verdict that the store has already."""
        self._judgement(prompt_ids, key, JudgementStatus.SCORED)

    def unscored(self, prompt_ids: Sequence[str], key: str, error: CallError) -> None:
        """Store that no usable verdict came, and why."""
        self._judgement(prompt_ids, key, JudgementStatus.UNSCORED, error)

    def scored(
        self, prompt_ids: Sequence[str], key: str, verdict: Verdict, *, rubric_version: str, judge_model: str
    ) -> None:
        """Keep the verdict, then point the prompts at it."""
        self._store.rows(
            """
            INSERT INTO daily_runs.verdict VALUES (%(key)s, %(rubric)s, %(judge)s, %(reasons)s, %(points)s, %(score)s,
                                                   %(input_tokens)s, %(output_tokens)s)
            ON CONFLICT (verdict_key) DO NOTHING
            """,
            {
                **verdict._asdict(),
                "reasons": storable(verdict.reasons),
                "points": json.dumps(verdict.points),
                "key": key,
                "rubric": rubric_version,
                "judge": judge_model,
            },
        )
        self._judgement(prompt_ids, key, JudgementStatus.SCORED)

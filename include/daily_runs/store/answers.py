"""Rows of prompts and their answers. The intent is stored before a paid call; each answer is stored as it arrives."""

from __future__ import annotations

import json
from typing import Any

from daily_runs.errors import CallError, StageError
from daily_runs.gitlab.calls import Answer, Ticket
from daily_runs.store.database import Row, Store, storable


def unsettled(store: Store, attempt_id: str, shard: int | None) -> list[Row]:
    """Prompts that have neither answer nor failure: planned ones, and those in flight when a task died."""
    return store.rows(
        """
        SELECT prompt_id, item_id, status, tries, evaluation_user, ticket FROM daily_runs.answer
        WHERE attempt_id = %(attempt)s AND status IN ('planned', 'sent')
              AND (%(shard)s::int IS NULL OR shard = %(shard)s)
        ORDER BY ticket IS NULL, status DESC, split_part(prompt_id, '#', 2)::int, item_id
        """,
        {"attempt": attempt_id, "shard": shard},
    )


def counts(store: Store, attempt_id: str, shard: int | None = None) -> dict[str, int]:
    """Prompts by status, of one shard or all."""
    rows = store.rows(
        """
        SELECT status, count(*)::int AS n FROM daily_runs.answer
        WHERE attempt_id = %(attempt)s AND (%(shard)s::int IS NULL OR shard = %(shard)s) GROUP BY status
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["status"]: row["n"] for row in rows}


def failures(store: Store, attempt_id: str, shard: int | None = None) -> dict[str, int]:
    """Failed prompts by `hop: kind`."""
    rows = store.rows(
        """
        SELECT error_hop || ': ' || error_kind AS failure, count(*)::int AS n FROM daily_runs.answer
        WHERE attempt_id = %(attempt)s AND status = 'failed' AND (%(shard)s::int IS NULL OR shard = %(shard)s)
        GROUP BY 1 ORDER BY 2 DESC
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["failure"]: row["n"] for row in rows}


class AnswerRows:
    """Writes the progress of one attempt's prompts."""

    def __init__(self, store: Store, attempt_id: str) -> None:
        self._store, self._attempt = store, attempt_id

    def _update(self, prompt_id: str, **columns: Any) -> None:
        names = ", ".join(f"{name} = %({name})s" for name in columns)
        self._store.rows(
            f"UPDATE daily_runs.answer SET {names}"  # noqa: S608 - the names are keywords of the calls below
            " WHERE attempt_id = %(attempt)s AND prompt_id = %(prompt)s",
            {**columns, "attempt": self._attempt, "prompt": prompt_id},
        )

    def sent(self, prompt_id: str, user: str) -> None:
        """The intent: from here on the call may have been paid for.

        Raises:
            StageError: another attempt has taken this one's place; nothing may be sent for it any more.
        """
        claimed = self._store.rows(
            """
            UPDATE daily_runs.answer a SET status = 'sent', tries = tries + 1, evaluation_user = %(user)s,
                   ticket = NULL, sent_at = clock_timestamp()
            FROM daily_runs.attempt t
            WHERE a.attempt_id = %(attempt)s AND a.prompt_id = %(prompt)s AND t.attempt_id = a.attempt_id
                  AND t.status <> 'superseded'
            RETURNING a.prompt_id
            """,
            {"user": user, "attempt": self._attempt, "prompt": prompt_id},
        )
        if not claimed:
            raise StageError(f"attempt {self._attempt} was superseded by a newer one: nothing is sent for it any more.")

    def accepted(self, prompt_id: str, ticket: Ticket) -> None:
        """The call was accepted; the ticket re-attaches to its answer."""
        self._update(prompt_id, ticket=json.dumps(ticket._asdict()))

    def answered(self, prompt_id: str, answer: Answer) -> None:
        """The answer, as it arrived (see `storable`)."""
        self._store.rows(
            """
            UPDATE daily_runs.answer SET status = 'answered', settled_at = clock_timestamp(), answer = %(text)s,
                   serving_provider = %(provider)s, serving_model = %(model)s, input_tokens = %(input_tokens)s,
                   output_tokens = %(output_tokens)s
            WHERE attempt_id = %(attempt)s AND prompt_id = %(prompt)s
            """,
            {**answer._asdict(), "text": storable(answer.text), "attempt": self._attempt, "prompt": prompt_id},
        )

    def failed(self, prompt_id: str, error: CallError) -> None:
        """The prompt has no answer, and this is why."""
        self._store.rows(
            """
            UPDATE daily_runs.answer SET status = 'failed', settled_at = clock_timestamp(), error_hop = %(hop)s,
                   error_kind = %(kind)s, error_blame = %(blame)s, error_evidence = %(evidence)s
            WHERE attempt_id = %(attempt)s AND prompt_id = %(prompt)s
            """,
            {
                "hop": error.hop,
                "kind": error.kind,
                "blame": error.blame,
                "evidence": error.evidence,
                "attempt": self._attempt,
                "prompt": prompt_id,
            },
        )

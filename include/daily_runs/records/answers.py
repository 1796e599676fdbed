"""Rows of prompts and their answers. The intent is stored before a paid call; each answer is stored as it arrives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.errors import CallError, StageError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.store.database import Store
from daily_runs.store.pool import Row
from daily_runs.store.text import storable


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
    """How many prompts failed, by `hop: kind`."""
    rows = store.rows(
        """
        SELECT error_hop || ': ' || error_kind AS failure, count(*)::int AS n FROM daily_runs.answer
        WHERE attempt_id = %(attempt)s AND status = 'failed' AND (%(shard)s::int IS NULL OR shard = %(shard)s)
        GROUP BY 1 ORDER BY 2 DESC
        """,
        {"attempt": attempt_id, "shard": shard},
    )
    return {row["failure"]: row["n"] for row in rows}


def without_facts(store: Store, attempt_id: str, shard: int | None) -> list[Row]:
    """Answers that no code has looked at yet, with the time that each took (wall seconds)."""
    return store.rows(
        """
        SELECT prompt_id, item_id, answer, extract(epoch FROM settled_at - sent_at)::float8 AS wall_seconds
        FROM daily_runs.answer
        WHERE attempt_id = %(attempt)s AND status = 'answered' AND facts IS NULL
              AND (%(shard)s::int IS NULL OR shard = %(shard)s)
        ORDER BY prompt_id
        """,
        {"attempt": attempt_id, "shard": shard},
    )


def keep_facts(store: Store, attempt_id: str, facts: Mapping[str, Mapping[str, bool | int | float | None]]) -> None:
    """Store what code found of each answer, by prompt id (see `daily_runs.judging.answer_checks`)."""
    store.rows(
        """
        UPDATE daily_runs.answer a SET facts = given.facts::jsonb
        FROM unnest(%(prompts)s::text[], %(facts)s::text[]) AS given (prompt_id, facts)
        WHERE a.attempt_id = %(attempt)s AND a.prompt_id = given.prompt_id
        """,
        {"attempt": attempt_id, "prompts": list(facts), "facts": [json.dumps(one) for one in facts.values()]},
    )


class Sent(NamedTuple):
    """A prompt that is about to be sent.

    `tries`: how often it was, this time included, which stays right when an outage of the store has the statement run
    twice. `grant_id`: the ledger's grant, from now on counted in the user's window for good; None = there is none.
    """

    prompt_id: str
    user_name: str
    tries: int | None
    grant_id: int | None = None


class AnswerRows:
    """Writes the progress of one attempt's prompts."""

    def __init__(self, store: Store, attempt_id: str) -> None:
        self._store, self._attempt = store, attempt_id

    def sent(self, prompt_id: str, user: str, tries: int | None = None) -> None:
        """As `sent_all` for one prompt that has no grant; `tries` None adds one to what is stored."""
        self.sent_all([Sent(prompt_id, user, tries)])

    def sent_all(self, prompts: Sequence[Sent]) -> None:
        """Store the intents: from here on the calls may have been paid for.

        Raises:
            StageError: another attempt has taken this one's place, or a grant has expired: nothing may be sent.
        """
        claimed = self._store.rows(
            """
            WITH told AS (
                SELECT * FROM jsonb_to_recordset(%(prompts)s::jsonb)
                         AS r (prompt_id text, user_name text, tries integer, grant_id bigint)
            ), counted AS (
                UPDATE daily_runs.quota_grant g SET sent_at = clock_timestamp() FROM told
                WHERE g.grant_id = told.grant_id AND g.grant_id = ANY(%(grants)s) AND g.expires_at > clock_timestamp()
                RETURNING g.grant_id
            )
            UPDATE daily_runs.answer a SET status = 'sent', tries = coalesce(told.tries, a.tries + 1),
                   evaluation_user = told.user_name, ticket = NULL, sent_at = clock_timestamp()
            FROM told, daily_runs.attempt t
            WHERE a.attempt_id = %(attempt)s AND a.prompt_id = ANY(%(names)s) AND a.prompt_id = told.prompt_id
                  AND t.attempt_id = a.attempt_id AND t.status <> 'superseded'
                  AND (told.grant_id IS NULL OR told.grant_id IN (SELECT grant_id FROM counted))
            RETURNING a.prompt_id
            """,
            {
                "prompts": json.dumps([prompt._asdict() for prompt in prompts]),
                "names": [prompt.prompt_id for prompt in prompts],  # to be found by the index, however many there are
                "grants": [prompt.grant_id for prompt in prompts],
                "attempt": self._attempt,
            },
        )
        if len(claimed) < len(prompts):
            raise StageError(
                f"attempt {self._attempt}: it was superseded by a newer one, or this process slept until its grants had"
                " expired. Nothing more is sent here; clear this task to go on."
            )

    def refused(self, prompt_id: str, tries: int) -> None:
        """Take the intent back: the call was refused for rate or overload, so not paid. `tries`: how many count."""
        self._store.rows(
            """
            UPDATE daily_runs.answer SET status = 'planned', tries = %(tries)s, evaluation_user = NULL, sent_at = NULL
            WHERE attempt_id = %(attempt)s AND prompt_id = %(prompt)s AND status = 'sent'
            """,
            {"tries": tries, "attempt": self._attempt, "prompt": prompt_id},
        )

    def accepted(self, prompt_id: str, ticket: Ticket) -> None:
        """As `accepted_all` for one prompt."""
        self.accepted_all([(prompt_id, ticket)])

    def accepted_all(self, prompts: Sequence[tuple[str, Ticket]]) -> None:
        """Store the tickets of calls that were accepted; each re-attaches to its answer."""
        self._store.rows(
            """
            UPDATE daily_runs.answer a SET ticket = told.ticket
            FROM jsonb_to_recordset(%(prompts)s::jsonb) AS told (prompt_id text, ticket jsonb)
            WHERE a.attempt_id = %(attempt)s AND a.prompt_id = ANY(%(names)s) AND a.prompt_id = told.prompt_id
            """,
            {
                "prompts": json.dumps([{"prompt_id": name, "ticket": ticket._asdict()} for name, ticket in prompts]),
                "names": [name for name, _ in prompts],
                "attempt": self._attempt,
            },
        )

    def answered(self, prompt_id: str, answer: Answer) -> None:
        """As `answered_all` for one prompt."""
        self.answered_all([(prompt_id, answer)])

    def answered_all(self, prompts: Sequence[tuple[str, Answer]]) -> None:
        """Store the answers as they arrived (see `storable`)."""
        told = [{**answer._asdict(), "prompt_id": name, "text": storable(answer.text)} for name, answer in prompts]
        self._store.rows(
            """
            UPDATE daily_runs.answer a SET status = 'answered', settled_at = clock_timestamp(), answer = told.text,
                   serving_provider = told.provider, serving_model = told.model, input_tokens = told.input_tokens,
                   output_tokens = told.output_tokens
            FROM jsonb_to_recordset(%(prompts)s::jsonb)
                 AS told (prompt_id text, text text, provider text, model text, input_tokens integer,
                          output_tokens integer)
            WHERE a.attempt_id = %(attempt)s AND a.prompt_id = ANY(%(names)s) AND a.prompt_id = told.prompt_id
            """,
            {"prompts": json.dumps(told), "names": [name for name, _ in prompts], "attempt": self._attempt},
        )

    def failed(self, prompt_id: str, error: CallError) -> None:
        """Store that the prompt has no answer, and why."""
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

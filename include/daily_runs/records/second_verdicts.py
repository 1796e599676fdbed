"""Rows of a second judge's verdicts: one an answer of a judging, for agreement only; no score is made of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.errors import CallError
from daily_runs.judging.agreement import JudgeAgreement, JudgedTwice, agreement_of
from daily_runs.judging.ruler import Ruler
from daily_runs.judging.verdict import Verdict
from daily_runs.statuses import JudgementStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row


class SecondJudging(NamedTuple):
    """Which verdicts belong together: those of one judging (see `attempt_inputs.JudgingOrder`) by one model."""

    attempt_id: str
    judging_id: str
    judge_model: str


_SCORED = """
SELECT a.prompt_id, a.item_id, a.answer, coalesce(s.status <> 'sent', false) AS is_settled,
       coalesce(s.tries, 0) AS tries
FROM daily_runs.answer a
JOIN daily_runs.judgement j USING (attempt_id, prompt_id)
LEFT JOIN daily_runs.second_verdict s
    ON s.judging_id = %(judging_id)s AND s.prompt_id = a.prompt_id AND s.judge_model = %(judge_model)s
WHERE a.attempt_id = %(attempt_id)s AND j.status = 'scored' AND (%(shard)s::int IS NULL OR a.shard = %(shard)s)
ORDER BY a.prompt_id
"""


def scored_by_the_first(store: Store, judging: SecondJudging, shard: int | None) -> list[Row]:
    """Answers with the first judge's verdict: `prompt_id`, `item_id`, `answer`, and how far the second judge is.

    `is_settled`: it gave a verdict, or none for good; `tries`: its calls so far.
    """
    return store.rows(_SCORED, {**judging._asdict(), "shard": shard})


class SecondVerdictRows:
    """Writes a second judge's verdicts. The key of a verdict is its prompt's id; see `clerk.VerdictRows`."""

    def __init__(self, store: Store, judging: SecondJudging) -> None:
        self._store, self._judging = store, judging

    def sent(self, prompt_ids: Sequence[str], key: str, tries: int | None = None) -> None:
        """Store the intent: from here on the call may have been paid for."""
        assert prompt_ids == [key]
        self._save(key, JudgementStatus.SENT, tries or 1)

    def refused(self, prompt_ids: Sequence[str], tries: int) -> None:
        """The call was refused, so not paid: store only how many `tries` count."""
        for prompt_id in prompt_ids:
            self._save(prompt_id, JudgementStatus.SENT, tries)

    def scored(self, prompt_ids: Sequence[str], key: str) -> None:
        """Nothing is left to do: `keep` has settled it."""

    def unscored(self, prompt_ids: Sequence[str], key: str, error: CallError) -> None:
        """Store that it gave no verdict, and why."""
        assert prompt_ids == [key]
        self._save(key, JudgementStatus.UNSCORED, kind=error.kind)

    def keep(
        self, key: str, verdict: Verdict, ruler: Ruler, *, repeat: int = 1, repeat_of: str | None = None, tries: int = 1
    ) -> None:
        """Store the verdict, the only one that this judge gives on the answer; the run's own ruler judges, too."""
        assert (repeat, repeat_of, ruler.judge_model) == (1, None, self._judging.judge_model)
        self._save(key, JudgementStatus.SCORED, tries, verdict)

    def _save(
        self,
        prompt_id: str,
        status: JudgementStatus,
        tries: int | None = None,
        verdict: Verdict | None = None,
        kind: str | None = None,
    ) -> None:
        self._store.rows(
            """
            INSERT INTO daily_runs.second_verdict AS known (
                judging_id, prompt_id, judge_model, attempt_id, status, tries, points, score, answered_by, input_tokens,
                output_tokens, error_kind)
            VALUES (%(judging_id)s, %(prompt_id)s, %(judge_model)s, %(attempt_id)s, %(status)s, coalesce(%(tries)s, 0),
                    %(points)s, %(score)s, %(answered_by)s, %(input_tokens)s, %(output_tokens)s, %(kind)s)
            ON CONFLICT (judging_id, prompt_id, judge_model) DO UPDATE SET
                status = EXCLUDED.status, tries = coalesce(%(tries)s, known.tries), points = EXCLUDED.points,
                score = EXCLUDED.score, answered_by = EXCLUDED.answered_by, input_tokens = EXCLUDED.input_tokens,
                output_tokens = EXCLUDED.output_tokens, error_kind = EXCLUDED.error_kind, settled_at = now()
            """,
            {
                **self._judging._asdict(),
                "prompt_id": prompt_id,
                "status": status,
                "tries": tries,
                "points": json.dumps(verdict.points) if verdict else None,
                "score": verdict.score if verdict else None,
                "answered_by": verdict.answered_by if verdict else None,
                "input_tokens": verdict.input_tokens if verdict else None,
                "output_tokens": verdict.output_tokens if verdict else None,
                "kind": kind,
            },
        )


_PAIRS = """
SELECT s.judge_model, a.item_id, j.score AS first_score, s.score AS second_score, j.scores AS first_points,
       s.points AS second_points
FROM daily_runs.attempt t
JOIN daily_runs.second_verdict s ON s.judging_id = coalesce(t.judging_id, t.attempt_id) AND s.status = 'scored'
JOIN daily_runs.answer a ON a.attempt_id = t.attempt_id AND a.prompt_id = s.prompt_id
JOIN daily_runs.judged j ON j.attempt_id = t.attempt_id AND j.prompt_id = s.prompt_id AND j.status = 'scored'
WHERE t.attempt_id = %s ORDER BY s.judge_model, a.prompt_id
"""


def save_agreement(connection: Connection, run_key: str, attempt_id: str) -> None:
    """Keep how far the judges of a run that is being published agree, inside the caller's transaction."""
    judged: dict[str, list[JudgedTwice]] = {}
    for row in connection.execute(_PAIRS, [attempt_id]).fetchall():
        judged.setdefault(row.pop("judge_model"), []).append(JudgedTwice(**row))
    for model, pairs in judged.items():
        found = agreement_of(pairs)
        assert found is not None  # a model is listed because it has a pair
        _insert(connection, run_key, model, found)


def _insert(connection: Connection, run_key: str, model: str, found: JudgeAgreement) -> None:
    columns = ", ".join(JudgeAgreement._fields)
    values = ", ".join(f"%({name})s" for name in JudgeAgreement._fields)
    statement = f"INSERT INTO daily_runs.judge_agreement (run_key, second_judge, {columns}) VALUES (%(run_key)s, %(model)s, {values})"  # noqa: S608, E501 - names from above
    told = {**found._asdict(), "by_criterion": json.dumps(dict(found.by_criterion))}
    connection.execute(statement.encode(), {"run_key": run_key, "model": model, **told})

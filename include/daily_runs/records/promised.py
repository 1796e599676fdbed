"""Rows of what an attempt that is not opened yet would take over: prompt by prompt, without writing anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from daily_runs.records.reruns import TAKEN_OVER
from daily_runs.statuses import AnswerStatus, JudgementStatus
from daily_runs.store.pool import Connection


class PromptBefore(NamedTuple):
    """A prompt of the attempt that is taken over from, or gone on with.

    Attributes:
        is_taken: its answer, failure or ticket stays; else it is asked.
        kept: the settled judgement that stays, if one does.
        verdicts: how many of the first judge's verdicts it has already in the judging that is gone on with.
        is_declined: the judge declined its answer in that judging for good, so it is not sent again.
        by_second: the second judge has settled it in that judging.
    """

    prompt_id: str
    status: AnswerStatus
    is_taken: bool
    kept: JudgementStatus | None
    verdicts: int
    is_declined: bool
    by_second: bool


_PROMPTS = f"""
SELECT n.prompt_id, n.status, n.is_taken,
       CASE WHEN k.status = ANY(%(judgements)s) THEN k.status END AS kept,
       (SELECT count(*)::int FROM daily_runs.verdict v
        WHERE v.verdict_key = g.verdict_key OR v.repeat_of = g.verdict_key) AS verdicts,
       coalesce(g.status = 'unscored' AND g.error_kind = ANY(%(not_again)s), false) AS is_declined,
       EXISTS (SELECT FROM daily_runs.second_verdict s
               WHERE s.judging_id = %(judging_id)s::uuid AND s.prompt_id = n.prompt_id
                     AND s.judge_model = %(second_model)s AND s.status <> 'sent') AS by_second
FROM (SELECT *, {TAKEN_OVER} AS is_taken FROM daily_runs.answer WHERE attempt_id = %(base)s) n
LEFT JOIN daily_runs.judgement k ON k.attempt_id = n.attempt_id AND k.prompt_id = n.prompt_id
LEFT JOIN daily_runs.judgement g ON g.attempt_id = %(gone_on_with)s::uuid AND g.prompt_id = n.prompt_id
ORDER BY n.prompt_id
"""  # noqa: S608 - from above


def prompts_before(
    connection: Connection,
    kept: dict[str, Any],
    *,
    gone_on_with: str | None,
    judging_id: str | None,
    second_model: str | None,
    not_again: Sequence[str],
) -> list[PromptBefore]:
    """Every prompt of the attempt before, in order of its id.

    Args:
        kept: see `reruns.what_is_kept`.
        gone_on_with: the attempt whose judging is gone on with; None for a new judging.
        judging_id: that judging.
        second_model: the second judge; None without one.
        not_again: kinds of failed verdicts that are not asked for again.
    """
    given = {"gone_on_with": gone_on_with, "judging_id": judging_id, "second_model": second_model}
    rows = connection.execute(_PROMPTS.encode(), {**kept, **given, "not_again": list(not_again)}).fetchall()
    return [
        PromptBefore(
            **{
                **row,
                "status": AnswerStatus(row["status"]),
                "kept": JudgementStatus(row["kept"]) if row["kept"] else None,
            }
        )
        for row in rows
    ]

"""A second judge on a share of the answers, for agreement: no score is made of its verdicts, and it stops no run.

Each prompt's id alone decides whether its answer is judged twice, so that reruns and other days take the same prompts.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import replace
from typing import Any

from daily_runs.errors import AccessError, CallError
from daily_runs.judging.prompt import build
from daily_runs.records import attempt_inputs, second_verdicts
from daily_runs.records.second_verdicts import SecondJudging, SecondVerdictRows
from daily_runs.stages.verdicts.clerk import JudgingCase, judge_all
from daily_runs.stages.work import Work
from daily_runs.store.pool import Row

log = logging.getLogger(__name__)

_DIGITS = 16
_NUMBERS = float(16**_DIGITS)


def is_chosen(prompt_id: str, share: float) -> bool:
    """Whether a prompt is in the share. The prompts of a smaller share are among those of a larger one."""
    digest = hashlib.sha256(f"second judge {prompt_id}".encode()).hexdigest()
    return int(digest[:_DIGITS], 16) < share * _NUMBERS


def judged_again(work: Work) -> dict[str, Any] | None:
    """Have the shard's share of scored answers judged by the second judge, for the stage's report.

    An outage, or a refusal of its model, is told and stops nothing: agreement is then of fewer answers.

    Returns:
        `{"model", "chosen"}`, and `stopped` with the reason where it could not go on; None if the catalogue has no
        second judge for the feature.

    Raises:
        StageError: told to stop.
    """
    settings, share = work.catalogue.judge.second, work.feature.second_judge_share
    if settings is None or not share:
        return None
    order = attempt_inputs.judging_order(work.store, work.attempt.attempt_id)
    judging = SecondJudging(work.attempt.attempt_id, order.judging_id, settings.model)
    scored = second_verdicts.scored_by_the_first(work.store, judging, work.shard)
    answers = [row for row in scored if is_chosen(row["prompt_id"], share)]
    cases = [_case(work, row) for row in answers if not row["is_settled"]]
    told: dict[str, Any] = {"model": settings.model, "chosen": len(answers)}
    if cases:
        by_second = work.catalogue.model_copy(update={"judge": settings})
        quiet = replace(work, catalogue=by_second, settled=lambda _: None)
        rows, provider = SecondVerdictRows(work.store, judging), f"anthropic {settings.account} {settings.model}"
        try:  # with a breaker of its own: its model's outage must not hold back those who ask the first judge
            asyncio.run(judge_all(quiet, cases, rows, "second judge", provider=provider))
        except (AccessError, CallError) as error:
            told["stopped"] = str(error)
            log.warning("the second judge of %s was stopped: %s", work.attempt.key, error)
    return told


def _case(work: Work, row: Row) -> JudgingCase:
    """One verdict is wanted on each answer; its key is the prompt's id."""
    prompt = build(work.rubric, work.items[row["item_id"]], row["answer"])
    key = row["prompt_id"]
    return JudgingCase(key, prompt, keys=(key,), missing=(key,), tries=row["tries"])

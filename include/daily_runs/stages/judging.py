"""Judging: a model judges every answer of a shard by the feature's rubric; what it can't judge is unscored.

A verdict is keyed by its judging, its prompt, and all that the judge was shown: whoever goes on with that judging uses
it again and does not pay again. Another run, or a rerun that judges again, is another judging, whose verdicts are new
(docs/decisions/0025-a-verdict-belongs-to-its-judging.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import json

from daily_runs.judging.answer_checks import GivenAnswer, facts_of
from daily_runs.judging.prompt import JudgePrompt, build
from daily_runs.judging.ruler import ruler_of
from daily_runs.judging.verdict import NOT_AGAIN, none_given
from daily_runs.records import answers, attempt_inputs, judgements
from daily_runs.records.run import Report
from daily_runs.stages.verdicts import frozen
from daily_runs.stages.verdicts.clerk import JudgingCase, judge_all
from daily_runs.stages.verdicts.second import judged_again
from daily_runs.stages.work import Work
from daily_runs.statuses import JudgementStatus


def run(work: Work) -> Report:
    """Judge every answer of the shard that has no settled judgement yet; `failed` counts the unscored.

    The task of the first shard has the frozen answers judged, half of them before its own answers and half after,
    unless that was done lately.

    Raises:
        AccessError: the judge refuses our key, account or model, or refuses `ALIKE_MAX` answers in a row for one
            reason of our own making. What was not judged until then stays unjudged, for a later try.
        DatasetError: the frozen answers are not sound.
        CountsError: the counts do not add up.
    """
    _keep_facts(work)
    store, attempt_id = work.store, work.attempt.attempt_id
    attempt_inputs.record_if_unknown(store, attempt_id, ruler_of(work.rubric.version, work.catalogue.judge))
    begun = frozen.judged_before(work) if work.shard in (None, 0) else None
    cases = _cases(work)
    reused = _settle_known(work, cases)
    open_cases = [case for case in cases if case.missing]
    if open_cases:
        rows = judgements.JudgementRows(store, attempt_id)
        asyncio.run(judge_all(work, open_cases, rows, "judging"))
    ruler = frozen.judged_after(work, begun) if begun else None
    second = judged_again(work)
    counts = judgements.counts(store, attempt_id, work.shard)
    return Report(
        "judging",
        asked=sum(counts.values()),
        answered=counts.get(JudgementStatus.SCORED, 0),
        failed=counts.get(JudgementStatus.UNSCORED, 0),
        missing=counts.get("missing", 0),
        details={
            "verdicts_reused": reused,
            "failures": judgements.failures(store, attempt_id, work.shard),
            "judges": judgements.judges_of(store, attempt_id, work.shard),
            "judge_std": judgements.judge_std(store, attempt_id, work.shard),
            **({"frozen_answers": ruler} if ruler else {}),
            **({"second_judge": second} if second else {}),
        },
    )


def _keep_facts(work: Work) -> None:
    """Store what code finds of each answer that nobody looked at yet."""
    facts = {}
    for row in answers.without_facts(work.store, work.attempt.attempt_id, work.shard):
        wall = row["wall_seconds"]
        given = GivenAnswer(row["answer"], None if wall is None else round(wall * work.environment.time_scale, 3))
        facts[row["prompt_id"]] = facts_of(work.feature.call, work.items[row["item_id"]], given)
    answers.keep_facts(work.store, work.attempt.attempt_id, facts)


def _cases(work: Work) -> list[JudgingCase]:
    """The shard's unjudged answers, each with the keys of its verdicts and which of them are there already."""
    order = attempt_inputs.judging_order(work.store, work.attempt.attempt_id)
    cases = []
    for row in judgements.unjudged(work.store, work.attempt.attempt_id, work.shard):
        prompt = build(work.rubric, work.items[row["item_id"]], row["answer"])
        keys = tuple(
            _verdict_key(work, order.judging_id, row["prompt_id"], prompt, number + 1)
            for number in range(order.repeats)
        )
        cases.append(JudgingCase(row["prompt_id"], prompt, keys, keys, row["tries"]))
    known = judgements.known_verdicts(work.store, [key for case in cases for key in case.keys])
    for case in cases:
        case.missing = tuple(key for key in case.keys if key not in known)
    return cases


def _verdict_key(work: Work, judging_id: str, prompt_id: str, prompt: JudgePrompt, repeat: int) -> str:
    """Names one verdict (SHA-256, hex): of this judging, on this prompt's answer, by a request of just this content.

    `max_output_tokens` belongs to it, so that a verdict that was cut off is asked for again once there is more room.
    """
    settings = work.catalogue.judge
    parts = [judging_id, prompt_id, repeat, prompt.key(settings.identity), settings.max_output_tokens]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _settle_known(work: Work, cases: list[JudgingCase]) -> int:
    """Settle what needs no call: verdicts that are there, requests that were declined; the number of verdicts used."""
    rows = judgements.JudgementRows(work.store, work.attempt.attempt_id)
    declined = judgements.known_failures(work.store, [case.key for case in cases if case.missing], NOT_AGAIN)
    for case in cases:
        if case.key in declined:
            case.missing = ()
            evidence = "this very request had no verdict in this judging before, and was not sent again"
            rows.unscored([case.prompt_id], case.key, none_given(declined[case.key], evidence))
        elif not case.missing:
            rows.scored([case.prompt_id], case.key)
        else:
            continue
        work.settled(1)
    return sum(len(case.keys) - len(case.missing) for case in cases if case.key not in declined)

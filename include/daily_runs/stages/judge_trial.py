"""One verdict before inference is paid: if the judge cannot judge the data set's own reference, it can judge nothing.

It is the one paid call before the answers, repeated with another item where the judge declines one. A trial of the
same judge, asked alike at the same address, serves all runs of a day: `YOUNG_HOURS`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.connections import Connection
from daily_runs.errors import AccessError, CallError
from daily_runs.judging.prompt import JudgePrompt, build
from daily_runs.judging.refusals import ACCOUNT_KINDS
from daily_runs.judging.verdict import NO_VERDICT_KINDS, Verdict
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import Pacer
from daily_runs.records import judge_trials
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import ATTEMPTS_MAX, with_retries
from daily_runs.stages.paid_call import paced_call
from daily_runs.stages.tariffs import judging_tariff, verdict_tokens
from daily_runs.stages.work import Work

YOUNG_HOURS = 20.0
"""Wall clock. Runs of one day share a trial, and the next day's run makes its own."""
BUDGET_SECONDS = 300.0
"""Domain seconds in which an outage of the judge may end; then the stage fails, to be tried again by Airflow."""
BREAKER_SECONDS = 120.0
"""Domain seconds for which an open breaker holds the call back: its first minute, and a probe. With `BUDGET_SECONDS`
and the call's own time that is less than the task may take (`SHORT_TASK_TIMEOUT`), so that it ends by its own error."""
ITEMS_OWN_KINDS = frozenset(NO_VERDICT_KINDS)
"""What the judge may make of one item alone: the next attempt is with the next item's reference, `ATTEMPTS_MAX` in all,
so that one item which it always declines stops no run."""
PROMPT_ID = "judge-trial"
"""Names the call, where a verdict's names its prompt."""


class JudgeTrial(NamedTuple):
    """The score that the judge gave to the reference, and whether it was asked for it just now."""

    score: float
    paid: bool


def tried(work: Work) -> JudgeTrial:
    """Have the reference of the data set's first item judged, unless a young trial tells that the judge judges.

    If the judge declines that item, the next one's reference is judged.

    Raises:
        AccessError: the judge refuses us, or gives no verdict.
        CallError: it cannot be reached; later it may be.
    """
    settings = work.catalogue.judge
    connection = work.connection(settings.connection, settings.address, [settings.account])
    items = [work.items[item_id] for item_id in sorted(work.items)[:ATTEMPTS_MAX]]
    prompts = [build(work.rubric, item, "\n\n".join(item.reference.values())) for item in items]
    key = _key(work, prompts[0], connection)
    score = judge_trials.score_of_young(work.store, key, YOUNG_HOURS)
    if score is not None:
        return JudgeTrial(score, paid=False)
    try:
        verdict = asyncio.run(_judge(work, prompts, connection))
    except CallError as error:
        raise _unable(work, error) from error
    judge_trials.save(work.store, key, work.feature.feature, settings.model, verdict)
    return JudgeTrial(verdict.score, paid=True)


def _key(work: Work, prompt: JudgePrompt, connection: Connection) -> str:
    """Names all that decides whether the judge can be asked, the key itself left out."""
    settings = work.catalogue.judge
    parts = [prompt.key(settings.identity), settings.asked_as.verdict_form, settings.account, connection.address]
    return hashlib.sha256(json.dumps([*parts, settings.max_output_tokens]).encode()).hexdigest()


async def _judge(work: Work, prompts: Sequence[JudgePrompt], connection: Connection) -> Verdict:
    """The verdict on the first of the prompts that the judge does not decline."""
    from daily_runs.judging.judge import Judge  # noqa: PLC0415 - seconds of import, which a young trial saves

    settings, ledger = work.catalogue.judge, Ledger(work.store, work.environment.time_scale)
    left = list(prompts)
    async with (
        Judge(settings, connection, work.clock, run=str(work.attempt.key)) as judge,
        Breaker(work.store, f"anthropic {settings.account}", work.clock, budget_seconds=BREAKER_SECONDS) as breaker,
        Pacer(ledger, judging_tariff(work), work.owner("judge trial")) as pacer,
    ):

        async def once() -> Verdict:
            try:
                async with paced_call(breaker, pacer, verdict_tokens(work, left[0])) as call:
                    await call.sending()
                    return await judge.judge(left[0], work.rubric, PROMPT_ID, call)
            except CallError as error:
                if error.kind in ITEMS_OWN_KINDS and len(left) > 1:
                    del left[0]
                    error.retryable = True  # it says nothing of the next item
                raise

        return await with_retries(once, clock=work.clock, budget_seconds=BUDGET_SECONDS)


def _unable(work: Work, error: CallError) -> AccessError | CallError:
    """An outage may be over for later calls; every other failure would meet each answer's verdict, too."""
    if (error.retryable and error.kind not in ITEMS_OWN_KINDS) or error.kind == "breaker_open":
        return error
    settings = work.catalogue.judge
    remedy = ACCOUNT_KINDS.get(error.kind, "Have `daily-runs doctor` ask it, and mend judge in accounts.yaml.")
    problem = f"the judge {settings.model} can't judge a reference answer ({error}), so no prompt was asked"
    return AccessError(f"connection {settings.connection}", problem, remedy)

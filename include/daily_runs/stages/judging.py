"""Judging: a model judges every answer of a shard by the feature's rubric; what it can't judge is unscored.

A verdict is keyed by what was judged, by rubric and by judge: one that is in the store is used again and not paid
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from daily_runs.errors import AccessError, Blame, CallError, DailyRunsError, Hop, StageError
from daily_runs.judging.prompt import JudgePrompt, build
from daily_runs.judging.refusals import ACCOUNT_KINDS, of_our_making, was_refused
from daily_runs.judging.verdict import Verdict
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import Pacer
from daily_runs.records import judgements
from daily_runs.records.run import Report
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import uses_up_a_try, with_retries
from daily_runs.stages.paid_call import paced_call, tries_left
from daily_runs.stages.stopping import heeding_sigterm
from daily_runs.stages.tariffs import judging_tariff, verdict_tokens
from daily_runs.stages.work import Work
from daily_runs.statuses import JudgementStatus

if TYPE_CHECKING:
    from daily_runs.judging.judge import Judge


OUTAGE_KINDS = frozenset({"breaker_open"})
"""The provider is out for long: the stage stops instead of leaving each answer unscored."""
ALIKE_MAX = 5
"""After so many refusals of one kind in a row, none the vendor's fault, no answer is to blame: the stage stops."""
PROMPT_CHARACTERS_MAX = 600_000
"""A longer prompt is never sent: at 3 characters a token it fills the 200,000 tokens that a judge takes at once."""


@dataclass
class _Case:
    """One verdict to get, and the prompts it is for (the same question may get the same answer twice)."""

    key: str
    prompt: JudgePrompt
    tries: int = 0
    prompt_ids: list[str] = field(default_factory=list)


def run(work: Work) -> Report:
    """Judge every answer of the shard that has no settled judgement yet; `failed` counts the unscored.

    Raises:
        AccessError: the judge refuses our key, account or model, or refuses `ALIKE_MAX` answers in a row for one
            reason of our own making. What was not judged until then stays unjudged, for a later try.
        CountsError: the counts do not add up.
    """
    cases = _cases(work)
    rows = judgements.JudgementRows(work.store, work.attempt.attempt_id)
    known = judgements.known_verdicts(work.store, list(cases))
    for key in known:
        rows.reused(cases[key].prompt_ids, key)
        work.settled(len(cases[key].prompt_ids))
    open_cases = [case for key, case in cases.items() if key not in known]
    if open_cases:
        asyncio.run(_judge_all(work, open_cases))
    counts = judgements.counts(work.store, work.attempt.attempt_id, work.shard)
    return Report(
        "judging",
        asked=sum(counts.values()),
        answered=counts.get(JudgementStatus.SCORED, 0),
        failed=counts.get(JudgementStatus.UNSCORED, 0),
        missing=counts.get("missing", 0),
        details={
            "verdicts_reused": sum(len(cases[key].prompt_ids) for key in known),
            "failures": judgements.failures(work.store, work.attempt.attempt_id, work.shard),
        },
    )


def _cases(work: Work) -> dict[str, _Case]:
    cases: dict[str, _Case] = {}
    for row in judgements.unjudged(work.store, work.attempt.attempt_id, work.shard):
        prompt = build(work.rubric, work.items[row["item_id"]], row["answer"])
        key = prompt.key(work.catalogue.judge.identity)
        case = cases.setdefault(key, _Case(key, prompt))
        case.prompt_ids.append(row["prompt_id"])
        case.tries = max(case.tries, row["tries"])
    return cases


async def _judge_all(work: Work, cases: list[_Case]) -> None:
    from daily_runs.judging.judge import Judge  # noqa: PLC0415 - seconds of import, which no other stage needs

    settings = work.catalogue.judge
    connection = work.connection(settings.connection, settings.address, [settings.account])
    at_once = min(len(cases), settings.in_flight_max)  # the ledger keeps the bound over all tasks
    ledger = Ledger(work.store, work.environment.time_scale)
    async with (
        Judge(settings, connection, work.clock, run=str(work.attempt.key)) as judge,
        Breaker(work.store, f"anthropic {settings.account}", work.clock) as breaker,
        Pacer(ledger, judging_tariff(work), work.owner("judging")) as pacer,
    ):
        clerk = _Clerk(work, judge, breaker, pacer)
        queue = iter(cases)
        with heeding_sigterm(clerk.stop):
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(clerk.work_through(queue))
        if clerk.stopped_by:
            raise clerk.stopped_by
        await clerk.settle_refused()


class _Clerk:
    """Settles cases; several of its `work_through` run at once on one queue."""

    def __init__(self, work: Work, judge: Judge, breaker: Breaker, pacer: Pacer) -> None:
        self._work, self._judge, self._breaker, self._pacer = work, judge, breaker, pacer
        self._rows = judgements.JudgementRows(work.store, work.attempt.attempt_id)
        self._refused: list[tuple[_Case, CallError]] = []
        self.stopped_by: DailyRunsError | None = None

    def stop(self, error: DailyRunsError) -> None:
        """Send nothing more; what is in flight is waited for, since it is paid. The first error counts."""
        self.stopped_by = self.stopped_by or error

    async def work_through(self, queue: Iterator[_Case]) -> None:
        """Settle cases until the queue is empty, or until an error stops them all; never raises one of ours."""
        for case in queue:
            try:
                await self._settle(case)
            except DailyRunsError as error:
                self.stop(error)
                return
            self._work.settled(len(case.prompt_ids))
            if self.stopped_by:
                return

    async def settle_refused(self) -> None:
        """Leave the refused cases unscored: a verdict, another refusal or the end has shown that each stands alone.

        Once the stage stops they stay to be judged: a verdict that was in flight tells no more of what stopped it.
        """
        if self.stopped_by:
            return
        refused, self._refused = self._refused, []
        for case, error in refused:
            await asyncio.to_thread(self._rows.unscored, case.prompt_ids, case.key, error)

    async def _settle(self, case: _Case) -> None:
        try:
            left = tries_left(case.tries)
            verdict = await with_retries(lambda: self._try(case), clock=self._work.clock, attempts_max=left)
        except CallError as error:
            if error.kind in OUTAGE_KINDS or not uses_up_a_try(error):
                raise  # no answer's fault: they stay unjudged, for Airflow to try the task again later
            if error.kind in ACCOUNT_KINDS:
                raise self._stopped(error, ACCOUNT_KINDS[error.kind]) from error
            await self._settle_failed(case, error)
        else:
            await self.settle_refused()
            await asyncio.to_thread(
                self._rows.scored,
                case.prompt_ids,
                case.key,
                verdict,
                rubric_version=self._work.rubric.version,
                judge_model=self._work.catalogue.judge.model,
            )

    async def _settle_failed(self, case: _Case, error: CallError) -> None:
        """Hold back what may be a refusal of every answer, until that is known; anything else is this answer's."""
        if not of_our_making(error):
            await asyncio.to_thread(self._rows.unscored, case.prompt_ids, case.key, error)
            return
        if self._refused and self._refused[-1][1].kind != error.kind:
            await self.settle_refused()
        self._refused.append((case, error))
        if len(self._refused) >= ALIKE_MAX:
            remedy = "Have `daily-runs doctor` ask it, and mend judge in accounts.yaml (docs/runbooks/access.md)."
            raise self._stopped(error, remedy, f" for {len(self._refused)} answers in a row") from error

    def _stopped(self, error: CallError, remedy: str, more: str = "") -> AccessError:
        settings = self._work.catalogue.judge
        problem = f"the judge {settings.model} can't be asked{more} ({error})"
        return AccessError(f"connection {settings.connection}", problem, remedy)

    async def _try(self, case: _Case) -> Verdict:
        if case.prompt.characters > PROMPT_CHARACTERS_MAX:
            evidence = f"a prompt of {case.prompt.characters} characters, at most {PROMPT_CHARACTERS_MAX} are sent"
            raise CallError(Hop.CLIENT, "answer_too_long", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
        async with paced_call(self._breaker, self._pacer, verdict_tokens(self._work, case.prompt)) as call:
            if self.stopped_by:
                # Not the error itself: a `CallError` would count against the provider, and be tried again.
                raise StageError("stopped before this call was sent") from self.stopped_by
            case.tries += 1
            await asyncio.to_thread(self._rows.sent, case.prompt_ids, case.key, case.tries)
            await call.sending()
            try:
                return await self._judge.judge(case.prompt, self._work.rubric, case.prompt_ids[0], call)
            except CallError as error:
                if was_refused(error):
                    case.tries -= 1
                    await asyncio.to_thread(self._rows.refused, case.prompt_ids, case.tries)
                raise

"""Judging: a model judges every answer of a shard by the feature's rubric; what it can't judge is unscored.

A verdict is keyed by its judging, its prompt, and all that the judge was shown: whoever goes on with that judging uses
it again and does not pay again. Another run, or a rerun that judges again, is another judging, whose verdicts are new
(docs/decisions/0025-a-verdict-belongs-to-its-judging.md).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daily_runs.errors import AccessError, Blame, CallError, DailyRunsError, Hop, StageError
from daily_runs.judging.answer_checks import GivenAnswer, facts_of
from daily_runs.judging.prompt import JudgePrompt, build
from daily_runs.judging.refusals import ACCOUNT_KINDS, of_our_making, was_refused
from daily_runs.judging.ruler import ruler_of
from daily_runs.judging.verdict import NO_VERDICT_KINDS, Verdict, none_given
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import Pacer
from daily_runs.records import answers, attempt_inputs, judgements
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


NOT_AGAIN = tuple(kind for kind, again in NO_VERDICT_KINDS.items() if not again)
"""Without a verdict for one of these reasons, the same request is not sent again within its judging."""


@dataclass
class _Case:
    """An answer to judge: the keys of its verdicts, of those the store lacks, and the calls made for the next one."""

    prompt_id: str
    prompt: JudgePrompt
    keys: tuple[str, ...]
    missing: tuple[str, ...] = ()
    tries: int = 0

    @property
    def key(self) -> str:
        """The first verdict's key, by which the answer's judgement finds them all."""
        return self.keys[0]


def run(work: Work) -> Report:
    """Judge every answer of the shard that has no settled judgement yet; `failed` counts the unscored.

    Raises:
        AccessError: the judge refuses our key, account or model, or refuses `ALIKE_MAX` answers in a row for one
            reason of our own making. What was not judged until then stays unjudged, for a later try.
        CountsError: the counts do not add up.
    """
    _keep_facts(work)
    store, attempt_id = work.store, work.attempt.attempt_id
    attempt_inputs.record_if_unknown(store, attempt_id, ruler_of(work.rubric.version, work.catalogue.judge))
    cases = _cases(work)
    reused = _settle_known(work, cases)
    open_cases = [case for case in cases if case.missing]
    if open_cases:
        asyncio.run(_judge_all(work, open_cases))
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


def _cases(work: Work) -> list[_Case]:
    """The shard's unjudged answers, each with the keys of its verdicts and which of them are there already."""
    order = attempt_inputs.judging_order(work.store, work.attempt.attempt_id)
    cases = []
    for row in judgements.unjudged(work.store, work.attempt.attempt_id, work.shard):
        prompt = build(work.rubric, work.items[row["item_id"]], row["answer"])
        keys = tuple(
            _verdict_key(work, order.judging_id, row["prompt_id"], prompt, number + 1)
            for number in range(order.repeats)
        )
        cases.append(_Case(row["prompt_id"], prompt, keys, keys, row["tries"]))
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


def _settle_known(work: Work, cases: list[_Case]) -> int:
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
            self._work.settled(1)
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
            await asyncio.to_thread(self._rows.unscored, [case.prompt_id], case.key, error)

    async def _settle(self, case: _Case) -> None:
        """Get the verdicts that the answer lacks. If one of them cannot be had, the answer is unscored."""
        try:
            for key in case.missing:
                left = tries_left(case.tries)
                verdict = await with_retries(lambda: self._try(case), clock=self._work.clock, attempts_max=left)
                await self._keep(case, key, verdict)
        except CallError as error:
            if error.kind in OUTAGE_KINDS or not uses_up_a_try(error):
                raise  # no answer's fault: they stay unjudged, for Airflow to try the task again later
            if error.kind in ACCOUNT_KINDS:
                raise self._stopped(error, ACCOUNT_KINDS[error.kind]) from error
            await self._settle_failed(case, error)
        else:
            await self.settle_refused()
            await asyncio.to_thread(self._rows.scored, [case.prompt_id], case.key)

    async def _keep(self, case: _Case, key: str, verdict: Verdict) -> None:
        first = key == case.key
        await asyncio.to_thread(
            self._rows.keep,
            key,
            verdict,
            ruler_of(self._work.rubric.version, self._work.catalogue.judge),
            repeat=case.keys.index(key) + 1,
            repeat_of=None if first else case.key,
            tries=case.tries,
        )
        case.tries = 0

    async def _settle_failed(self, case: _Case, error: CallError) -> None:
        """Hold back what may be a refusal of every answer, until that is known; anything else is this answer's."""
        if not of_our_making(error):
            await asyncio.to_thread(self._rows.unscored, [case.prompt_id], case.key, error)
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
            await asyncio.to_thread(self._rows.sent, [case.prompt_id], case.key, case.tries)
            await call.sending()
            try:
                return await self._judge.judge(case.prompt, self._work.rubric, case.prompt_id, call)
            except CallError as error:
                if was_refused(error):
                    case.tries -= 1
                    await asyncio.to_thread(self._rows.refused, [case.prompt_id], case.tries)
                raise

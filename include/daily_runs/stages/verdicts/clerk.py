"""Getting verdicts for many answers at once: paced, under the breaker, and each settled for good or left for later."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from daily_runs.errors import AccessError, Blame, CallError, DailyRunsError, Hop, StageError
from daily_runs.judging.prompt import JudgePrompt
from daily_runs.judging.refusals import ACCOUNT_KINDS, of_our_making, was_refused
from daily_runs.judging.ruler import Ruler, ruler_of
from daily_runs.judging.verdict import Verdict
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import Pacer
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import uses_up_a_try, with_retries
from daily_runs.stages.paid_call import paced_call, tries_left
from daily_runs.stages.stopping import heeding_sigterm
from daily_runs.stages.tariffs import judging_tariff, verdict_tokens
from daily_runs.stages.work import Work

if TYPE_CHECKING:
    from daily_runs.judging.judge import Judge


OUTAGE_KINDS = frozenset({"breaker_open"})
"""The provider is out for long: the stage stops instead of leaving each answer unscored."""
ALIKE_MAX = 5
"""After so many refusals of one kind in a row, none the vendor's fault, no answer is to blame: the stage stops."""
PROMPT_CHARACTERS_MAX = 600_000
"""A longer prompt is never sent: at 3 characters a token it fills the 200,000 tokens that a judge takes at once."""


@dataclass
class JudgingCase:
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


class VerdictRows(Protocol):
    """Where the outcome of each call is kept: see `JudgementRows`, and `FrozenRows` of frozen answers."""

    def sent(self, prompt_ids: Sequence[str], key: str, tries: int | None = None) -> None:
        """Store the intent."""

    def refused(self, prompt_ids: Sequence[str], tries: int) -> None:
        """Store that a call was refused, so not paid."""

    def scored(self, prompt_ids: Sequence[str], key: str) -> None:
        """Store that all verdicts are there."""

    def unscored(self, prompt_ids: Sequence[str], key: str, error: CallError) -> None:
        """Store why there is none."""

    def keep(
        self, key: str, verdict: Verdict, ruler: Ruler, *, repeat: int = 1, repeat_of: str | None = None, tries: int = 1
    ) -> None:
        """Store a verdict."""


async def judge_all(
    work: Work, cases: Sequence[JudgingCase], rows: VerdictRows, task: str, *, provider: str = ""
) -> None:
    """Settle every case, several at once.

    Args:
        task: the name under which grants are held (see `Work.owner`).
        provider: the name of the breaker; by default that of the judge's account.

    Raises:
        AccessError: the judge refuses our key, account or model, or refuses `ALIKE_MAX` answers in a row for one
            reason of our own making. What was not judged until then stays as it is, for a later try.
        CallError: the provider is out.
        StageError: told to stop.
    """
    from daily_runs.judging.judge import Judge  # noqa: PLC0415 - seconds of import, which no other stage needs

    settings = work.catalogue.judge
    connection = work.connection(settings.connection, settings.address, [settings.account])
    at_once = min(len(cases), settings.in_flight_max)  # the ledger keeps the bound over all tasks
    ledger = Ledger(work.store, work.environment.time_scale)
    async with (
        Judge(settings, connection, work.clock, run=str(work.attempt.key)) as judge,
        Breaker(work.store, provider or f"anthropic {settings.account}", work.clock) as breaker,
        Pacer(ledger, judging_tariff(work), work.owner(task)) as pacer,
    ):
        clerk = _Clerk(work, judge, breaker, pacer, rows)
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

    def __init__(self, work: Work, judge: Judge, breaker: Breaker, pacer: Pacer, rows: VerdictRows) -> None:
        self._work, self._judge, self._breaker, self._pacer = work, judge, breaker, pacer
        self._rows = rows
        self._refused: list[tuple[JudgingCase, CallError]] = []
        self.stopped_by: DailyRunsError | None = None

    def stop(self, error: DailyRunsError) -> None:
        """Send nothing more; what is in flight is waited for, since it is paid. The first error counts."""
        self.stopped_by = self.stopped_by or error

    async def work_through(self, queue: Iterator[JudgingCase]) -> None:
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

    async def _settle(self, case: JudgingCase) -> None:
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

    async def _keep(self, case: JudgingCase, key: str, verdict: Verdict) -> None:
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

    async def _settle_failed(self, case: JudgingCase, error: CallError) -> None:
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

    async def _try(self, case: JudgingCase) -> Verdict:
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

"""Inference: puts every prompt of a shard through the feature's real call, at the rate the ledger grants.

The intent is stored before each paid call, the ticket when it is accepted, the answer as it arrives. A stage that runs
again after a crash takes up tickets that were paid for, and asks only for what has neither ticket nor answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence

from daily_runs.errors import AccessError, Blame, CallError, DailyRunsError, Hop, LimitTooLowError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import Caller, caller_for
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.pacer import REFUSED_SECONDS, Pacer
from daily_runs.quota.rate_limit_headers import Usage
from daily_runs.readiness.seeds.binding_rows import bound_resources
from daily_runs.records import answers
from daily_runs.records.run import Report
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import uses_up_a_try, with_retries
from daily_runs.stages.answer_poller import AnswerPoller
from daily_runs.stages.paid_call import paced_call, tries_left
from daily_runs.stages.stopping import heeding_sigterm
from daily_runs.stages.tariffs import inference_tariff, prompt_tokens
from daily_runs.stages.work import Work, gitlab_session
from daily_runs.statuses import AnswerStatus
from daily_runs.store.pool import Row
from daily_runs.store.writer import Writer

_REFUSED = "the key of {user} is refused"
_SCOPE = "Give a valid token with scope api or ai_features."
FATAL_KINDS = {
    "unauthorized": (_REFUSED, _SCOPE),
    "insufficient_scope": (_REFUSED, _SCOPE),
    "gateway_unauthorized": (
        "the AI Gateway refuses GitLab itself, not {user}",
        "Have the instance's administrator run GitLab's health check of Duo, and synchronize its subscription.",
    ),
    "usage_quota_refused": (
        "the AI Gateway refuses {user} this feature",
        "Give the user a seat of the subscription that has it, and a default Duo namespace.",
    ),
}
"""Failures that every further call would share, what they mean and the remedy: the stage stops instead of failing each
prompt."""

SPENT_KINDS = frozenset({"ai_action_budget_spent"})
"""As above, and over by themselves after a while."""

OUTAGE_KINDS = frozenset({"breaker_open"})
"""As above: the provider is out, and Airflow tries the task again later."""

ANSWERS_GATHER_SECONDS = 0.05
"""Wall clock. Answers that arrive within this time are stored together; one that is lost can be collected again."""


def run(work: Work) -> Report:
    """Ask every prompt of the shard that is not settled yet.

    Raises:
        AccessError: the environment refuses our key; no further prompt was asked.
        LimitTooLowError: the evaluation users' `ai_action` budget is spent; the prompts that are left stay planned.
        CountsError: the counts do not add up.
    """
    pending = answers.unsettled(work.store, work.attempt.attempt_id, work.shard)
    if pending:
        asyncio.run(_ask_all(work, pending))
    counts = answers.counts(work.store, work.attempt.attempt_id, work.shard)
    return Report(
        "inference",
        asked=sum(counts.values()),
        answered=counts.get(AnswerStatus.ANSWERED, 0),
        failed=counts.get(AnswerStatus.FAILED, 0),
        missing=counts.get(AnswerStatus.PLANNED, 0) + counts.get(AnswerStatus.SENT, 0),
        details={"failures": answers.failures(work.store, work.attempt.attempt_id, work.shard)},
    )


async def _ask_all(work: Work, pending: Sequence[Row]) -> None:
    environment = work.attempt.key.environment
    ledger = Ledger(work.store, work.environment.time_scale)
    async with (
        gitlab_session(work) as gitlab,
        Breaker(work.store, f"gitlab {environment}", work.clock) as breaker,
        Pacer(ledger, inference_tariff(work), work.owner("inference")) as pacer,
    ):
        caller = caller_for(work.feature.call, gitlab, work.feature.chat)
        for row in pending:
            if row["ticket"]:
                caller.take_up(Ticket(**row["ticket"]))
        asker = _Asker(work, caller, breaker, pacer)
        queue = iter(pending)
        at_once = min(len(pending), work.feature.limits.in_flight_max)  # the ledger keeps the bound over all tasks
        with heeding_sigterm(asker.stop):
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(asker.poller.run())
                await asyncio.wait([group.create_task(asker.work_through(queue)) for _ in range(at_once)])
                looking.cancel()
        if asker.stopped_by:
            raise asker.stopped_by


class _Asker:
    """Settles prompts; several of its `work_through` run at once on one queue."""

    def __init__(self, work: Work, caller: Caller, breaker: Breaker, pacer: Pacer) -> None:
        self._work, self._caller, self._breaker, self._pacer = work, caller, breaker, pacer
        self._rows = rows = answers.AnswerRows(work.store, work.attempt.attempt_id)
        self._sent, self._accepted = Writer(rows.sent_all), Writer(rows.accepted_all)
        self._answered = Writer(rows.answered_all, ANSWERS_GATHER_SECONDS)
        self._ledger = Ledger(work.store, work.environment.time_scale)
        self._tokens = prompt_tokens(work)
        self._resources = bound_resources(work.store, work.attempt)
        self.stopped_by: DailyRunsError | None = None
        self.poller = AnswerPoller(caller, work.clock)

    async def work_through(self, queue: Iterator[Row]) -> None:
        """Settle prompts until the queue is empty, or an error occurs that every remaining prompt would hit too."""
        for row in queue:
            self._work.settled(await self._settle(row))
            if self.stopped_by:
                return

    def stop(self, error: DailyRunsError) -> None:
        """Send nothing more, and end with this error once the open calls are over; the first one counts."""
        self.stopped_by = self.stopped_by or error

    async def _settle(self, row: Row) -> int:
        """How many prompts have an answer or a failure now that had none: 1, or 0 when the stage is stopped first."""
        prompt_id = row["prompt_id"]
        made = row["tries"] - (row["ticket"] is not None)  # a ticket's try is not over yet
        try:
            answer = await with_retries(lambda: self._try(row), clock=self._work.clock, attempts_max=tries_left(made))
        except CallError as error:
            self.stopped_by = self.stopped_by or self._stops_all(error, row)
            if self.stopped_by:
                return 0
            return await self._stored(asyncio.to_thread(self._rows.failed, prompt_id, error))
        except DailyRunsError as error:
            self.stop(error)
            return 0
        return await self._stored(self._answered.add((prompt_id, answer)))

    async def _stored(self, writing: Awaitable[None]) -> int:
        """1 if it could be; else 0, and that stops the stage, but not the calls of others that are in flight."""
        try:
            await writing
        except DailyRunsError as error:
            self.stop(error)
            return 0
        return 1

    def _stops_all(self, error: CallError, row: Row) -> DailyRunsError | None:
        """The error to stop with, if all remaining prompts would fail alike; they stay as they are."""
        if error.kind in FATAL_KINDS:
            problem, remedy = FATAL_KINDS[error.kind]
            told = f"{problem.format(user=row['evaluation_user'])} ({error})"
            return AccessError(f"connection {self._work.environment.connection}", told, remedy)
        if error.kind in SPENT_KINDS:
            return LimitTooLowError(
                f"{self._work.attempt.key}: {error}. What was not asked stays planned: clear this task when calls have"
                " fallen out of the window."
            )
        if error.kind in OUTAGE_KINDS or not uses_up_a_try(error):
            return error  # refused for so long that the time was over: not paid, and no prompt's fault
        return None

    async def _try(self, row: Row) -> Answer:
        """One try: take up a ticket that was left by a task that died, or ask anew."""
        if row["ticket"]:
            ticket, row["ticket"] = Ticket(**row["ticket"]), None
            return await self._wait(row["evaluation_user"], ticket)
        async with paced_call(self._breaker, self._pacer, self._tokens) as call:
            if self.stopped_by and not isinstance(self.stopped_by, LimitTooLowError):
                raise self.stopped_by  # while we waited in line; a spent window leaves what was granted before
            user, prompt_id = call.user, row["prompt_id"]
            assert user is not None  # every tariff of inference has users
            row["evaluation_user"], row["tries"] = user, row["tries"] + 1
            await self._sent.add(answers.Sent(prompt_id, user, row["tries"], call.grant_id))
            await call.sending()
            outcome = await self._ask(user, row, call.grant_id)
            if isinstance(outcome, Answer):
                if outcome.input_tokens is not None and outcome.output_tokens is not None:
                    call.usage = Usage(outcome.input_tokens, outcome.output_tokens)
                return outcome
            await self._accepted.add((prompt_id, outcome))
            return await self._wait(user, outcome)

    async def _ask(self, user: str, row: Row, grant_id: int) -> Answer | Ticket:
        item = self._work.items[row["item_id"]]
        try:
            return await self._caller.ask(user, item, self._resources.get(item.seed_key), row["prompt_id"])
        except CallError as error:
            if error.blame is Blame.RATE_LIMIT:
                await self._refused(user, error, grant_id)
            if not uses_up_a_try(error):  # refused, so not paid
                row["tries"] -= 1
                await asyncio.to_thread(self._rows.refused, row["prompt_id"], row["tries"])
            raise

    async def _refused(self, user: str, error: CallError, grant_id: int) -> None:
        """Tell the ledger which limit it was, for everybody; GitLab's answers say nothing of what is left."""
        tariff = inference_tariff(self._work)()
        if error.kind == "ai_action_limit" and tariff.window:
            await asyncio.to_thread(self._ledger.user_is_spent, tariff.window, user, grant_id)
            error.retryable = True  # no wait helps this user, but another one may have room
        elif error.hop is Hop.GITLAB and tariff.user_rate:
            await self._hold(f"{tariff.user_rate.limit} of {user}", error)
        elif error.hop in (Hop.AI_GATEWAY, Hop.MODEL_VENDOR):
            await self._hold(f"account {tariff.account_name} requests", error)
        elif tariff.rates:  # an edge, or nobody knows who: nothing of the feature goes there meanwhile
            await self._hold(tariff.rates[0].limit, error)

    async def _hold(self, limit: str, error: CallError) -> None:
        await asyncio.to_thread(self._ledger.hold, limit, error.retry_after_seconds or REFUSED_SECONDS)

    async def _wait(self, user: str, ticket: Ticket) -> Answer:
        return await self.poller.wait(user, ticket, self._work.feature.limits.answer_timeout_seconds)

"""Inference: puts every prompt of a shard through the feature's real call, at the rate the ledger grants.

The intent is stored before each paid call, the ticket when it is accepted, the answer as it arrives. A stage that runs
again after a crash takes up tickets that were paid for, and asks only for what has neither ticket nor answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from daily_runs.errors import AccessError, CallError, DailyRunsError, LimitTooLowError, StageError
from daily_runs.gitlab.calls import Answer, Caller, Ticket, caller_for
from daily_runs.quota.ledger import Ledger
from daily_runs.resilience.retry import with_retries
from daily_runs.run import Report, Work
from daily_runs.stages.answer_poller import AnswerPoller
from daily_runs.stages.reservations import ai_action_window, prompt_costs, user_costs
from daily_runs.stages.sessions import gitlab_session
from daily_runs.stages.tries import tries_left
from daily_runs.statuses import AnswerStatus
from daily_runs.store import answers
from daily_runs.store.database import Row
from daily_runs.store.probes import bound_resources

FATAL_KINDS = frozenset({"unauthorized", "insufficient_scope"})
"""Failures that every further call would share: the stage stops instead of failing each prompt."""

SPENT_KINDS = frozenset({"ai_action_budget_spent"})
"""As above, and over by themselves after a while."""


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
    async with gitlab_session(work) as gitlab:
        caller = caller_for(work.feature.call, gitlab)
        for row in pending:
            if row["ticket"]:
                caller.take_up(Ticket(**row["ticket"]))
        asker = _Asker(work, caller)
        queue = iter(pending)
        in_flight = min(len(pending), max(1, work.feature.limits.in_flight_max // work.shards_at_once))
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(asker.poller.run())
            await asyncio.wait([group.create_task(asker.work_through(queue)) for _ in range(in_flight)])
            looking.cancel()
        if asker.stopped_by:
            raise asker.stopped_by


class _Asker:
    """Settles prompts; several of its `work_through` run at once on one queue."""

    def __init__(self, work: Work, caller: Caller) -> None:
        self._work, self._caller = work, caller
        self._rows = answers.AnswerRows(work.store, work.attempt.attempt_id)
        self._ledger = Ledger(work.store, work.environment.time_scale)
        self._costs, self._window = prompt_costs(work), ai_action_window(work)
        self._resources = bound_resources(work.store, work.attempt)
        self._turn = 0
        self._at_the_ledger = asyncio.Lock()
        self.stopped_by: DailyRunsError | None = None
        self.poller = AnswerPoller(caller, work.clock)

    async def work_through(self, queue: Iterator[Row]) -> None:
        """Settle prompts until the queue is empty, or until something would fail all that are left."""
        for row in queue:
            await self._settle(row)
            self._work.settled(1)
            if self.stopped_by:
                return

    async def _settle(self, row: Row) -> None:
        prompt_id = row["prompt_id"]
        made = row["tries"] - (row["ticket"] is not None)  # a ticket's try is not over yet
        try:
            answer = await with_retries(lambda: self._try(row), clock=self._work.clock, attempts_max=tries_left(made))
        except StageError as error:
            self.stopped_by = error
        except CallError as error:
            self.stopped_by = self.stopped_by or self._stops_all(error, row)
            if not self.stopped_by:
                await asyncio.to_thread(self._rows.failed, prompt_id, error)
        else:
            await asyncio.to_thread(self._rows.answered, prompt_id, answer)

    def _stops_all(self, error: CallError, row: Row) -> DailyRunsError | None:
        """A failure that every prompt left would share: they stay as they are, for the stage to be run again."""
        if error.kind in FATAL_KINDS:
            return AccessError(
                f"connection {self._work.environment.connection}",
                f"the key of {row['evaluation_user']} is refused ({error})",
                "Give a valid token with scope api or ai_features.",
            )
        if error.kind in SPENT_KINDS:
            return LimitTooLowError(
                f"{self._work.attempt.key}: {error}. What was not asked stays planned: clear this task when calls have"
                " fallen out of the window."
            )
        return None

    async def _try(self, row: Row) -> Answer:
        """One try: take up a ticket that was left by a task that died, or ask anew."""
        if row["ticket"]:
            ticket, row["ticket"] = Ticket(**row["ticket"]), None
            return await self._wait(row["evaluation_user"], ticket)
        # One at a time: a row of reservations far ahead would hold the account's other users up behind it.
        async with self._at_the_ledger:
            user = self._next_user()
            costs = [*self._costs, *user_costs(self._work, user)]
            await asyncio.sleep(await asyncio.to_thread(self._ledger.reserve, costs))
        if self._window:  # counted when it is sent, not when it is queued
            user = await asyncio.to_thread(self._ledger.take_user, self._window)
        row["evaluation_user"] = user
        await asyncio.to_thread(self._rows.sent, row["prompt_id"], user)
        outcome = await self._ask(user, row["prompt_id"], row["item_id"])
        if isinstance(outcome, Answer):
            return outcome
        await asyncio.to_thread(self._rows.accepted, row["prompt_id"], outcome)
        return await self._wait(user, outcome)

    async def _ask(self, user: str, prompt_id: str, item_id: str) -> Answer | Ticket:
        item = self._work.items[item_id]
        try:
            return await self._caller.ask(user, item, self._resources.get(item.seed_key), prompt_id)
        except CallError as error:
            if error.kind == "ai_action_limit" and self._window:
                await asyncio.to_thread(self._ledger.user_is_spent, self._window, user)
                error.retryable = True  # no wait helps this user, but another one may have room
            raise

    async def _wait(self, user: str, ticket: Ticket) -> Answer:
        return await self.poller.wait(user, ticket, self._work.feature.limits.answer_timeout_seconds)

    def _next_user(self) -> str:
        users = self._work.environment.evaluation_users
        self._turn += 1
        return users[self._turn % len(users)]

"""Waits for asynchronous answers: one look asks for many, so that polling stays small beside the calls themselves."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs.clock import WALL_SECONDS_MIN, Clock, wall_timeout
from daily_runs.errors import Blame, CallError, DailyRunsError, Hop
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import Caller
from daily_runs.stages.looking_time import BLIND_SECONDS_MAX, LookingTime, Patience

LOOK_EVERY_SECONDS = 5.0
"""Domain seconds between two looks at what is open."""
GAP_SECONDS_MAX = 4 * LOOK_EVERY_SECONDS
"""Domain seconds: no more of the time between two looks of a user counts as looking; a look may take a while."""
GAP_WALL_SECONDS_MIN = 1.0
"""Wall clock. The bound above is never under this, however fast a sandbox's time runs: a loaded machine is late."""


class _Waiter(NamedTuple):
    """Who waits for a ticket's answer, how long by the catalogue, and until when by the user's looks."""

    answer: asyncio.Future[Answer]
    timeout_seconds: float
    patience: Patience


class AnswerPoller:
    """Hands each ticket its answer.

    `run` is the one task that looks; `wait` is what callers await. Each user has looks of its own, so a slow one holds
    up no other user's. If a look fails in a way that may pass, later looks repeat it: the user's next one is half as
    large and starts with the tickets that were not in this one, so that a ticket which spoils every look holds up few
    others. Any other failure goes to everybody who was looked for, also one that is no call's (a user without a key):
    it ends their wait, and no other user's, whose answers are paid.

    No ticket is given up by a timer: the look that does not find it does, once its time is over (see `LookingTime`).

    Args:
        caller: looks.
        clock: whose domain seconds count.
        wall_seconds_min: no wait is shorter than this on the wall clock.
    """

    def __init__(self, caller: Caller, clock: Clock, *, wall_seconds_min: float = WALL_SECONDS_MIN) -> None:
        self._caller, self._clock, self._wall_seconds_min = caller, clock, wall_seconds_min
        self._look_size: dict[str, int] = {}  # by user; none: as many as a look carries
        self._open: dict[str, dict[Ticket, _Waiter]] = defaultdict(dict)
        self._looking: dict[str, LookingTime] = {}

    async def wait(self, user: str, ticket: Ticket, timeout_seconds: float) -> Answer:
        """The answer to a ticket, looked for during `timeout_seconds` of domain time (see `wall_seconds_min`).

        Raises:
            CallError: the answer was an error, looking is impossible, or none came in time (`answer_timeout`).
            DailyRunsError: whatever else a look ended with.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[user][ticket] = _Waiter(future, timeout_seconds, self._patience(user, timeout_seconds))
        try:
            return await future
        finally:
            self._open[user].pop(ticket, None)
            self._caller.give_up(ticket)

    async def run(self) -> None:
        """Look until cancelled."""
        looks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                await self._clock.sleep(LOOK_EVERY_SECONDS)
                for user, waiting in self._open.items():
                    if waiting and (user not in looks or looks[user].done()):
                        looks[user] = group.create_task(self._look(user))

    def _patience(self, user: str, timeout_seconds: float) -> Patience:
        now = time.monotonic()
        if user not in self._looking:
            gap_seconds_max = wall_timeout(self._clock, GAP_SECONDS_MAX, at_least=GAP_WALL_SECONDS_MIN)
            self._looking[user] = LookingTime(gap_seconds_max, now)
        seconds, blind_seconds = (
            wall_timeout(self._clock, domain_seconds, at_least=self._wall_seconds_min)
            for domain_seconds in (timeout_seconds, BLIND_SECONDS_MAX)
        )
        return self._looking[user].patience(seconds, blind_seconds, now)

    async def _look(self, user: str) -> None:
        waiting, looking = self._open[user], self._looking[user]
        tickets = list(waiting)[: self._look_size.pop(user, self._caller.collect_many)]
        found: Mapping[str, Answer | DailyRunsError] = {}
        begun = time.monotonic()
        try:
            found = await self._caller.collect(user, tickets)
        except DailyRunsError as error:
            looking.failed(time.monotonic())
            over = looking.was_blind_too_long
            if isinstance(error, CallError) and error.retryable:
                self._look_size[user] = max(1, len(tickets) // 2)
            else:
                found = dict.fromkeys((ticket.request_id for ticket in tickets), error)
        else:
            looking.came_back(begun)
            over = looking.has_seen_enough
        for ticket in tickets:
            waiter = waiting.get(ticket)
            if waiter is None:
                continue
            if ticket.request_id in found:
                _settle(waiter.answer, found[ticket.request_id])
            elif over(waiter.patience):
                _settle(waiter.answer, _timeout(waiter.timeout_seconds))
            else:
                waiting[ticket] = waiting.pop(ticket)  # to the end: all get a turn when one look can't carry them


def _timeout(seconds: float) -> CallError:
    evidence = f"accepted, but no answer in {seconds:g} s"
    return CallError(Hop.AI_GATEWAY, "answer_timeout", blame=Blame.PROVIDER, retryable=True, evidence=evidence)


def _settle(future: asyncio.Future[Answer], outcome: Answer | DailyRunsError) -> None:
    if future.done():
        return
    if isinstance(outcome, DailyRunsError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)

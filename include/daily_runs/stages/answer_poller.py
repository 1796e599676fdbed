"""Waits for asynchronous answers: one look asks for many, so that polling stays small beside the calls themselves."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from daily_runs.clock import WALL_SECONDS_MIN, Clock, wall_timeout
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.gitlab.calls import Caller

LOOK_EVERY_SECONDS = 5.0
"""Domain seconds between two looks at what is open."""


class AnswerPoller:
    """Hands each ticket its answer.

    `run` is the one task that looks; `wait` is what callers await. A look that fails in a way that may pass is a later
    look's work: the user's next one is half as large and starts with the tickets that were not in this one, so that
    a ticket which spoils every look holds few others up. Any other failure goes to everybody who was looked for.

    Args:
        caller: looks.
        clock: whose domain seconds count.
        wall_seconds_min: no wait is shorter than this on the wall clock.
    """

    def __init__(self, caller: Caller, clock: Clock, *, wall_seconds_min: float = WALL_SECONDS_MIN) -> None:
        self._caller, self._clock, self._wall_seconds_min = caller, clock, wall_seconds_min
        self._look_size: dict[str, int] = {}  # by user; none: as many as a look carries
        self._open: dict[str, dict[Ticket, asyncio.Future[Answer]]] = defaultdict(dict)

    async def wait(self, user: str, ticket: Ticket, timeout_seconds: float) -> Answer:
        """The answer to a ticket, within `timeout_seconds` of domain time (see `wall_seconds_min`).

        Raises:
            CallError: the answer was an error, looking is impossible, or none came in time (`answer_timeout`).
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[user][ticket] = future
        try:
            async with asyncio.timeout(wall_timeout(self._clock, timeout_seconds, at_least=self._wall_seconds_min)):
                return await future
        except TimeoutError:
            raise CallError(
                Hop.AI_GATEWAY,
                "answer_timeout",
                blame=Blame.PROVIDER,
                retryable=True,
                evidence=f"accepted, but no answer in {timeout_seconds:g} s",
            ) from None
        finally:
            self._open[user].pop(ticket, None)
            self._caller.give_up(ticket)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY_SECONDS)
            await asyncio.gather(*(self._look(user) for user, waiting in self._open.items() if waiting))

    async def _look(self, user: str) -> None:
        waiting = self._open[user]
        tickets = list(waiting)[: self._look_size.pop(user, self._caller.collect_many)]
        try:
            found = await self._caller.collect(user, tickets)
        except CallError as error:
            found = {} if error.retryable else dict.fromkeys((ticket.request_id for ticket in tickets), error)
            if error.retryable:
                self._look_size[user] = max(1, len(tickets) // 2)
        for ticket in tickets:
            if ticket.request_id in found:
                _settle(waiting.get(ticket), found[ticket.request_id])
            elif ticket in waiting:
                waiting[ticket] = waiting.pop(ticket)  # to the end: all get a turn when one look can't carry them


def _settle(future: asyncio.Future[Answer] | None, outcome: Answer | CallError) -> None:
    if future is None or future.done():
        return
    if isinstance(outcome, CallError):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)

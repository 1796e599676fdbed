"""Waits for asynchronous answers: one look asks for many, so that polling stays small beside the calls themselves."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.calls import Answer, Caller, Ticket

LOOK_EVERY_SECONDS = 5.0
"""Domain seconds between two looks at what is open."""


class AnswerPoller:
    """Hands each ticket its answer.

    `run` is the one task that looks; `wait` is what callers await. A look that fails in a way that may pass is simply
    the next look's work; any other failure goes to everybody who waits with that user.
    """

    def __init__(self, caller: Caller, clock: Clock) -> None:
        self._caller, self._clock = caller, clock
        self._open: dict[str, dict[Ticket, asyncio.Future[Answer]]] = defaultdict(dict)

    async def wait(self, user: str, ticket: Ticket, timeout_seconds: float) -> Answer:
        """The answer to a ticket, within `timeout_seconds` of domain time.

        Raises:
            CallError: the answer was an error, looking is impossible, or none came in time (`answer_timeout`).
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._open[user][ticket] = future
        try:
            async with asyncio.timeout(self._clock.wall(timeout_seconds)):
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
        tickets = list(waiting)[: self._caller.collect_many]
        try:
            found = await self._caller.collect(user, tickets)
        except CallError as error:
            if not error.retryable:
                for ticket in tickets:
                    _settle(waiting.get(ticket), error)
            return
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

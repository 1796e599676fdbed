"""Waiting for answers: who gets which, how long it is waited for, and what a bad look does to the next ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from daily_runs.clock import WALL_SECONDS_MIN, Clock
from daily_runs.dataset import Item
from daily_runs.errors import AccessError, Blame, CallError, DailyRunsError, Hop, StageError, StoreAwayError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.stages.answer_poller import AnswerPoller

FAST = Clock(time_scale=1000)
TICKETS = [Ticket(str(n), "resource", "") for n in range(10)]


@dataclass
class Looks:
    """A caller whose looks fail if one of `spoilers` is among the tickets; it keeps what it was asked for.

    Answers are there from a user's look number `ready_at_look` on (from 1); the look of `slow_user` never comes back.
    """

    spoilers: frozenset[str] = frozenset()
    retryable: bool = True
    collect_many: int = 20
    ready_at_look: int = 1
    slow_user: str = ""
    seen: list[list[str]] = field(default_factory=list)

    async def ask(self, user: str, item: Item, resource_id: str | None, prompt: str | None = None) -> Ticket | Answer:
        """Not of interest here."""
        raise AssertionError("asked")

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        """Everything is there, unless the look is spoilt."""
        ids = [ticket.request_id for ticket in tickets]
        self.seen.append(ids)
        if user == self.slow_user:
            await asyncio.Event().wait()
        if self.spoilers.intersection(ids):
            raise CallError(Hop.UNKNOWN, "malformed_body", blame=Blame.PROVIDER, retryable=self.retryable)
        return {request_id: Answer(request_id) for request_id in ids if len(self.seen) >= self.ready_at_look}

    def take_up(self, ticket: Ticket) -> None:
        """Nothing is held."""

    def give_up(self, ticket: Ticket) -> None:
        """Nothing is held."""


def outcomes(looks: Looks, wall_seconds_min: float = 1.0) -> list[str]:
    """What each ticket's waiter got: its answer's text, or the failure's kind."""

    async def wait_for_all() -> list[str]:
        poller = AnswerPoller(looks, FAST, wall_seconds_min=wall_seconds_min)
        looking = asyncio.create_task(poller.run())
        waiting = (poller.wait("user", ticket, 1.0) for ticket in TICKETS)
        found = await asyncio.gather(*waiting, return_exceptions=True)
        looking.cancel()
        return [one.text if isinstance(one, Answer) else getattr(one, "kind", repr(one)) for one in found]

    return asyncio.run(wait_for_all())


@pytest.mark.parametrize("spoiler", [0, 4, 9])
def test_a_ticket_that_spoils_every_look_costs_nobody_else_the_answer(spoiler: int) -> None:
    expected = [str(n) if n != spoiler else "answer_timeout" for n in range(10)]
    assert outcomes(Looks(frozenset({str(spoiler)}))) == expected


def test_after_a_bad_look_the_next_is_half_as_large_and_after_a_good_one_full_again() -> None:
    looks = Looks(frozenset({"0"}), collect_many=4)
    outcomes(looks)
    sizes = [len(ids) for ids in looks.seen[:10]]
    assert looks.seen[:4] == [["0", "1", "2", "3"], ["4", "5"], ["6", "7", "8", "9"], ["0", "1", "2", "3"]]
    assert (looks.seen[4], looks.seen[5]) == (["0", "1"], ["2"])
    assert sizes == [4, 2, 4, 4, 2, 1, 3, 1, 2, 1]
    assert min(map(len, looks.seen)) == 1


def test_a_failure_that_does_not_pass_goes_to_everybody_who_was_looked_for() -> None:
    looks = Looks(frozenset({"0"}), retryable=False)
    assert outcomes(looks) == ["malformed_body"] * 10
    assert len(looks.seen) == 1


@pytest.mark.parametrize(
    "failure",
    [
        AccessError("connection gitlab", "holds no key for user 'keyless'", "Add it."),
        StoreAwayError("store: away"),
        StageError("a look that ends"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_look_that_ends_with_no_calls_failure_ends_that_users_waits_and_nobody_elses(failure: DailyRunsError) -> None:
    """The others' answers were paid for; what ended the look stops the stage once they are there."""

    class OneWithoutKey(Looks):
        async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
            if user == "keyless":
                raise failure
            return await super().collect(user, tickets)

    async def scenario() -> list[Answer | BaseException]:
        poller = AnswerPoller(OneWithoutKey(ready_at_look=3), FAST)
        looking = asyncio.create_task(poller.run())
        waits = (poller.wait("keyless" if n < 3 else "user", TICKETS[n], 1.0) for n in range(5))
        found = await asyncio.wait_for(asyncio.gather(*waits, return_exceptions=True), 20)
        assert not looking.done()
        looking.cancel()
        return found

    assert asyncio.run(scenario()) == [failure] * 3 + [Answer("3"), Answer("4")]


def test_no_wait_is_shorter_than_its_floor_on_the_wall_clock() -> None:
    """One domain second is a millisecond here, and a look comes every five of them."""
    assert outcomes(Looks(ready_at_look=3), wall_seconds_min=0) == ["answer_timeout"] * 10
    assert outcomes(Looks(ready_at_look=3), wall_seconds_min=WALL_SECONDS_MIN) == [str(n) for n in range(10)]


# A ticket was paid for: it is given up on evidence only.


def test_an_answer_that_lies_ready_when_the_time_is_over_is_taken() -> None:
    """The time of every ticket, a millisecond, is over before the first look."""
    assert outcomes(Looks(), wall_seconds_min=0) == [str(n) for n in range(10)]


def test_a_look_that_never_comes_back_holds_up_nobody_elses() -> None:
    looks = Looks(slow_user="slow")

    async def wait_for_the_others() -> list[str]:
        poller = AnswerPoller(looks, FAST)
        looking = asyncio.create_task(poller.run())
        held_up = asyncio.create_task(poller.wait("slow", TICKETS[0], 1.0))
        await asyncio.sleep(0.05)  # its look is under way
        found = await asyncio.gather(*(poller.wait(f"user-{n}", TICKETS[n], 1.0) for n in range(1, 10)))
        assert not held_up.done()
        held_up.cancel()
        looking.cancel()
        return [answer.text for answer in found]

    assert asyncio.run(wait_for_the_others()) == [str(n) for n in range(1, 10)]
    assert looks.seen.count(["0"]) == 1


def test_looks_that_fail_give_no_ticket_up_while_a_call_may_still_be_made_again() -> None:
    """The tickets' own time is a millisecond; looks fail for a hundred times as long, and then succeed."""
    looks = Looks(frozenset("0123456789"))

    async def mend() -> None:
        await asyncio.sleep(0.1)
        looks.spoilers = frozenset()

    async def scenario() -> list[str]:
        poller = AnswerPoller(looks, FAST, wall_seconds_min=0)
        looking, mending = asyncio.create_task(poller.run()), asyncio.create_task(mend())
        found = await asyncio.gather(*(poller.wait("user", ticket, 1.0) for ticket in TICKETS))
        looking.cancel()
        await mending
        return [answer.text for answer in found]

    assert asyncio.run(scenario()) == [str(n) for n in range(10)]


def test_what_stops_a_look_for_good_stops_the_poller() -> None:
    class BrokenError(Exception):
        """A fault of the software."""

    class Broken(Looks):
        async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
            raise BrokenError

    async def scenario() -> None:
        poller = AnswerPoller(Broken(), FAST)
        waiting = asyncio.create_task(poller.wait("user", TICKETS[0], 1.0))
        try:
            await poller.run()
        finally:
            waiting.cancel()

    with pytest.raises(ExceptionGroup) as stopped:
        asyncio.run(scenario())
    assert stopped.group_contains(BrokenError)

"""Waiting for answers: who gets which, how long it is waited for, and what a bad look does to the next ones."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from daily_runs.clock import WALL_SECONDS_MIN, Clock
from daily_runs.dataset import Item
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.stages.answer_poller import AnswerPoller

FAST = Clock(time_scale=1000)
TICKETS = [Ticket(str(n), "resource", "") for n in range(10)]


@dataclass
class Looks:
    """A caller whose looks fail if one of `spoilers` is among the tickets; it keeps what it was asked for."""

    spoilers: frozenset[str] = frozenset()
    retryable: bool = True
    collect_many: int = 20
    seen: list[list[str]] = field(default_factory=list)

    async def ask(self, user: str, item: Item, resource_id: str | None, prompt: str | None = None) -> Ticket | Answer:
        """Not of interest here."""
        raise AssertionError("asked")

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        """Everything is there, unless the look is spoilt."""
        ids = [ticket.request_id for ticket in tickets]
        self.seen.append(ids)
        if self.spoilers.intersection(ids):
            raise CallError(Hop.UNKNOWN, "malformed_body", blame=Blame.PROVIDER, retryable=self.retryable)
        return {request_id: Answer(request_id) for request_id in ids}

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


def test_no_wait_is_shorter_than_its_floor_on_the_wall_clock() -> None:
    """One domain second is a millisecond here, and a look comes every five of them."""
    assert outcomes(Looks(), wall_seconds_min=0) == ["answer_timeout"] * 10
    assert outcomes(Looks(), wall_seconds_min=WALL_SECONDS_MIN) == [str(n) for n in range(10)]

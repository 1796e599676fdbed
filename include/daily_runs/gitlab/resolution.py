"""Vulnerability Resolution: the one feature whose answer is a merge request (docs/domain.md §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daily_runs.dataset import Item
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab import documents
from daily_runs.gitlab.answers import SPOILS_ALL, Answer, Ticket, act, bound
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.diffs import MergeRequest, diff_of
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.gitlab.hops.failures import malformed

GONE_FOR_GOOD = frozenset({"not_found", "incomplete_diff"})
"""Failures of one merge request's diff that no later look mends."""


@dataclass
class _Turn:
    """One call's turn on a vulnerability: from its asking until its answer is collected or given up."""

    request_id: str | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class ResolveVulnerability:
    """`aiAction(resolveVulnerability: …)`, answered by a merge request on the vulnerability.

    A vulnerability shows its newest merge request only, and nothing in it names the request. So a merge request counts
    as the answer if it is newer than what was there before the call, and the calls on one vulnerability go one by one:
    a second `ask` waits until the first one's answer is collected or given up.

    For whoever calls: poll while asking, and give up what timed out, or that second `ask` waits for good. When the
    model refuses, GitLab says so over a websocket only: here it is a timeout. A ticket of an earlier process takes its
    turn by `take_up`, before anything is asked.
    """

    collect_many = documents.VULNERABILITIES_PER_QUERY_MAX

    def __init__(self, gitlab: GitLab) -> None:
        self._gitlab = gitlab
        self._turns: dict[str, _Turn] = {}  # by resource id

    async def ask(self, user: str, item: Item, resource_id: str | None, prompt: str | None = None) -> Ticket:
        """See `Caller.ask`."""
        resource = bound(resource_id)
        while (earlier := self._turns.get(resource)) is not None:
            await earlier.ended.wait()
        turn = self._turns[resource] = _Turn()
        try:
            before = _read((await self._vulnerabilities(user, [resource]))[0])
            action = {"resolveVulnerability": {"resourceId": resource}}
            turn.request_id, _ = await act(self._gitlab, user, action, prompt or item.id)
        finally:
            if turn.request_id is None:
                self._end(resource)
        return Ticket(turn.request_id, resource, str(before.iid) if before else "")

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        """See `Caller.collect`."""
        for ticket in tickets:
            self.take_up(ticket)
        answers = await self._arrived(user, tickets)
        # Only now that nothing can fail any more may the next calls go: they would hide what is not collected.
        for ticket in tickets:
            if ticket.request_id in answers:
                self.give_up(ticket)
        return answers

    def take_up(self, ticket: Ticket) -> None:
        """Take the turn on this vulnerability for a ticket of an earlier process, unless it is taken."""
        self._turns.setdefault(ticket.resource_id, _Turn(ticket.request_id))

    def give_up(self, ticket: Ticket) -> None:
        """Let the next call on this vulnerability go."""
        turn = self._turns.get(ticket.resource_id)
        if turn is not None and turn.request_id == ticket.request_id:
            self._end(ticket.resource_id)

    def _end(self, resource_id: str) -> None:
        self._turns.pop(resource_id).ended.set()

    async def _arrived(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        try:
            looked = await self._vulnerabilities(user, [ticket.resource_id for ticket in tickets])
            newest = [_read_if_sound(vulnerability) for vulnerability in looked]
        except CallError as error:
            if error.kind not in SPOILS_ALL:
                raise
            if len(tickets) == 1:
                return {tickets[0].request_id: error}
            alone = [await self._arrived(user, [ticket]) for ticket in tickets]
            return {request_id: answer for one in alone for request_id, answer in one.items()}
        arrived = {
            ticket.request_id: merge_request
            for ticket, merge_request in zip(tickets, newest, strict=True)
            if merge_request is not None and merge_request.iid > int(ticket.detail or 0)
        }
        return await self._answers(user, arrived)

    async def _answers(self, user: str, arrived: Mapping[str, MergeRequest]) -> dict[str, Answer | CallError]:
        """The diffs, by request id. One that cannot be fetched now waits for the next look-up, others do not wait for
        it."""
        answers: dict[str, Answer | CallError] = {}
        failed: CallError | None = None
        for request_id, merge_request in arrived.items():
            try:
                diff = await diff_of(self._gitlab, user, merge_request)
            except CallError as error:
                if error.kind in GONE_FOR_GOOD:
                    answers[request_id] = error
                else:
                    failed = error
                continue
            if diff:
                answers[request_id] = error_code_in(diff, is_code=True) or Answer(diff)
        if failed is not None and not answers:
            raise failed
        return answers

    async def _vulnerabilities(self, user: str, resource_ids: Sequence[str]) -> list[Any]:
        variables = {f"vulnerability{n}": resource_id for n, resource_id in enumerate(resource_ids)}
        data = await self._gitlab.graphql(user, documents.merge_requests(len(resource_ids)), variables)
        return [data.get(name) for name in variables]


def _read_if_sound(vulnerability: Any) -> MergeRequest | None:
    """The same, with one that cannot be read as not there yet: it must not hold up the others of the look-up."""
    try:
        return _read(vulnerability)
    except CallError as error:
        if error.retryable:
            return None
        raise


def _read(vulnerability: Any) -> MergeRequest | None:
    if not isinstance(vulnerability, dict):
        raise CallError(Hop.GITLAB, "resource_not_available", blame=Blame.OWN_SYSTEM, retryable=False, evidence="null")
    value = vulnerability.get("mergeRequest")
    if value is None:
        return None
    try:
        return MergeRequest(int(value["iid"]), int(vulnerability["project"]["id"].rsplit("/", 1)[-1]))
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise malformed("mergeRequest") from error

"""How each feature is called (docs/domain.md §4): one `Caller` per `FeatureCall` of the catalogue.

`ask` makes the paid call. Four features answer later: `ask` returns a `Ticket`, which holds all that another process
needs to `collect` the answer after a crash. Code suggestions answer at once.

**Paying twice.** GitLab takes no idempotency key: `clientSubscriptionId` only routes the answer to a websocket, and the
same mutation sent again is a second call, paid again and counted again by the `ai_action` limiter. A failure that
leaves open whether the call was accepted is asked again all the same
(docs/decisions/0013-a-lost-answer-is-asked-again.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from daily_runs.catalogue.features import ChatCommand, FeatureCall
from daily_runs.dataset import SENT_TYPES, CodeCut, Item
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab import documents
from daily_runs.gitlab.answers import SPOILS_ALL, Answer, Ticket, act, bound, count_of, failure_of, name_of
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.gitlab.hops.failures import malformed, own_fault
from daily_runs.gitlab.hops.visible import is_blank
from daily_runs.gitlab.resolution import ResolveVulnerability


class Caller(Protocol):
    """One way of asking. One `collect` takes at most `collect_many` tickets."""

    collect_many: int

    async def ask(self, user: str, item: Item, resource_id: str | None, prompt: str | None = None) -> Ticket | Answer:
        """Make the paid call as `user`; `prompt` (the item's id by default) is sent along as the prompt's id.

        Raises:
            CallError: it was refused, or broke.
        """

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        """What has arrived for these tickets of `user`, by request id; absent = not there yet.

        Raises:
            CallError: the look-up itself failed, which says nothing of any ticket.
        """

    def take_up(self, ticket: Ticket) -> None:
        """Say that a ticket of an earlier process will be collected; do so before anything is asked."""

    def give_up(self, ticket: Ticket) -> None:
        """Say that a ticket will not be collected any more."""


def caller_for(call: FeatureCall, gitlab: GitLab, chat: ChatCommand | None = None) -> Caller:
    """The caller of a feature. Use one per environment and process: resolutions of one vulnerability wait in it.

    Args:
        chat: of the call `chat_command`, the feature's.
    """
    match call:
        case FeatureCall.TROUBLESHOOT_JOB:
            return _Chat(gitlab, "/troubleshoot")
        case FeatureCall.EXPLAIN_VULNERABILITY:
            return _Chat(gitlab, "/vulnerability_explain")
        case FeatureCall.CHAT:
            return _Chat(gitlab, None)
        case FeatureCall.CHAT_COMMAND:  # its items' questions are its messages already (`dataset.as_asked`)
            return _Chat(gitlab, None, chat.category if chat else "snippet")
        case FeatureCall.RESOLVE_VULNERABILITY:
            return ResolveVulnerability(gitlab)
        case FeatureCall.COMPLETE_CODE:
            return _CompleteCode(gitlab)


class _Chat:
    """`aiAction(chat: …)` on a resource, answered in a thread of `aiMessages`."""

    collect_many = documents.MESSAGES_PER_QUERY_MAX

    def __init__(self, gitlab: GitLab, command: str | None, category: str = "snippet") -> None:
        self._gitlab, self._command, self._category = gitlab, command, category

    async def ask(self, user: str, item: Item, resource_id: str | None, prompt: str | None = None) -> Ticket:
        about = self._about(item, resource_id)
        chat = {**about, "content": self._command or item.question}
        action = {"chat": chat, "conversationType": "DUO_CHAT"}
        request_id, thread_id = await act(self._gitlab, user, action, prompt or item.id)
        return Ticket(request_id, resource_id or "", thread_id)

    def _about(self, item: Item, resource_id: str | None) -> dict[str, object]:
        """A resource of GitLab's goes by its id, a text or diff along with the message: no id says what it is about."""
        if item.resource.type not in SENT_TYPES:
            return {"resourceId": bound(resource_id)}
        sent = {"id": item.seed_key, "category": self._category.upper(), "content": item.resource.content}
        return {"additionalContext": [sent]}

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:
        variables: dict[str, object] = {}
        for n, ticket in enumerate(tickets):
            variables |= {f"request{n}": [ticket.request_id], f"thread{n}": ticket.detail or None}
        try:
            data = await self._gitlab.graphql(user, documents.messages(len(tickets)), variables)
        except CallError as error:
            if error.kind not in SPOILS_ALL:
                raise
            # One thread that is gone spoils the answer for all of them: ask for each alone to learn whose it is.
            if len(tickets) == 1:
                return {tickets[0].request_id: error}
            alone = [await self.collect(user, [ticket]) for ticket in tickets]
            return {request_id: answer for one in alone for request_id, answer in one.items()}
        read = {ticket.request_id: _message(data.get(f"answer{n}")) for n, ticket in enumerate(tickets)}
        return {request_id: answer for request_id, answer in read.items() if answer is not None}

    def take_up(self, ticket: Ticket) -> None:
        """Nothing is held for a chat."""

    def give_up(self, ticket: Ticket) -> None:
        """Nothing is held for a chat."""


class _CompleteCode:
    """`POST /code_suggestions/completions`: answers at once, and tells which model served."""

    collect_many = 1

    def __init__(self, gitlab: GitLab) -> None:
        self._gitlab = gitlab

    async def ask(
        self,
        user: str,
        item: Item,
        resource_id: str | None,  # noqa: ARG002  the protocol's; the cut itself is sent
        prompt: str | None = None,
    ) -> Answer:
        cut = item.resource
        if not isinstance(cut, CodeCut):
            raise own_fault("unbound_resource", f"a {cut.type} cannot be completed")
        body = {
            "current_file": {
                "file_name": cut.file_name,
                "content_above_cursor": cut.above,
                "content_below_cursor": cut.below,
            },
            "intent": cut.intent,
            "stream": False,
        }
        path = "/api/v4/code_suggestions/completions"
        answer = _suggestion(await self._gitlab.rest_json("POST", path, user, body, prompt=prompt or item.id))
        failure = error_code_in(answer.text, is_code=True)
        if failure is not None:
            raise failure
        return answer

    async def collect(self, user: str, tickets: Sequence[Ticket]) -> dict[str, Answer | CallError]:  # noqa: ARG002
        return {}

    def take_up(self, ticket: Ticket) -> None:
        """There are no tickets."""

    def give_up(self, ticket: Ticket) -> None:
        """There are no tickets."""


def _message(connection: Any) -> Answer | CallError | None:
    """The answer among a request's messages: the last one with content.

    None while there is none, and while what is there cannot be read: it must not hold up the others of the look-up.
    """
    nodes = connection.get("nodes") if isinstance(connection, dict) else None
    if not isinstance(nodes, list):
        return None
    found: Answer | CallError | None = None
    for node in nodes:
        if not isinstance(node, dict):
            continue
        if node.get("errors"):
            found = failure_of("answer_failed", node["errors"], node.get("content"))
        elif isinstance(node.get("content"), str) and not is_blank(node["content"]):
            found = error_code_in(node["content"]) or Answer(node["content"])
    return found


def _suggestion(body: Any) -> Answer:
    """Read a code suggestion. No choice, or an empty one, is nothing that a judge could score."""
    try:
        choices, model = body["choices"], body.get("model") or {}
        text = choices[0]["text"] if choices else ""
        used = model.get("tokens_consumption_metadata") or {}
        answer = Answer(
            text,
            name_of(model.get("engine")),
            name_of(model.get("name")),
            count_of(used.get("input_tokens")),
            count_of(used.get("output_tokens")),
        )
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise malformed("a code suggestion") from error
    if not isinstance(text, str):
        raise malformed("a code suggestion whose text is none")
    if is_blank(text):
        raise CallError(Hop.UNKNOWN, "empty_answer", blame=Blame.PROVIDER, retryable=True, evidence="status 200")
    return answer

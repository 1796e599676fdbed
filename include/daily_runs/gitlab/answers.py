"""What a call gives back, and what every call by `aiAction` has in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab import documents
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.gitlab.hops.failures import malformed, own_fault
from daily_runs.gitlab.hops.refusal import TOO_MANY_REQUESTS
from daily_runs.store.text import storable

INTEGER_MAX = 2_147_483_647
"""What the store's `integer` holds; no call uses that many tokens."""

# One resource that is gone makes GitLab refuse a look-up for many: each must then be asked for alone.
SPOILS_ALL = frozenset({"graphql_error", "resource_not_available"})


class Answer(NamedTuple):
    """What came back, as the user would see it. What the client was not told is None."""

    text: str
    provider: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class Ticket(NamedTuple):
    """What re-attaches to an asynchronous call already paid for.

    `detail` is the thread's id for chat, and for a vulnerability's resolution the iid of the merge request that it had
    before the call (empty: none).
    """

    request_id: str
    resource_id: str
    detail: str


async def act(gitlab: GitLab, user: str, action: Mapping[str, object], prompt: str) -> tuple[str, str]:
    """Send `aiAction`; returns the request's id and its thread's (empty if it has none)."""
    # The prompt's id as `clientSubscriptionId` lets GitLab's own logs be matched with ours.
    variables = {"input": {**action, "clientSubscriptionId": prompt}}
    data = await gitlab.graphql(user, documents.AI_ACTION, variables, prompt=prompt)
    payload = data.get("aiAction")
    if not isinstance(payload, dict):
        raise malformed("aiAction")
    if payload.get("errors"):
        raise failure_of("ai_action_rejected", payload["errors"])
    request_id, thread_id = payload.get("requestId"), payload.get("threadId")
    if not request_id or not _is_id(request_id):
        raise malformed("aiAction without a requestId")
    if thread_id is not None and not _is_id(thread_id):
        raise malformed("aiAction with a threadId that is none")
    return request_id, thread_id or ""


def _is_id(value: object) -> bool:
    """A text that is still the same after it was stored."""
    return isinstance(value, str) and storable(value) == value


def name_of(value: object) -> str | None:
    """The name, if it is one that the store can hold; else None."""
    return storable(value) if isinstance(value, str) and value else None


def count_of(value: object) -> int | None:
    """The number of tokens, if it is one of 0 or more that the store can hold; else None."""
    return value if type(value) is int and 0 <= value <= INTEGER_MAX else None


def failure_of(kind: str, messages: Any, content: Any = None) -> CallError:
    """The failure that a payload's `errors` (a list of texts) stand for.

    Args:
        messages: the `errors`. GitLab puts the error code there.
        content: the message beside them, which repeats the first of them without its code.
        kind: `ai_action_rejected` (the mutation's own answer: it is GitLab's, and no model was asked) or
            `answer_failed` (in place of an answer: who failed behind GitLab, it does not say).
    """
    texts = [text for text in messages if isinstance(text, str)] if isinstance(messages, list) else []
    if any(TOO_MANY_REQUESTS in text for text in texts):
        return CallError(Hop.GITLAB, "ai_action_limit", blame=Blame.RATE_LIMIT, retryable=False, evidence="in errors")
    readable = [*texts, content] if isinstance(content, str) else texts
    known = [error for error in map(error_code_in, readable) if error is not None]
    if known:
        return min(known, key=lambda error: error.hop is Hop.UNKNOWN)  # the first that names a hop
    evidence = f"{len(texts)} errors in the payload"
    if kind == "ai_action_rejected":
        return CallError(Hop.GITLAB, kind, blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    return CallError(Hop.UNKNOWN, kind, blame=Blame.PROVIDER, retryable=True, evidence=evidence)


def bound(resource_id: str | None) -> str:
    """The resource's id. Raises the failure of a prompt that no resource was bound to."""
    if resource_id is None:
        raise own_fault("unbound_resource", "this call needs the id of its resource")
    return resource_id

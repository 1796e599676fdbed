"""GitLab Duo's `aiAction`: checks in GitLab's order, then an answer that becomes visible after the model's latency.

The order is the trap: the `ai_action` limiter counts before the resource is looked at (docs/domain.md §3).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLError

from daily_runs.catalogue.features import Feature, FeatureCall
from daily_runs.dataset import SENT_CHARACTERS_MAX, Item
from daily_runs.sandbox.gitlab import answers
from daily_runs.sandbox.gitlab.ai_gateway import ERROR_TEXTS, Inference, errors_of
from daily_runs.sandbox.gitlab.instance import Instance, Message, SandboxMergeRequest, iso_now
from daily_runs.sandbox.gitlab.seeds import SandboxSeed, location
from daily_runs.sandbox.world.exchange import SandboxExchange

TOO_MANY = "This endpoint has been requested too many times. Try again later."
NOT_AVAILABLE = (
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action"
)
ONE_ARGUMENT = "Only one method argument is required"
_METHODS = ("chat", "resolveVulnerability", "explainVulnerability", "summarizeComments", "generateDescription")
_CONTEXT_ID_MAX = 255
_SCOPES = {"api", "ai_features"}
_COMMANDS = {"/troubleshoot": FeatureCall.TROUBLESHOOT_JOB, "/vulnerability_explain": FeatureCall.EXPLAIN_VULNERABILITY}
_KINDS = {"Ci::Build": "jobs", "Issue": "issues", "Vulnerability": "vulnerabilities"}


class AskedResource(NamedTuple):
    """What an `aiAction` is about; a user's own id has no seed."""

    kind: str
    number: int
    seed: SandboxSeed | None


NO_RESOURCE = AskedResource("question without a resource", 0, None)
"""What a chat is about that names no `resourceId`: the schema lets it leave that out."""


class Attached(NamedTuple):
    """The item that a chat's additional context is of, and the feature whose data set holds it."""

    item: Item
    feature: Feature


def ai_action(instance: Instance, exchange: SandboxExchange, arguments: dict[str, Any]) -> dict[str, Any]:
    """The payload of one mutation.

    Raises:
        GraphQLError: an argument that is blank or too long, no or several method arguments, missing scope, limiter,
            resource not there.
    """
    _validate(arguments.get("chat") or {})
    methods = [name for name in _METHODS if arguments.get(name) is not None]
    if len(methods) != 1:
        raise GraphQLError(ONE_ARGUMENT)
    if exchange.login is None or not _SCOPES.intersection(exchange.login.scopes):
        raise GraphQLError(NOT_AVAILABLE)
    if not instance.take_ai_action(exchange.login.user):
        exchange.outcome = "ai_action_limit"
        raise GraphQLError(TOO_MANY)
    method = arguments[methods[0]]
    if methods[0] == "chat" and method.get("resourceId") is None:
        resource = NO_RESOURCE
    else:
        resource = _find(instance, exchange.login.user, method.get("resourceId"))
    if methods[0] == "resolveVulnerability":
        return _resolve(instance, exchange, resource)
    if methods[0] == "chat":
        return _chat(instance, exchange, arguments, resource)
    return _refused(exchange, f"{methods[0]} is not served here; use chat")


def _validate(chat: dict[str, Any]) -> None:
    """What GitLab checks of a chat's arguments before it counts the call, in the words of its GraphQL library."""
    if "content" in chat and not chat["content"].strip():
        raise GraphQLError("content can't be blank")
    for part in chat.get("additionalContext") or ():
        for name, most in (("id", _CONTEXT_ID_MAX), ("content", SENT_CHARACTERS_MAX)):
            if len(part[name]) > most:
                raise GraphQLError(f"{name} is too long (maximum is {most})")


def _find(instance: Instance, user: str, gid: str | None) -> AskedResource:
    """The resource behind a global id, in GitLab's words if it is not there."""
    kind, _, number = (gid or "").removeprefix("gid://gitlab/").rpartition("/")
    if kind == "User" and number == str(instance.user_ids[user]):
        return AskedResource(kind, int(number), None)
    seeds: dict[int, SandboxSeed] = getattr(instance.project, _KINDS[kind]) if kind in _KINDS else {}
    seed = seeds.get(int(number)) if number.isdecimal() else None
    if seed is None:
        raise GraphQLError(NOT_AVAILABLE)
    return AskedResource(kind, seed.number, seed)


def _chat(
    instance: Instance, exchange: SandboxExchange, arguments: dict[str, Any], resource: AskedResource
) -> dict[str, Any]:
    content: str = arguments["chat"]["content"].strip()
    command = content.partition(" ")[0]
    call = _COMMANDS.get(command, FeatureCall.CHAT)
    wants = {FeatureCall.TROUBLESHOOT_JOB: "Ci::Build", FeatureCall.EXPLAIN_VULNERABILITY: "Vulnerability"}.get(call)
    if wants not in (None, resource.kind):
        return _refused(exchange, f"{command} needs a {wants}, not a {resource.kind}")
    context = arguments["chat"].get("additionalContext") or ()
    attached = item_attached(instance, context)
    asked = instance.gateway.ask_claude(exchange, call, feature=attached.feature if attached else None)
    item = resource.seed.item if resource.seed else None
    if item is None:
        item = (attached.item if attached else None) if context else item_asked(instance, content)
    text = chat_text(instance, exchange, item, asked)
    request_id, thread = (
        str(uuid.UUID(int=instance.world.rng.getrandbits(128), version=4)),
        _thread(instance, arguments),
    )
    conversation = arguments.get("conversationType") or "DUO_CHAT_LEGACY"
    instance.last_thread[str(exchange.user), conversation] = thread
    now = instance.world.clock.now()
    ready = now + instance.world.latency_seconds()
    instance.messages[str(exchange.user)][request_id] = [
        Message(instance.next_number(), request_id, thread, conversation, role, said, iso_now(), at, errors)
        for role, said, at, errors in (
            ("USER", content, now, []),
            ("ASSISTANT", text, ready, errors_of(asked.error_code) if asked.error_code else []),
        )
    ]
    return {"requestId": request_id, "threadId": thread_gid(thread), "errors": []}


def _resolve(instance: Instance, exchange: SandboxExchange, resource: AskedResource) -> dict[str, Any]:
    if resource.kind != "Vulnerability" or resource.seed is None:
        raise GraphQLError(NOT_AVAILABLE)
    asked = instance.gateway.ask_claude(exchange, FeatureCall.RESOLVE_VULNERABILITY)
    if not asked.failed:
        item = resource.seed.item
        instance.merge_requests.append(
            SandboxMergeRequest(
                iid=len(instance.merge_requests) + 1,
                vulnerability=resource.number,
                title=f"Resolve vulnerability: {getattr(item.resource, 'title', item.seed_key)}",
                path=location(item),
                diff=answers.merge_request_diff(prompt_for(instance, exchange, item)),
                created_at=iso_now(),
                ready_at=instance.world.clock.now() + instance.world.latency_seconds(),
            )
        )
    request_id = str(uuid.UUID(int=instance.world.rng.getrandbits(128), version=4))
    return {"requestId": request_id, "threadId": None, "errors": []}


def chat_text(instance: Instance, exchange: SandboxExchange, item: Item | None, asked: Inference) -> str:
    """What the user reads: an answer, or the text of an error that looks like one, without its code."""
    if asked.error_code is not None:
        return ERROR_TEXTS[asked.error_code]
    return answers.prose(prompt_for(instance, exchange, item)) if item else answers.small_talk()


def prompt_for(
    instance: Instance, exchange: SandboxExchange, item: Item, *, served_worse: float = 0.0
) -> answers.AskedPrompt:
    """Whom an answer is for, and by how much the model is worse there; `served_worse`: by whoever serves it."""
    scenario = instance.world.scenario
    worse = max(scenario.worse_model, served_worse, answers.weakness(scenario.weak_spot, item))
    return answers.AskedPrompt(instance.name, item, exchange.key or "", worse)


def item_asked(instance: Instance, content: str) -> Item | None:
    """The item with this question, for a chat that names no resource."""
    questions = (item for items in instance.world.items_by_feature.values() for item in items if item.question)
    return next((item for item in questions if item.question.strip() == content), None)


def item_attached(instance: Instance, context: Sequence[Mapping[str, Any]]) -> Attached | None:
    """The item whose text or diff was sent along, if it was sent as it stands in its data set."""
    sent = {(part["id"], part["content"]) for part in context}
    for name, items in instance.world.items_by_feature.items():
        feature = instance.world.catalogue.features.get(name)
        if feature is None or feature.chat is None:
            continue
        for item in items:
            if (item.seed_key, item.resource.content) in sent:
                return Attached(item, feature)
    return None


def thread_gid(thread: int) -> str:
    """Global id of a chat thread."""
    return f"gid://gitlab/Ai::Conversation::Thread/{thread}"


def _thread(instance: Instance, arguments: dict[str, Any]) -> int:
    given = str(arguments.get("threadId") or "").rpartition("/")[2]
    return int(given) if given.isdecimal() else instance.next_number()


def _refused(exchange: SandboxExchange, message: str) -> dict[str, Any]:
    exchange.outcome = "refused_input"
    return {"requestId": None, "threadId": None, "errors": [message]}

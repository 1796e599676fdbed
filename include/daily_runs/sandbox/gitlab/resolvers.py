"""What the fields of `schema.graphql` answer. Nodes are plain dictionaries under GitLab's field names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, GraphQLUnionType, build_schema

from daily_runs.sandbox.gitlab import project_fields
from daily_runs.sandbox.gitlab.assistant import ai_action, thread_gid
from daily_runs.sandbox.gitlab.instance import Message
from daily_runs.sandbox.gitlab.pages import Node, Numbered, connection
from daily_runs.sandbox.gitlab.resolver_context import Info

GITLAB_VERSION = "18.6.0-pre"
GITLAB_REVISION = "5f0d2b6a1c3"
_SCHEMA_FILE = Path(__file__).with_name("schema.graphql")

Resolver = Callable[..., Any]


def executable_schema() -> GraphQLSchema:
    """The schema with its resolvers attached.

    Raises:
        KeyError: a resolver for a field that the schema does not have.
    """
    schema = build_schema(_SCHEMA_FILE.read_text(encoding="utf-8"))
    for (type_name, field), resolver in _RESOLVERS.items():
        kind = schema.type_map[type_name]
        assert isinstance(kind, GraphQLObjectType)
        kind.fields[field].resolve = resolver
    place = schema.type_map["VulnerabilityLocation"]
    assert isinstance(place, GraphQLUnionType)
    place.resolve_type = lambda value, _info, _type: str(value["kind"])
    return schema


def _current_user(_: Any, info: Info) -> Node | None:
    context = info.context
    user = context.exchange.user
    if user is None:
        return None
    return {"id": f"gid://gitlab/User/{context.instance.user_ids[user]}", "username": user, "name": user}


def _metadata(_: Any, info: Info) -> Node | None:
    signed_in = info.context.exchange.user is not None
    return {"version": GITLAB_VERSION, "revision": GITLAB_REVISION, "enterprise": True} if signed_in else None


def _query_complexity(_: Any, info: Info) -> Node:
    return {"score": info.context.score, "limit": info.context.limit}


def _ai_messages(
    _: Any,
    info: Info,
    *,
    requestIds: Sequence[str] | None = None,  # noqa: N803  GitLab's argument names
    roles: Sequence[str] | None = None,
    conversationType: str | None = None,  # noqa: N803
    threadId: str | None = None,  # noqa: N803
    first: int | None = None,
    after: str | None = None,
) -> Node:
    """Without `threadId`, GitLab looks into the user's last thread of that conversation type only."""
    context = info.context
    if threadId is None and conversationType is not None:
        last = context.instance.last_thread.get((context.exchange.user or "", conversationType))
        threadId = thread_gid(last) if last else ""  # noqa: N806
    mine = context.instance.messages.get(context.exchange.user or "", {})
    asked = mine.values() if requestIds is None else [mine[name] for name in dict.fromkeys(requestIds) if name in mine]
    now = context.instance.world.clock.now()
    ready = [
        message
        for messages in asked
        for message in messages
        if message.ready_at <= now
        and (not roles or message.role in roles)
        and threadId in (None, thread_gid(message.thread))
    ]
    return connection((Numbered(-message.number, _message(message)) for message in ready), first, after)


def _message(message: Message) -> Node:
    return {
        "id": f"{message.number}",
        "requestId": message.request_id,
        "threadId": thread_gid(message.thread),
        "content": message.content,
        "contentHtml": None,
        "role": message.role,
        "timestamp": message.timestamp,
        "errors": message.errors,
        "chunkId": None,
    }


def _ai_action(_: Any, info: Info, input: Node) -> Node:  # noqa: A002  GitLab's argument name
    return ai_action(info.context.instance, info.context.exchange, input)


_RESOLVERS: dict[tuple[str, str], Resolver] = {
    ("Query", "currentUser"): _current_user,
    ("Query", "metadata"): _metadata,
    ("Query", "queryComplexity"): _query_complexity,
    ("Query", "project"): project_fields.project,
    ("Query", "projects"): project_fields.projects,
    ("Query", "vulnerability"): project_fields.vulnerability,
    ("Query", "aiMessages"): _ai_messages,
    ("Mutation", "aiAction"): _ai_action,
    ("Project", "jobs"): project_fields.jobs,
    ("Project", "issues"): project_fields.issues,
    ("Project", "vulnerabilities"): project_fields.vulnerabilities,
    ("Project", "repository"): lambda *_: {"exists": True},
    ("Repository", "blobs"): project_fields.blobs,
    ("CiJob", "project"): project_fields.parent_project,
    ("Vulnerability", "project"): project_fields.parent_project,
    ("Vulnerability", "mergeRequest"): project_fields.merge_request,
}

"""How stages reach GitLab: one HTTP client a stage, with the environment's connection and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx

from daily_runs.catalogue.environments import Environment
from daily_runs.clock import Clock, wall_timeout
from daily_runs.connections import RUN_HEADER, Connect, Connection, must_not_be_the_sandbox
from daily_runs.gitlab.client import GitLab

CONNECTIONS_MAX = 32


def connection_of(environment: Environment, connect: Connect) -> Connection:
    """An environment's connection, with a key for each of its evaluation users.

    Raises:
        AccessError: there is none, or it is not usable.
    """
    return connect(
        environment.connection,
        default_address=environment.address,
        users=environment.evaluation_users,
        sandbox=environment.provenance == "sandbox",
    )


def hooks_on_answers(environment: Environment, address: str) -> list[Callable[[httpx.Response], Awaitable[None]]]:
    """What looks at each answer's headers before anybody reads it: a live environment must not be the sandbox."""

    async def must_be_real(response: httpx.Response) -> None:
        must_not_be_the_sandbox(response.headers, address)

    return [must_be_real] if environment.provenance == "live" else []


@asynccontextmanager
async def gitlab_client(
    environment: Environment, connection: Connection, sent: Callable[[], None] = lambda: None, *, run: str | None = None
) -> AsyncIterator[GitLab]:
    """A GitLab client for an environment, closed at the end; `sent` is called with each request of the named run.

    Raises:
        AccessError: the environment is live, and the sandbox answered (raised by the call).
    """

    async def count(_: httpx.Request) -> None:
        sent()

    seconds = wall_timeout(Clock(environment.time_scale), environment.limits.graphql.timeout_seconds)
    # The whole exchange has `seconds`. A third each to get a connection, so that what was never sent is known as such.
    timeout = httpx.Timeout(seconds, connect=seconds / 3, pool=seconds / 3)
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    headers = {RUN_HEADER: run} if run else {}
    hooks: dict[str, list[Callable[..., Any]]] = {"request": [count]}
    hooks["response"] = [*hooks_on_answers(environment, connection.address)]
    async with httpx.AsyncClient(headers=headers, timeout=timeout, limits=limits, event_hooks=hooks) as http:
        yield GitLab(http, connection.address, connection.keys, environment.limits.graphql)

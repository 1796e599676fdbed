"""How stages reach GitLab: one HTTP client a stage, with the environment's connection and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from daily_runs.catalogue.environments import Environment
from daily_runs.clock import Clock, wall_timeout
from daily_runs.connections import Connect, Connection
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


@asynccontextmanager
async def gitlab_client(
    environment: Environment, connection: Connection, sent: Callable[[], None] = lambda: None
) -> AsyncIterator[GitLab]:
    """A GitLab client for an environment, closed at the end; `sent` is called with each request."""

    async def count(_: httpx.Request) -> None:
        sent()

    timeout = wall_timeout(Clock(environment.time_scale), environment.limits.graphql.timeout_seconds)
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    async with httpx.AsyncClient(timeout=timeout, limits=limits, event_hooks={"request": [count]}) as http:
        yield GitLab(http, connection.address, connection.keys, environment.limits.graphql)

"""How stages reach GitLab: one HTTP client a stage, with the environment's connection and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx

from daily_runs.catalogue_environments import Environment
from daily_runs.clock import Clock
from daily_runs.connections import Connection
from daily_runs.gitlab.client import GitLab
from daily_runs.resilience.timeouts import wall_timeout
from daily_runs.run import Connect, Work

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
async def gitlab_session(work: Work) -> AsyncIterator[GitLab]:
    """A GitLab client for the work's environment, closed at the end."""
    environment = work.environment
    connection = work.connection(environment.connection, environment.address, environment.evaluation_users)
    async with gitlab_client(environment, connection) as gitlab:
        yield gitlab


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

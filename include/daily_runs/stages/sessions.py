"""How stages reach GitLab: one HTTP client a stage, with the environment's connection and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from daily_runs.gitlab.client import GitLab
from daily_runs.resilience.timeouts import wall_timeout
from daily_runs.run import Work

CONNECTIONS_MAX = 32


@asynccontextmanager
async def gitlab_session(work: Work) -> AsyncIterator[GitLab]:
    """A GitLab client for the work's environment, closed at the end."""
    environment = work.environment
    connection = work.connection(environment.connection, environment.address, environment.evaluation_users)
    timeout = wall_timeout(work.clock, environment.limits.graphql.timeout_seconds)
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX)
    async with httpx.AsyncClient(timeout=timeout, limits=limits) as http:
        yield GitLab(http, connection.address, connection.keys, environment.limits.graphql)

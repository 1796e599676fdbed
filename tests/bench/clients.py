"""httpx clients for many calls at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle

import httpx

from tests.bench.rivals.protocol import Job

TIMEOUT_SECONDS = 60.0
CALLS_PER_CLIENT = 20
"""In flight at once, about. For each request httpx looks at every connection of its pool, so that one client with
hundreds of them spends more CPU on that than on sending."""


@asynccontextmanager
async def clients_for(job: Job) -> AsyncIterator[Iterator[httpx.AsyncClient]]:
    """The next client to use, in turn, for as many calls at once as the job's workers."""
    headers = {"x-api-key": job.key, "anthropic-version": "2023-06-01"}
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=job.address, headers=headers, timeout=TIMEOUT_SECONDS, limits=limits)
            )
            for _ in range(max(1, job.workers // CALLS_PER_CLIENT))
        ]
        yield cycle(clients)

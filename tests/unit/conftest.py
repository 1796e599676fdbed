"""Nothing but the library: a GitLab answered by a function, through the transport seam that httpx ships.

A test that asks for Postgres or for the sandbox belongs in `tests/services` and fails here.
"""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from daily_runs.catalogue.environments import GraphqlLimits
from daily_runs.gitlab.client import GitLab

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="session")
def postgres() -> None:
    """Not here: whoever runs this folder is promised that it needs no server."""
    pytest.fail("tests/unit has no Postgres: move the test to tests/services")


@pytest.fixture(scope="session")
def _sandbox_process() -> None:
    """Not here, for the same reason."""
    pytest.fail("tests/unit has no sandbox: move the test to tests/services")


@pytest.fixture
def limits() -> GraphqlLimits:
    """GitLab's own, for a logged-in user."""
    return GraphqlLimits(
        complexity_max=250, depth_max=20, page_size_max=100, query_characters_max=10_000, timeout_seconds=30
    )


@pytest.fixture
def connect(limits: GraphqlLimits) -> Callable[[Handler], GitLab]:
    """Makes a client of two users whose server is a function."""

    def with_server(handler: Handler) -> GitLab:
        http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
        keys = {"evaluation-1": "key-one", "evaluation-2": "key-two"}
        return GitLab(http, "https://gitlab.example.com/staging/", keys, limits)

    return with_server

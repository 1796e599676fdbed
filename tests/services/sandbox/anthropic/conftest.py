"""The sandbox's Anthropic on a real socket, for the official SDK to call."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from anthropic import Anthropic
from starlette.applications import Starlette
from starlette.routing import Mount

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.sandbox.anthropic.api import routes
from daily_runs.sandbox.server import listen, make_server
from daily_runs.sandbox.world.clock import SandboxClock
from daily_runs.sandbox.world.received import RequestLog
from daily_runs.sandbox.world.scenario import Latency, Scenario
from daily_runs.sandbox.world.world import World

QUICK = Latency(median=0.001, p95=0.001)
STOP_SECONDS_MAX = 10


def _catalogue(requests: int, tokens_in: int, tokens_out: int, burst_seconds: float) -> Catalogue:
    """Accounts and judge only: Anthropic knows nothing of features and environments."""
    account = Account(
        shared_with_live_users=False,
        requests_per_minute=requests,
        input_tokens_per_minute=tokens_in,
        output_tokens_per_minute=tokens_out,
        burst_seconds=burst_seconds,
        slot_tokens_per_minute=100_000,
        verified=False,
    )
    judge = JudgeSettings(
        account="EVAL",
        connection="daily_runs_judge",
        address="http://127.0.0.1:8390/anthropic",
        provenance="sandbox",
        model="claude-sonnet-5-5",
        max_output_tokens=1000,
        input_tokens_per_verdict=3000,
        output_tokens_per_verdict=300,
        in_flight_max=8,
        request_timeout_seconds=60,
    )
    accounts = {"EVAL": account, "PROD": account}
    return Catalogue.model_construct(accounts=accounts, judge=judge, environments={}, features={})


@pytest.fixture
def make_world() -> Callable[..., World]:
    """A world with the given account limits (a minute, ample by default), scenario and time scale."""

    def make(
        scenario: Scenario | None = None,
        *,
        requests: int = 60_000,
        tokens_in: int = 60_000_000,
        tokens_out: int = 60_000_000,
        burst_seconds: float = 60,
        time_scale: float = 1,
    ) -> World:
        catalogue = _catalogue(requests, tokens_in, tokens_out, burst_seconds)
        faults = scenario or Scenario(latency_seconds=QUICK)
        return World(SandboxClock(time_scale), faults, RequestLog(), {}, catalogue)

    return make


@contextmanager
def _served(world: World) -> Iterator[str]:
    server = make_server(Starlette(routes=[Mount("/anthropic", routes=routes(world))]))
    listening = listen("127.0.0.1", 0)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    port = listening.getsockname()[1]
    yield f"http://127.0.0.1:{port}/anthropic"
    server.should_exit = True
    thread.join(STOP_SECONDS_MAX)
    listening.close()
    assert not thread.is_alive(), "the sandbox did not stop"


@pytest.fixture
def serve() -> Iterator[Callable[[World], str]]:
    """Serve a world; gives the SDK's `base_url`."""
    with ExitStack() as stack:
        yield lambda world: stack.enter_context(_served(world))


@pytest.fixture
def client_of(serve: Callable[[World], str]) -> Iterator[Callable[[World], Anthropic]]:
    """The official SDK, its own retries off, on the EVAL account of a served world."""
    with ExitStack() as stack:
        yield lambda world: stack.enter_context(
            Anthropic(api_key="sandbox-EVAL", base_url=serve(world), max_retries=0, timeout=20)
        )

"""The shared breaker on a real store: several objects stand for several tasks."""

from __future__ import annotations

import asyncio
import itertools
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daily_runs.clock import Clock
from daily_runs.errors import AccessError, Blame, CallError, Hop
from daily_runs.resilience import breaker_rows
from daily_runs.resilience.breaker import LOOK_EVERY_SECONDS, Breaker
from daily_runs.resilience.breaker_rules import (
    GOOD_PROBES,
    OPEN_SECONDS,
    PROBES_AT_ONCE,
    Circuit,
    with_probe,
)
from daily_runs.resilience.retry import with_retries
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

CLOCK = Clock(600.0)
"""The minute of an open breaker takes 0.1 s."""
FAULT = CallError(Hop.GITLAB, "gitlab_error", blame=Blame.PROVIDER, retryable=True)
REFUSED = CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True)
OURS = CallError(Hop.CLIENT, "client_busy", blame=Blame.OWN_SYSTEM, retryable=True)


@pytest.fixture
def provider() -> str:
    """A name that no other test uses."""
    return f"gitlab {uuid.uuid4().hex}"


async def ended(breaker: Breaker, error: BaseException | None = None) -> None:
    """One call through the breaker that ends so."""
    with suppress(*[type(error)] if error else []):
        async with breaker.call():
            if error:
                raise error


async def opened(store: Store, provider: str, clock: Clock = CLOCK) -> None:
    async with Breaker(store, provider, clock) as breaker:
        for _ in range(3):
            await ended(breaker, FAULT)


def status_of(store: Store, provider: str) -> Row:
    (row,) = [row for row in breaker_rows.status(store) if row["provider"] == provider]
    return row


class Counted(NamedTuple):
    """A store that counts what goes to it."""

    store: Store
    statements: list[str]


@pytest.fixture
def counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> Counted:
    made: list[str] = []
    for name in ("look", "change"):
        real: Callable[..., Any] = getattr(breaker_rows, name)

        def counting(*args: Any, real: Callable[..., Any] = real, name: str = name) -> Any:
            made.append(name)
            return real(*args)

        monkeypatch.setattr(breaker_rows, name, counting)
    return Counted(store, made)


def test_three_faults_in_a_row_of_three_tasks_open_it_for_all(store: Store, provider: str) -> None:
    async def scenario() -> float:
        tasks = [Breaker(store, provider, CLOCK) for _ in range(3)]
        for task in tasks:
            await ended(task, FAULT)
        started = time.monotonic()
        await ended(Breaker(store, provider, CLOCK))
        return time.monotonic() - started

    waited_seconds = asyncio.run(scenario())
    assert 0.08 < waited_seconds < OPEN_SECONDS / 10  # it is open for OPEN_SECONDS of the domain: a 600th here
    assert status_of(store, provider)["reason"] == "3 in a row, the last: gitlab_error"


def test_a_good_call_of_another_task_ends_the_row_though_it_is_told_later(store: Store, provider: str) -> None:
    async def scenario() -> None:
        ours, other = Breaker(store, provider, CLOCK), Breaker(store, provider, CLOCK)
        await ended(ours, FAULT)
        await ended(ours, FAULT)
        async with other:
            await ended(other)
        await ended(ours, FAULT)

    asyncio.run(scenario())
    assert status_of(store, provider)["state"] == "closed"


@pytest.mark.parametrize("error", [REFUSED, OURS, AccessError("a", "b", "c"), ValueError("a bug")], ids=repr)
def test_refusals_for_rate_and_our_own_errors_never_open_it(store: Store, provider: str, error: Exception) -> None:
    async def scenario() -> None:
        async with Breaker(store, provider, CLOCK) as breaker:
            for _ in range(30):
                await ended(breaker, error)

    asyncio.run(scenario())
    assert [row for row in breaker_rows.status(store) if row["provider"] == provider and row["state"] != "closed"] == []


def test_healthy_calls_cost_one_report_and_one_look_each_half_second(counted: Counted, provider: str) -> None:
    async def scenario() -> float:
        started = time.monotonic()
        async with Breaker(counted.store, provider, CLOCK) as breaker:
            for _ in range(300):
                await asyncio.gather(*(ended(breaker) for _ in range(10)))
        return time.monotonic() - started

    seconds = asyncio.run(scenario())
    half_seconds = seconds / LOOK_EVERY_SECONDS
    assert len(counted.statements) <= 3 + half_seconds * 2


def test_good_calls_are_told_when_the_task_ends_and_soon_when_it_idles(store: Store, provider: str) -> None:
    slow = Clock(1.0)

    async def at_once() -> None:
        async with Breaker(store, provider, slow) as breaker:
            await ended(breaker)

    async def idle() -> None:
        breaker = Breaker(store, f"{provider} idle", slow)
        await ended(breaker)
        await asyncio.sleep(LOOK_EVERY_SECONDS + 0.3)

    asyncio.run(at_once())
    asyncio.run(idle())
    assert status_of(store, provider)["calls"] == status_of(store, f"{provider} idle")["calls"] == 1


def test_a_call_that_is_held_back_for_the_whole_budget_is_not_made(store: Store, provider: str) -> None:
    async def scenario() -> float:
        slow = Clock(1.0)
        await opened(store, provider, slow)
        async with Breaker(store, provider, slow, budget_seconds=0.3) as breaker:
            started = time.monotonic()
            with pytest.raises(CallError, match=r"breaker_open at client .*3 in a row") as caught:
                async with breaker.call():
                    raise AssertionError("a call was made")
            assert (caught.value.blame, caught.value.retryable) == (Blame.PROVIDER, False)
            return time.monotonic() - started

    assert 0.3 <= asyncio.run(scenario()) < 1


def test_a_held_back_call_is_not_tried_again_by_the_retry_layer(store: Store, provider: str) -> None:
    made: list[str] = []

    async def scenario() -> None:
        slow = Clock(1.0)
        await opened(store, provider, slow)
        async with Breaker(store, provider, slow, budget_seconds=0.1) as breaker:

            async def one_try() -> None:
                async with breaker.call():
                    made.append("sent")

            await with_retries(one_try, clock=slow)

    with pytest.raises(CallError, match="breaker_open"):
        asyncio.run(scenario())
    assert made == []


def test_a_call_that_was_cancelled_gives_its_probe_back(store: Store, provider: str) -> None:
    async def scenario() -> int:
        await opened(store, provider)
        await asyncio.sleep(0.12)
        breaker, inside = Breaker(store, provider, CLOCK), asyncio.Event()

        async def call() -> None:
            async with breaker.call():
                inside.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(call())
        await inside.wait()
        taken = int(status_of(store, provider)["probes"])
        task.cancel()
        await asyncio.wait([task])
        return taken

    assert asyncio.run(scenario()) == 1
    assert status_of(store, provider)["probes"] == 0
    assert status_of(store, provider)["state"] == "half_open"


def test_calls_that_began_before_it_opened_have_no_say_after_it_closed(store: Store, provider: str) -> None:
    late = asyncio.Event()

    async def fails_late(breaker: Breaker) -> None:
        with suppress(CallError):
            async with breaker.call():
                await late.wait()
                raise FAULT

    async def scenario() -> None:
        async with Breaker(store, provider, CLOCK) as breaker:
            slow = [asyncio.create_task(fails_late(breaker)) for _ in range(5)]
            await asyncio.sleep(0.05)
            await opened(store, provider)
            await asyncio.sleep(0.12)
            for _ in range(3):
                await ended(Breaker(store, provider, CLOCK))
            assert status_of(store, provider)["state"] == "closed"
            late.set()
            await asyncio.gather(*slow)

    asyncio.run(scenario())
    assert status_of(store, provider)["state"] == "closed"


def test_three_good_probes_close_it_and_two_do_not(store: Store, provider: str) -> None:
    async def scenario() -> list[str]:
        await opened(store, provider)
        states = []
        for _ in range(3):
            await ended(Breaker(store, provider, CLOCK))
            states.append(status_of(store, provider)["state"])
        return states

    assert asyncio.run(scenario()) == ["half_open", "half_open", "closed"]


def test_a_probe_that_fails_opens_it_for_twice_as_long(store: Store, provider: str) -> None:
    async def scenario() -> None:
        await opened(store, provider)
        await ended(Breaker(store, provider, CLOCK))
        await ended(Breaker(store, provider, CLOCK), FAULT)

    asyncio.run(scenario())
    row = status_of(store, provider)
    assert (row["state"], row["reopenings"]) == ("open", 1)
    assert (row["open_until"] - row["since"]).total_seconds() == pytest.approx(120 / CLOCK.time_scale, abs=0.001)


def test_a_prober_that_was_killed_blocks_nothing_once_its_lease_ends(store: Store, provider: str) -> None:
    async def scenario() -> None:
        await opened(store, provider)
        await asyncio.sleep(0.12)

        def three_dead(circuit: Circuit, now: float) -> Circuit:
            for probe in "abc":
                circuit = with_probe(circuit, probe, now, 0.3)
            return circuit

        await asyncio.to_thread(breaker_rows.change, store, provider, three_dead)
        assert status_of(store, provider)["probes"] == 3
        started = time.monotonic()
        await ended(Breaker(store, provider, CLOCK))
        assert 0.2 < time.monotonic() - started < OPEN_SECONDS / 10

    asyncio.run(scenario())


class Probing(NamedTuple):
    """A call that ended: how, when it did (monotonic), and when its breaker had told the store."""

    kind: str
    ended: float
    told: float


def may_have_closed(calls: Sequence[Probing]) -> bool:
    """Whether the store may have counted three good calls with no fault between them.

    Two calls that were told at the same time may stand in the store in either order.
    """
    faults = [call for call in calls if call.kind == FAULT.kind]
    return any(
        all(
            fault.ended < min(call.told for call in three) or fault.told > max(call.ended for call in three)
            for fault in faults
        )
        for three in itertools.combinations([call for call in calls if call.kind == "good"], GOOD_PROBES)
    )


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outcomes=st.lists(st.sampled_from([None, None, None, FAULT, REFUSED]), max_size=12),
    tasks=st.integers(2, 4),
    calls_each=st.integers(1, 4),
)
def test_at_most_three_probes_are_in_flight_and_only_three_good_ones_close_it(
    store: Store, outcomes: list[CallError | None], tasks: int, calls_each: int
) -> None:
    """Several tasks with several calls each wait at one open breaker; probes end as drawn, at last all well."""
    provider, left = f"gitlab {uuid.uuid4().hex}", list(outcomes)
    calls: list[Probing] = []
    too_many_since: list[float] = []
    in_flight = 0

    async def call(breaker: Breaker) -> str:
        nonlocal in_flight
        kind, ended = "", 0.0
        try:
            async with breaker.call():
                in_flight += 1
                if in_flight > PROBES_AT_ONCE:
                    too_many_since.append(time.monotonic())
                await asyncio.sleep(0.01)
                in_flight -= 1
                outcome = left.pop() if left else None
                kind, ended = outcome.kind if outcome else "good", time.monotonic()
                if outcome:
                    raise outcome
        finally:
            calls.append(Probing(kind, ended, time.monotonic()))
        return kind

    async def until_good(breaker: Breaker) -> None:
        for _ in range(200):
            with suppress(CallError):
                await call(breaker)
                return
        raise AssertionError("never came through")

    async def scenario() -> None:
        await opened(store, provider, Clock(6000.0))
        shared = [Breaker(store, provider, Clock(6000.0)) for _ in range(tasks)]
        await asyncio.gather(*(until_good(breaker) for breaker in shared for _ in range(calls_each)))

    asyncio.run(scenario())
    assert sum(call.kind == "good" for call in calls) == tasks * calls_each
    if too_many_since:
        assert may_have_closed([call for call in calls if call.ended <= too_many_since[0]]), calls
    if status_of(store, provider)["state"] == "closed":
        assert may_have_closed(calls), calls


def test_status_shows_each_breaker_to_people(store: Store, provider: str) -> None:
    asyncio.run(opened(store, provider, Clock(1.0)))
    row = status_of(store, provider)
    assert row["state"] == "open"
    assert (row["open_until"] - row["since"]).total_seconds() == pytest.approx(60, abs=0.01)
    assert {"reopenings": 0, "probes": 0, "good_probes": 0, "calls": 0, "faults": 0}.items() <= row.items()


def test_two_providers_have_breakers_of_their_own(store: Store, provider: str) -> None:
    async def scenario() -> float:
        await opened(store, provider, Clock(1.0))
        started = time.monotonic()
        await ended(Breaker(store, f"{provider} other", Clock(1.0)))
        return time.monotonic() - started

    assert asyncio.run(scenario()) < 0.3


def test_many_faults_at_once_are_told_together(counted: Counted, provider: str) -> None:
    together = asyncio.Event()

    async def fails(breaker: Breaker) -> None:
        async with breaker.call():
            await together.wait()
            raise FAULT

    async def scenario() -> None:
        async with Breaker(counted.store, provider, CLOCK) as breaker:
            calls: list[Awaitable[None]] = [asyncio.create_task(fails(breaker)) for _ in range(50)]
            await asyncio.sleep(0.1)
            together.set()
            await asyncio.gather(*calls, return_exceptions=True)

    asyncio.run(scenario())
    assert counted.statements.count("change") < 10
    assert status_of(counted.store, provider)["state"] == "open"

"""The retry layer: how often, how long, and for what."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.resilience.retry import backoff_seconds, with_retries


@dataclass(frozen=True)
class RecordingClock(Clock):
    """Waits for nothing and keeps what it was asked to wait."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, domain_seconds: float) -> None:
        self.slept.append(domain_seconds)


def failure(kind: str = "timeout", *, retryable: bool = True, after: float | None = None) -> CallError:
    return CallError(Hop.UNKNOWN, kind, blame=Blame.PROVIDER, retryable=retryable, retry_after_seconds=after)


def failing(*errors: BaseException | None) -> Callable[[], Awaitable[str]]:
    """Fails with these in turn; None succeeds."""
    left = list(errors)

    async def call() -> str:
        error = left.pop(0)
        if error is not None:
            raise error
        return "done"

    return call


def test_a_first_success_waits_for_nothing() -> None:
    clock = RecordingClock()
    assert asyncio.run(with_retries(failing(None), clock=clock)) == "done"
    assert clock.slept == []


def test_three_attempts_at_most_are_made_and_the_last_error_is_raised_as_it_was() -> None:
    clock, errors = RecordingClock(), [failure("a"), failure("b"), failure("c")]
    with pytest.raises(CallError) as caught:
        asyncio.run(with_retries(failing(*errors, AssertionError("a fourth attempt")), clock=clock))
    assert caught.value is errors[-1]
    assert len(clock.slept) == 2


def test_a_success_after_two_failures_is_a_success() -> None:
    assert asyncio.run(with_retries(failing(failure(), failure(), None), clock=RecordingClock())) == "done"


@pytest.mark.parametrize("earlier", [0, 1])
def test_what_is_not_retryable_is_raised_at_once(earlier: int) -> None:
    clock, final = RecordingClock(), failure("unauthorized", retryable=False)
    with pytest.raises(CallError) as caught:
        asyncio.run(with_retries(failing(*[failure()] * earlier, final), clock=clock))
    assert caught.value is final
    assert len(clock.slept) == earlier


@pytest.mark.parametrize("error", [ValueError("a bug"), TimeoutError(), asyncio.CancelledError()])
def test_nothing_but_a_failed_call_is_retried(error: BaseException) -> None:
    clock = RecordingClock()
    with pytest.raises(type(error)):
        asyncio.run(with_retries(failing(error), clock=clock))
    assert clock.slept == []


def test_a_call_may_be_a_plain_function_that_gives_an_awaitable() -> None:
    call = failing(failure(), None)
    assert asyncio.run(with_retries(lambda: call(), clock=RecordingClock())) == "done"  # noqa: PLW0108


def test_a_process_that_died_leaves_fewer_attempts() -> None:
    clock, errors = RecordingClock(), [failure("a"), failure("b")]
    with pytest.raises(CallError) as caught:
        asyncio.run(with_retries(failing(*errors, AssertionError("a third")), clock=clock, attempts_max=2))
    assert caught.value is errors[-1]


def test_a_hop_that_asks_for_minutes_is_given_them() -> None:
    clock = RecordingClock()
    asyncio.run(with_retries(failing(failure(after=120), None), clock=clock))
    assert 120.5 <= clock.slept[0] <= 121.5


def test_a_hop_that_asks_for_hours_is_not_waited_for_and_never_called_earlier() -> None:
    clock = RecordingClock()
    with pytest.raises(CallError):
        asyncio.run(with_retries(failing(failure(after=3600)), clock=clock))
    assert clock.slept == []


def test_the_waits_are_domain_seconds() -> None:
    async def timed() -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await with_retries(failing(failure(after=100), failure(after=100), None), clock=Clock(time_scale=10_000))
        return loop.time() - started

    assert 0.02 <= asyncio.run(timed()) < 1


@given(attempt=st.integers(1, 10_000), seed=st.integers())
def test_a_backoff_doubles_from_one_second_within_half_and_sixty(attempt: int, seed: int) -> None:
    base = 2.0 ** min(attempt - 1, 64)
    wait = backoff_seconds(attempt, None, random.Random(seed))
    assert min(base, 60) * 0.5 <= wait <= min(base * 1.5, 60)


@given(st.integers(1, 50), st.floats(0, 1e6), st.integers())
def test_no_wait_is_shorter_than_asked_for_nor_much_longer(attempt: int, asked: float, seed: int) -> None:
    wait = backoff_seconds(attempt, asked, random.Random(seed))
    assert asked < wait <= asked + 60


@given(st.lists(st.one_of(st.none(), st.booleans()), min_size=3, max_size=6), st.integers())
def test_attempts_and_waits_always_add_up(outcomes: list[bool | None], seed: int) -> None:
    """None succeeds, True is retryable, False is not."""
    clock, made = RecordingClock(), 0
    calls = failing(*(None if outcome is None else failure(retryable=outcome) for outcome in outcomes))

    async def counted() -> str:
        nonlocal made
        made += 1
        return await calls()

    expected = next((n for n, outcome in enumerate(outcomes[:3], start=1) if outcome is not True), 3)
    run = with_retries(counted, clock=clock, rng=random.Random(seed))
    if outcomes[expected - 1] is None:
        assert asyncio.run(run) == "done"
    else:
        with pytest.raises(CallError):
            asyncio.run(run)
    assert (made, len(clock.slept)) == (expected, expected - 1)

"""The retry layer: how often, how long, and for what."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anthropic
import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.clock import WALL_SECONDS_MIN, Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops import exchange
from daily_runs.gitlab.hops.refusal import RULES, attribute
from daily_runs.gitlab.hops.rule import Rule
from daily_runs.judging import refusals
from daily_runs.resilience.retry import (
    BUDGET_SECONDS,
    RETRY_AFTER_MAX_SECONDS,
    backoff_seconds,
    uses_up_a_try,
    with_retries,
)


@dataclass(frozen=True)
class RecordingClock(Clock):
    """Waits for nothing and keeps what it was asked to wait."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, domain_seconds: float) -> None:
        self.slept.append(domain_seconds)


def failure(kind: str = "timeout", *, retryable: bool = True, after: float | None = None) -> CallError:
    return CallError(Hop.UNKNOWN, kind, blame=Blame.PROVIDER, retryable=retryable, retry_after_seconds=after)


def refusal(after: float | None = None) -> CallError:
    return CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True, retry_after_seconds=after)


def overload() -> CallError:
    return failure("vendor_overloaded")


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
    assert asked <= wait <= asked + 60


@given(st.integers(1, 50), st.floats(0, RETRY_AFTER_MAX_SECONDS), st.integers())
def test_no_wait_is_longer_than_a_hop_may_ask_for(attempt: int, asked: float, seed: int) -> None:
    assert backoff_seconds(attempt, asked, random.Random(seed)) <= RETRY_AFTER_MAX_SECONDS


def test_callers_that_were_told_the_same_wait_do_not_come_back_together() -> None:
    waits = {round(backoff_seconds(1, 30, random.Random(seed)), 3) for seed in range(20)}
    assert len(waits) > 15


@pytest.mark.parametrize("refused", [refusal(), overload(), failure("http_529")], ids=str)
def test_refusals_for_rate_and_overload_use_up_no_attempt(refused: CallError) -> None:
    clock = RecordingClock()
    assert asyncio.run(with_retries(failing(*[refused] * 8, None), clock=clock)) == "done"
    assert len(clock.slept) == 8
    assert not uses_up_a_try(refused)


@pytest.mark.parametrize("kind", ["timeout", "gitlab_error", "vendor_server_error", "dropped_connection"])
def test_other_failures_use_up_an_attempt(kind: str) -> None:
    assert uses_up_a_try(failure(kind))


def test_between_refusals_three_attempts_at_most_are_used_up() -> None:
    clock, last = RecordingClock(), failure("last")
    calls = failing(refusal(), failure(), refusal(), overload(), failure(), refusal(), last, AssertionError("a 4th"))
    with pytest.raises(CallError) as caught:
        asyncio.run(with_retries(calls, clock=clock))
    assert caught.value is last
    assert len(clock.slept) == 6


def test_the_wait_grows_with_refusals_in_a_row_up_to_a_minute() -> None:
    clock = RecordingClock()
    asyncio.run(with_retries(failing(*[overload()] * 9, None), clock=clock))
    for n, wait in enumerate(clock.slept):
        assert min(2**n, 60) * 0.5 <= wait <= min(2**n * 1.5, 60)


def test_a_failure_that_counts_ends_a_row_of_refusals() -> None:
    clock = RecordingClock()
    asyncio.run(with_retries(failing(*[overload()] * 5, failure(), overload(), None), clock=clock))
    assert clock.slept[4] >= 8
    assert clock.slept[5] <= 1.5
    assert clock.slept[6] <= 1.5


def test_refusals_without_end_are_given_up_when_the_time_is() -> None:
    clock, made = RecordingClock(), 0

    async def refused() -> str:
        nonlocal made
        made += 1
        raise refusal()

    with pytest.raises(CallError, match="rack_attack"):
        asyncio.run(with_retries(refused, clock=clock, monotonic=lambda: sum(clock.slept)))
    assert BUDGET_SECONDS - 120 < sum(clock.slept) <= BUDGET_SECONDS
    assert made == len(clock.slept) + 1


def test_no_attempt_begins_after_the_budget_whatever_is_left_of_the_count() -> None:
    clock, first = RecordingClock(), failure("first")
    moments = iter([0.0, 10.0])
    run = with_retries(failing(first), clock=clock, budget_seconds=10, monotonic=lambda: next(moments))
    with pytest.raises(CallError) as caught:
        asyncio.run(run)
    assert caught.value is first
    assert clock.slept == []


def test_a_wait_that_ends_after_the_budget_is_not_begun() -> None:
    clock = RecordingClock()
    with pytest.raises(CallError):
        asyncio.run(with_retries(failing(refusal(after=100)), clock=clock, budget_seconds=100, monotonic=lambda: 0.0))
    assert clock.slept == []


@dataclass(frozen=True)
class FastClock(RecordingClock):
    """A minute of the domain in a second."""

    time_scale: float = 60.0


def test_the_budget_is_domain_time() -> None:
    clock = FastClock()
    moments = iter([0.0, 9.0])  # wall seconds: 540 of the domain
    run = with_retries(failing(failure()), clock=clock, budget_seconds=530, monotonic=lambda: next(moments))
    with pytest.raises(CallError):
        asyncio.run(run)


def test_on_a_fast_clock_two_calls_that_ran_into_the_shortest_timeout_lose_no_answer() -> None:
    """A machine stands still for ten seconds, twice: the third try is still made."""
    clock = FastClock(time_scale=300.0)
    moments = iter([0.0, WALL_SECONDS_MIN + 0.5, 2 * WALL_SECONDS_MIN + 4])  # of the wall: hours of the domain
    run = with_retries(failing(failure(), failure(), None), clock=clock, monotonic=lambda: next(moments))
    assert asyncio.run(run) == "done"


def test_a_529_is_overload_from_the_vendor_and_from_an_unknown_hop() -> None:
    response = httpx2.Response(529, request=httpx2.Request("POST", "http://127.0.0.1/v1/messages"))
    named = refusals.attribute(anthropic.APIStatusError("overloaded", response=response, body=None))
    unnamed = attribute(exchange.Exchange(529, {}))
    assert unnamed is not None
    assert (uses_up_a_try(named), uses_up_a_try(unnamed)) == (False, False)


def test_no_refusal_for_rate_that_can_be_named_uses_up_an_attempt() -> None:
    free = {rule.kind for rule in RULES if not uses_up_a_try(of(rule))}
    assert free == {rule.kind for rule in RULES if rule.blame is Blame.RATE_LIMIT}
    assert len(free) > 5


def of(rule: Rule) -> CallError:
    return CallError(rule.hop, rule.kind, blame=rule.blame, retryable=rule.retryable)


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

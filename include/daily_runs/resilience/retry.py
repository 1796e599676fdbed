"""The one retry layer (docs/domain.md §7): at most 3 attempts, exponential backoff with jitter, `Retry-After` honoured.

Nothing else retries: the Anthropic SDK's own retries are switched off, httpx has none. What may be retried is the
failure's own word (`CallError.retryable`); whether a paid call should be is the caller's
(`daily_runs.gitlab.calls.maybe_paid`).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from daily_runs.clock import Clock
from daily_runs.errors import CallError

ATTEMPTS_MAX = 3
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_FACTOR = 2.0
BACKOFF_JITTER_SHARE = 0.5
BACKOFF_MAX_SECONDS = 60.0
# A hop that asks for more than this (a quota over hours) gets what it asks for by our giving up, not by holding a slot.
RETRY_AFTER_MAX_SECONDS = 300.0

T = TypeVar("T")


class Retry(NamedTuple):
    """A failed attempt (counted from 1) and the wait before the next one, in domain seconds."""

    attempt: int
    error: CallError
    wait_seconds: float


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    rng: random.Random | None = None,
    on_retry: Callable[[Retry], None] | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    may_repeat: Callable[[CallError], bool] = lambda _: True,
) -> T:
    """Call until it succeeds, fails for good, or the attempts are used up.

    Args:
        call: makes one attempt.
        clock: whose domain seconds the waits are in.
        rng: source of the jitter.
        on_retry: told of each failed attempt that is followed by another one, before the wait.
        attempts_max: 1 for a call that must not be repeated.
        may_repeat: narrows what is retried, for a call that may have been paid.

    Raises:
        CallError: the last attempt's, as it was; `attempts_made` tells how many there were.
        Exception: whatever else `call` raises, at once.
    """
    draw = rng or random.Random()
    retrying = AsyncRetrying(
        sleep=clock.sleep,
        stop=stop_after_attempt(attempts_max),
        wait=lambda state: backoff_seconds(state.attempt_number, _error_of(state).retry_after_seconds, draw),
        retry=retry_if_exception(lambda error: _may_follow(error, may_repeat)),
        before_sleep=lambda state: on_retry(_told(state)) if on_retry else None,
        reraise=True,
    )
    return await retrying(_counted(call))


def backoff_seconds(attempt: int, retry_after_seconds: float | None, rng: random.Random) -> float:
    """Domain seconds to wait after attempt `attempt` (from 1) failed.

    1 s, 2 s, 4 s, …, each ±50 %, at most 60 s. What the hop asked for comes on top, so that callers refused together
    do not come back together, and none comes back early.
    """
    base = BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** min(attempt - 1, 64)
    jittered = min(base, BACKOFF_MAX_SECONDS) * rng.uniform(1 - BACKOFF_JITTER_SHARE, 1 + BACKOFF_JITTER_SHARE)
    return min(jittered, BACKOFF_MAX_SECONDS) + max(0.0, retry_after_seconds or 0.0)


def attempts_made(error: BaseException) -> int:
    """How many attempts `with_retries` had made when it raised this error; 1 for an error it has not seen."""
    return int(error.__dict__.get("attempts", 1))


def _counted(call: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """The call, with the number of attempts so far on each error that it raises."""
    made = 0

    async def attempt() -> T:
        nonlocal made
        made += 1
        try:
            return await call()
        except CallError as error:
            error.__dict__["attempts"] = made
            raise

    return attempt


def _error_of(state: RetryCallState) -> CallError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, CallError)  # only these are waited for
    return error


def _told(state: RetryCallState) -> Retry:
    return Retry(state.attempt_number, _error_of(state), state.upcoming_sleep)


def _may_follow(error: BaseException, may_repeat: Callable[[CallError], bool]) -> bool:
    if not isinstance(error, CallError) or not error.retryable or not may_repeat(error):
        return False
    return (error.retry_after_seconds or 0.0) <= RETRY_AFTER_MAX_SECONDS

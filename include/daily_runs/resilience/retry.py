"""The one retry layer (docs/domain.md §7): at most 3 attempts, exponential backoff with jitter, `Retry-After` honoured.

Nothing else retries: the Anthropic SDK's own retries are switched off, httpx has none. What may be retried is the
failure's own word (`CallError.retryable`), also for a call that may have been paid
(docs/decisions/0013-a-lost-answer-is-asked-again.md).
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

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


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    rng: random.Random | None = None,
    attempts_max: int = ATTEMPTS_MAX,
) -> T:
    """Call until it succeeds, fails for good, or the attempts are used up.

    Args:
        call: makes one attempt.
        clock: whose domain seconds the waits are in.
        rng: source of the jitter.
        attempts_max: fewer where a process that died made some.

    Raises:
        CallError: the last attempt's, as it was.
        Exception: whatever else `call` raises, at once.
    """
    draw = rng or random.Random()
    retrying = AsyncRetrying(
        sleep=clock.sleep,
        stop=stop_after_attempt(attempts_max),
        wait=lambda state: backoff_seconds(state.attempt_number, _error_of(state).retry_after_seconds, draw),
        retry=retry_if_exception(_may_follow),
        reraise=True,
    )

    async def attempt() -> T:  # tenacity awaits only what is declared so, which a lambda isn't
        return await call()

    return await retrying(attempt)


def backoff_seconds(attempt: int, retry_after_seconds: float | None, rng: random.Random) -> float:
    """Domain seconds to wait after attempt `attempt` (from 1) failed.

    1 s, 2 s, 4 s, …, each ±50 %, at most 60 s. What the hop asked for comes on top, so that callers refused together
    do not come back together, and none comes back early.
    """
    base = BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** min(attempt - 1, 64)
    jittered = min(base, BACKOFF_MAX_SECONDS) * rng.uniform(1 - BACKOFF_JITTER_SHARE, 1 + BACKOFF_JITTER_SHARE)
    return min(jittered, BACKOFF_MAX_SECONDS) + max(0.0, retry_after_seconds or 0.0)


def _error_of(state: RetryCallState) -> CallError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, CallError)  # only these are waited for
    return error


def _may_follow(error: BaseException) -> bool:
    if not isinstance(error, CallError) or not error.retryable:
        return False
    return (error.retry_after_seconds or 0.0) <= RETRY_AFTER_MAX_SECONDS

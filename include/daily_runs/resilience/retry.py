"""The one retry layer (docs/domain.md §7): at most 3 attempts, exponential backoff with jitter, `Retry-After` honoured.

Nothing else retries: the Anthropic SDK's own retries are switched off, httpx has none. What may be retried is the
failure's own word (`CallError.retryable`), also for a call that may have been paid
(docs/decisions/0013-a-lost-answer-is-asked-again.md).

A refusal for rate or overload was not paid and says nothing of the prompt: it uses up no attempt, and only the time
budget bounds how often the call is tried. So there are two counts and a deadline, which reads better as the loop below
than as a retry library's stop, wait and retry strategies: these know one count of attempts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daily_runs.clock import WALL_SECONDS_MIN, Clock, wall_timeout
from daily_runs.errors import Blame, CallError

ATTEMPTS_MAX = 3
BUDGET_SECONDS = 900.0
"""No attempt begins later than this after the first one, in domain time. A prompt of the slowest feature takes 5
minutes (its `answer_timeout_seconds`), so three full tries fit; a refusal that lasts longer is no moment's."""
BUDGET_WALL_SECONDS_MIN = ATTEMPTS_MAX * WALL_SECONDS_MIN
"""On a clock that runs fast the budget is never shorter than this: three tries that each run into the shortest timeout.
Else a machine that stands still for ten seconds ends the try and the budget together, and the answer is lost."""
BACKOFF_FIRST_SECONDS = 1.0
BACKOFF_FACTOR = 2.0
BACKOFF_JITTER_SHARE = 0.5
BACKOFF_MAX_SECONDS = 60.0
# A hop that asks for more than this (a quota over hours) gets what it asks for by our giving up, not by holding a slot.
RETRY_AFTER_MAX_SECONDS = 300.0
OVERLOADED_KINDS = frozenset({"vendor_overloaded", "http_529"})
"""529, from the vendor itself or from a hop that no rule names: asked too fast for the moment, and not paid."""

T = TypeVar("T")


async def with_retries(
    call: Callable[[], Awaitable[T]],
    *,
    clock: Clock,
    rng: random.Random | None = None,
    attempts_max: int = ATTEMPTS_MAX,
    budget_seconds: float | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> T:
    """Call until it succeeds, fails for good, or the attempts or the time are used up.

    Args:
        call: makes one attempt.
        clock: whose domain seconds the waits and the budget are in.
        rng: source of the jitter.
        attempts_max: fewer where a process that died made some.
        budget_seconds: no attempt begins later than this after the first one; None: `BUDGET_SECONDS`.
        monotonic: seconds of the wall clock.

    Raises:
        CallError: the last attempt's, as it was.
        Exception: whatever else `call` raises, at once.
    """
    draw = rng or random.Random()
    latest = monotonic() + _wall_budget(clock, budget_seconds)
    used_up, refusals_in_row = 0, 0
    while True:
        try:
            return await call()
        except CallError as error:
            if uses_up_a_try(error):
                used_up, refusals_in_row = used_up + 1, 0
            else:
                refusals_in_row += 1
            wait_seconds = backoff_seconds(refusals_in_row or used_up, error.retry_after_seconds, draw)
            late = monotonic() + clock.wall(wait_seconds) > latest
            if used_up >= attempts_max or late or not _may_follow(error):
                raise
        await clock.sleep(wait_seconds)


def _wall_budget(clock: Clock, budget_seconds: float | None) -> float:
    if budget_seconds is None:
        return wall_timeout(clock, BUDGET_SECONDS, at_least=BUDGET_WALL_SECONDS_MIN)
    return clock.wall(budget_seconds)


def uses_up_a_try(error: CallError) -> bool:
    """Whether a failed call counts as one of the prompt's tries: refusals for rate and overload do not."""
    return error.blame is not Blame.RATE_LIMIT and error.kind not in OVERLOADED_KINDS


def backoff_seconds(failures: int, retry_after_seconds: float | None, rng: random.Random) -> float:
    """Domain seconds to wait after so many failures (from 1): tries that were used up, or refusals in a row.

    1 s, 2 s, 4 s, …, each ±50 %, at most 60 s. What the hop asked for comes on top, so that callers refused together
    do not come back together, and none comes back early. The whole is no longer than a hop may ask for.
    """
    base = BACKOFF_FIRST_SECONDS * BACKOFF_FACTOR ** min(failures - 1, 64)
    jittered = min(base, BACKOFF_MAX_SECONDS) * rng.uniform(1 - BACKOFF_JITTER_SHARE, 1 + BACKOFF_JITTER_SHARE)
    asked_seconds = max(0.0, retry_after_seconds or 0.0)
    return max(asked_seconds, min(asked_seconds + min(jittered, BACKOFF_MAX_SECONDS), RETRY_AFTER_MAX_SECONDS))


def _may_follow(error: CallError) -> bool:
    return error.retryable and (error.retry_after_seconds or 0.0) <= RETRY_AFTER_MAX_SECONDS

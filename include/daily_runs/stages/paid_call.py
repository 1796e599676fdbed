"""How often a paid call may be made for one prompt: over all tasks that worked on it, dead ones included."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.quota.pacer import PacedCall, Pacer
from daily_runs.quota.tariff import ExpectedTokens
from daily_runs.resilience.breaker import Breaker
from daily_runs.resilience.retry import ATTEMPTS_MAX


def tries_left(made: int) -> int:
    """Tries that remain after `made` of them (docs/domain.md §7: 3 in all).

    Raises:
        CallError: `tries_used_up`; none remains. Tasks that died made them, so no failure tells what was wrong.
    """
    if made >= ATTEMPTS_MAX:
        evidence = f"{made} tries were begun, and none was seen to end"
        raise CallError(Hop.CLIENT, "tries_used_up", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    return ATTEMPTS_MAX - made


@asynccontextmanager
async def paced_call(breaker: Breaker, pacer: Pacer, tokens: ExpectedTokens) -> AsyncIterator[PacedCall]:
    """Wait for breaker and grant. If the breaker opened while the call stood in line, its grant is given back and it
    waits again.

    Raises:
        CallError: `breaker_open`, or `ai_action_budget_spent`: the call was not made.
    """
    while True:
        async with breaker.call() as still_lets, pacer.call(tokens) as call:
            if await still_lets():
                yield call
                return

"""A paid call: when the circuit breaker lets it, at the moment that the ledger grants."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from daily_runs.quota.pacer import Call, Pacer
from daily_runs.quota.tariff import Tokens
from daily_runs.resilience.breaker import Breaker


@asynccontextmanager
async def paced_call(breaker: Breaker, pacer: Pacer, tokens: Tokens) -> AsyncIterator[Call]:
    """Wait for both. If the breaker opened while the call stood in line, its grant is given back and it waits again.

    Raises:
        CallError: `breaker_open`, or `ai_action_budget_spent`: the call was not made.
    """
    while True:
        async with breaker.call() as still_lets, pacer.call(tokens) as call:
            if await still_lets():
                yield call
                return

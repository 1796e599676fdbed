"""Timeouts follow domain time, down to a floor on the wall clock; a wait counts the time in which this process ran."""

from __future__ import annotations

import asyncio
import time

import pytest

from daily_runs.clock import WALL_SECONDS_MIN, Clock, wall_timeout, within


def test_a_timeout_follows_domain_time_and_never_falls_under_the_floor() -> None:
    assert wall_timeout(Clock(1), 240) == 240
    assert wall_timeout(Clock(10), 240) == 24
    assert wall_timeout(Clock(60), 240) == WALL_SECONDS_MIN == 10
    assert wall_timeout(Clock(60), 240, at_least=0) == 4


async def value_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


@pytest.mark.parametrize("limit", [None, 30.0])
def test_what_is_done_in_time_is_handed_on(limit: float | None) -> None:
    assert asyncio.run(within(limit, value_after(0.01))) == "done"


def test_what_is_not_done_in_time_is_cancelled_before_anybody_hears_of_it() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    with pytest.raises(TimeoutError):
        asyncio.run(within(0.02, endless()))
    assert ended == ["cancelled"]


def test_a_failure_within_the_time_is_passed_on() -> None:
    async def fail() -> None:
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        asyncio.run(within(30.0, fail()))


def test_whoever_is_cancelled_cancels_what_it_waits_for() -> None:
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async def scenario() -> None:
        waiting = asyncio.create_task(within(30.0, endless()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()

    asyncio.run(scenario())
    assert ended == ["cancelled"]


def test_time_in_which_the_process_stood_still_is_not_counted() -> None:
    """The limit is 2 s, and the loop stands still for 3; then the answer comes. A timer would have ended the wait."""

    async def scenario() -> str:
        waiting = asyncio.create_task(within(2.0, value_after(3.2)))
        await asyncio.sleep(0.05)
        time.sleep(3.0)  # noqa: ASYNC251 - the whole loop, as if the process were stopped
        return await waiting

    assert asyncio.run(scenario()) == "done"

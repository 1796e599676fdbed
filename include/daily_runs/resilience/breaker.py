"""The circuit breaker of a provider, as the tasks that call it use it; its state is a row that all of them share.

    async with Breaker(store, "anthropic EVAL", clock) as breaker:
        async with breaker.call():
            ...one try...

A healthy call costs no statement: good calls are reported, and the state looked at, in one go at most every
`LOOK_EVERY_SECONDS`. A fault is reported at once. So other tasks stop calling at most that much later than the third
fault in a row, and a good call of theirs may be heard of that much late; it is dated by when it ended, so a row of
faults is told from one that it interrupted.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Self

from daily_runs.clock import Clock, wall_timeout
from daily_runs.errors import Blame, CallError, Hop, StageError
from daily_runs.resilience import breaker_rows
from daily_runs.resilience.breaker_rows import BreakerReading
from daily_runs.resilience.breaker_rules import (
    PROBES_AT_ONCE,
    CallOutcome,
    Circuit,
    EndedCall,
    after_calls,
    after_probe,
    outcome_of,
    probes_alive,
    with_probe,
)
from daily_runs.resilience.retry import BUDGET_SECONDS
from daily_runs.statuses import BreakerState
from daily_runs.store.database import Store

LOOK_EVERY_SECONDS = 0.5
"""Wall clock: how old the known state may be, and how long good calls wait to be reported."""
LOOK_EVERY_SECONDS_MIN = 0.02
"""Wall clock: while calls are held back, a domain second may pass between looks, in fast time no less than this."""
PROBE_LEASE_SECONDS = 480.0
"""Domain time after which a probe counts as dead. Longer than any call lasts: a minute for its grant and one for the
request, and 5 for the answer of the slowest feature. Two dead probes leave a third one its place."""
PROBE_LEASE_WALL_SECONDS_MIN = 30.0


class _Permit(NamedTuple):
    """Permission for one call: the breaker's generation, and the probe number if it is half-open."""

    generation: int
    probe: str | None


class _Ended(NamedTuple):
    """A call that was let through while closed: when it ended (monotonic), and how."""

    generation: int
    moment: float
    outcome: CallOutcome
    kind: str


class Breaker:
    """One provider's breaker in one event loop; many calls may be inside at once.

    Args:
        store: an open store.
        provider: the path that fails as one: `gitlab staging`, `gitlab production`, `anthropic EVAL`.
        clock: whose domain seconds the rules are in.
        budget_seconds: how long a call is held back, in domain time.
    """

    def __init__(self, store: Store, provider: str, clock: Clock, *, budget_seconds: float = BUDGET_SECONDS) -> None:
        self._store, self._provider, self._clock = store, provider, clock
        self._second, self._budget_wall_seconds = clock.wall(1.0), clock.wall(budget_seconds)
        self._short_seconds = min(LOOK_EVERY_SECONDS, max(LOOK_EVERY_SECONDS_MIN, self._second))
        self._ended_calls: list[_Ended] = []
        self._known: BreakerReading | None = None
        self._looked_at = 0.0
        self._turn = asyncio.Lock()
        self._report: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._report:
            self._report.cancel()
            await asyncio.wait([self._report])
        if self._ended_calls and kind is None:  # an error is not kept waiting for a store that may be away
            await self._synchronise(now=True)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
        """Around one try of one call: held back while the breaker is open, and counted by how it ends.

        Yields a function that tells later whether the call may still be made, or the breaker opened meanwhile. A call
        that is then not made does not count.

        Only what a `CallError` tells counts against the provider; another exception, or a cancelled call, tells
        nothing.

        Raises:
            CallError: `breaker_open`; the breaker stayed open for the whole budget. The call was not made.
            StageError: the store is away.
        """
        permit = await self._admitted()
        outcome, kind = CallOutcome.SILENT, ""
        try:
            yield lambda: self._stands(permit)
            outcome = CallOutcome.GOOD
        except CallError as error:
            outcome, kind = outcome_of(error), error.kind
            raise
        finally:
            await self._tell(permit, outcome, kind)

    async def _stands(self, permit: _Permit) -> bool:
        """Whether nothing happened since; of an older generation nothing is counted (see `_counted`)."""
        known = await self._state()
        return permit.probe is not None or known.circuit.generation == permit.generation

    async def _admitted(self) -> _Permit:
        latest = time.monotonic() + self._budget_wall_seconds
        while True:
            known = await self._state()
            if known.circuit.state is BreakerState.CLOSED:
                return _Permit(known.circuit.generation, None)
            probe = await self._probe()
            if probe:
                return probe
            left_seconds = latest - time.monotonic()
            if left_seconds <= 0:
                raise CallError(
                    Hop.CLIENT,
                    "breaker_open",
                    blame=Blame.PROVIDER,
                    retryable=False,
                    evidence=f"{self._provider}: {known.circuit.reason}",
                )
            await asyncio.sleep(min(self._pause_seconds(), left_seconds))

    async def _state(self) -> BreakerReading:
        """What is known, looked up again when it is old."""
        if self._is_old():
            await self._synchronise()
        assert self._known is not None
        return self._known

    def _age_seconds(self) -> float:
        return time.monotonic() - self._looked_at

    def _is_old(self) -> bool:
        if self._known is None:
            return True
        closed = self._known.circuit.state is BreakerState.CLOSED
        return self._age_seconds() >= (LOOK_EVERY_SECONDS if closed else self._short_seconds)

    def _pause_seconds(self) -> float:
        """How long to wait before the next look: until probes may go, and a short while at least."""
        assert self._known is not None
        until = self._known.circuit.open_until or self._known.now
        return max(until - self._known.now - self._age_seconds(), self._short_seconds)

    def _may_probe(self) -> bool:
        """Whether there may be room for a probe, as far as is known here."""
        assert self._known is not None
        circuit, now = self._known.circuit, self._known.now + self._age_seconds()
        return (
            circuit.open_until is not None
            and now >= circuit.open_until
            and len(probes_alive(circuit, now)) < PROBES_AT_ONCE
        )

    async def _probe(self) -> _Permit | None:
        async with self._turn:
            if not self._may_probe():
                return None
            probe = uuid.uuid4().hex
            lease = wall_timeout(self._clock, PROBE_LEASE_SECONDS, at_least=PROBE_LEASE_WALL_SECONDS_MIN)
            circuit = await self._change(lambda circuit, now: with_probe(circuit, probe, now, lease))
            return _Permit(circuit.generation, probe) if probe in circuit.probes else None

    async def _tell(self, permit: _Permit, outcome: CallOutcome, kind: str) -> None:
        if permit.probe is not None:
            await self._tell_probe(permit.probe, permit.generation, outcome, kind)
        elif outcome is not CallOutcome.SILENT:
            self._ended_calls.append(_Ended(permit.generation, time.monotonic(), outcome, kind))
            if outcome is not CallOutcome.GOOD:
                await self._synchronise()
            elif self._report is None or self._report.done():
                self._report = asyncio.create_task(self._report_soon())

    async def _tell_probe(self, probe: str, generation: int, outcome: CallOutcome, kind: str) -> None:
        def told(circuit: Circuit, now: float) -> Circuit:
            return after_probe(circuit, probe, generation, EndedCall(now, outcome, kind), self._second)

        async with self._turn:
            await self._change(told)

    async def _report_soon(self) -> None:
        await asyncio.sleep(LOOK_EVERY_SECONDS)
        with suppress(StageError):  # the next call meets the same store and says so
            await self._synchronise(now=True)

    async def _synchronise(self, *, now: bool = False) -> None:
        """Report the calls that ended and learn the state, if one of them is a fault, or it is time, or `now`.

        One at a time does so for all who wait.
        """
        async with self._turn:
            fault = any(one.outcome is not CallOutcome.GOOD for one in self._ended_calls)
            if not (fault or now or self._is_old()):
                return
            ended, self._ended_calls = self._ended_calls, []
            if ended:
                await self._change(lambda circuit, moment: self._counted(circuit, ended, moment))
            else:
                self._learned(await asyncio.to_thread(breaker_rows.look, self._store, self._provider))

    def _counted(self, circuit: Circuit, ended: list[_Ended], now: float) -> Circuit:
        passed = now - time.monotonic()
        seen = [EndedCall(one.moment + passed, *one[2:]) for one in ended if one.generation == circuit.generation]
        return after_calls(circuit, seen, now, self._second)

    async def _change(self, decide: Callable[[Circuit, float], Circuit]) -> Circuit:
        return self._learned(await asyncio.to_thread(breaker_rows.change, self._store, self._provider, decide))

    def _learned(self, look: BreakerReading) -> Circuit:
        self._known, self._looked_at = look, time.monotonic()
        return look.circuit

"""The pacer: one process's way to the ledger. Callers wait in line for their moment; what they learn is handed back.

It asks for blocks of grants a little ahead, so that the database is no bottleneck, and reports in batches.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple, Self

from daily_runs.errors import Blame, CallError, StageError
from daily_runs.quota.ledger import AHEAD_SECONDS, Findings, Grant, Granted, Ledger, Settled
from daily_runs.quota.rate_limit_headers import Usage, facts_of, refused_dimension
from daily_runs.quota.tariff import ExpectedTokens, Tariff, budget_spent

BLOCK_MAX = 256
"""Calls in one request to the ledger at most."""
REPORT_EVERY_SECONDS = 0.1
"""Wall clock between two reports."""
UNCERTAIN_SECONDS = 0.1
"""Wall clock. In a process that keeps up, a header's figures may be this old."""
SPACING_SECONDS = 0.001
"""Wall clock between two sends of one process: a client does no more, and calls that begin together all begin late."""
REFUSED_SECONDS = 1.0
"""Domain seconds to keep off a bucket whose refusal named none."""
_PRIOR_CALLS, _MEMORY_CALLS = 4.0, 50.0


class _Waiter(NamedTuple):
    tokens: ExpectedTokens
    turn: asyncio.Future[tuple[Grant, float]]


class PacedCall:
    """One granted call: store its intent, await `sending`, send, hand the answer's headers to `heard`, set `usage`."""

    def __init__(self, grant: Grant, moment: float, lag: _Lag) -> None:
        self.user = grant.user
        self.grant_id = grant.grant_id
        self.usage: Usage | None = None
        self.was_sent = False
        self.headers: Mapping[str, str] = {}
        self.heard_at = 0.0
        self._moment, self._lag = moment, lag

    async def sending(self) -> None:
        """Wait for the call's moment; from here on it may have been counted."""
        await asyncio.sleep(self._moment - time.monotonic())
        self._lag.saw(time.monotonic() - self._moment)
        self.was_sent = True

    def heard(self, headers: Mapping[str, str]) -> None:
        """Headers of an answer, good or bad."""
        self.headers, self.heard_at = headers, time.monotonic()


class _Lag:
    """How late this process has been lately: the worst of the last two seconds or so (wall clock)."""

    def __init__(self) -> None:
        self._worst, self._at = 0.0, time.monotonic()

    def saw(self, seconds: float) -> None:
        """Something happened so much later than it should."""
        self._worst, self._at = max(self.seconds(), seconds), time.monotonic()

    def seconds(self) -> float:
        """The worst, forgotten by half every second."""
        return float(self._worst * 0.5 ** (time.monotonic() - self._at))


class _Learned:
    """How much calls really take of what they were estimated at: the mean of about the last fifty."""

    def __init__(self) -> None:
        self._used, self._said = ExpectedTokens(0, 0), ExpectedTokens(0, 0)

    def estimate(self, tokens: ExpectedTokens) -> ExpectedTokens:
        """What to ask for."""
        input_ratio = self._ratio(self._used.input, self._said.input, tokens.input)
        output_ratio = self._ratio(self._used.output, self._said.output, tokens.output)
        return ExpectedTokens(tokens.input * input_ratio, tokens.output * output_ratio)

    def learn(self, said: ExpectedTokens, usage: Usage) -> None:
        """One call's outcome."""
        keep = 1 - 1 / _MEMORY_CALLS
        counted = ExpectedTokens(max(0.0, usage.input - usage.cached), usage.output)
        self._used = ExpectedTokens(*(keep * old + new for old, new in zip(self._used, counted, strict=True)))
        self._said = ExpectedTokens(*(keep * old + new for old, new in zip(self._said, said, strict=True)))

    @staticmethod
    def _ratio(used: float, said: float, estimate: float) -> float:
        prior = _PRIOR_CALLS * estimate  # until there is something to learn from, the estimate is as good
        ratio = (used + prior) / (said + prior) if said + prior else 1.0
        return min(3.0, max(0.2, ratio))


class Pacer:
    """Hands out moments to send, first come first served; an async context manager.

    Args:
        ledger: grants and learns.
        tariff: the limits of the calls, as the catalogue has them now; called before each request.
        owner: what the calls are for, such as a shard's inference. Give it only if one process at a time works on
            that: what an earlier process still held for it is then given up.
    """

    def __init__(self, ledger: Ledger, tariff: Callable[[], Tariff], owner: str = "") -> None:
        self._ledger, self._tariff = ledger, tariff
        self._account = tariff().account_name
        self._owner = owner
        self._holder = f"{owner} {socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}".strip()
        self._waiters: deque[_Waiter] = deque()
        self._asked_for, self._learned_of = asyncio.Event(), asyncio.Event()
        self._findings = Findings()
        self._learned = _Learned()
        self._lag = _Lag()
        self._heard_at = time.monotonic()
        self._latest = 0.0  # monotonic moment of the last grant
        self._next = 0.0  # monotonic moment from which on the next call may be sent
        self._tasks: list[asyncio.Task[None]] = []
        self._asking: asyncio.Task[tuple[Tariff, Granted]] | None = None
        self._reporting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._owner:
            await asyncio.to_thread(self._ledger.take_over, self._owner)
        # The first request makes rows and has the store compile its functions: better now than before the first call.
        await asyncio.to_thread(self._ledger.reserve, self._holder, self._tariff(), [])
        self._tasks = [asyncio.create_task(self._ask_on()), asyncio.create_task(self._report_on())]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # what stopped one has stopped its callers
        try:
            if self._asking:
                granted = (await self._asking)[1]  # a request that is under way is granted all the same
                self._findings.returned += [grant.grant_id for grant in granted.grants]
            if self._reporting:
                await self._reporting
            await self._report()
            await asyncio.to_thread(self._ledger.leave, self._holder)
        except StageError:  # the store is away
            if kind is None:
                raise

    @asynccontextmanager
    async def call(self, tokens: ExpectedTokens) -> AsyncIterator[PacedCall]:
        """One call, granted for a moment that may be a little ahead (`PacedCall.sending` waits for it).

        So there is time to store the intents of a whole block together. On leaving, the call is settled, or given back
        if it was not sent.

        Args:
            tokens: what it is expected to cost; the pacer corrects it by what calls before it took.

        Raises:
            CallError: `ai_action_budget_spent`; no evaluation user has room in the window.
        """
        call = await self._turn(self._learned.estimate(tokens))
        refused: CallError | None = None
        try:
            yield call
        except CallError as error:
            refused = error if error.blame is Blame.RATE_LIMIT else None
            raise
        finally:
            self._settle(call, tokens, refused)

    async def _turn(self, tokens: ExpectedTokens) -> PacedCall:
        """Wait in line."""
        for task in self._tasks:
            if task.done():
                task.result()  # whatever stopped it stops the callers
        turn: asyncio.Future[tuple[Grant, float]] = asyncio.get_running_loop().create_future()
        self._waiters.append(_Waiter(tokens, turn))
        self._asked_for.set()
        try:
            grant, moment = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._learn(returned=turn.result()[0].grant_id)
            raise
        return PacedCall(grant, moment, self._lag)

    def _settle(self, call: PacedCall, tokens: ExpectedTokens, refused: CallError | None) -> None:
        if not call.was_sent:
            self._learn(returned=call.grant_id)
            return
        facts = facts_of(call.headers)
        if call.usage:
            self._learned.learn(tokens, call.usage)
        self._findings.settled.append(Settled(call.grant_id, call.usage, refused=refused is not None))
        if facts:
            self._findings.facts, self._heard_at = facts, call.heard_at
        if refused is not None and call.headers:
            seconds = refused.retry_after_seconds or REFUSED_SECONDS
            self._findings.refused[refused_dimension(refused.evidence, facts)] = seconds
        self._learned_of.set()

    def _learn(self, *, returned: int) -> None:
        self._findings.returned.append(returned)
        self._learned_of.set()

    async def _ask_on(self) -> None:
        """The one task that asks: a block at a time, and none while the last one is still to be sent."""
        while True:
            await self._asked_for.wait()
            await asyncio.sleep(self._latest - time.monotonic() - AHEAD_SECONDS / 2)
            self._drop_cancelled()
            asking = [self._waiters[i] for i in range(min(BLOCK_MAX, len(self._waiters)))]
            if not asking:
                self._asked_for.clear()
                continue
            try:
                tariff, granted = await self._reserve([waiter.tokens for waiter in asking])
            except BaseException as error:
                self._fail(error)
                raise
            now = time.monotonic()
            for grant in granted.grants:
                self._give(self._waiters.popleft(), grant, now + grant.wait_seconds)
            if granted.users_spent:
                assert tariff.window is not None  # only a window spends users
                refused = await asyncio.to_thread(self._ledger.spent_users, tariff.window, tariff.users)
                room_at = await asyncio.to_thread(self._ledger.room_at, tariff.window, tariff.users)
                self._fail(budget_spent(tariff.window, tariff.users, refused, room_at))
            if granted.again_seconds is not None:
                await asyncio.sleep(granted.again_seconds)

    async def _reserve(self, calls: list[ExpectedTokens]) -> tuple[Tariff, Granted]:
        """Ask the ledger; on being cancelled, leave the answer to `__aexit__`."""

        def ask() -> tuple[Tariff, Granted]:  # in a thread, the tariff too: it may read an edited catalogue
            tariff = self._tariff()
            return tariff, self._ledger.reserve(self._holder, tariff, calls)

        self._asking = asyncio.create_task(asyncio.to_thread(ask))
        answer = await asyncio.shield(self._asking)
        self._asking = None
        return answer

    def _drop_cancelled(self) -> None:
        self._waiters = deque(waiter for waiter in self._waiters if not waiter.turn.done())

    def _give(self, waiter: _Waiter, grant: Grant, moment: float) -> None:
        if waiter.turn.done():  # cancelled while the ledger was asked
            self._learn(returned=grant.grant_id)
            return
        moment = max(moment, self._next)
        self._next = moment + SPACING_SECONDS
        self._latest = max(self._latest, moment)
        waiter.turn.set_result((grant, moment))

    def _fail(self, error: BaseException) -> None:
        """Nobody in line will get a turn."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if waiter.turn.done():
                continue
            if isinstance(error, Exception):
                waiter.turn.set_exception(error)
            else:
                waiter.turn.cancel()

    async def _report_on(self) -> None:
        """The one task that reports."""
        while True:
            await self._learned_of.wait()
            self._learned_of.clear()
            await self._report()
            woken = time.monotonic() + REPORT_EVERY_SECONDS
            await asyncio.sleep(REPORT_EVERY_SECONDS)
            self._lag.saw(time.monotonic() - woken)

    async def _report(self) -> None:
        findings, self._findings = self._findings, Findings()
        if findings:
            lag = self._lag.seconds()
            findings.age_seconds = time.monotonic() - self._heard_at + lag
            findings.uncertain_seconds = UNCERTAIN_SECONDS + findings.age_seconds + lag
            reporting = asyncio.to_thread(self._ledger.report, self._account, findings)
            self._reporting = asyncio.create_task(reporting)
            await asyncio.shield(self._reporting)  # on being cancelled, `__aexit__` waits for it

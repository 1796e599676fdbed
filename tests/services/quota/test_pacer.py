"""The pacer on a real Postgres and the real clock: who waits is served in order, and all that is learned is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from tests.services.quota.timeline import SMALL, TARIFF

from daily_runs.errors import Blame, CallError, CatalogueError, Hop, StageError
from daily_runs.quota.ledger import Findings, Granted, Ledger
from daily_runs.quota.pacer import PacedCall, Pacer
from daily_runs.quota.rate_limit_headers import Usage
from daily_runs.quota.tariff import CallRate, ExpectedTokens, InFlight, Tariff, Window
from daily_runs.store.database import Store

PACED = replace(TARIFF, rates=[CallRate("rca", 1200)])
"""One call in 50 ms."""
ONE_USER = replace(TARIFF, users=("evaluation-1",), window=Window("ai_action in staging", 3, 8 * 3600))


class Watched(Ledger):
    """A ledger that keeps what it granted, when, and what was reported; it may be slow, or fail."""

    def __init__(self, store: Store, *, slow_seconds: float = 0.0) -> None:
        super().__init__(store, 1.0)
        self.slow_seconds = slow_seconds
        self.asked: list[Sequence[ExpectedTokens]] = []
        self.due: dict[int, float] = {}
        self.reports: list[Findings] = []
        self.error: Exception | None = None

    def reserve(self, holder: str, tariff: Tariff, calls: Sequence[ExpectedTokens]) -> Granted:
        self.asked.append(calls)
        time.sleep(self.slow_seconds)
        if self.error:
            raise self.error
        before = time.monotonic()
        granted = super().reserve(holder, tariff, calls)
        self.due |= {grant.grant_id: before + grant.wait_seconds for grant in granted.grants}
        return granted

    def report(self, account: str, findings: Findings) -> None:
        self.reports.append(findings)
        super().report(account, findings)


@dataclass
class Sent:
    """What went out: which call, when, as which grant."""

    number: int
    at: float
    call: PacedCall


@dataclass
class Client:
    """Sends nothing anywhere, and keeps what it sent."""

    pacer: Pacer
    sent: list[Sent] = field(default_factory=list)
    tokens: ExpectedTokens = SMALL

    async def send(
        self, number: int = 0, answer: Callable[[PacedCall], None] = lambda call: None, takes_seconds: float = 0.0
    ) -> None:
        async with self.pacer.call(self.tokens) as call:
            await call.sending()
            self.sent.append(Sent(number, time.monotonic(), call))
            await asyncio.sleep(takes_seconds)
            answer(call)


def open_grants(store: Store) -> int:
    """Neither settled nor given back."""
    return int(store.row("SELECT count(*) AS n FROM daily_runs.quota_grant WHERE settled_at IS NULL")["n"])


def within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, seconds))


def test_nothing_is_sent_before_its_moment_nor_much_after(store: Store) -> None:
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: PACED) as pacer:
            client = Client(pacer)
            await asyncio.gather(*(client.send(number) for number in range(20)))
        late = [sent.at - ledger.due[sent.call.grant_id] for sent in client.sent]
        assert len(late) == 20
        assert min(late) >= 0
        assert sorted(late)[10] < 0.05

    within(5, work())


def test_who_waits_longest_goes_first(store: Store) -> None:
    async def work() -> None:
        async with Pacer(Watched(store), lambda: PACED) as pacer:
            client = Client(pacer)
            await asyncio.gather(*(client.send(number) for number in range(15)))
        assert [sent.number for sent in sorted(client.sent, key=lambda sent: sent.at)] == list(range(15))

    within(5, work())


def test_calls_that_wait_together_are_asked_for_together(store: Store) -> None:
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: TARIFF) as pacer:
            client = Client(pacer)
            await asyncio.gather(*(client.send(number) for number in range(40)))

    within(5, work())
    assert len(ledger.asked) <= 3


def test_a_caller_who_gives_up_while_waiting_for_its_moment_gives_its_grant_back(store: Store) -> None:
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: PACED) as pacer:
            client = Client(pacer)
            callers = [asyncio.create_task(client.send(number)) for number in range(3)]
            await callers[0]
            callers[2].cancel()
            outcomes = await asyncio.gather(*callers, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), type(None), asyncio.CancelledError]
        assert [sent.number for sent in client.sent] == [0, 1]

    within(5, work())
    assert open_grants(store) == 0
    assert store.row("SELECT count(*) AS n FROM daily_runs.quota_grant") == {"n": 2}


def test_a_caller_who_gives_up_while_the_ledger_is_asked_costs_nobody_its_place(store: Store) -> None:
    ledger = Watched(store, slow_seconds=0.1)

    async def work() -> None:
        async with Pacer(ledger, lambda: PACED) as pacer:
            client = Client(pacer)
            callers = [asyncio.create_task(client.send(number)) for number in range(3)]
            await asyncio.sleep(0.05)
            callers[0].cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        assert [sent.number for sent in client.sent] == [1, 2]

    within(5, work())
    assert open_grants(store) == 0


def test_a_call_that_was_not_sent_after_all_is_given_back(store: Store) -> None:
    async def work() -> None:
        async with Pacer(Watched(store), lambda: ONE_USER) as pacer, pacer.call(SMALL) as call:
            assert call.user == "evaluation-1"

    within(5, work())
    assert ONE_USER.window is not None
    assert Ledger(store, 1.0).room(ONE_USER.window, ONE_USER.users) == 3


@pytest.mark.parametrize("error", [StageError("superseded"), TimeoutError(), KeyboardInterrupt()], ids=repr)
def test_a_call_that_failed_after_it_was_sent_is_settled_as_it_was_estimated(
    store: Store, error: BaseException
) -> None:
    def fail(call: PacedCall) -> None:
        raise error

    async def work() -> None:
        async with Pacer(Watched(store), lambda: TARIFF) as pacer:
            with pytest.raises(type(error)):
                await Client(pacer).send(answer=fail)

    within(5, work())
    assert open_grants(store) == 0
    (use,) = store.rows("SELECT calls, refusals, measured_calls, input_tokens FROM daily_runs.quota_use")
    assert use == {"calls": 1, "refusals": 0, "measured_calls": 0, "input_tokens": SMALL.input}


HEADERS = {
    "anthropic-ratelimit-requests-limit": "600",
    "anthropic-ratelimit-requests-remaining": "90",
    "anthropic-ratelimit-input-tokens-limit": "600000",
    "anthropic-ratelimit-input-tokens-remaining": "0",
}


def refuse(blame: Blame, evidence: str = "") -> Callable[[PacedCall], None]:
    def answer(call: PacedCall) -> None:
        call.heard(HEADERS)
        raise CallError(
            Hop.MODEL_VENDOR, "refused", blame=blame, retryable=True, retry_after_seconds=2.0, evidence=evidence
        )

    return answer


@pytest.mark.parametrize(
    ("evidence", "dimension"),
    [("429, 600 requests per minute", "requests"), ("429", "input tokens")],
    ids=["named", "the scarcest"],
)
def test_a_429_is_told_as_a_refusal_with_the_dimension_that_refused(
    store: Store, evidence: str, dimension: str
) -> None:
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: TARIFF) as pacer:
            with pytest.raises(CallError):
                await Client(pacer).send(answer=refuse(Blame.RATE_LIMIT, evidence))

    within(5, work())
    told = [found for found in ledger.reports if found.refused]
    assert [found.refused for found in told] == [{dimension: 2.0}]
    assert told[0].facts.keys() == {"requests", "input tokens"}
    assert store.rows("SELECT calls, refusals FROM daily_runs.quota_use") == [{"calls": 0, "refusals": 1}]


def test_a_fault_that_is_no_refusal_is_not_told_as_one(store: Store) -> None:
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: TARIFF) as pacer:
            with pytest.raises(CallError):
                await Client(pacer).send(answer=refuse(Blame.PROVIDER))

    within(5, work())
    assert not any(found.refused for found in ledger.reports)
    assert store.rows("SELECT calls, refusals FROM daily_runs.quota_use") == [{"calls": 1, "refusals": 0}]


def use(input_tokens: float, output_tokens: float, cached: float = 0.0) -> Callable[[PacedCall], None]:
    def answer(call: PacedCall) -> None:
        call.usage = Usage(input_tokens, output_tokens, cached)

    return answer


def estimate_after(
    store: Store, said: ExpectedTokens, answer: Callable[[PacedCall], None], calls: int = 30
) -> ExpectedTokens:
    """What is asked for a call of this estimate, after so many that took something else."""
    ledger = Watched(store)

    async def work() -> None:
        async with Pacer(ledger, lambda: TARIFF) as pacer:
            client = Client(pacer, tokens=said)
            for _ in range(calls):
                await client.send(answer=answer)
            await client.send()

    within(10, work())
    return ledger.asked[-1][0]


def test_calls_that_take_less_are_asked_for_as_less(store: Store) -> None:
    estimate = estimate_after(store, ExpectedTokens(100, 20), use(50, 20))
    assert 50 <= estimate.input <= 60
    assert estimate.output == pytest.approx(20)


def test_calls_that_take_more_are_asked_for_as_more(store: Store) -> None:
    assert 170 <= estimate_after(store, ExpectedTokens(100, 10), use(200, 10)).input <= 200


def test_what_a_cache_holds_is_not_asked_for(store: Store) -> None:
    assert 20 <= estimate_after(store, ExpectedTokens(100, 10), use(100, 10, cached=80)).input <= 35


def test_no_estimate_runs_away(store: Store) -> None:
    """Three times what was said at most, a fifth at least."""
    assert estimate_after(store, ExpectedTokens(100, 1), use(1_000, 0)) == pytest.approx(ExpectedTokens(300, 0.2))


def test_when_no_user_has_room_everybody_in_line_is_told(store: Store) -> None:
    async def work() -> None:
        async with Pacer(Watched(store), lambda: ONE_USER) as pacer:
            client = Client(pacer)
            outcomes = await asyncio.gather(*(client.send(n) for n in range(8)), return_exceptions=True)
        assert [sent.number for sent in client.sent] == [0, 1, 2]
        for outcome in outcomes[3:]:
            assert isinstance(outcome, CallError)
            assert (outcome.hop, outcome.kind, outcome.blame) == (
                Hop.CLIENT,
                "ai_action_budget_spent",
                Blame.RATE_LIMIT,
            )
            assert not outcome.retryable
            assert outcome.evidence.startswith("1 users x 3 calls in 8 h: used; room returns on ")

    within(5, work())


@pytest.mark.parametrize("error", [StageError("store: away"), CatalogueError("a.yaml:1", "no", "mend it")], ids=repr)
def test_what_stops_the_pacer_reaches_all_who_wait_and_all_who_come(store: Store, error: Exception) -> None:
    ledger = Watched(store, slow_seconds=0.05)
    ledger.error = error

    async def work() -> None:
        async with Pacer(ledger, lambda: TARIFF) as pacer:
            client = Client(pacer)
            outcomes = await asyncio.gather(*(client.send(n) for n in range(5)), return_exceptions=True)
            assert outcomes == [error] * 5
            with pytest.raises(type(error)):
                await client.send()

    with pytest.raises(type(error)):
        within(5, work())
    assert store.rows("SELECT FROM daily_runs.quota_asker") == []


def test_a_report_that_fails_stops_the_callers(store: Store) -> None:
    class Deaf(Watched):
        def report(self, account: str, findings: Findings) -> None:
            raise StageError("store: away")

    async def work() -> None:
        async with Pacer(Deaf(store), lambda: TARIFF) as pacer:
            client = Client(pacer)
            for _ in range(100):
                await client.send()
                await asyncio.sleep(0.01)

    with pytest.raises(StageError):
        within(5, work())


def test_two_pacers_on_one_account_keep_its_rate_together(store: Store) -> None:
    """40 calls at 20 a second, nothing saved up: the last one goes after 1.95 s."""
    started = time.monotonic()
    ledgers = Watched(store), Watched(store)
    sent: list[Sent] = []

    async def one(ledger: Ledger) -> None:
        async with Pacer(ledger, lambda: PACED) as pacer:
            client = Client(pacer, sent)
            await asyncio.gather(*(client.send(number) for number in range(20)))

    async def work() -> None:
        await asyncio.gather(*map(one, ledgers))

    within(5, work())
    due = sorted((ledgers[0].due | ledgers[1].due).values())
    assert len(sent) == len(due) == 40
    assert due[-1] - due[0] >= 39 * 0.05 - 0.02
    assert max(each.at for each in sent) - started <= 1.95 * 1.15 + 0.1


def test_the_catalogue_of_the_moment_counts(store: Store) -> None:
    tariffs = [replace(PACED, rates=[CallRate("rca", 6000)])]

    async def work() -> None:
        async with Pacer(Watched(store), lambda: tariffs[-1]) as pacer:
            client = Client(pacer)
            await asyncio.gather(*(client.send(number) for number in range(5)))
            later = PACED.declared_at.replace(year=2001)
            tariffs.append(replace(PACED, rates=[CallRate("rca", 300)], declared_at=later))
            began = time.monotonic()
            await asyncio.gather(*(client.send(number) for number in range(5)))
            assert time.monotonic() - began >= 4 * 0.2 - 0.02

    within(5, work())


def test_a_call_settled_early_makes_room_for_the_next_in_flight(store: Store) -> None:
    bound = replace(TARIFF, in_flight=InFlight("judge", 2))
    at_once: list[int] = []

    async def work() -> None:
        async with Pacer(Watched(store), lambda: bound) as pacer:
            open_calls = 0

            async def send() -> None:
                nonlocal open_calls
                async with pacer.call(SMALL) as call:
                    await call.sending()
                    open_calls += 1
                    at_once.append(open_calls)
                    await asyncio.sleep(0.05)
                    open_calls -= 1

            await asyncio.gather(*(send() for _ in range(6)))

    within(5, work())
    assert len(at_once) == 6
    assert max(at_once) == 2


async def _closed_with_callers_in_line(ledger: Watched, tariff: Tariff, after_seconds: float) -> None:
    async with Pacer(ledger, lambda: tariff) as pacer:
        client = Client(pacer)
        callers = [asyncio.create_task(client.send(number, takes_seconds=5)) for number in range(6)]
        await asyncio.sleep(after_seconds)
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


@pytest.mark.parametrize("after_seconds", [0.0, 0.02, 0.05, 0.15, 0.25])
def test_closing_gives_back_what_was_promised_and_leaves_the_line(store: Store, after_seconds: float) -> None:
    """At whichever moment it comes: before the ledger is asked, meanwhile, or after."""
    within(5, _closed_with_callers_in_line(Watched(store, slow_seconds=0.1), PACED, after_seconds))
    assert open_grants(store) == 0
    assert store.rows("SELECT FROM daily_runs.quota_asker") == []

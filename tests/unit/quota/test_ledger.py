"""The ledger on a real Postgres: what it grants never passes a limit, whoever asks, however many at once.

Nobody sleeps here: time passes by moving the ledger's rows back, which is the same to it.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daily_runs.catalogue import Account
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.quota.ledger import Cost, Ledger, Window, account_costs
from daily_runs.store import database

if TYPE_CHECKING:
    from daily_runs.store.database import Store

WINDOW_SECONDS = 60.0
USERS = ("evaluation-1", "evaluation-2", "evaluation-3")
on_one_store = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Grant(NamedTuple):
    """What was granted of one limit, and the moment (domain seconds) at which it may be sent."""

    limit: str
    at_seconds: float
    amount: float


class Timeline:
    """A ledger at time scale 1, and a clock that can be moved on."""

    def __init__(self, store: Store) -> None:
        self.store, self.ledger, self.passed_seconds = store, Ledger(store, 1.0), 0.0
        self.slack_seconds = 0.0
        store.rows("TRUNCATE daily_runs.quota_rate, daily_runs.quota_call")

    def pass_by(self, seconds: float) -> None:
        self.passed_seconds += seconds
        back = {"seconds": seconds}
        self.store.rows("UPDATE daily_runs.quota_rate SET next_at = next_at - make_interval(secs => %(seconds)s)", back)
        self.store.rows(
            "UPDATE daily_runs.quota_call SET granted_at = granted_at - make_interval(secs => %(seconds)s)", back
        )

    def now(self) -> float:
        return time.monotonic() + self.passed_seconds

    def reserve(self, costs: list[Cost]) -> list[Grant]:
        before = self.now()
        wait_seconds = self.ledger.reserve(costs)
        after = self.now()
        self.slack_seconds = max(self.slack_seconds, after - before)  # the database decided at some moment in between
        return [Grant(cost.limit, after + wait_seconds, cost.amount) for cost in costs]


def most_in_a_window(grants: list[Grant], window_seconds: float) -> float:
    """The largest sum of one limit's grants in any half-open window."""
    grants = sorted(grants, key=lambda grant: grant.at_seconds)
    most = total = 0.0
    first = 0
    for grant in grants:
        total += grant.amount
        while grants[first].at_seconds <= grant.at_seconds - window_seconds:
            total -= grants[first].amount
            first += 1
        most = max(most, total)
    return most


def assert_within(grants: list[Grant], costs: list[Cost], slack_seconds: float) -> None:
    """No window of 60 s holds more than the rate plus the burst, or plus one call where that is more than the burst."""
    for limit in {cost.limit for cost in costs}:
        of_limit = [cost for cost in costs if cost.limit == limit]
        per_minute, burst_seconds = of_limit[0].per_minute, of_limit[0].burst_seconds
        extra = max(per_minute * burst_seconds / 60, *(cost.amount for cost in of_limit))
        found = most_in_a_window([g for g in grants if g.limit == limit], WINDOW_SECONDS - 2 * slack_seconds)
        assert found <= (per_minute + extra) * (1 + 1e-6), (limit, found, per_minute, extra)


class Limit(NamedTuple):
    """A limit's rate and burst."""

    per_minute: float
    burst_seconds: float


limits = st.builds(Limit, st.floats(1, 1000), st.sampled_from([0.0, 1.0, 10.0, 60.0]))
shares = st.sampled_from([0.01, 0.16, 0.25, 0.4]) | st.floats(0.001, 0.4)  # of a minute's rate
pauses = st.sampled_from([0.0, 0.0, 0.0, 30.0, 600.0]) | st.floats(0, 40)
steps = st.lists(
    st.tuples(st.sets(st.sampled_from("ab"), min_size=1), shares, shares, st.integers(1, 8), pauses),
    min_size=1,
    max_size=8,
)


@on_one_store
@given(limits, limits, steps)
def test_no_window_of_60_seconds_gets_more_than_rate_and_burst(
    store: Store, a: Limit, b: Limit, steps: list[tuple[set[str], float, float, int, float]]
) -> None:
    timeline = Timeline(store)
    grants: list[Grant] = []
    costs: list[Cost] = []
    for names, share_a, share_b, calls, seconds in steps:
        amounts = {"a": share_a * a.per_minute, "b": share_b * b.per_minute}
        asked = [Cost(name, amounts[name], *{"a": a, "b": b}[name]) for name in sorted(names)]
        grants += [grant for _ in range(calls) for grant in timeline.reserve(asked)]
        costs += asked
        timeline.pass_by(seconds)
    assert_within(grants, costs, timeline.slack_seconds)


@on_one_store
@given(limits, st.lists(st.tuples(shares, pauses), min_size=2, max_size=20))
def test_who_asks_first_sends_first(store: Store, limit: Limit, steps: list[tuple[float, float]]) -> None:
    timeline = Timeline(store)
    moments = []
    for share, seconds in steps:
        moments += timeline.reserve([Cost("a", share * limit.per_minute, *limit)])
        timeline.pass_by(seconds)
    slack = timeline.slack_seconds
    assert all(later.at_seconds >= earlier.at_seconds - slack for earlier, later in itertools.pairwise(moments))


@pytest.fixture
def two_stores(store: Store) -> Iterator[tuple[Store, Store]]:
    """Two processes' worth of connections to one database."""
    with database.open_store(store.url, connections=8) as other:
        yield store, other


@pytest.mark.parametrize("burst_seconds", [0.0, 10.0])
def test_many_at_once_over_many_connections_get_the_rate_and_no_more_and_no_less(
    two_stores: tuple[Store, Store], burst_seconds: float
) -> None:
    """240 calls at 60 a minute: the last may go after 239 s, less the burst."""
    timelines = [Timeline(store) for store in two_stores]
    costs = [Cost("requests", 1, 60, burst_seconds), Cost("tokens", 1000, 120_000, burst_seconds)]

    def work(number: int) -> list[Grant]:
        return [grant for _ in range(15) for grant in timelines[number % 2].reserve(costs)]

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        grants = [grant for found in pool.map(work, range(16)) for grant in found]
    took = time.monotonic() - started
    requests = [grant for grant in grants if grant.limit == "requests"]
    assert len(requests) == 240
    assert_within(grants, costs, max(timeline.slack_seconds for timeline in timelines))
    last = max(grant.at_seconds for grant in requests) - started
    assert last == pytest.approx(239 - max(burst_seconds - 1, 0), abs=took + 0.1)


def test_what_is_not_used_is_kept_for_a_burst_and_no_longer(store: Store) -> None:
    """Rate 60, burst 10 s: after an hour's pause ten calls go at once, the eleventh a second later."""
    timeline = Timeline(store)
    cost = Cost("requests", 1, 60, 10)
    timeline.ledger.reserve([cost])
    timeline.pass_by(3600)
    waits = [timeline.ledger.reserve([cost]) for _ in range(12)]
    assert max(waits[:10]) <= 0
    assert waits[10:] == pytest.approx([1, 2], abs=0.2)


def test_a_call_dearer_than_the_burst_goes_when_all_before_it_is_refilled(store: Store) -> None:
    timeline = Timeline(store)
    timeline.ledger.reserve([Cost("tokens", 5000, 60_000, 1)])
    assert timeline.ledger.reserve([Cost("tokens", 30_000, 60_000, 1)]) == pytest.approx(5, abs=0.1)
    assert timeline.ledger.reserve([Cost("tokens", 1, 60_000, 1)]) == pytest.approx(34, abs=0.1)


def test_a_grant_satisfies_the_tightest_limit_and_is_counted_in_all(store: Store) -> None:
    timeline = Timeline(store)
    both = [Cost("fast", 1, 600), Cost("slow", 1, 6)]
    assert [timeline.ledger.reserve(both) for _ in range(3)] == pytest.approx([0, 10, 20], abs=0.2)
    assert timeline.ledger.reserve([Cost("fast", 1, 600)]) == pytest.approx(20.1, abs=0.2)


def test_limits_in_any_order_do_not_lock_each_other_out(two_stores: tuple[Store, Store]) -> None:
    costs = [Cost(f"limit-{n}", 1, 600_000) for n in range(6)]

    def work(number: int) -> None:
        mine = costs if number % 2 else costs[::-1]
        for _ in range(20):
            Ledger(two_stores[number % 2], 1.0).reserve(mine)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_waits_are_on_the_clocks_time_not_the_domains(store: Store) -> None:
    ledger = Ledger(store, 60.0)
    cost = Cost("requests", 1, 6)
    assert ledger.reserve([cost]) <= 0
    assert ledger.reserve([cost]) == pytest.approx(10 / 60, abs=0.05)


def test_an_account_is_three_buckets_with_its_burst() -> None:
    account = Account(
        shared_with_live_users=False,
        requests_per_minute=4000,
        input_tokens_per_minute=4_000_000,
        output_tokens_per_minute=800_000,
        burst_seconds=10,
        slot_tokens_per_minute=200_000,
        verified=False,
    )
    assert account_costs("EVAL", account, 34_000, 1000) == [
        Cost("account EVAL requests", 1, 4000, 10),
        Cost("account EVAL input tokens", 34_000, 4_000_000, 10),
        Cost("account EVAL output tokens", 1000, 800_000, 10),
    ]


def window(calls: int, seconds: float = 3600.0) -> Window:
    return Window("ai_action in staging", calls, seconds, USERS)


@on_one_store
@given(st.integers(1, 4), st.lists(st.floats(0, 2000), min_size=1, max_size=40))
def test_no_user_gets_more_calls_than_the_window_holds_wherever_it_lies(
    store: Store, calls: int, pauses: list[float]
) -> None:
    timeline = Timeline(store)
    grants: list[Grant] = []
    for seconds in pauses:
        recent = Counter(g.limit for g in grants if g.at_seconds > timeline.now() - 3600)
        if all(recent[user] >= calls for user in USERS):
            with pytest.raises(CallError, match="ai_action_budget_spent"):
                timeline.ledger.take_user(window(calls))
        else:
            grants.append(Grant(timeline.ledger.take_user(window(calls)), timeline.now(), 1))
        timeline.pass_by(seconds)
    for user in USERS:
        assert most_in_a_window([g for g in grants if g.limit == user], 3599) <= calls


def test_many_at_once_share_the_users_out_exactly(two_stores: tuple[Store, Store]) -> None:
    Timeline(two_stores[0])

    def take(number: int) -> str:
        try:
            return Ledger(two_stores[number % 2], 1.0).take_user(window(10))
        except CallError as error:
            return error.kind

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(take, range(40)))
    assert found == {**dict.fromkeys(USERS, 10), "ai_action_budget_spent": 10}


def test_one_user_is_filled_before_the_next(store: Store) -> None:
    timeline = Timeline(store)
    assert [timeline.ledger.take_user(window(2)) for _ in range(5)] == [u for u in USERS for _ in range(2)][:5]


def test_a_budget_that_is_spent_is_our_own_refusal_and_says_how_large_it_is(store: Store) -> None:
    timeline = Timeline(store)
    for _ in USERS:
        timeline.ledger.take_user(window(1, 8 * 3600))
    with pytest.raises(CallError) as caught:
        timeline.ledger.take_user(window(1, 8 * 3600))
    error = caught.value
    assert (error.hop, error.kind, error.blame) == (Hop.CLIENT, "ai_action_budget_spent", Blame.RATE_LIMIT)
    assert (error.retryable, error.evidence) == (False, "3 users x 1 calls in 8 h: used")


def test_a_window_slides_call_by_call(store: Store) -> None:
    timeline = Timeline(store)
    for _ in range(3):
        for _ in USERS:
            timeline.ledger.take_user(window(3))
        timeline.pass_by(1000)
    with pytest.raises(CallError):
        timeline.ledger.take_user(window(3))
    timeline.pass_by(610)  # the first three calls are over an hour old now
    assert [timeline.ledger.take_user(window(3)) for _ in range(3)] == ["evaluation-1"] * 3
    with pytest.raises(CallError):
        timeline.ledger.take_user(window(3))


def test_a_user_that_the_server_refused_is_left_alone_for_a_window(store: Store) -> None:
    timeline = Timeline(store)
    timeline.ledger.user_is_spent(window(2), USERS[0])
    assert timeline.ledger.take_user(window(2)) == USERS[1]
    timeline.pass_by(3601)
    assert timeline.ledger.take_user(window(2)) == USERS[0]


def test_environments_have_budgets_of_their_own(store: Store) -> None:
    timeline = Timeline(store)
    other = window(1)._replace(limit="ai_action in production")
    assert timeline.ledger.take_user(window(1)) == timeline.ledger.take_user(other) == USERS[0]

"""The ledger on a real Postgres, one behaviour at a time; for any interleaving of them see test_ledger_machine.py."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import pytest
from alembic import command
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.services.quota.timeline import SMALL, TARIFF, Timeline, tariff_of

from daily_runs.quota.ledger import AHEAD_SECONDS, KEEP_DAYS, PROMISE_SECONDS, Findings, Grant, Ledger, Settled
from daily_runs.quota.rate_limit_headers import Fact, Usage
from daily_runs.quota.tariff import CallRate, ExpectedTokens, InFlight, Tariff, Window
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres

REQUESTS, INPUT, OUTPUT = (f"account EVAL {name}" for name in ("requests", "input tokens", "output tokens"))
BURST = 100
"""Requests in TARIFF's full bucket; it refills at 10 a second."""
few = settings(max_examples=40)  # each is some statements
USERS = ("evaluation-1", "evaluation-2", "evaluation-3")
ALONE, OWNER = replace(TARIFF, lane="chat", share=0.25), replace(TARIFF, lane="rca", share=0.75)


@pytest.fixture(scope="module")
def still(store_url: str) -> Iterator[Timeline]:
    with Timeline.opened(store_url) as timeline:
        yield timeline


@pytest.fixture
def timeline(still: Timeline) -> Timeline:
    return still.again()


def drain(timeline: Timeline, tariff: Tariff = TARIFF, tokens: ExpectedTokens = SMALL) -> list[Grant]:
    """All that may go without a wait."""
    taken: list[Grant] = []
    while True:
        granted = timeline.ask(tariff, [tokens] * 64, "drainer")
        taken += granted.grants
        if granted.again_seconds is not None:
            timeline.ledger.leave("drainer")
            return taken


def sent_between(moments: list[float], first: float, last: float) -> int:
    return sum(first < moment <= last for moment in moments)


def settle(timeline: Timeline, grants: list[Grant], usage: Usage | None, *, refused: bool = False) -> None:
    timeline.ledger.report("EVAL", Findings(settled=[Settled(grant.grant_id, usage, refused) for grant in grants]))


# Buckets


class Binding(NamedTuple):
    name: str
    tokens: ExpectedTokens
    per_second: float


BINDINGS = (
    Binding("requests", ExpectedTokens(100, 10), 10),
    Binding("input tokens", ExpectedTokens(5000, 10), 2),
    Binding("output tokens", ExpectedTokens(100, 250), 4),
)


@pytest.mark.parametrize("case", BINDINGS, ids=lambda case: case.name)
def test_the_tightest_of_the_three_dimensions_sets_the_pace(timeline: Timeline, case: Binding) -> None:
    drain(timeline, tokens=case.tokens)
    moments = timeline.run({"one": TARIFF}, 10, case.tokens, step=0.1)["one"]
    assert sent_between(moments, 0, 10) == pytest.approx(case.per_second * 10, abs=1)


def test_a_full_bucket_goes_at_once_and_the_rest_at_the_rate(timeline: Timeline) -> None:
    moments = timeline.run({"one": TARIFF}, 10, step=0.1)["one"]
    assert BURST - 10 <= sent_between(moments, -1, 0) <= BURST
    assert sent_between(moments, -1, 10) <= BURST + 100
    assert sent_between(moments, 5, 10) == pytest.approx(50, abs=1)


def test_a_pause_fills_the_bucket_no_further_than_to_the_brim(timeline: Timeline) -> None:
    first = len(drain(timeline))
    timeline.pass_by(3600)
    assert len(drain(timeline)) <= first + 1


def test_moments_lie_apart_as_the_rate_says(timeline: Timeline) -> None:
    drain(timeline)
    moments = timeline.run({"one": TARIFF}, 3, step=0.03)["one"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert gaps == pytest.approx([0.1] * len(gaps), abs=2e-6)


def test_a_call_dearer_than_the_bucket_goes_when_it_is_full_and_is_paid_off_afterwards(timeline: Timeline) -> None:
    dear = ExpectedTokens(150_000, 10)  # the bucket holds 100,000 and gets 10,000 a second
    assert timeline.get(tokens=dear) == [0.0]
    timeline.pass_by(4)
    assert timeline.get(tokens=ExpectedTokens(10_000, 10)) == []
    timeline.pass_by(2.5)
    assert len(timeline.get(tokens=ExpectedTokens(10_000, 10))) == 1


def test_rates_are_scaled_from_domain_time_to_the_clock(timeline: Timeline) -> None:
    """60 domain seconds in a second: a rate of 6 a minute, with nothing saved up, is one call in 0.17 s."""
    ledger, tariff = Ledger(timeline.store, 60.0), replace(TARIFF, rates=[CallRate("slow", 6)])
    assert [grant.wait_seconds for grant in ledger.reserve("one", tariff, [SMALL]).grants] == [0.0]
    timeline.pass_by(1 / 6 - AHEAD_SECONDS / 2)
    (grant,) = ledger.reserve("one", tariff, [SMALL]).grants
    assert grant.wait_seconds == pytest.approx(AHEAD_SECONDS / 2, abs=1e-5)


# Settling


@few
@given(said=st.integers(1000, 10_000), used=st.integers(0, 20_000), cached=st.integers(0, 20_000))
def test_a_call_is_settled_with_what_it_took_up_and_down_and_without_what_a_cache_held(
    still: Timeline, said: int, used: int, cached: int
) -> None:
    timeline = still.again()
    timeline.ask(calls=[ExpectedTokens(50_000, 500)])
    granted = timeline.ask(calls=[ExpectedTokens(said, 20)])
    before = timeline.row(INPUT)["level"], timeline.row(OUTPUT)["level"], timeline.row(REQUESTS)["level"]
    settle(timeline, granted.grants, Usage(used, 30, min(cached, used)))
    after = timeline.row(INPUT)["level"], timeline.row(OUTPUT)["level"], timeline.row(REQUESTS)["level"]
    gained = [b - a for a, b in zip(before, after, strict=True)]
    assert gained == pytest.approx([said - (used - min(cached, used)), -10, 0])


def test_a_call_is_settled_once_whatever_is_said_later(timeline: Timeline) -> None:
    drain(timeline)
    granted = timeline.ask(calls=[ExpectedTokens(1000, 10)])
    settle(timeline, granted.grants, Usage(500, 10))
    before = timeline.row(INPUT)["level"]
    settle(timeline, granted.grants, Usage(0, 0))
    assert timeline.row(INPUT)["level"] == before


def test_unknown_use_stays_as_it_was_estimated(timeline: Timeline) -> None:
    granted = timeline.ask(calls=[ExpectedTokens(60_000, 10)])
    before = timeline.row(INPUT)["level"]
    settle(timeline, granted.grants, None)
    assert timeline.row(INPUT)["level"] == before


def test_a_refused_call_gives_all_of_it_back(timeline: Timeline) -> None:
    timeline.ask(calls=[ExpectedTokens(50_000, 500)] * 1)
    levels = [timeline.row(limit)["level"] for limit in (REQUESTS, INPUT, OUTPUT)]
    granted = timeline.ask(calls=[ExpectedTokens(1000, 10)])
    settle(timeline, granted.grants, None, refused=True)
    assert [timeline.row(limit)["level"] for limit in (REQUESTS, INPUT, OUTPUT)] == pytest.approx(levels)


def test_a_promise_that_is_not_needed_is_given_back(timeline: Timeline) -> None:
    drain(timeline)
    (grant,) = timeline.ask().grants
    assert grant.wait_seconds > 0
    level = timeline.row(REQUESTS)["level"]
    timeline.ledger.report("EVAL", Findings(returned=[grant.grant_id, grant.grant_id]))
    assert timeline.row(REQUESTS)["level"] == pytest.approx(level + 1)


def test_what_is_given_back_after_its_moment_frees_a_user_but_no_bucket(timeline: Timeline) -> None:
    """The bucket may have run over since."""
    tariff = replace(TARIFF, users=USERS[:1], window=Window("window", 1, 3600))
    (grant,) = timeline.ask(tariff).grants
    timeline.pass_by(0.01)
    before = timeline.row(REQUESTS)["level"]
    timeline.ledger.report("EVAL", Findings(returned=[grant.grant_id]))
    assert timeline.row(REQUESTS)["level"] == pytest.approx(before)
    assert not timeline.ask(tariff).users_spent


def test_a_call_that_was_sent_is_not_given_back(timeline: Timeline) -> None:
    tariff = replace(TARIFF, users=USERS[:1], window=Window("window", 1, 3600))
    (grant,) = timeline.ask(tariff).grants
    timeline.store.rows("UPDATE daily_runs.quota_grant SET sent_at = clock_timestamp()")
    timeline.ledger.report("EVAL", Findings(returned=[grant.grant_id]))
    assert timeline.ask(tariff).users_spent


# What headers tell


def tell(timeline: Timeline, per_minute: float, remaining: float, limit: str = "requests", width: float = 0) -> None:
    timeline.ledger.report("EVAL", Findings(facts={limit: Fact(per_minute, remaining, width, width)}))


def test_a_lower_limit_of_the_vendor_holds_at_once(timeline: Timeline) -> None:
    drain(timeline)
    tell(timeline, 300, 0)
    moments = timeline.run({"one": TARIFF}, 10, step=0.1)["one"]
    assert 40 <= sent_between(moments, 0, 10) <= 50


def test_a_higher_limit_of_the_vendor_never_takes_us_above_the_catalogue(timeline: Timeline) -> None:
    """Ten times the rate, and a bucket that is never less than half full."""
    sent = 0
    for _ in range(100):
        sent += len(timeline.ask(calls=[SMALL] * 64).grants)
        timeline.pass_by(0.1)
        tell(timeline, 6000, 700)
    assert sent <= BURST + 10 * 10 + 2


def test_what_others_took_is_not_there_for_us(timeline: Timeline) -> None:
    timeline.ask()
    timeline.pass_by(1)
    tell(timeline, 600, 40)
    assert 30 <= len(drain(timeline)) <= 40 + 10 * AHEAD_SECONDS


def test_what_others_took_and_left_alone_again_comes_back_when_headers_go_on_saying_so(timeline: Timeline) -> None:
    timeline.ask()
    timeline.pass_by(1)
    tell(timeline, 600, 20)
    for _ in range(8):
        timeline.pass_by(0.5)
        tell(timeline, 600, BURST)
    assert len(drain(timeline)) > 0.8 * BURST


def test_what_was_estimated_too_high_comes_back_when_headers_go_on_saying_so(timeline: Timeline) -> None:
    grants = drain(timeline, tokens=ExpectedTokens(10_000, 10))
    settled = [Settled(grant.grant_id, Usage(1000, 10)) for grant in grants]
    for step in range(8):
        timeline.pass_by(0.5)
        facts = {"input tokens": Fact(600_000, 100_000, 500, 500)}
        timeline.ledger.report("EVAL", Findings(settled=settled if step == 0 else [], facts=facts))
    assert len(drain(timeline, tokens=ExpectedTokens(10_000, 10))) >= 9


def test_the_rounding_of_tokens_to_thousands_is_no_finding(timeline: Timeline) -> None:
    timeline.ask(calls=[ExpectedTokens(50_300, 10)])
    tell(timeline, 600_000, 49_700, "input tokens")  # the bucket as it is
    timeline.pass_by(0.5)
    before = timeline.row(INPUT)
    tell(timeline, 600_000, 55_000, "input tokens", width=500)
    after = timeline.row(INPUT)
    assert after["level"] == pytest.approx(before["level"] + 5000, abs=1)
    assert after["foreign_per_second"] == 0


@pytest.mark.parametrize("per_minute", [4000, 600])
def test_what_others_take_again_and_again_is_left_to_them(timeline: Timeline, per_minute: int) -> None:
    """Others take 40 % of an account: ours settle near the rest, and hardly any is refused."""
    tariff = tariff_of(requests_per_minute=per_minute, input_tokens_per_minute=10**8, output_tokens_per_minute=10**8)
    per_second, step_seconds, refused = per_minute / 60, 0.15, 0
    vendor, taken = 10 * per_second, list[float]()
    for _ in range(300):
        grants = timeline.ask(tariff, [SMALL] * 256).grants
        timeline.pass_by(step_seconds)
        vendor = min(10 * per_second, vendor + per_second * step_seconds)
        vendor -= min(0.4 * per_second * step_seconds, vendor)
        served = min(len(grants), math.floor(vendor))
        vendor -= served
        taken += [timeline.now] * served
        refused += len(grants) - served
        findings = Findings(
            settled=[Settled(grant.grant_id, refused=number >= served) for number, grant in enumerate(grants)],
            facts={"requests": Fact(per_minute, math.floor(vendor), 0, 1)},
            refused={"requests": 1.0} if len(grants) > served else {},
        )
        timeline.ledger.report("EVAL", findings)
    assert refused <= 0.02 * len(taken)
    assert sent_between(taken, 25, 45) == pytest.approx(0.6 * 20 * per_second, rel=0.1)
    timeline.pass_by(600)
    drain(timeline, tariff)
    moments = timeline.run({"one": tariff}, 5, step=0.1)["one"]
    assert sent_between(moments, timeline.now - 5, timeline.now) == pytest.approx(5 * per_second, rel=0.05)


def test_a_429_pushes_back_the_bucket_that_refused_and_no_other(timeline: Timeline) -> None:
    timeline.ask()
    before = {limit: timeline.row(limit) for limit in (REQUESTS, OUTPUT)}
    facts = {"input tokens": Fact(600_000, 0, 500, 500)}
    timeline.ledger.report("EVAL", Findings(facts=facts, refused={"input tokens": 2.0}))
    assert {limit: timeline.row(limit) for limit in (REQUESTS, OUTPUT)} == before
    assert timeline.row(INPUT)["refusals"] == 1
    (wait,) = timeline.get(tokens=ExpectedTokens(5000, 10), holder="two")
    assert 0.4 < wait <= 1


def test_a_429_without_facts_holds_its_bucket_for_as_long_as_it_said(timeline: Timeline) -> None:
    timeline.ask()
    timeline.ledger.report("EVAL", Findings(refused={"requests": 2.0}))
    assert timeline.get() == []
    timeline.pass_by(1.9)
    (wait,) = timeline.get()
    assert wait == pytest.approx(0.1, abs=0.01)


def test_a_hop_that_says_nothing_of_what_is_left_is_left_alone_by_everybody_for_so_long(timeline: Timeline) -> None:
    held, free = (
        replace(TARIFF, rates=[CallRate("rca", 6000)]),
        replace(TARIFF, lane="chat", rates=[CallRate("chat", 6000)]),
    )
    timeline.ask(held)
    timeline.pass_by(1)
    timeline.ledger.hold("rca", 3)
    timeline.ledger.hold("rca", 1)  # the longer one counts
    assert timeline.get(held, holder="two") == []
    assert timeline.get(free, holder="three") == [0.0]
    timeline.pass_by(2.9)
    assert timeline.get(held, holder="two") == pytest.approx([0.1])


def test_a_user_who_is_held_is_left_alone_even_with_calls_saved_up(timeline: Timeline) -> None:
    tariff = replace(TARIFF, users=USERS[:2], user_rate=CallRate("API", 60, burst=5))
    timeline.ask(tariff)
    timeline.ledger.hold(f"API of {USERS[0]}", 3)
    assert {grant.user for grant in timeline.ask(tariff, [SMALL] * 4).grants} == {USERS[1]}


def whole_rate(timeline: Timeline) -> float:
    query = "SELECT (daily_runs.quota_pace(l, clock_timestamp()))[1] AS rate FROM daily_runs.quota_limit l"
    return float(timeline.store.row(f"{query} WHERE limit_name = %(limit)s", {"limit": REQUESTS})["rate"])


def test_refusals_that_repeat_lower_the_rate_step_by_step_and_it_climbs_back(timeline: Timeline) -> None:
    timeline.ask()
    rates = []
    for _ in range(4):
        timeline.ledger.report("EVAL", Findings(refused={"requests": 0.1}))
        rates.append(whole_rate(timeline))
        timeline.pass_by(2)
    assert rates[0] == pytest.approx(10)
    assert all(later < 0.9 * earlier for earlier, later in itertools.pairwise(rates))
    timeline.pass_by(18)
    assert whole_rate(timeline) == pytest.approx(rates[-1] + 2)
    timeline.pass_by(60)
    assert whole_rate(timeline) == pytest.approx(10)


def test_many_refusals_at_once_are_one_shortage(timeline: Timeline) -> None:
    timeline.ask()
    for _ in range(10):
        timeline.ledger.report("EVAL", Findings(refused={"requests": 0.1}))
        timeline.pass_by(0.05)
    assert whole_rate(timeline) == pytest.approx(10)
    assert timeline.row(REQUESTS)["refusals"] == 10


def test_a_hold_does_not_undo_the_climb(timeline: Timeline) -> None:
    timeline.ask()
    for _ in range(3):
        timeline.ledger.report("EVAL", Findings(refused={"requests": 0.1}))
        timeline.pass_by(5)
    timeline.pass_by(6)
    before = whole_rate(timeline)
    assert before < 10
    timeline.ledger.hold(REQUESTS, 0.01)
    assert whole_rate(timeline) == pytest.approx(before)


def test_holds_that_repeat_step_the_rate_down_too(timeline: Timeline) -> None:
    timeline.ask()
    timeline.ledger.hold(REQUESTS, 0.01)
    timeline.pass_by(5)
    timeline.ledger.hold(REQUESTS, 0.01)
    assert whole_rate(timeline) == pytest.approx(8.5)


@pytest.mark.parametrize("seconds", [1e12, 1e300, float("inf"), float("nan")])
def test_no_hop_can_hold_a_limit_for_ever(timeline: Timeline, seconds: float) -> None:
    timeline.ask()
    timeline.ledger.hold(REQUESTS, seconds)
    timeline.ledger.report("EVAL", Findings(refused={"requests": seconds}))
    timeline.pass_by(301)
    assert timeline.get() != []


def test_what_a_dead_process_held_is_taken_over_by_the_next_of_its_name(timeline: Timeline) -> None:
    one = replace(TARIFF, in_flight=InFlight("bound", 1))
    timeline.ledger.reserve("inference 1/0 host/1/a", one, [ExpectedTokens(100, 10)])
    assert timeline.get(one) == []
    timeline.ledger.take_over("inference 1/1")
    assert timeline.get(one) == []
    timeline.ledger.take_over("inference 1/0")
    timeline.pass_by(2)
    assert len(timeline.get(one)) == 1


def test_a_lane_that_was_idle_for_long_asks_again_however_little_it_used(timeline: Timeline) -> None:
    timeline.ask()
    for _ in range(20):
        timeline.pass_by(200)
        timeline.ledger.reserve("one", TARIFF, [])
    assert timeline.get() != []


# The catalogue


@pytest.mark.parametrize("per_minute", [120, 1800])
def test_an_edited_limit_holds_from_the_next_request_on(timeline: Timeline, per_minute: int) -> None:
    drain(timeline)
    edited = tariff_of(requests_per_minute=per_minute, declared=1)
    moments = timeline.run({"one": edited}, 5, step=0.1)["one"]
    assert sent_between(moments, 0, 5) <= per_minute / 12
    assert sent_between(moments, 2, 5) == pytest.approx(per_minute / 20, abs=1)


def test_what_an_older_catalogue_says_counts_no_more(timeline: Timeline) -> None:
    newest = tariff_of(replace(TARIFF, share=0.5), requests_per_minute=120, declared=2)
    timeline.ask(newest)
    row = timeline.row(REQUESTS)
    timeline.ask(tariff_of(requests_per_minute=6000, declared=1))
    assert timeline.row(REQUESTS)["per_second"] == row["per_second"] == 2
    assert timeline.store.row("SELECT share FROM daily_runs.quota_lane") == {"share": 0.5}


def test_an_older_catalogue_does_not_come_back_when_the_newest_one_says_what_the_first_one_said(
    timeline: Timeline,
) -> None:
    timeline.ask(tariff_of(requests_per_minute=120, declared=0))
    timeline.ask(tariff_of(requests_per_minute=120, declared=2))
    timeline.ask(tariff_of(requests_per_minute=6000, declared=1))
    assert timeline.row(REQUESTS)["per_second"] == 2


# Features on one account


def test_features_that_compete_get_their_shares(timeline: Timeline) -> None:
    sent = timeline.run({"a": ALONE, "o": OWNER}, 25, step=0.1)
    alone, owner = (sent_between(sent[name], 5, 25) for name in "ao")
    assert alone + owner == pytest.approx(200, abs=4)
    assert alone / (alone + owner) == pytest.approx(0.25, abs=0.03 * 0.25 + 0.005)


def test_what_an_idle_feature_leaves_is_lent_and_given_back_within_two_seconds(timeline: Timeline) -> None:
    timeline.ask(OWNER)
    drain(timeline, ALONE)
    timeline.pass_by(2)
    idle = timeline.run({"a": ALONE}, 5, step=0.1)["a"]
    assert sent_between(idle, 2, 7) >= 49
    woke = timeline.now
    sent = timeline.run({"a": ALONE, "o": OWNER}, 12, step=0.1)
    assert sent_between(sent["o"], woke + 2, woke + 12) == pytest.approx(75, abs=4)
    slept = timeline.now
    sent = timeline.run({"a": ALONE}, 7, step=0.1)
    assert sent_between(sent["a"], slept + 2, slept + 7) >= 49


def test_an_account_that_lends_nothing_keeps_each_feature_under_its_share(timeline: Timeline) -> None:
    moments = timeline.run({"a": tariff_of(ALONE, lends_idle_share=False)}, 20, step=0.1)["a"]
    assert sent_between(moments, 5, 20) == pytest.approx(0.25 * 150, abs=2)


def test_the_better_priority_goes_first_for_what_an_idle_feature_leaves(timeline: Timeline) -> None:
    first = replace(TARIFF, lane="first", share=0.2, priority=1)
    second = replace(TARIFF, lane="second", share=0.2, priority=2)
    sent = timeline.run({"f": first, "s": second}, 25, step=0.025)
    assert sent_between(sent["s"], 5, 25) == pytest.approx(0.2 * 200, rel=0.1)
    assert sent_between(sent["f"], 5, 25) == pytest.approx(0.8 * 200, rel=0.1)


# Promises and order


@few
@given(own=st.sampled_from([None, 1.0, 30.0, 6000.0]), count=st.integers(1, 300), passed=st.floats(0, 3))
def test_nothing_is_promised_for_later_than_a_second(
    still: Timeline, own: float | None, count: int, passed: float
) -> None:
    timeline = still.again()
    tariff = replace(TARIFF, rates=[CallRate("rca", own)] if own else [])
    for holder in ("one", "two"):
        granted = timeline.ask(tariff, [SMALL] * count, holder)
        waits = [grant.wait_seconds for grant in granted.grants]
        assert max(waits, default=0) <= PROMISE_SECONDS
        assert waits == sorted(waits)
        assert all(wait <= AHEAD_SECONDS for wait in waits[1:])
        assert (granted.again_seconds is None) == (len(waits) == count)
        timeline.pass_by(passed)


def test_a_feature_whose_own_limit_is_far_off_is_told_when_to_come_back_and_books_nothing(timeline: Timeline) -> None:
    slow = replace(TARIFF, rates=[CallRate("slow", 6)])
    timeline.ask(slow)
    before = timeline.row(REQUESTS)["level"]
    granted = timeline.ask(slow)
    assert (granted.grants, granted.users_spent) == ([], False)
    assert granted.again_seconds == 2  # and again: meanwhile the limit may be raised
    assert timeline.row(REQUESTS)["level"] == before
    timeline.pass_by(10)
    assert len(timeline.get(slow)) == 1


SLOW = replace(TARIFF, rates=[CallRate("slow", 60)])


def test_who_waits_is_served_before_who_comes(timeline: Timeline) -> None:
    timeline.ask(SLOW, holder="zero")
    assert timeline.get(SLOW, holder="first") == []
    timeline.pass_by(0.1)
    assert timeline.get(SLOW, holder="second") == []
    timeline.pass_by(0.95)
    assert timeline.get(SLOW, holder="second") == []
    assert timeline.get(SLOW, holder="third") == []
    assert timeline.get(SLOW, holder="first") == [0.0]


def test_who_does_not_come_back_loses_its_turn(timeline: Timeline) -> None:
    timeline.ask(SLOW, holder="zero")
    assert timeline.get(SLOW, holder="first") == []
    timeline.pass_by(1.6)
    assert timeline.get(SLOW, holder="second") == [0.0]


def test_who_leaves_keeps_nobody_waiting(timeline: Timeline) -> None:
    timeline.ask(SLOW, holder="zero")
    assert timeline.get(SLOW, holder="first") == []
    timeline.pass_by(1)
    timeline.ledger.leave("first")
    assert timeline.get(SLOW, holder="second") == [0.0]


def test_who_waits_in_one_feature_keeps_nobody_of_another_waiting(timeline: Timeline) -> None:
    timeline.ask(SLOW, holder="zero")
    assert timeline.get(SLOW, holder="first") == []
    assert timeline.get(replace(TARIFF, lane="chat"), holder="second") == [0.0]


def test_two_that_never_have_enough_take_turns(timeline: Timeline) -> None:
    drain(timeline)
    sent = timeline.run({"one": TARIFF, "two": TARIFF}, 10, step=0.05)
    one, two = (sent_between(sent[name], 0, 10) for name in ("one", "two"))
    assert one + two == pytest.approx(100, abs=2)
    assert one == pytest.approx(two, abs=10)


# Evaluation users


def windowed(calls: int, seconds: float = 3600.0, users: tuple[str, ...] = USERS) -> Tariff:
    return replace(TARIFF, users=users, window=Window("ai_action in staging", calls, seconds))


def users_of(timeline: Timeline, tariff: Tariff, count: int) -> list[str | None]:
    return [grant.user for grant in timeline.ask(tariff, [SMALL] * count).grants]


def mark_sent(timeline: Timeline) -> None:
    timeline.store.rows("UPDATE daily_runs.quota_grant SET sent_at = at WHERE sent_at IS NULL")


def test_one_user_is_filled_before_the_next(timeline: Timeline) -> None:
    assert users_of(timeline, windowed(2), 3) == [USERS[0], USERS[0], USERS[1]]
    assert users_of(timeline, windowed(2), 2) == [USERS[1], USERS[2]]


def test_when_no_user_has_room_the_rest_is_refused_and_what_was_granted_stays(timeline: Timeline) -> None:
    granted = timeline.ask(windowed(2), [SMALL] * 10)
    assert len(granted.grants) == 6
    assert granted.users_spent
    assert timeline.ledger.room(Window("ai_action in staging", 2, 3600), USERS) == 0


def test_a_window_slides_call_by_call(timeline: Timeline) -> None:
    for _ in range(3):
        assert len(users_of(timeline, windowed(3), 3)) == 3
        mark_sent(timeline)
        timeline.pass_by(1000)
    assert timeline.ask(windowed(3)).users_spent
    timeline.pass_by(601)  # the first three calls are an hour old now
    assert users_of(timeline, windowed(3), 4) == [USERS[0]] * 3


def test_a_call_counts_from_when_it_was_sent(timeline: Timeline) -> None:
    one = windowed(1, users=USERS[:1])
    timeline.ask(one)
    timeline.pass_by(100)
    timeline.store.rows("UPDATE daily_runs.quota_grant SET sent_at = clock_timestamp()")
    timeline.pass_by(3550)
    assert timeline.ask(one).users_spent
    timeline.pass_by(51)
    assert users_of(timeline, one, 1) == [USERS[0]]


def test_a_call_whose_intent_was_stored_ahead_counts_from_its_moment(timeline: Timeline) -> None:
    one = windowed(1, users=USERS[:1])
    drain(timeline)
    (grant,) = timeline.ask(one).grants
    timeline.store.rows("UPDATE daily_runs.quota_grant SET sent_at = clock_timestamp()")
    timeline.pass_by(3600 + grant.wait_seconds / 2)
    assert grant.wait_seconds > 0
    assert timeline.ask(one).users_spent
    timeline.pass_by(grant.wait_seconds)
    assert users_of(timeline, one, 1) == [USERS[0]]


def test_what_a_crashed_holder_never_sent_is_free_again_when_its_lease_ends(timeline: Timeline) -> None:
    one = replace(windowed(1, users=USERS[:1]), lease_seconds=30.0)
    timeline.ask(one, holder="crashed")
    timeline.pass_by(29.9)
    assert timeline.ask(one).users_spent
    timeline.pass_by(0.2)
    assert users_of(timeline, one, 1) == [USERS[0]]


def test_a_user_whom_the_server_refused_is_left_alone_for_a_window(timeline: Timeline) -> None:
    tariff, window = windowed(2), Window("ai_action in staging", 2, 3600)
    timeline.ledger.user_is_spent(window, USERS[0])
    assert timeline.ledger.room(window, USERS) == 4
    assert users_of(timeline, tariff, 1) == [USERS[1]]
    timeline.pass_by(3601)
    assert timeline.ledger.room(window, USERS) == 6
    assert users_of(timeline, tariff, 1) == [USERS[0]]


def test_it_is_known_at_which_call_the_server_refused_a_user(timeline: Timeline) -> None:
    window, tariff = Window("ai_action in staging", 4, 3600), windowed(4)
    assert timeline.ledger.spent_users(window, USERS) == {}
    grants = timeline.ask(tariff, [SMALL] * 6).grants
    mark_sent(timeline)
    ids = [grant.grant_id for grant in grants if grant.user == USERS[0]]
    timeline.ledger.user_is_spent(window, USERS[0], ids[2])
    assert timeline.ledger.spent_users(window, USERS) == {USERS[0]: 3}
    timeline.ledger.user_is_spent(window, USERS[0], ids[3])  # it was in flight already
    timeline.ledger.user_is_spent(window, USERS[1])
    assert list(timeline.ledger.spent_users(window, USERS).items()) == [(USERS[1], 2), (USERS[0], 3)]
    timeline.ledger.user_is_spent(window, USERS[0], ids[1])  # told late
    assert timeline.ledger.spent_users(window, USERS[:1]) == {USERS[0]: 2}
    timeline.pass_by(3601)
    assert timeline.ledger.spent_users(window, USERS) == {}
    timeline.ledger.user_is_spent(window, USERS[0])
    assert timeline.ledger.spent_users(window, USERS) == {USERS[0]: 0}


def test_it_is_known_when_the_first_user_has_room_again(timeline: Timeline) -> None:
    window, tariff = Window("ai_action in staging", 2, 3600), windowed(2)

    def seconds_to_room(users: Sequence[str] = USERS) -> float:
        (row,) = timeline.store.rows("SELECT clock_timestamp() AS now")
        return float((timeline.ledger.room_at(window, users) - row["now"]).total_seconds())

    assert seconds_to_room() == 0
    for _ in range(6):  # two calls each, ten seconds apart; one user's are used up before the next one's
        timeline.ask(tariff)
        mark_sent(timeline)
        timeline.pass_by(10)
    assert seconds_to_room() == 3600 - 60
    timeline.ledger.user_is_spent(window, USERS[0])
    assert seconds_to_room(USERS[:1]) == 3600, "a user whom the server refused is left alone for a whole window"
    assert seconds_to_room() == 3600 - 40, "the next user's first call"
    timeline.pass_by(3600 - 40)
    assert seconds_to_room() == 0
    assert timeline.ledger.room(window, USERS) > 0


def test_environments_have_windows_of_their_own(timeline: Timeline) -> None:
    other = replace(TARIFF, users=USERS[:1], window=Window("ai_action in production", 1, 3600))
    assert users_of(timeline, windowed(1, users=USERS[:1]), 1) == users_of(timeline, other, 1) == [USERS[0]]


@few
@given(calls=st.integers(1, 4), pauses=st.lists(st.floats(0, 2000), min_size=1, max_size=15))
def test_no_user_gets_more_calls_than_the_window_holds_wherever_it_lies(
    still: Timeline, calls: int, pauses: list[float]
) -> None:
    timeline, sent = still.again(), list[tuple[str | None, float]]()
    for pause in pauses:
        granted = timeline.ask(windowed(calls), [SMALL] * 2)
        mark_sent(timeline)
        sent += [(grant.user, timeline.now + grant.wait_seconds) for grant in granted.grants]
        in_window = sum(at > timeline.now - 3600 for _, at in sent)
        assert granted.users_spent == (len(granted.grants) < 2)
        assert granted.users_spent <= (in_window == calls * len(USERS))
        timeline.pass_by(pause)
    for user in USERS:
        moments = sorted(at for name, at in sent if name == user)
        assert all(last - first >= 3600 - 2e-6 for first, last in zip(moments, moments[calls:], strict=False))


def test_a_user_whose_own_rate_is_used_up_hands_over_to_the_next(timeline: Timeline) -> None:
    tariff = replace(TARIFF, users=USERS, user_rate=CallRate("API", 60, amount=2))
    assert users_of(timeline, tariff, 4) == list(USERS)
    timeline.pass_by(2)
    assert len(users_of(timeline, tariff, 4)) == 3


# Calls in flight


def test_no_more_are_in_flight_than_the_bound_over_all_holders_until_settled_or_expired(timeline: Timeline) -> None:
    tariff = replace(TARIFF, in_flight=InFlight("judge", 5), lease_seconds=30.0)
    first = timeline.ask(tariff, [SMALL] * 4, "one")
    second = timeline.ask(tariff, [SMALL] * 4, "two")
    assert (len(first.grants), len(second.grants)) == (4, 1)
    assert second.again_seconds is not None
    timeline.pass_by(second.again_seconds)
    assert timeline.get(tariff, 4, holder="two") == []
    settle(timeline, first.grants[:3], None)
    timeline.pass_by(1)
    assert len(timeline.get(tariff, 4, holder="two")) == 3
    timeline.pass_by(29.5)  # all but the last three are older than their lease
    assert len(timeline.get(tariff, 4, holder="three")) == 2


# Bookkeeping


def test_use_is_summed_by_minute_with_refusals_and_what_was_measured(timeline: Timeline) -> None:
    for count in (3, 2):
        grants = timeline.ask(calls=[ExpectedTokens(1000, 10)] * count).grants
        settle(timeline, grants[:1], Usage(900, 20, 300))
        settle(timeline, grants[1:2], None)
        settle(timeline, grants[2:], None, refused=True)
        timeline.pass_by(60)
    rows = timeline.store.rows("SELECT * FROM daily_runs.quota_use ORDER BY minute")
    for row in rows:
        assert row.items() >= {"account": "EVAL", "lane": "rca", "calls": 2, "measured_calls": 1}.items()
        assert (row["input_tokens"], row["output_tokens"], row["cached_input_tokens"]) == (600 + 1000, 30, 300)
    assert [row["refusals"] for row in rows] == [1, 0]
    assert rows[1]["minute"] - rows[0]["minute"] == dt.timedelta(minutes=1)


def test_old_grants_are_forgotten_and_recent_ones_are_not(timeline: Timeline) -> None:
    timeline.ask(windowed(5), [SMALL] * 2)
    timeline.pass_by((KEEP_DAYS - 1) * 86_400)
    timeline.ask(windowed(5))
    timeline.ledger.leave("one")
    assert timeline.store.row("SELECT count(*) AS n FROM daily_runs.quota_grant") == {"n": 3}
    timeline.pass_by(86_401)
    timeline.ledger.leave("one")
    assert timeline.store.row("SELECT count(*) AS n FROM daily_runs.quota_grant") == {"n": 1}


def test_the_windows_of_revision_0001_are_carried_over(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("quota_of_0001")
    command.upgrade(database._alembic(url), "0001")
    with database.connect(url) as connection:
        connection.execute(
            "INSERT INTO daily_runs.quota_call SELECT 'ai_action in staging', 'evaluation-1',"
            " now() - make_interval(hours => h) FROM generate_series(0, 100, 4) AS h"
        )
    database.migrate(url)
    with database.open_store(url) as store:
        assert Ledger(store, 1.0).room(Window("ai_action in staging", 160, 8.5 * 3600), USERS[:1]) == 160 - 3
        assert store.row("SELECT count(*) AS n FROM daily_runs.quota_grant") == {"n": 12}


# Many at once, on the real clock


@pytest.fixture
def two_stores(store: Store) -> Iterator[tuple[Store, Store]]:
    """Two processes' worth of connections to one database."""
    with database.open_store(store.url, connections=8) as other:
        yield store, other


def test_many_threads_over_many_connections_get_the_rate_and_no_more_and_no_less(
    two_stores: tuple[Store, Store],
) -> None:
    """100 a second and 50 saved up, for two and a half seconds."""
    tariff = tariff_of(requests_per_minute=6000, input_tokens_per_minute=10**7, output_tokens_per_minute=10**6)
    tariff = tariff_of(tariff, burst_seconds=0.5)
    started = time.monotonic()

    def ask(number: int) -> None:
        ledger = Ledger(two_stores[number % 2], 1.0)
        while time.monotonic() < started + 2.5:
            granted = ledger.reserve(f"holder {number}", tariff, [SMALL] * 3)
            last = max((grant.wait_seconds for grant in granted.grants), default=0.0)
            time.sleep(max(granted.again_seconds or 0.0, last))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    rows = two_stores[0].rows("SELECT extract(epoch FROM at)::float8 AS at FROM daily_runs.quota_grant ORDER BY at")
    moments = [row["at"] for row in rows]
    for earlier, later in itertools.combinations(range(len(moments)), 2):
        assert later - earlier + 1 <= 50 + 100 * (moments[later] - moments[earlier]) + 1e-3
    # 150 by the rate. More of them are what a stall of the machine saved up, and the loop above has bounded it.
    assert sent_between(moments, moments[0] + 0.5, moments[0] + 2) >= 145


def test_limits_in_any_order_lock_nobody_out(two_stores: tuple[Store, Store]) -> None:
    rates = [CallRate(name, 600_000) for name in ("zeta", "alpha", "Mid", "account A")]

    def ask(number: int) -> int:
        account, mine = f"account {number % 3}", rates if number % 2 else rates[::-1]
        tariff = replace(TARIFF, account_name=account, lane=f"lane {number}", rates=mine, users=USERS)
        tariff = replace(tariff, user_rate=CallRate("API", 600_000))
        ledger = Ledger(two_stores[number % 2], 1.0)
        return sum(len(ledger.reserve(f"holder {number}", tariff, [SMALL]).grants) for _ in range(15))

    with ThreadPoolExecutor(8) as pool:
        assert min(pool.map(ask, range(8))) > 0


def test_many_at_once_share_the_users_out_exactly(two_stores: tuple[Store, Store]) -> None:
    tariff = replace(windowed(10), users=USERS)

    def ask(number: int) -> list[str | None]:
        granted = Ledger(two_stores[number % 2], 1.0).reserve(f"holder {number}", tariff, [SMALL] * 2)
        return [grant.user for grant in granted.grants]

    with ThreadPoolExecutor(8) as pool:
        found = Counter(itertools.chain.from_iterable(pool.map(ask, range(20))))
    assert found == dict.fromkeys(USERS, 10)

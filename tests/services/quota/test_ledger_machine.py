"""The ledger against a model, for any interleaving of askers, sizes, changes, crashes, skewed clocks, settlements.

The model's buckets are exact and see each call at its very moment. They take what a call was estimated at when it is
sent, and give back what it left when it is settled. Nothing is tolerated but what is written in `_Bucket.check`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from unittest import mock

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.services.quota.timeline import TARIFF, Moment, Timeline, tariff_of

from daily_runs.quota.ledger import Findings, Granted, Settled
from daily_runs.quota.rate_limit_headers import Fact, Usage
from daily_runs.quota.tariff import CallRate, ExpectedTokens, InFlight, Tariff, Window

USERS = ("evaluation-1", "evaluation-2", "evaluation-3")
WINDOW_SECONDS, LEASE_SECONDS = 60.0, 10.0
LATE_SECONDS = 0.5
"""Who comes so much later than it was told to has lost its turn."""
LONG_SECONDS = 10_000.0
"""After so long every window is empty and every bucket full: a share of 10 % earns the dearest call in 3,000 s."""
DIMENSIONS = ("requests", "input tokens", "output tokens")
MICROSECOND = 1.5e-6
PROMISED, CHANGED, GIVEN_BACK, SENT = range(4)  # in this order, of events at one moment


class _Charge(NamedTuple):
    decided_at: float
    at: float
    amount: float


class _Change(NamedTuple):
    """From `at` on the bucket has this rate and size; `taken` by others at that moment."""

    at: float
    per_second: float
    burst: float
    taken: float = 0.0


@dataclass
class _Bucket:
    """An exact token bucket, full at first, and all that happened to it."""

    declared: int
    catalogue: tuple[float, float]
    vendor: float | None = None  # as the last header said
    changes: list[_Change] = field(default_factory=list)
    charges: dict[int, _Charge] = field(default_factory=dict)
    credits: list[tuple[float, float]] = field(default_factory=list)
    kept: list[tuple[float, float]] = field(default_factory=list)  # from when to when, what was then given back

    def hold_to(self, at: float, taken: float = 0.0) -> None:
        """From now on the lower one of the catalogue's rate and the vendor's, with as many seconds of burst."""
        per_second, burst = self.catalogue
        in_force = min(per_second, self.vendor or per_second)
        change = _Change(at, in_force, burst * in_force / per_second, taken)
        if taken or not self.changes or change[1:3] != self.changes[-1][1:3]:
            self.changes.append(change)

    def _events(self) -> Iterator[tuple[float, int, _Charge | _Change | float]]:
        """In order of time; what was promised before a change is taken at that change: it was right to promise it."""
        for charge in self.charges.values():
            before = [c.at for c in self.changes if charge.decided_at < c.at <= charge.at]
            yield (before[0], PROMISED, charge) if before else (charge.at, SENT, charge)
        for change in self.changes[1:]:
            yield change.at, CHANGED, change
        for at, amount in self.credits:
            yield at, GIVEN_BACK, amount

    def _play(self, until: float) -> tuple[float, float]:
        """What it holds then, and the least that a call ever left in it, beyond what a dearer call must owe.

        Something may be given back of which the ledger cannot know that it ran over meanwhile: `lost`.
        """
        limit, level, worst, lost, last = self.changes[0], self.changes[0].burst, 0.0, 0.0, self.changes[0].at
        pending = [*self.kept, *((charge.decided_at, charge.at) for charge in self.charges.values())]
        for at, kind, event in sorted(self._events(), key=lambda e: e[:2]):
            if at > until:
                break
            full = level + limit.per_second * (at - last) + (event if isinstance(event, float) else 0.0)
            if full > limit.burst and any(first < at and last < to for first, to in pending):
                lost += full - limit.burst
            level, last = min(limit.burst, full), at
            match event:
                case _Change():
                    limit, level = event, min(level, event.burst) - event.taken
                case _Charge():
                    level -= event.amount
                    if kind == SENT:
                        worst = min(worst, level + max(0.0, event.amount - limit.burst) + lost * self._gave_back)
        return min(limit.burst, level + limit.per_second * (until - last)), worst

    @property
    def _gave_back(self) -> bool:
        return bool(self.kept or self.credits)

    def level(self, now: float) -> float:
        return self._play(now)[0]

    def check(self, name: str) -> None:
        """Tolerated: rows hold whole microseconds, and sums of floats are not exact."""
        rounding = MICROSECOND * max(c.per_second for c in self.changes) + 1e-7 * max(c.burst for c in self.changes)
        _, worst = self._play(float("inf"))
        assert worst >= -rounding, f"{name}: {-worst} more than there was, of {self.changes[-1]}"


class _Given(NamedTuple):
    """A grant as the model knows it."""

    lane: str
    holder: str
    moment: Moment
    decided_at: float


class _Waiting(NamedTuple):
    since: float
    back_at: float


shares = st.sampled_from([0.1, 0.25, 0.5, 0.75])
figures = st.fixed_dictionaries(
    {
        "requests_per_minute": st.sampled_from([120, 600, 3000]),
        "input_tokens_per_minute": st.sampled_from([60_000, 600_000]),
        "output_tokens_per_minute": st.sampled_from([6000, 60_000]),
        "burst_seconds": st.sampled_from([0.1, 1.0, 10.0]),
    }
)
own_rates = st.sampled_from([20.0, 600.0, 60_000.0])
sizes = st.builds(
    ExpectedTokens, st.sampled_from([0, 10, 100, 100, 1000, 20_000]), st.sampled_from([0, 1, 10, 10, 100, 2000])
)
pauses = st.sampled_from([0.01, 0.05, 0.1, 0.15, 0.3, 0.6, 1.0, 3.0, 11.0, 40.0, 59.9])
lanes = st.sampled_from(["rca", "chat"])
which = st.integers(0, 1000)


class LedgerMachine(RuleBasedStateMachine):
    """Two features on one account: one with a rate of its own, both with users; holders come, go and die."""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__()
        self.time = timeline
        self.buckets: dict[str, _Bucket] = {}
        self.open: dict[int, _Given] = {}  # neither settled nor given back
        self.sent: dict[int, float] = {}
        self.counted: dict[int, _Given] = {}  # by a user's window: sent, or may still be sent
        self.waiting: dict[str, _Waiting] = {}
        self.lane_of: dict[str, str] = {}
        self.dead: set[str] = set()
        self.old: list[dict[str, Tariff]] = []
        self.declared = 0

    @initialize(
        figures=figures,
        lends=st.booleans(),
        share=shares,
        priorities=st.tuples(st.integers(1, 2), st.integers(1, 2)),
        own=own_rates,
        user_rate=st.sampled_from([300, 60_000]),
        calls=st.integers(1, 12),
        bound=st.integers(1, 40),
    )
    def declare(
        self, figures: dict[str, Any], lends: bool, share: float, priorities: tuple[int, int], own: float,
        user_rate: float, calls: int, bound: int,
    ) -> None:  # fmt: skip
        window = Window("ai_action in staging", calls, WINDOW_SECONDS)
        common = replace(
            tariff_of(TARIFF, lends_idle_share=lends, **figures), users=USERS, window=window,
            user_rate=CallRate("API requests in staging", user_rate, amount=2),
            in_flight=InFlight("both", bound), lease_seconds=LEASE_SECONDS,
        )  # fmt: skip
        self.tariffs = {
            "rca": replace(common, lane="rca", share=share, priority=priorities[0], rates=[CallRate("rca", own)]),
            "chat": replace(common, lane="chat", share=1 - share, priority=priorities[1]),
        }

    # What the model knows of the limits

    def _limits(self, tariff: Tariff, user: str | None = None) -> dict[str, tuple[float, float]]:
        """Rate a second and burst of each limit of a call."""
        account, rates = tariff.account, list(tariff.rates)
        per_minute = (account.requests_per_minute, account.input_tokens_per_minute, account.output_tokens_per_minute)
        found = {
            name: (rate / 60, max(1.0, rate / 60 * account.burst_seconds))
            for name, rate in zip(DIMENSIONS, per_minute, strict=True)
        }
        if user is not None and tariff.user_rate:
            rates.append(tariff.user_rate._replace(limit=user))
        return found | {rate.limit: (rate.per_minute / 60, rate.burst) for rate in rates}

    def _amounts(self, tariff: Tariff, moment: Moment) -> dict[str, float]:
        own = {rate.limit: rate.amount for rate in tariff.rates}
        assert moment.user is not None
        assert tariff.user_rate is not None
        return {
            **dict(zip(DIMENSIONS, (1.0, *moment.tokens), strict=True)),
            **own,
            moment.user: tariff.user_rate.amount,
        }

    def _declare(self, tariff: Tariff, declared: int, decided_at: float) -> None:
        """Whoever asks with a newer catalogue has its figures count from then on."""
        for name, figures in [item for user in USERS for item in self._limits(tariff, user).items()]:
            bucket = self.buckets.setdefault(name, _Bucket(declared, figures))
            if declared >= bucket.declared:
                bucket.declared, bucket.catalogue = declared, figures
                bucket.hold_to(decided_at)

    # What can happen

    def _ask(
        self, tariff: Tariff, declared: int, holder: str, sizes: list[ExpectedTokens], skew_seconds: float = 0.0
    ) -> None:
        lane = tariff.lane
        with mock.patch("time.time", return_value=time.time() + skew_seconds):
            granted = self.time.ask(tariff, sizes, holder)
        t = self.time.now
        self._declare(tariff, declared, t)
        self._check_order(lane, holder, granted, t)
        for moment in self.time.moments(granted):
            given = _Given(lane, holder, moment, t)
            self.open[moment.grant_id] = self.counted[moment.grant_id] = given
            for name, amount in self._amounts(tariff, moment).items():
                self.buckets[name].charges[moment.grant_id] = _Charge(t, moment.at, amount)
        if granted.grants:
            self._check_in_flight(tariff, t)
            self._check_windows(tariff, t)
            self._check_buckets()

    @rule(
        lane=lanes,
        holder=st.integers(1, 3),
        sizes=st.lists(sizes, min_size=1, max_size=8),
        skew=st.sampled_from([0.0, 86_400.0, -86_400.0]),
    )
    def ask(self, lane: str, holder: int, sizes: list[ExpectedTokens], skew: float) -> None:
        name = f"{lane} {holder}"
        while name in self.dead:
            name += "'"
        self._ask(self.tariffs[lane], self.declared, name, sizes, skew)

    @rule(lane=lanes, count=st.integers(1, 30))
    def ask_for_many(self, lane: str, count: int) -> None:
        self.ask(lane, 1, [ExpectedTokens(100, 10)] * count, 0.0)

    @rule(seconds=pauses)
    def let_time_pass(self, seconds: float) -> None:
        self.time.pass_by(seconds)

    def _due(self, *, due: bool = True) -> list[_Given]:
        """Living holders' open grants whose moment has come and whose lease has not ended, or those ahead of theirs."""
        now = self.time.now
        first, last = (now - LEASE_SECONDS + 1, now) if due else (now, now + LEASE_SECONDS)
        alive = [given for given in self.open.values() if given.holder not in self.dead]
        return [given for given in alive if first < given.moment.at < last]

    @rule(which=which, due=st.booleans())
    def send(self, which: int, due: bool = True) -> None:
        """At once, or at its moment: the intent may be stored ahead."""
        found = [given for given in self._due(due=due) if given.moment.grant_id not in self.sent]
        if not found:
            return
        given = found[which % len(found)]
        key = given.moment.grant_id
        self.time.store.rows(
            "UPDATE daily_runs.quota_grant SET sent_at = clock_timestamp() WHERE grant_id = %(id)s", {"id": key}
        )
        self.sent[key] = max(self.time.now, given.moment.at)

    @rule(
        which=which,
        count=st.sampled_from([1, 1, 100]),
        left=st.sampled_from([0.0, 0.5, 1.0]),
        cached=st.floats(0, 1),
        refused=st.booleans(),
    )
    def settle(self, which: int, count: int, left: float, cached: float, refused: bool) -> None:
        """One call or all that were sent; `left` is the part of the estimate that was not taken."""
        self.send(which)
        found = [given for given in self._due() if given.moment.grant_id in self.sent]
        settled, back = [], dict.fromkeys(DIMENSIONS, 0.0)
        for given in found[which % len(found) :][:count] if found else []:
            said = given.moment.tokens
            usage = Usage(said.input * (1 - left + cached), said.output * (1 - left), said.input * cached)
            settled.append(Settled(given.moment.grant_id, None if refused else usage, refused))
            part = 1.0 if refused else left
            for name, amount in zip(DIMENSIONS, (float(refused), said.input * part, said.output * part), strict=True):
                back[name] += amount
            del self.open[given.moment.grant_id]
        self.time.ledger.report("EVAL", Findings(settled=settled))
        for name, amount in back.items():
            if settled:
                self.buckets[name].credits.append((self.time.now, amount))

    @rule(which=which, due=st.booleans(), count=st.sampled_from([1, 100]))
    def give_back(self, which: int, due: bool, count: int) -> None:
        """One call that was not sent, or all."""
        found = [given.moment.grant_id for given in self._due(due=due) if given.moment.grant_id not in self.sent]
        returned = found[which % len(found) :][:count] if found else []
        self.time.ledger.report("EVAL", Findings(returned=returned))
        for key in returned:
            del self.open[key], self.counted[key]
            for bucket in self.buckets.values():
                if charge := bucket.charges.pop(key, None):
                    bucket.kept.append((charge.decided_at, self.time.now))

    @precondition(lambda self: self.open)
    @rule(which=which)
    def crash(self, which: int) -> None:
        self.dead.add(list(self.open.values())[which % len(self.open)].holder)

    @rule(figures=figures, own=own_rates)
    def edit_the_catalogue(self, figures: dict[str, Any], own: float) -> None:
        self.old.append(self.tariffs)
        self.declared += 1
        edited = {lane: tariff_of(tariff, declared=self.declared, **figures) for lane, tariff in self.tariffs.items()}
        self.tariffs = {**edited, "rca": replace(edited["rca"], rates=[CallRate("rca", own)])}

    @precondition(lambda self: self.old)
    @rule(which=which, lane=lanes, sizes=st.lists(sizes, min_size=1, max_size=8))
    def ask_with_an_old_catalogue(self, which: int, lane: str, sizes: list[ExpectedTokens]) -> None:
        declared = which % len(self.old)
        self._ask(self.old[declared][lane], declared, f"{lane} old", sizes)

    @precondition(lambda self: self.buckets)
    @rule(
        dimension=st.sampled_from(DIMENSIONS),
        vendor=st.sampled_from([0.5, 1.0, 1.0, 2.0]),
        foreign=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    )
    def read_headers(self, dimension: str, vendor: float, foreign: float) -> None:
        """The vendor's limit is so many times the catalogue's, and others took a part of what was there, just now.

        Of a bucket larger than ours, others take what isn't ours.
        """
        bucket, now = self.buckets[dimension], self.time.now
        per_second, burst = bucket.catalogue
        bucket.vendor = per_second * vendor
        bucket.hold_to(now)
        bucket.hold_to(now, max(0.0, bucket.level(now)) * foreign * (vendor <= 1))
        remaining = max(0.0, bucket.level(now)) + burst * max(0.0, vendor - 1)
        self.time.ledger.report("EVAL", Findings(facts={dimension: Fact(bucket.vendor * 60, remaining, 0, 0)}))

    # What must hold

    def _check_order(self, lane: str, holder: str, granted: Granted, t: float) -> None:
        """First come, first served."""
        since = self.waiting[holder].since if holder in self.waiting else t
        ahead = [
            other for other, turn in self.waiting.items()
            if self.lane_of[other] == lane and other != holder and turn.since < since
            and turn.back_at > t - LATE_SECONDS
        ]  # fmt: skip
        assert not (ahead and granted.grants), f"{holder} went before {ahead}"
        self.waiting.pop(holder, None)
        if granted.again_seconds is not None:
            self.waiting[holder] = _Waiting(t if granted.grants else since, t + granted.again_seconds)
            self.lane_of[holder] = lane

    def _check_in_flight(self, tariff: Tariff, t: float) -> None:
        in_flight = sum(given.moment.at + LEASE_SECONDS > t + MICROSECOND for given in self.open.values())
        assert tariff.in_flight is not None
        assert in_flight <= tariff.in_flight.at_once

    def _used(self, user: str, t: float) -> list[float]:
        """When a user's calls were sent, or are to be."""
        return sorted(
            self.sent.get(key, given.moment.at)
            for key, given in self.counted.items()
            if given.moment.user == user and (key in self.sent or given.moment.at + LEASE_SECONDS > t + MICROSECOND)
        )

    def _check_windows(self, tariff: Tariff, t: float) -> None:
        assert tariff.window is not None
        for user in USERS:
            used = self._used(user, t)
            for first, last in zip(used, used[tariff.window.calls :], strict=False):
                assert last - first >= WINDOW_SECONDS - MICROSECOND, f"{user} got too many calls"

    def _check_buckets(self) -> None:
        for name, bucket in self.buckets.items():
            bucket.check(name)

    @invariant()
    def each_step_takes_a_moment(self) -> None:
        """And what is open in the rows is what was not settled or given back."""
        self.time.pass_by(0.001)
        row = self.time.store.row("SELECT count(*) AS n FROM daily_runs.quota_grant WHERE settled_at IS NULL")
        assert row["n"] == len(self.open)

    def teardown(self) -> None:
        if not self.buckets:
            return
        self._check_buckets()
        self.time.pass_by(LEASE_SECONDS + 2)  # what crashed holders had is free again
        now, window = self.time.now, self.tariffs["chat"].window
        assert window is not None
        recent = sum(at > now - WINDOW_SECONDS for user in USERS for at in self._used(user, now))
        assert self.time.ledger.room(window, USERS) == window.calls * len(USERS) - recent
        for lane, tariff in self.tariffs.items():
            self.time.ask(
                tariff, [ExpectedTokens(1, 1)], f"{lane} herald"
            )  # the last catalogue's buckets begin to fill
            self.time.pass_by(LONG_SECONDS)
            granted = self.time.ask(tariff, [ExpectedTokens(1, 1)], f"{lane} new")
            assert [grant.wait_seconds for grant in granted.grants] == [0.0]


def test_no_interleaving_passes_a_limit_loses_a_grant_or_lets_anybody_jump_the_queue(store_url: str) -> None:
    with Timeline.opened(store_url) as timeline:

        class FromTheStart(LedgerMachine):
            def __init__(self) -> None:
                super().__init__(timeline.again())

        run_state_machine_as_test(
            FromTheStart,
            settings=settings(
                max_examples=120,
                stateful_step_count=40,
                suppress_health_check=list(HealthCheck),
                phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to find a shorter example takes minutes
                report_multiple_bugs=False,
            ),
        )

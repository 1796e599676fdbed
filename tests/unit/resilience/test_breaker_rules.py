"""A circuit breaker's rules, without a clock or a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops import refusal
from daily_runs.resilience.breaker_rules import (
    CALM_SECONDS,
    OPEN_SECONDS,
    OPEN_SECONDS_MAX,
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

START = 1_800_000_000.0
LEASE = 300.0
FRESH = Circuit(since=START)
GOOD, FAULT, OVERLOADED, SILENT = CallOutcome


def seen(outcomes: Sequence[CallOutcome], every_seconds: float = 0.1, start: float = START) -> list[EndedCall]:
    """Calls that end one after the other."""
    return [EndedCall(start + n * every_seconds, outcome, "gitlab_error") for n, outcome in enumerate(outcomes)]


def after(outcomes: Sequence[CallOutcome], circuit: Circuit = FRESH, every_seconds: float = 0.1) -> Circuit:
    """The circuit after these calls, each told as it ends."""
    for one in seen(outcomes, every_seconds, circuit.since + 1):
        circuit = after_calls(circuit, [one], one.at, 1.0)
    return circuit


class Case(NamedTuple):
    what: str
    outcomes: Sequence[CallOutcome]
    opens: bool
    every_seconds: float = 0.1


CASES = (
    Case("three faults in a row", [FAULT] * 3, opens=True),
    Case("three in a row, however far apart", [FAULT] * 3, opens=True, every_seconds=3600),
    Case("two faults, a success, two faults", [FAULT, FAULT, GOOD, FAULT, FAULT], opens=False),
    Case("what tells nothing does not end a row", [FAULT, SILENT, FAULT, SILENT, FAULT], opens=True),
    Case("three 529 in a row", [OVERLOADED] * 3, opens=True),
    Case("faults and 529 make one row", [FAULT, OVERLOADED, FAULT], opens=True),
    Case("1 of 5", [GOOD] * 4 + [FAULT], opens=False),
    Case("9 of 18", [GOOD, FAULT] * 9, opens=False),
    Case("10 of 20", [GOOD, FAULT] * 10, opens=True),
    Case("10 of 20 over more than 10 s", [GOOD, FAULT] * 10, opens=False, every_seconds=1),
    Case("9 of 90", ([GOOD] * 9 + [FAULT]) * 9, opens=False),
    Case("10 of 100", ([GOOD] * 9 + [FAULT]) * 10, opens=True, every_seconds=0.09),
    Case("19 of 209", ([GOOD] * 10 + [FAULT]) * 19, opens=False, every_seconds=0.04),
    Case("half of many refused with 529", [GOOD, OVERLOADED] * 50, opens=False),
    Case("one fault among many 529", [GOOD, OVERLOADED] * 50 + [GOOD, FAULT], opens=False),
    Case("refusals for rate", [SILENT] * 1000, opens=False),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_it_opens_on_three_in_a_row_or_on_a_tenth_of_enough_calls(case: Case) -> None:
    circuit = after(case.outcomes, every_seconds=case.every_seconds)
    assert (circuit.state is BreakerState.OPEN) == case.opens


def test_one_fault_more_than_a_tenth_in_the_window_opens_it_and_says_so() -> None:
    circuit = after([GOOD] * 30 + [FAULT, GOOD] * 30)
    assert circuit.state is BreakerState.OPEN
    assert circuit.reason == "10 of 49 in 10 s, the last: gitlab_error"
    assert after([FAULT] * 3).reason == "3 in a row, the last: gitlab_error"


@given(
    st.lists(st.tuples(st.sampled_from([GOOD, FAULT, SILENT]), st.floats(0, 0.9)), max_size=13),
)
def test_three_in_a_row_open_it_however_late_good_calls_are_told(timeline: list[tuple[CallOutcome, float]]) -> None:
    """Calls end every 0.1 s; a fault is told at once, a good one by its own delay."""
    calls = seen([outcome for outcome, _ in timeline])
    told = [(one.at + delay * (one.outcome is GOOD), one) for one, (_, delay) in zip(calls, timeline, strict=True)]
    circuit = FRESH
    for moment, one in sorted(told, key=lambda arrival: arrival[0]):
        circuit = after_calls(circuit, [one], moment, 1.0)
    telling = "".join("f" if one.outcome is FAULT else "g" for one in calls if one.outcome is not SILENT)
    if "fff" in telling:
        assert circuit.state is BreakerState.OPEN


@given(st.lists(st.sampled_from([GOOD, FAULT, SILENT]), max_size=13), st.data())
def test_nothing_less_than_three_in_a_row_opens_it_for_one_reporter(
    outcomes: list[CallOutcome], data: st.DataObject
) -> None:
    """However the reporter batches: each batch is told when its last call ended."""
    circuit, left = FRESH, seen(outcomes)
    while left:
        size = data.draw(st.integers(1, len(left)))
        batch, left = left[:size], left[size:]
        shuffled = data.draw(st.permutations(batch))
        circuit = after_calls(circuit, shuffled, batch[-1].at, 1.0)
    telling = "".join("f" if outcome is FAULT else "g" for outcome in outcomes if outcome is not SILENT)
    assert (circuit.state is BreakerState.OPEN) == ("fff" in telling)


def test_a_good_call_that_is_told_late_does_not_end_the_row_that_came_after_it() -> None:
    late, *faults = seen([GOOD, FAULT, FAULT, FAULT])
    circuit = after_calls(FRESH, faults[:2], START + 1, 1.0)
    circuit = after_calls(circuit, [late], START + 1, 1.0)
    assert after_calls(circuit, faults[2:], START + 1, 1.0).state is BreakerState.OPEN


def test_what_was_let_through_before_it_opened_changes_nothing_any_more() -> None:
    opened = after([FAULT] * 3)
    assert after([FAULT] * 10 + [GOOD] * 10, opened) is opened


def opened_for(circuit: Circuit) -> float:
    assert circuit.open_until is not None
    return circuit.open_until - circuit.since


def failed_probe(circuit: Circuit) -> Circuit:
    assert circuit.open_until is not None
    now = circuit.open_until + 1
    circuit = with_probe(circuit, "probe", now, LEASE)
    return after_probe(circuit, "probe", circuit.generation, EndedCall(now, FAULT, "timeout"), 1.0)


def closed_by_probes(circuit: Circuit) -> Circuit:
    assert circuit.open_until is not None
    now = circuit.open_until + 1
    for probe in "abc":
        circuit = with_probe(circuit, probe, now, LEASE)
    for probe in "abc":
        circuit = after_probe(circuit, probe, circuit.generation, EndedCall(now, GOOD), 1.0)
    assert circuit.state is BreakerState.CLOSED
    return circuit


def test_it_stays_open_for_a_minute_and_twice_as_long_for_each_probe_that_fails() -> None:
    circuit, lengths = after([FAULT] * 3), []
    for _ in range(7):
        lengths.append(round(opened_for(circuit)))
        circuit = failed_probe(circuit)
    assert lengths == [60, 120, 240, 240, 240, 240, 240]
    assert (OPEN_SECONDS, OPEN_SECONDS_MAX) == (60, 240)


def test_a_call_that_is_held_back_sees_the_end_of_the_longest_opening() -> None:
    assert OPEN_SECONDS_MAX < BUDGET_SECONDS


def test_an_opening_soon_after_a_closing_is_one_more_in_the_row() -> None:
    circuit = after([FAULT] * 3, closed_by_probes(after([FAULT] * 3)))
    assert round(opened_for(circuit)) == 120


def test_after_calm_it_opens_for_a_minute_again() -> None:
    closed = closed_by_probes(failed_probe(after([FAULT] * 3)))
    calm = [EndedCall(closed.since + CALM_SECONDS + n, FAULT, "timeout") for n in range(3)]
    assert round(opened_for(after_calls(closed, calm, calm[-1].at, 1.0))) == 60
    hasty = [EndedCall(closed.since + CALM_SECONDS - 10 + n, FAULT, "timeout") for n in range(3)]
    assert round(opened_for(after_calls(closed, hasty, hasty[-1].at, 1.0))) == 240


@pytest.mark.parametrize("outcome", [FAULT, OVERLOADED])
def test_one_probe_that_fails_opens_it_again_whatever_the_others_did(outcome: CallOutcome) -> None:
    circuit = after([FAULT] * 3)
    now = circuit.since + OPEN_SECONDS
    for probe in "abc":
        circuit = with_probe(circuit, probe, now, LEASE)
    for probe, ended in (("a", GOOD), ("b", GOOD), ("c", outcome)):
        circuit = after_probe(circuit, probe, 1, EndedCall(now + 1, ended, "vendor_overloaded"), 1.0)
    assert circuit.state is BreakerState.OPEN
    assert circuit.reason == "a probe failed: vendor_overloaded"
    assert circuit.good_probes == 0


def reopened_with_probes_in_flight() -> Circuit:
    """Three probes went out; one failed, and the other two are not back while it is half-open again."""
    circuit = after([FAULT] * 3)
    now = circuit.since + OPEN_SECONDS
    for probe in "abc":
        circuit = with_probe(circuit, probe, now, LEASE)
    circuit = after_probe(circuit, "a", 1, EndedCall(now, FAULT, "timeout"), 1.0)
    assert circuit.open_until is not None
    return with_probe(circuit, "d", circuit.open_until, LEASE)


def test_probes_of_an_earlier_opening_still_count_among_the_three_in_flight() -> None:
    circuit = reopened_with_probes_in_flight()
    assert set(circuit.probes) == set("bcd")
    assert with_probe(circuit, "e", circuit.probes["d"] - LEASE, LEASE) is circuit


@pytest.mark.parametrize("outcome", CallOutcome)
def test_a_probe_of_an_earlier_opening_only_makes_room(outcome: CallOutcome) -> None:
    circuit = reopened_with_probes_in_flight()
    after_it = after_probe(circuit, "b", 1, EndedCall(circuit.probes["d"] - LEASE, outcome, "timeout"), 1.0)
    assert set(after_it.probes) == set("cd")
    assert (after_it.state, after_it.generation, after_it.good_probes) == (BreakerState.HALF_OPEN, 2, 0)


def test_a_probe_that_tells_nothing_gives_its_place_to_another() -> None:
    circuit = after([FAULT] * 3)
    now = circuit.since + OPEN_SECONDS
    for probe in "abcd":
        circuit = with_probe(circuit, probe, now, LEASE)
    assert set(circuit.probes) == set("abc")
    circuit = after_probe(circuit, "a", 1, EndedCall(now + 1, SILENT), 1.0)
    circuit = with_probe(circuit, "d", now + 1, LEASE)
    assert set(circuit.probes) == set("bcd")
    assert (circuit.state, circuit.good_probes) == (BreakerState.HALF_OPEN, 0)


def test_probes_that_were_killed_make_room_when_their_leases_end() -> None:
    circuit = after([FAULT] * 3)
    now = circuit.since + OPEN_SECONDS
    for probe in "abc":
        circuit = with_probe(circuit, probe, now, LEASE)
    assert with_probe(circuit, "d", now + LEASE - 1, LEASE) is circuit
    circuit = with_probe(circuit, "d", now + LEASE, LEASE)
    assert set(circuit.probes) == {"d"}
    assert after_probe(circuit, "a", 1, EndedCall(now + LEASE, GOOD), 1.0) is circuit  # too late to say anything


def test_the_same_probe_asked_for_twice_takes_one_place() -> None:
    circuit = after([FAULT] * 3)
    now = circuit.since + OPEN_SECONDS
    once = with_probe(circuit, "a", now, LEASE)
    assert with_probe(once, "a", now, LEASE) is once


class BreakerMachine(RuleBasedStateMachine):
    """Tasks that call, probe, die and are slow, in any order; the rules of docs/domain.md §7 hold at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now, self.probes_made = FRESH, START, 0
        self.admitted: list[int] = []  # generations of calls in flight
        self.probing: dict[str, tuple[int, float]] = {}  # probes that live: generation, and when the lease ends
        self.good_here = 0  # good probes since it last opened

    def _moved(self, circuit: Circuit) -> None:
        before, self.circuit = self.circuit.state, circuit
        if circuit.state is BreakerState.CLOSED and before is not BreakerState.CLOSED:
            assert before is BreakerState.HALF_OPEN
            assert self.good_here == 3
        if circuit.state is BreakerState.OPEN and before is not BreakerState.OPEN:
            self.good_here = 0

    @rule(seconds=st.sampled_from([0.01, 1, 5, 30, 61, 301, 1000]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.circuit.state is BreakerState.CLOSED)
    @rule()
    def admit(self) -> None:
        self.admitted.append(self.circuit.generation)

    @precondition(lambda self: self.admitted)
    @rule(outcome=st.sampled_from(CallOutcome), data=st.data())
    def a_call_ends(self, outcome: CallOutcome, data: st.DataObject) -> None:
        generation = self.admitted.pop(data.draw(st.integers(0, len(self.admitted) - 1)))
        if generation == self.circuit.generation:  # as the caller sorts them
            circuit = after_calls(self.circuit, [EndedCall(self.now, outcome, "x")], self.now, 1.0)
            if outcome in (GOOD, SILENT):
                assert circuit.state is BreakerState.CLOSED
            self._moved(circuit)

    @rule()
    def ask_for_a_probe(self) -> None:
        self.probes_made += 1
        name = str(self.probes_made)
        circuit = with_probe(self.circuit, name, self.now, LEASE)
        if name in circuit.probes:
            assert self.circuit.open_until is not None
            assert self.now >= self.circuit.open_until
            self.probing[name] = (circuit.generation, self.now + LEASE)
        self._moved(circuit)

    @precondition(lambda self: self.probing)
    @rule(outcome=st.sampled_from(CallOutcome), data=st.data())
    def a_probe_ends(self, outcome: CallOutcome, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.probing)))
        generation, lease_ends = self.probing.pop(name)
        counts = self.now < lease_ends and generation == self.circuit.generation
        self.good_here += counts and outcome is GOOD
        circuit = after_probe(self.circuit, name, generation, EndedCall(self.now, outcome, "x"), 1.0)
        if counts and outcome in (FAULT, OVERLOADED):
            assert circuit.state is BreakerState.OPEN
        self._moved(circuit)

    @precondition(lambda self: self.probing)
    @rule(data=st.data())
    def a_prober_is_killed(self, data: st.DataObject) -> None:
        self.probing.pop(data.draw(st.sampled_from(sorted(self.probing))))

    @invariant()
    def at_most_three_probes_live(self) -> None:
        assert sum(ends > self.now for _, ends in self.probing.values()) <= 3
        assert len(probes_alive(self.circuit, self.now)) <= 3

    @invariant()
    def nothing_is_remembered_without_end(self) -> None:
        assert len(self.circuit.recent) <= 10
        assert len(self.circuit.faults_in_row) < 3


TestBreakerMachine = BreakerMachine.TestCase


def test_refusals_for_rate_and_our_own_failures_tell_nothing_of_the_provider() -> None:
    for one in refusal.RULES:
        error = CallError(one.hop, one.kind, blame=one.blame, retryable=one.retryable)
        assert (outcome_of(error) is SILENT) == (one.blame is not Blame.PROVIDER), one.kind


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("http_500", FAULT),
        ("timeout", FAULT),
        ("dropped_connection", FAULT),
        ("malformed_body", FAULT),
        ("answer_error_code", FAULT),
        ("vendor_overloaded", OVERLOADED),
        ("unusable_verdict", SILENT),
        ("verdict_cut_off", SILENT),
        ("empty_answer", SILENT),
        ("answer_timeout", SILENT),
    ],
)
def test_a_providers_failure_is_a_fault_unless_it_answered(kind: str, outcome: CallOutcome) -> None:
    assert outcome_of(CallError(Hop.UNKNOWN, kind, blame=Blame.PROVIDER, retryable=True)) is outcome

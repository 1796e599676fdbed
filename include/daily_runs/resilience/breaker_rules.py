"""When a circuit breaker opens, lets probes through and closes (docs/domain.md §7). Pure: no clock is read.

Closed: opens after 3 faults in a row, or when 10 % of the calls within 10 s, and 10 of them, were faults. Open: nothing
passes for 60 s, twice as long for each further opening without calm between, at most 4 min. Half-open: at most 3 probes
are in flight, over all tasks; one that fails opens it again, 3 good ones close it.

What counts, and as what, is `outcome_of`. Moments are seconds of the wall clock since 1970 by one clock, the store's;
durations are domain seconds, of which one lasts `second` there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from daily_runs.errors import Blame, CallError
from daily_runs.resilience.retry import OVERLOADED_KINDS
from daily_runs.statuses import BreakerState

FAULTS_IN_ROW_MAX = 3
FAULT_SHARE_MAX = 0.10
WINDOW_SECONDS = 10.0
WINDOW_FAULTS_MIN = 10
"""Under so many faults in the window a tenth is chance, not a rate: where 5 % fail, 2 of 20 do so one time in four, 10
of 100 one time in 35. Fewer calls than that are judged by the three in a row."""
OPEN_SECONDS = 60.0
OPEN_SECONDS_MAX = 240.0
"""A call that waits 15 minutes (the retry layer's most) sees three of the longest openings end: one bad probe in a row
of good ones, which at 7 % faults ends every fifth half-opening, does not end the task."""
CALM_SECONDS = 480.0
"""Closed for so long (twice the longest opening), the next opening is the first of a new row: 60 s again."""
PROBES_AT_ONCE = 3
GOOD_PROBES = 3

UNTELLING_KINDS = frozenset(
    {
        "no_verdict",
        "unusable_verdict",
        "points_off_scale",
        "verdict_cut_off",
        "canary_repeated",
        "judge_refused",
        "empty_answer",
        "answer_timeout",
    }
)
"""Failures of a provider that is not out: it answered, but not usefully; or it accepted the call minutes ago and
said no more, which is how a refused Vulnerability Resolution looks, too."""


class CallOutcome(Enum):
    """What a call says of its provider."""

    GOOD = "good"
    FAULT = "fault"
    OVERLOADED = "overloaded"
    SILENT = "silent"


class EndedCall(NamedTuple):
    """A call's outcome, when it ended, and the failure's kind."""

    at: float
    outcome: CallOutcome
    kind: str = ""


class Slice(NamedTuple):
    """One domain second of the window: its number since 1970, the calls that ended in it, the faults among them."""

    number: int
    calls: int
    faults: int


@dataclass(frozen=True)
class Circuit:
    """A breaker's whole state, as the store keeps it (see `0003_breaker.sql`)."""

    since: float
    state: BreakerState = BreakerState.CLOSED
    generation: int = 0
    open_until: float | None = None
    openings_in_row: int = 0
    good_probes: int = 0
    probes: Mapping[str, float] = field(default_factory=dict)
    recent: tuple[Slice, ...] = ()
    faults_in_row: tuple[float, ...] = ()
    last_good: float = 0.0
    reason: str = ""


def outcome_of(error: CallError) -> CallOutcome:
    """What a failed call says of the provider.

    Only the provider's own failures count: a 429 is a pacing signal, and our own faults are ours. A 529 says "slow
    down": three in a row are an outage, but a share of them is none, or a busy vendor would be shut out for a minute
    instead of paced.
    """
    if error.blame is not Blame.PROVIDER or error.kind in UNTELLING_KINDS:
        return CallOutcome.SILENT
    return CallOutcome.OVERLOADED if error.kind in OVERLOADED_KINDS else CallOutcome.FAULT


def after_calls(circuit: Circuit, seen: Sequence[EndedCall], now: float, second: float) -> Circuit:
    """The circuit after calls that it let through while closed; `seen` in any order, none of another generation."""
    for one in sorted(seen, key=lambda one: one.at):
        if circuit.state is BreakerState.CLOSED and one.outcome is not CallOutcome.SILENT:
            circuit = _after_call(circuit, one, now, second)
    return circuit


def with_probe(circuit: Circuit, probe: str, now: float, lease: float) -> Circuit:
    """The circuit with a probe let through, if one may be: look whether it is among `probes`.

    Args:
        circuit: the state before.
        probe: its name; one that holds a lease already keeps it.
        now: the moment.
        lease: wall seconds until a probe that was not heard of counts as dead.
    """
    if circuit.open_until is None or now < circuit.open_until or probe in circuit.probes:
        return circuit
    alive = probes_alive(circuit, now)
    if len(alive) >= PROBES_AT_ONCE:
        return circuit
    return replace(circuit, state=BreakerState.HALF_OPEN, probes={**alive, probe: now + lease})


def probes_alive(circuit: Circuit, now: float) -> dict[str, float]:
    """The probes whose leases have not ended."""
    return {probe: ends for probe, ends in circuit.probes.items() if ends > now}


def after_probe(circuit: Circuit, probe: str, generation: int, ended: EndedCall, second: float) -> Circuit:
    """The circuit after a probe came back. A probe whose lease has ended is ignored, and one of an earlier opening only
    makes room: it was let through on other evidence.
    """
    if probe not in probes_alive(circuit, ended.at):
        return circuit
    left = {other: ends for other, ends in circuit.probes.items() if other != probe}
    circuit = replace(circuit, probes=left)
    if ended.outcome is CallOutcome.SILENT or generation != circuit.generation:
        return circuit
    if ended.outcome is not CallOutcome.GOOD:
        return _opened(circuit, f"a probe failed: {ended.kind}", ended.at, second)
    if circuit.good_probes + 1 < GOOD_PROBES:
        return replace(circuit, good_probes=circuit.good_probes + 1)
    return Circuit(
        since=ended.at,
        generation=circuit.generation + 1,
        openings_in_row=circuit.openings_in_row,
        probes=left,
        last_good=ended.at,
        reason=circuit.reason,
    )


def _after_call(circuit: Circuit, one: EndedCall, now: float, second: float) -> Circuit:
    if one.outcome is not CallOutcome.OVERLOADED:
        circuit = replace(circuit, recent=_counted(circuit.recent, one, now, second))
    if one.outcome is CallOutcome.GOOD:
        in_row = tuple(at for at in circuit.faults_in_row if at > one.at)
        return replace(circuit, faults_in_row=in_row, last_good=max(circuit.last_good, one.at))
    if one.at > circuit.last_good:  # else a success that was heard of earlier came after it
        circuit = replace(circuit, faults_in_row=(*circuit.faults_in_row, one.at))
    if len(circuit.faults_in_row) >= FAULTS_IN_ROW_MAX:
        return _opened(circuit, f"{FAULTS_IN_ROW_MAX} in a row, the last: {one.kind}", now, second)
    calls, faults = sum(s.calls for s in circuit.recent), sum(s.faults for s in circuit.recent)
    if one.outcome is CallOutcome.FAULT and faults >= max(WINDOW_FAULTS_MIN, FAULT_SHARE_MAX * calls):
        return _opened(circuit, f"{faults} of {calls} in {WINDOW_SECONDS:g} s, the last: {one.kind}", now, second)
    return circuit


def _counted(recent: Sequence[Slice], one: EndedCall, now: float, second: float) -> tuple[Slice, ...]:
    """The window with one more call in it; what has left the window, or came too late for it, is dropped."""
    number, oldest = int(one.at / second), int(now / second) - int(WINDOW_SECONDS)
    slices = {s.number: s for s in recent}
    before = slices.get(number, Slice(number, 0, 0))
    slices[number] = Slice(number, before.calls + 1, before.faults + (one.outcome is CallOutcome.FAULT))
    return tuple(slices[n] for n in sorted(slices) if n > oldest)


def _opened(circuit: Circuit, reason: str, now: float, second: float) -> Circuit:
    calm = circuit.state is BreakerState.CLOSED and now - circuit.since >= CALM_SECONDS * second
    openings = 1 if calm else circuit.openings_in_row + 1
    open_seconds = min(OPEN_SECONDS * 2.0 ** min(openings - 1, 64), OPEN_SECONDS_MAX)
    return Circuit(
        since=now,
        state=BreakerState.OPEN,
        generation=circuit.generation + 1,
        open_until=now + open_seconds * second,
        openings_in_row=openings,
        probes=circuit.probes,  # those in flight go on counting against what may be in flight
        last_good=circuit.last_good,
        reason=reason,
    )

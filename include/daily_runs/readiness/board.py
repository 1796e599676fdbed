"""The status board: one line a feature, from phase to last gate. Pure; `cli.status` reads and shows it.

It is the table of docs/domain.md §1, alive: what the catalogue plans beside what looks and runs have found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, Phase, PhaseName
from daily_runs.catalogue.schedule import next_tick
from daily_runs.readiness.today import RunToday
from daily_runs.statuses import ReadinessAspect, ReadinessState

STAGING = "staging"
WAITS_FOR: Mapping[str, ReadinessAspect] = {
    "seeding": ReadinessAspect.SEEDS,
    "graphql_limit": ReadinessAspect.LIMITS,
}
"""What a cutover waits for, in the catalogue's words, and the aspect that answers it."""

Row = Mapping[str, Any]


class BoardRows(NamedTuple):
    """What the store tells, each by feature; `aspects` by feature and aspect. What is not there was never seen.

    `today`: the runs of its day, the newest first.
    """

    aspects: Mapping[tuple[str, str], Row]
    runs: Mapping[str, Row]
    gates: Mapping[str, Row]
    routes: Mapping[str, Row]
    today: Mapping[str, Sequence[RunToday]] = MappingProxyType({})


class BoardLine(NamedTuple):
    """One feature at a moment. `phase_next`: None when no phase follows; `run_next`: None when none is scheduled."""

    feature: Feature
    phase: Phase
    phase_next: Phase | None
    run_next: dt.datetime | None
    seeds: Row | None
    limits: Row | None
    run: Row | None
    gate: Row | None
    route: Row | None
    today: Sequence[RunToday] = ()

    @property
    def blockers(self) -> dict[str, ReadinessState]:
        """What the cutover still waits for, and whether it is known to be in the way."""
        found = {"seeds": self.seeds, "limits": self.limits}
        needed = [WAITS_FOR[word] for word in self.feature.cutover.waits_for]
        states = {aspect.value: state_of(found[aspect.value]) for aspect in needed}
        cutover = next((phase for phase in self.feature.phases if phase.phase is PhaseName.STAGING), None)
        if cutover is not None and not cutover.approved:
            states[ReadinessAspect.APPROVAL.value] = ReadinessState.NOT_READY
        return {name: state for name, state in states.items() if state is not ReadinessState.READY}

    @property
    def allowed(self) -> str:
        """Whether the cutover may happen now: `done`, `yes`, `no` or `unknown`."""
        if self.phase.phase is PhaseName.STAGING and self.phase.approved:
            return "done"
        if ReadinessState.NOT_READY in self.blockers.values():
            return "no"
        return "unknown" if self.blockers else "yes"

    def as_json(self) -> dict[str, Any]:
        """For a script; None where nothing was seen."""
        return {
            "feature": self.feature.feature,
            "title": self.feature.title,
            "priority": self.feature.priority,
            "phase": self.phase.phase,
            "phase_approved": self.phase.approved,
            "phase_since": self.phase.starts if self.phase in self.feature.phases else None,
            "schedule": self.phase.schedule,
            "timezone": self.feature.timezone,
            "phase_next": self.phase_next.phase if self.phase_next else None,
            "phase_next_starts": self.phase_next.starts if self.phase_next else None,
            "run_next": self.run_next,
            "seeding": self.feature.seeding.model_dump(mode="json"),
            "seeds": self.seeds,
            "limits": self.limits,
            "last_run": self.run,
            "last_gate": self.gate,
            "last_route": self.route,
            "today": [run.as_json() for run in self.today],
            "cutover": {
                "planned": self.feature.cutover.planned,
                "allowed": self.allowed,
                "waits_for": self.blockers,
            },
        }


def board(catalogue: Catalogue, seen: BoardRows, now: dt.datetime) -> list[BoardLine]:
    """Every feature, the most urgent first."""
    ordered = sorted(catalogue.features.values(), key=lambda feature: (feature.priority, feature.feature))
    return [_line(feature, seen, now) for feature in ordered]


def _line(feature: Feature, seen: BoardRows, now: dt.datetime) -> BoardLine:
    name = feature.feature
    today = feature.day_of(now)
    return BoardLine(
        feature=feature,
        phase=feature.phase_at(now),
        phase_next=next((phase for phase in feature.phases if phase.starts > today), None),
        run_next=next_tick(feature.phases, feature.zone, now),
        seeds=seen.aspects.get((name, ReadinessAspect.SEEDS)),
        limits=seen.aspects.get((name, ReadinessAspect.LIMITS)),
        run=seen.runs.get(name),
        gate=seen.gates.get(name),
        route=seen.routes.get(name),
        today=seen.today.get(name, ()),
    )


def state_of(found: Row | None) -> ReadinessState:
    """What a look found; unknown if nobody looked."""
    return ReadinessState(found["state"]) if found else ReadinessState.UNKNOWN

"""Whether the planned runs fit: when each starts and ends, which limit binds, who waits, who does not fit. Pure.

**A plan fits** when every run ends before its feature's next one is to start and within 24 h of its own start, and when
the evaluation users' `ai_action` calls suffice in every window. That no account's limit and no share is passed holds by
construction (`capacity.fluid`): too much load shows as lateness, not as refusals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from daily_runs.capacity import load, users
from daily_runs.capacity.fluid import Job, SharedLimits, SharedResource, Spell, Stream, allocate, simulate
from daily_runs.capacity.load import ACCOUNT_LIMITS, ONE_DAY, PlanScenario, Run
from daily_runs.capacity.users import Demand
from daily_runs.catalogue.rates import PromptRate

WAIT_MINUTES_MIN = 0.1
"""Shorter waits are not worth a word."""


class StagePlan(NamedTuple):
    """One stage of a run: what it takes, when, and what binds it. Times in minutes, shares from 0 to 1.

    `rates` are the limits that it meets alone, tightest first; `fastest` is its highest rate in the plan, in prompts
    per minute; `part` is what a prompt takes of its account's minute; `waited` is what others beside it cost it,
    `beside` who they are.
    """

    stream: Stream
    prompts: int
    rates: tuple[PromptRate, ...]
    begins: dt.datetime
    ends: dt.datetime
    fastest: float
    part: float
    waited: float
    beside: tuple[str, ...]

    @property
    def share(self) -> float:
        """The most of its account's rate that it takes at any moment."""
        return self.fastest * self.part

    @property
    def busiest_minute(self) -> float:
        """Its largest share of any one minute of its account: a stage of seconds fills no minute."""
        return min(self.fastest, self.prompts) * self.part

    @property
    def minutes(self) -> float:
        """How long it takes in the plan."""
        return (self.ends - self.begins) / dt.timedelta(minutes=1)

    def minutes_under(self, rate: PromptRate) -> float:
        """How long it would take if only this limit were there."""
        return self.prompts / rate.prompts_per_minute

    def taken(self, limit: str) -> float:
        """What it takes in all of one of its account's limits: requests, or tokens as they count against it."""
        return self.prompts * self.stream.costs[SharedResource(self.stream.account, limit)]


class RunPlan(NamedTuple):
    """A planned run, its stages, and how long it waited for the run before it."""

    run: Run
    stages: tuple[StagePlan, ...]
    held_back_minutes: float

    @property
    def ends(self) -> dt.datetime:
        """When its last verdict (with the batch API: its last answer) is there."""
        return self.stages[-1].ends


class MisfitKind(StrEnum):
    """Why a plan does not fit."""

    LATE = "late"
    USERS = "users"


class Misfit(NamedTuple):
    """One thing that does not fit on a day, and from which moment on; `resource` is the limit in the way."""

    kind: MisfitKind
    moment: dt.datetime
    subject: str
    account: str
    text: str
    resource: SharedResource


@dataclass(frozen=True)
class WeekPlan:
    """What became of a scenario. `spells` hold the load of each moment, also of runs just before and after."""

    scenario: PlanScenario
    limits: SharedLimits
    runs: tuple[RunPlan, ...]
    spells: tuple[Spell, ...]
    demands: tuple[Demand, ...]
    misfits: tuple[Misfit, ...]

    @property
    def fits(self) -> bool:
        """See the module."""
        return not self.misfits


def plan(scenario: PlanScenario) -> WeekPlan:
    """Simulate a scenario; runs of the day before and after share its accounts too.

    Raises:
        ParameterError: too many runs.
    """
    planned = load.runs(scenario, before=1, after=1)
    limits = load.limits(scenario.catalogue)
    jobs = load.jobs(scenario, planned)
    spells = simulate(jobs, limits)
    by_job: dict[str, list[Spell]] = {}
    for spell in spells:
        by_job.setdefault(spell.job, []).append(spell)
    shown = [(run, job) for run, job in zip(planned, jobs, strict=True) if scenario.shows(run.tick.date())]
    runs = tuple(_run(scenario, limits, run, job, by_job[run.name]) for run, job in shown)
    demands = users.demands(scenario, spells)
    misfits = sorted([*_late(scenario, runs), *_too_few(scenario, demands)], key=lambda misfit: misfit.moment)
    return WeekPlan(scenario, limits, runs, tuple(spells), demands, tuple(misfits))


def _run(scenario: PlanScenario, limits: SharedLimits, run: Run, job: Job, spells: Sequence[Spell]) -> RunPlan:
    stages = []
    for stream, size in job.stages:
        own = [spell for spell in spells if spell.stream.stage == stream.stage]
        alone = allocate([stream], limits)[stream.key].per_minute
        stages.append(
            StagePlan(
                stream,
                round(size),
                limits.rates(stream),
                scenario.moment(own[0].begins),
                scenario.moment(own[-1].ends),
                fastest=max(spell.flow.per_minute for spell in own),
                part=limits.part_of_account(stream),
                waited=own[-1].ends - own[0].begins - size / alone,
                beside=tuple(sorted({name for spell in own if _slowed(spell, alone) for name in spell.flow.beside})),
            )
        )
    return RunPlan(run, tuple(stages), spells[0].begins - scenario.minute(run.tick))


def _slowed(spell: Spell, alone: float) -> bool:
    return spell.flow.per_minute < alone * (1 - 1e-6)


def deadline(scenario: PlanScenario, run: Run) -> dt.datetime:
    """Until when a run must have ended to fit."""
    following = load.next_start(scenario, run)
    return min(following, run.tick + ONE_DAY) if following else run.tick + ONE_DAY


def _late(scenario: PlanScenario, runs: Sequence[RunPlan]) -> list[Misfit]:
    found = []
    for planned in runs:
        run, until = planned.run, deadline(scenario, planned.run)
        if planned.ends > until:
            longest = max(planned.stages, key=lambda stage: stage.minutes)
            text = (
                f"{run.feature.feature} in {run.environment}, started {run.tick:%a %d %b %H:%M}, ends"
                f" {planned.ends:%a %d %b %H:%M}, after {until:%a %d %b %H:%M}; {longest.stream.stage} takes"
                f" {longest.minutes:,.0f} min, bound by {longest.rates[0].limit}"
            )
            subject, account = run.feature.feature, longest.stream.account
            found.append(Misfit(MisfitKind.LATE, run.tick, subject, account, text, _in_the_way(longest)))
    return found


def _in_the_way(stage: StagePlan) -> SharedResource:
    limit = stage.rates[0].limit
    if stage.waited > WAIT_MINUTES_MIN or limit in ACCOUNT_LIMITS:
        dimension = limit if limit in ACCOUNT_LIMITS else ACCOUNT_LIMITS[1]
        return SharedResource(stage.stream.account, dimension)
    shared = (resource for resource in stage.stream.costs if resource.limit == limit)
    return next(shared, SharedResource(stage.stream.feature, limit))


def _too_few(scenario: PlanScenario, demands: Sequence[Demand]) -> list[Misfit]:
    found = []
    for demand in demands:
        if demand.short:
            text = (
                f"{demand.environment} needs {demand.users_needed} evaluation users and has {demand.users}:"
                f" {demand.calls:,} aiAction calls in the {demand.window_hours:g} h up to"
                f" {demand.window_ends:%a %d %b %H:%M} ({_shares(demand.by_feature)}), each user may make"
                f" {demand.calls_per_user}"
            )
            resource = SharedResource(demand.environment, users.AI_ACTION)
            account = scenario.catalogue.environments[demand.environment].account
            found += [
                Misfit(MisfitKind.USERS, moment, demand.environment, account, text, resource) for moment in demand.short
            ]
    return found


def _shares(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {calls:,.0f}" for name, calls in parts.items())


def lasting(minutes: float) -> str:
    """A duration for people."""
    return f"{minutes:,.0f} min" if minutes >= 1.5 else f"{minutes * 60:.0f} s"

"""What a plan answers: shares of PROD, room on EVAL, evaluation users, waits, room to grow, budgets. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from daily_runs.capacity import cost, load_chart
from daily_runs.capacity.cost import MonthCost
from daily_runs.capacity.fluid import Lane
from daily_runs.capacity.load import runs
from daily_runs.capacity.plan import WAIT_MINUTES_MIN, StagePlan, WeekPlan, lasting
from daily_runs.capacity.plan import plan as simulated
from daily_runs.capacity.remedies import FACTOR_MAX, Remedy, remedies, room_to_grow
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, PhaseName
from daily_runs.quota.month_budget import MonthState

GROWTH_DAYS_MAX = 35
"""For more days the room to grow is not looked for: it takes a simulation for each step of the search."""


class Tone(StrEnum):
    """How a finding is meant; only `misfit` makes a plan not fit."""

    FINE = "fine"
    NOTE = "note"
    MISFIT = "misfit"


class PlanFinding(NamedTuple):
    """One answer, and what to do about it."""

    tone: Tone
    about: str
    text: str
    remedies: tuple[Remedy, ...] = ()


def findings(plan: WeekPlan) -> list[PlanFinding]:
    """Every answer, in the order in which a reader asks."""
    return [
        *_misfits(plan),
        *(finding for account in plan.limits.accounts for finding in _account(plan, account)),
        *_not_in_staging(plan),
        *_users(plan),
        *_waits(plan),
        *_growth(plan),
        *_batch(plan),
        *_months(plan),
    ]


def _misfits(plan: WeekPlan) -> Iterator[PlanFinding]:
    if plan.fits:
        text = f"yes, all {len(plan.runs)} runs from {plan.scenario.first} to {plan.scenario.last}"
        yield PlanFinding(Tone.FINE, "does it fit?", text)
        return
    first = plan.misfits[0]
    days = sorted({misfit.moment.date() for misfit in plan.misfits})
    text = f"no, first on {first.moment:%a %d %b %Y}: {first.text}"
    if len(days) > 1:
        text += f". {len(days)} days up to {days[-1]:%d %b} do not fit"
    yield PlanFinding(Tone.MISFIT, "does it fit?", text, tuple(remedies(plan)))


def _account(plan: WeekPlan, account: str) -> Iterator[PlanFinding]:
    stages = [stage for run in plan.runs for stage in run.stages if stage.stream.account == account]
    if not stages:
        yield PlanFinding(Tone.FINE, account, "nothing planned")
        return
    load = load_chart.loads(plan)[account]
    fullest = load_chart.busiest(plan, load)
    of_day: dict[int, float] = {}
    for minute, bands in load.items():
        day = minute // load_chart.DAY_MINUTES
        of_day[day] = of_day.get(day, 0.0) + sum(bands.values()) / load_chart.DAY_MINUTES
    features = {stage.stream.feature for stage in stages}
    text = (
        f"carries {_stages_of(stages)} of {len(features)} features; fullest minute {fullest.share:.1%} of its limits"
        f" ({fullest.moment:%a %d %b %H:%M}), fullest day {max(of_day.values()):.1%}"
    )
    yield PlanFinding(Tone.FINE, account, text)
    if account not in plan.limits.lends:
        parts = "; ".join(_within_share(plan, account, stages, feature) for feature in sorted(features))
        yield PlanFinding(Tone.FINE, f"shares of {account}", parts)


def _stages_of(stages: list[StagePlan]) -> str:
    return " and ".join(dict.fromkeys(stage.stream.stage for stage in stages))


def _within_share(plan: WeekPlan, account: str, stages: list[StagePlan], feature: str) -> str:
    most = max((stage for stage in stages if stage.stream.feature == feature), key=lambda stage: stage.share)
    asked = plan.scenario.catalogue.features[feature].limits.account_share
    ceiling = plan.limits.shares[Lane(account, feature)]
    said = f"of the {asked:.2%} it asked for" if asked else f"(no share asked for, {ceiling:.1%} is open to it)"
    limit, rate = most.rates[0]
    return f"{feature} takes at most {most.share:.2%} {said}, bound by {limit}, {rate:,.4g}/min"


def _not_in_staging(plan: WeekPlan) -> Iterator[PlanFinding]:
    """Whether all features together were asked about."""
    there = {run.run.feature.feature for run in plan.runs if run.run.environment == "staging"}
    elsewhere = [name for name in plan.scenario.catalogue.features if name not in there]
    if not elsewhere:
        day = max(cutovers(plan.scenario.catalogue), default=plan.scenario.first)
        text = f"all {len(there)} features run in staging, from {day} on together"
        yield PlanFinding(Tone.FINE, "after the cutovers", text)
        return
    dated = {name: _staging_from(plan.scenario.catalogue, name) for name in elsewhere}
    names = ", ".join(f"{name} ({f'from {day}' if day else 'no date yet'})" for name, day in dated.items())
    undated = [name for name, day in dated.items() if day is None]
    ask = f"; to ask about all: --assume {undated[0]}=DATE" if undated else ""
    yield PlanFinding(Tone.NOTE, "after the cutovers", f"not in staging in these dates: {names}{ask}")


def _staging_from(catalogue: Catalogue, name: str) -> dt.date | None:
    phases = catalogue.features[name].phases
    return next((phase.starts for phase in phases if "staging" in PHASE_ENVIRONMENTS[phase.phase]), None)


def _users(plan: WeekPlan) -> Iterator[PlanFinding]:
    for demand in plan.demands:
        if demand.calls == 0:
            continue
        enough = not demand.short
        features = ", ".join(f"{name} {calls:,.0f}" for name, calls in demand.by_feature.items())
        text = (
            f"ai_action takes {demand.users_needed} of {demand.users} evaluation users: {demand.calls:,} calls in the"
            f" fullest {demand.window_hours:g} h ({features}) / {demand.calls_per_user} a user"
        )
        if enough:
            text += f"; {demand.room:,} calls left for tries that are made again ({demand.room / demand.calls:.1%})"
        yield PlanFinding(Tone.FINE if enough else Tone.MISFIT, f"users of {demand.environment}", text)


def _waits(plan: WeekPlan) -> Iterator[PlanFinding]:
    """Who waits for whom, the same wait of several runs told once."""
    waits: dict[tuple[str, str, str], list[tuple[float, dt.datetime]]] = {}
    for run in plan.runs:
        name, tick = run.run.feature.feature, run.run.tick
        if run.held_back_minutes > WAIT_MINUTES_MIN:
            waits.setdefault((name, "start", "its own run before"), []).append((run.held_back_minutes, tick))
        for stage in run.stages:
            if stage.waited > WAIT_MINUTES_MIN:
                beside = ", ".join(stage.beside) or "its own other arm"
                waits.setdefault((name, stage.stream.stage, beside), []).append((stage.waited, tick))
    for (name, what, beside), found in waits.items():
        most, when = max(found)
        late = f"begins up to {lasting(most)} late" if what == "start" else f"{what} takes up to {lasting(most)} longer"
        arms = f"{len(found)} arms, most on {when:%a %d %b}" if len(found) > 1 else f"{when:%a %d %b}"
        yield PlanFinding(Tone.NOTE, "who waits", f"{name}: {late} beside {beside} ({arms})")


def _growth(plan: WeekPlan) -> Iterator[PlanFinding]:
    if (plan.scenario.last - plan.scenario.first).days >= GROWTH_DAYS_MAX or not plan.runs or not plan.fits:
        return
    times = room_to_grow(plan.scenario)
    if times >= FACTOR_MAX:
        yield PlanFinding(Tone.FINE, "room to grow", f"more than {FACTOR_MAX:,.0f} times the prompts would fit")
        return
    beyond = replace(plan.scenario, factor=plan.scenario.factor * (times + 0.01))
    stopped = next(iter(simulated(beyond).misfits), None)
    text = f"up to {int(times * 100) / 100:.2f} times the prompts fit; then {stopped.text}" if stopped else ""
    yield PlanFinding(Tone.NOTE, "room to grow", text or f"up to {times:.2f} times the prompts fit")


def _batch(plan: WeekPlan) -> Iterator[PlanFinding]:
    """What judging through the batch API would save, asked for or not."""
    scenario, prices = plan.scenario, plan.scenario.catalogue.prices
    price = prices.models[scenario.catalogue.judge.model] if prices else None
    if price is None or price.batch_factor == 1 or scenario.batched or not plan.runs:
        return
    spends = [cost.run_cost(scenario, run.run) for run in plan.runs]
    judged = sum(spend.judging_usd for spend in spends if spend)
    text = (
        f"judging through the batch API would cost {judged * price.batch_factor:,.2f} USD instead of {judged:,.2f} and"
        f" leave {scenario.catalogue.judge.account}'s minutes; verdicts may then come up to 24 h later"
    )
    yield PlanFinding(Tone.NOTE, "batch API", text)


def _months(plan: WeekPlan) -> Iterator[PlanFinding]:
    for month in months(plan):
        if month.state and month.state is not MonthState.OK:
            text = (
                f"{month.feature.feature} is planned to spend {month.usd:,.0f} USD in {month.month:%b %Y},"
                f" {month.share:.0%} of its {month.budget_usd:,.0f}: {month.state}"
            )
            yield PlanFinding(Tone.NOTE, "budget", text)


def months(plan: WeekPlan) -> list[MonthCost]:
    """The cost of every whole calendar month that the plan's dates touch, by feature."""
    last = cost.next_month(plan.scenario.last) - dt.timedelta(days=1)
    whole = replace(plan.scenario, first=cost.month_of(plan.scenario.first), last=last)
    return list(cost.by_month(whole, runs(whole)))


def cutovers(catalogue: Catalogue) -> dict[dt.date, list[str]]:
    """The features that go to staging, by the day on which they do."""
    found: dict[dt.date, list[str]] = {}
    for name, feature in catalogue.features.items():
        for phase in feature.phases:
            if phase.phase is PhaseName.STAGING:
                found.setdefault(phase.starts, []).append(name)
                break
    return found

"""What would make a plan fit: each remedy is tried by simulating it, one change at a time. Pure.

A remedy that is named made the days around the first misfit fit in the simulation; one that does not is not named.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel

from daily_runs.capacity.fluid import SHARE, SharedResource
from daily_runs.capacity.load import ACCOUNT_LIMITS, JUDGE_CALLS, ONE_DAY, PlanScenario
from daily_runs.capacity.plan import Misfit, MisfitKind, RunPlan, WeekPlan, plan
from daily_runs.capacity.users import AI_ACTION
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import FeatureCall
from daily_runs.catalogue.user_rates import USER_RATES

DAYS_TRIED = 7
FACTOR_MAX = 1024.0
_Model = TypeVar("_Model", bound=BaseModel)


class Remedy(NamedTuple):
    """One change that makes it fit; `kind`: window, order, batch, limit, users or prompts."""

    kind: str
    text: str


def remedies(found: WeekPlan) -> list[Remedy]:
    """Single changes that each make the week from the first misfit on fit (none when the plan fits)."""
    if found.fits:
        return []
    scenario, day = found.scenario, found.misfits[0].moment.date()
    first = max(scenario.first, day - ONE_DAY)
    near = replace(scenario, first=first, last=min(max(scenario.last, first), first + (DAYS_TRIED - 1) * ONE_DAY))
    tried = plan(near)
    misfits = tried.misfits or found.misfits
    return [
        *_limits(near, misfits),
        *_users(tried),
        *_window(near, tried),
        *_order(near, tried),
        *_batch(near, tried),
        *_rest_chat(near, tried),
        *_fewer_prompts(near),
    ]


def fits(scenario: PlanScenario) -> bool:
    """Whether a scenario fits."""
    return plan(scenario).fits


def room_to_grow(scenario: PlanScenario) -> float:
    """How many times the prompts would still fit (at most `FACTOR_MAX`); 0 when even half of them do not."""
    return _largest(lambda factor: fits(replace(scenario, factor=scenario.factor * factor)), 0.5)


def _largest(good: Callable[[float], bool], start: float) -> float:
    low, high = 0.0, start
    while high <= FACTOR_MAX and good(high):
        low, high = high, high * 2
    for _ in range(12 if 0 < low < FACTOR_MAX else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if good(middle) else (low, middle)
    return low


def _smallest(good: Callable[[float], bool], start: float) -> float | None:
    """The smallest value above `start` that is good, rounded up to two digits; None up to `FACTOR_MAX` times it."""
    low, high = start, start * 2
    while not good(high):
        low, high = high, high * 2
        if high > start * FACTOR_MAX:
            return None
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (low, middle) if good(middle) else (middle, high)
    return rounded_up(high)


def rounded_up(value: float) -> float:
    """Up to two digits: 4,312,000 becomes 4,400,000; small numbers become whole."""
    unit = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return float(math.ceil(round(value / unit, 6)) * unit)


def _limits(near: PlanScenario, misfits: tuple[Misfit, ...]) -> Iterator[Remedy]:
    """Each limit that stands in the way, raised as far as is needed."""
    for resource in dict.fromkeys(misfit.resource for misfit in misfits if misfit.kind is MisfitKind.LATE):
        now = limit_of(near.catalogue, resource)
        if now is None:
            continue
        enough = _smallest(partial(_fits_with, near, resource), now)
        if enough is not None:
            minutes = USER_RATES[resource.limit].minutes if resource.limit in USER_RATES else 1
            unit = "at once" if resource == JUDGE_CALLS else "a minute" if minutes == 1 else f"in {minutes} minutes"
            yield Remedy(
                "limit", f"raise {resource.limit} of {resource.owner} from {now:,.10g} to {enough:,.10g} {unit}"
            )


def _fits_with(near: PlanScenario, resource: SharedResource, value: float) -> bool:
    return fits(near.patched(raised(near.catalogue, resource, value)))


_ACCOUNT_KEYS = dict(
    zip(
        ACCOUNT_LIMITS,
        ("requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"),
        strict=True,
    )
)
_PATH_KEYS = {limit: rate.key for limit, rate in USER_RATES.items()} | {AI_ACTION: "ai_action_calls_per_window"}
_FEATURE_KEYS = {
    "feature requests": "requests_per_minute",
    "feature batches": "batches_per_minute",
    SHARE: "account_share",
}


def limit_of(catalogue: Catalogue, resource: SharedResource) -> float | None:
    """A limit's figure in the catalogue (per user where it is a user's); None where no single figure stands for it."""
    owner, limit = resource
    if limit in _ACCOUNT_KEYS:
        return float(getattr(catalogue.accounts[owner], _ACCOUNT_KEYS[limit]))
    if limit in _PATH_KEYS:
        return float(getattr(catalogue.environments[owner].limits, _PATH_KEYS[limit]))
    if limit in _FEATURE_KEYS and owner in catalogue.features:
        value = getattr(catalogue.features[owner].limits, _FEATURE_KEYS[limit])
        return None if value is None or limit == SHARE else float(value)
    return float(catalogue.judge.in_flight_max) if resource == JUDGE_CALLS else None


def raised(catalogue: Catalogue, resource: SharedResource, value: float) -> Catalogue:
    """The catalogue with one limit at another figure."""
    owner, limit = resource
    if limit in _ACCOUNT_KEYS:
        account = _with(catalogue.accounts[owner], **{_ACCOUNT_KEYS[limit]: math.ceil(value)})
        return _with(catalogue, accounts={**catalogue.accounts, owner: account})
    if limit in _PATH_KEYS:
        environment = catalogue.environments[owner]
        limits = _with(environment.limits, **{_PATH_KEYS[limit]: math.ceil(value)})
        return _with(catalogue, environments={**catalogue.environments, owner: _with(environment, limits=limits)})
    if limit in _FEATURE_KEYS:
        feature = catalogue.features[owner]
        asked = _with(feature.limits, **{_FEATURE_KEYS[limit]: value})
        return _with(catalogue, features={**catalogue.features, owner: _with(feature, limits=asked)})
    return _with(catalogue, judge=_with(catalogue.judge, in_flight_max=math.ceil(value)))


def _with(model: _Model, **changes: Any) -> _Model:
    return model.model_copy(update=changes)


def _users(tried: WeekPlan) -> Iterator[Remedy]:
    for demand in tried.demands:
        if demand.short:
            setting = math.ceil(demand.calls / demand.users)
            yield Remedy(
                "users",
                f"list {demand.users_needed} evaluation users for {demand.environment} instead of {demand.users}, or"
                f" have its ai_action setting raised from {demand.calls_per_user} to {setting} calls",
            )


def _window(near: PlanScenario, tried: WeekPlan) -> Iterator[Remedy]:
    """Let one feature start so many whole hours later."""
    for name in dict.fromkeys(run.run.feature.feature for run in tried.runs):
        for hours in range(1, 24):
            delayed = replace(near, delays={**near.delays, name: dt.timedelta(hours=hours)})
            if (there := plan(delayed)).fits:
                run = next(run for run in there.runs if run.run.feature.feature == name)
                minutes = (run.ends - run.run.tick) / dt.timedelta(minutes=1)
                text = f"start {name} {hours} h later, at {run.run.tick:%H:%M} UTC; a run then takes {minutes:,.0f} min"
                yield Remedy("window", text)
                break


def _order(near: PlanScenario, tried: WeekPlan) -> Iterator[Remedy]:
    """Let the features of a day start one after the other, by priority, each when the one before it has ended."""
    firsts: dict[str, RunPlan] = {}
    for run in tried.runs:
        firsts.setdefault(run.run.feature.feature, run)
    if len(firsts) < 2 or not any(stage.waited > 1 for run in tried.runs for stage in run.stages):
        return
    order = sorted(firsts.values(), key=lambda run: (run.run.feature.priority, run.run.tick.time()))
    clock = dt.timedelta(hours=order[0].run.tick.hour, minutes=order[0].run.tick.minute)
    delays = dict(near.delays)
    for run in order:
        own = dt.timedelta(hours=run.run.tick.hour, minutes=run.run.tick.minute)
        later = max(dt.timedelta(), clock - own)
        delays[run.run.feature.feature] = delays.get(run.run.feature.feature, dt.timedelta()) + later
        alone = sum(stage.minutes_under(stage.rates[0]) for stage in run.stages)
        clock = own + later + dt.timedelta(minutes=math.ceil(alone))
    if fits(replace(near, delays=delays)):
        names = ", ".join(
            f"{run.run.feature.feature} {run.run.tick + delays[run.run.feature.feature]:%H:%M}" for run in order
        )
        yield Remedy("order", f"one after the other (UTC): {names}")


def _batch(near: PlanScenario, tried: WeekPlan) -> Iterator[Remedy]:
    if near.batched or not fits(replace(near, batched=True)):
        return
    judged = sum(stage.taken(ACCOUNT_LIMITS[1]) for run in tried.runs for stage in run.stages[1:])
    yield Remedy(
        "batch",
        f"judge through the batch API: {judged / 1e6:,.1f} M tokens leave {near.catalogue.judge.account}'s minutes, at"
        " half the price; verdicts may come up to 24 h after the last answer",
    )


def _rest_chat(near: PlanScenario, tried: WeekPlan) -> Iterator[Remedy]:
    """The REST chat endpoint has no `ai_action` check: what chat features would free of the window."""
    for demand in tried.demands:
        chats = {name for name, feature in near.catalogue.features.items() if feature.call is FeatureCall.CHAT}
        freed = sum(calls for name, calls in demand.by_feature.items() if name in chats)
        if demand.short and freed and demand.room + freed >= 0:
            yield Remedy("users", f"ask {', '.join(sorted(chats))} by the REST chat endpoint: {freed:,.0f} calls fewer")


def _fewer_prompts(near: PlanScenario) -> Iterator[Remedy]:
    share = _largest(lambda factor: fits(replace(near, factor=near.factor * factor)), 1 / 64)
    if 0 < share < 1:
        yield Remedy("prompts", f"ask at most {math.floor(share * 100)} % of the prompts of every feature")

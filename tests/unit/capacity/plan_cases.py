"""The catalogue that the planner's tests reckon with: the shipped one, with every figure of the arithmetic pinned."""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

from pydantic import BaseModel

from daily_runs.capacity.load import PlanScenario
from daily_runs.capacity.plan import RunPlan, WeekPlan, plan
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, Phase
from daily_runs.catalogue.reading import files as catalogue_files

RCA, CHAT, EXPLAIN, RESOLVE, CODE = (
    "root_cause_analysis",
    "duo_chat",
    "vulnerability_explanation",
    "vulnerability_resolution",
    "code_suggestions",
)
PROMPTS = {RCA: 900, CHAT: 16, EXPLAIN: 14, RESOLVE: 15, CODE: 18}
HOURS = {CHAT: 8, EXPLAIN: 10, RESOLVE: 11}
"""When the others start: within 8 hours of RCA, which the shipped catalogue avoids."""
_Model = TypeVar("_Model", bound=BaseModel)


def given(model: _Model, /, **changes: Any) -> _Model:
    """The same with other figures."""
    return model.model_copy(update=changes)


def _in_the_morning(feature: Feature) -> tuple[Phase, ...]:
    hour = HOURS.get(feature.feature)
    return tuple(
        given(phase, schedule=f"0 {hour} {phase.schedule.split(maxsplit=2)[2]}") if hour and phase.schedule else phase
        for phase in feature.phases
    )


def pinned() -> Catalogue:
    """Six users an environment; EVAL 4 M input tokens/min; a verdict 4,000 + 400 tokens, 32 at once of up to 60 s.

    All runs of a day start in one morning.
    """
    shipped = catalogue_files.load()
    features = {
        name: given(
            shipped.features[name],
            prompts_per_run=PROMPTS[name],
            frozen_answers=0,
            phases=_in_the_morning(shipped.features[name]),
        )
        for name in PROMPTS
    }
    judge = given(
        shipped.judge,
        input_tokens_per_verdict=4000,
        output_tokens_per_verdict=400,
        in_flight_max=32,
        request_timeout_seconds=60.0,
        seconds_per_verdict=None,
    )
    evaluation = given(
        shipped.accounts["EVAL"],
        requests_per_minute=4000,
        input_tokens_per_minute=4_000_000,
        output_tokens_per_minute=800_000,
        lends_idle_share=True,
    )
    users = tuple(f"evaluation-{number}" for number in range(6))
    environments = {
        name: given(environment, evaluation_users=users) for name, environment in shipped.environments.items()
    }
    return given(
        shipped,
        features=features,
        judge=judge,
        accounts={**shipped.accounts, "EVAL": evaluation},
        environments=environments,
    )


def with_feature(catalogue: Catalogue, name: str, **changes: Any) -> Catalogue:
    """A catalogue with one feature changed; keys of its limits may be given as they are."""
    feature = catalogue.features[name]
    of_limits = {key: changes.pop(key) for key in list(changes) if key in type(feature.limits).model_fields}
    changed = given(feature, limits=given(feature.limits, **of_limits), **changes)
    return given(catalogue, features={**catalogue.features, name: changed})


def day(text: str) -> dt.date:
    """A date of 2026, given as month-day."""
    return dt.date.fromisoformat(f"2026-{text}")


def planned(first: str, last: str, catalogue: Catalogue | None = None, **more: Any) -> WeekPlan:
    """A plan for dates of 2026."""
    return plan(PlanScenario(catalogue or pinned(), day(first), day(last), **more))


def run_of(found: WeekPlan, feature: str, environment: str, on: str) -> RunPlan:
    """The run of a feature in an environment on a day."""
    return next(
        run
        for run in found.runs
        if (run.run.feature.feature, run.run.environment, run.run.tick.date()) == (feature, environment, day(on))
    )

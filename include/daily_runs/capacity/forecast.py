"""Six months ahead: runs, tokens, cost and fit by month, with the planned prompts, twice as many, and half. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from daily_runs.capacity import cost, load
from daily_runs.capacity.load import PlanScenario
from daily_runs.capacity.plan import MisfitKind, plan
from daily_runs.quota import month_budget

MONTHS = 6
CASES: Mapping[str, float] = {"base": 1.0, "double": 2.0, "half": 0.5}


class MonthForecast(NamedTuple):
    """One month of one case. `usd` and `by_feature` are None and empty without a price list.

    `first_misfit` is the first day of the month that does not fit, `misfit_kind` and `reason` why.
    """

    case: str
    month: dt.date
    runs: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    by_feature: Mapping[str, float]
    states: Mapping[str, month_budget.MonthState]
    first_misfit: dt.date | None
    misfit_kind: MisfitKind | None
    reason: str


def forecast(scenario: PlanScenario, months: int = MONTHS) -> list[MonthForecast]:
    """Every case and month, from the month of the scenario's first date on.

    Raises:
        ParameterError: too many runs.
    """
    found = []
    for case, factor in CASES.items():
        month = cost.month_of(scenario.first)
        for _ in range(months):
            last = cost.next_month(month) - dt.timedelta(days=1)
            part = replace(scenario, first=month, last=last, factor=scenario.factor * factor)
            found.append(_month(case, part))
            month = cost.next_month(month)
    return found


def _month(case: str, part: PlanScenario) -> MonthForecast:
    runs = load.runs(part)
    costs = list(cost.by_month(part, runs))
    first = next(iter(plan(part).misfits), None)
    verdicts = {name: part.verdict(name) for name in part.catalogue.features}
    asked = [(run.prompts, run.feature.limits.tokens_per_prompt) for run in runs]
    tokens = [*asked, *((run.verdicts, verdicts[run.feature.feature]) for run in runs)]
    return MonthForecast(
        case=case,
        month=part.first,
        runs=len(runs),
        input_tokens=sum(calls * each.input for calls, each in tokens),
        output_tokens=sum(calls * each.output for calls, each in tokens),
        usd=sum(one.usd for one in costs) if part.catalogue.prices else None,
        by_feature={one.feature.feature: one.usd for one in costs},
        states={one.feature.feature: one.state for one in costs if one.state},
        first_misfit=first.moment.date() if first else None,
        misfit_kind=first.kind if first else None,
        reason=first.text if first else "",
    )

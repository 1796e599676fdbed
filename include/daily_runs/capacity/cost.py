"""What planned runs cost, by the price list, against each feature's budget. Pure; amounts in USD, list prices.

Retries and cached prefixes are left out: the first costs a little more, the second less.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from daily_runs.capacity.load import PlanScenario, Run
from daily_runs.catalogue.features import Feature, PromptTokens
from daily_runs.catalogue.prices import ModelPrice
from daily_runs.quota.month_budget import MonthState, month_state, price_of


class Spend(NamedTuple):
    """What a run costs, by stage."""

    inference_usd: float
    judging_usd: float

    @property
    def usd(self) -> float:
        """The cost of both stages."""
        return self.inference_usd + self.judging_usd


def run_cost(scenario: PlanScenario, run: Run) -> Spend | None:
    """What one arm costs; None without a price list: unknown is not zero."""
    prices, judge = scenario.catalogue.prices, scenario.catalogue.judge
    if prices is None:
        return None
    tokens, verdict = run.feature.limits.tokens_per_prompt, scenario.verdict(run.feature.feature)
    account = run.feature.account_in(run.environment, scenario.catalogue.environments[run.environment])
    judging_usd = (run.verdicts - run.second_verdicts) * _each(
        prices.models[judge.model], verdict, batched=scenario.batched
    )
    if judge.second_model:
        judging_usd += run.second_verdicts * _each(prices.models[judge.second_model], verdict, batched=scenario.batched)
    return Spend(run.prompts * _each(prices.of_inference(run.feature.call, account), tokens), judging_usd)


def _each(price: ModelPrice, tokens: PromptTokens, *, batched: bool = False) -> float:
    return price_of(price, tokens.input, tokens.output, batched=batched)


class MonthCost(NamedTuple):
    """A feature's planned calendar month. `budget_usd` is None where the feature has no budget."""

    feature: Feature
    month: dt.date
    runs: int
    usd: float
    budget_usd: float | None

    @property
    def share(self) -> float | None:
        """What part of the budget is planned to be spent; None without a budget."""
        return self.usd / self.budget_usd if self.budget_usd else None

    @property
    def state(self) -> MonthState | None:
        """Where the month is planned to end; None without a budget."""
        return month_state(self.usd, self.budget_usd) if self.budget_usd else None


def month_of(day: dt.date) -> dt.date:
    """A month's first day."""
    return day.replace(day=1)


def next_month(month: dt.date) -> dt.date:
    """The first day of the month after."""
    return month_of(month + dt.timedelta(days=31))


def by_month(scenario: PlanScenario, planned: Iterable[Run]) -> Iterator[MonthCost]:
    """Each feature's months, in order; `planned` must hold whole months for a budget to say anything."""
    sums: dict[tuple[dt.date, str], tuple[int, float]] = {}
    for run in planned:
        spend = run_cost(scenario, run)
        if spend is not None:
            key = month_of(run.tick.date()), run.feature.feature
            count, usd = sums.get(key, (0, 0.0))
            sums[key] = count + 1, usd + spend.usd
    for (month, name), (count, usd) in sorted(sums.items()):
        feature = scenario.catalogue.features[name]
        yield MonthCost(feature, month, count, usd, feature.budget_usd_per_month)

"""What planned runs cost, by the price list, against each feature's budget. Pure; amounts in USD, list prices.

Retries and cached prefixes are left out: the first costs a little more, the second less.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from daily_runs.catalogue import Feature, Tokens
from daily_runs.price_list import ModelPrice
from daily_runs.quota.plan_load import Run, Scenario

ALARM_SHARE, THROTTLE_SHARE = 0.8, 1.1
"""Of a month's budget (docs/domain.md §9)."""
MILLION = 1_000_000


class MonthState(StrEnum):
    """How a month's spending stands to its budget."""

    OK = "ok"
    ALARM = "alarm"
    THROTTLE = "throttle"


def month_state(spent_usd: float, budget_usd: float) -> MonthState:
    """From 80 % of the budget on an alarm, from 110 % on a throttle."""
    share = round(spent_usd / budget_usd, 9)
    if share >= THROTTLE_SHARE:
        return MonthState.THROTTLE
    return MonthState.ALARM if share >= ALARM_SHARE else MonthState.OK


def price_of(
    price: ModelPrice,
    input_tokens: float,
    output_tokens: float,
    cached_input_tokens: float = 0,
    *,
    batched: bool = False,
) -> float:
    """What tokens cost; `cached_input_tokens` were read from the cache and are no part of `input_tokens`."""
    whole = (
        input_tokens * price.input_usd_per_million
        + output_tokens * price.output_usd_per_million
        + cached_input_tokens * price.cached_input_usd_per_million
    ) / MILLION
    return whole * (price.batch_factor if batched else 1)


class Spend(NamedTuple):
    """What a run costs, by stage."""

    inference_usd: float
    judging_usd: float

    @property
    def usd(self) -> float:
        """Both."""
        return self.inference_usd + self.judging_usd


def run_cost(scenario: Scenario, run: Run) -> Spend | None:
    """What one arm costs; None without a price list: unknown is not zero."""
    prices, judge = scenario.catalogue.prices, scenario.catalogue.judge
    if prices is None:
        return None
    tokens, verdict = run.feature.limits.tokens_per_prompt, scenario.verdict(run.feature.feature)
    return Spend(
        run.prompts * _each(prices.of_inference(run.feature.call), tokens),
        run.prompts * _each(prices.models[judge.model], verdict, batched=scenario.batched),
    )


def _each(price: ModelPrice, tokens: Tokens, *, batched: bool = False) -> float:
    return price_of(price, tokens.input, tokens.output, batched=batched)


class MonthCost(NamedTuple):
    """A feature's planned calendar month. `share` is of its budget; None where it has none."""

    feature: Feature
    month: dt.date
    runs: int
    usd: float
    budget_usd: float | None

    @property
    def share(self) -> float | None:
        """Of the budget."""
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


def by_month(scenario: Scenario, planned: Iterable[Run]) -> Iterator[MonthCost]:
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

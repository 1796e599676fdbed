"""A feature's budget of the month against what was spent (docs/domain.md §9: alarm at 80 %, throttle at 110 %)."""

from __future__ import annotations

import datetime as dt
import logging
from enum import StrEnum
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.prices import ModelPrice, Prices
from daily_runs.clock import Clock
from daily_runs.quota import spending_rows
from daily_runs.store.database import Store

log = logging.getLogger(__name__)

ALARM_SHARE, THROTTLE_SHARE = 0.8, 1.1
"""Of a month's budget (docs/domain.md §9)."""
MILLION = 1_000_000


class MonthState(StrEnum):
    """How a month's spending stands to its budget."""

    OK = "ok"
    ALARM = "alarm"
    THROTTLE = "throttle"


def month_state(spent_usd: float, budget_usd: float) -> MonthState:
    """The month's state: an alarm from 80 % of the budget on, a throttle from 110 % on."""
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


class MonthBudget(NamedTuple):
    """USD spent in this calendar month (UTC), by list price, the budget, and what runs under way will still spend."""

    spent_usd: float
    budget_usd: float
    ordered_usd: float = 0.0

    @property
    def committed_usd(self) -> float:
        """Spent, and as good as spent."""
        return self.spent_usd + self.ordered_usd

    @property
    def state(self) -> MonthState:
        """How they stand."""
        return month_state(self.committed_usd, self.budget_usd)

    @property
    def throttle_usd(self) -> float:
        """From here on no new run starts."""
        return THROTTLE_SHARE * self.budget_usd

    def __str__(self) -> str:
        share, ordered = self.committed_usd / self.budget_usd, ""
        if self.ordered_usd:
            ordered = f", {self.ordered_usd:,.2f} more ordered by runs under way"
        return (
            f"{self.spent_usd:,.2f} of {self.budget_usd:,.2f} USD spent this month{ordered} ({share:.0%}, {self.state})"
        )


def month_budget(
    store: Store,
    catalogue: Catalogue,
    feature: Feature,
    environment: Environment,
    *,
    prompts_ordered: int = 0,
    verdicts_ordered: int = 0,
) -> MonthBudget | None:
    """How the feature's month stands; None without a budget or price list, and for a sandbox, which costs nothing.

    Args:
        prompts_ordered, verdicts_ordered: what other runs of the feature have still to pay for.
    """
    prices, budget_usd = catalogue.prices, feature.budget_usd_per_month
    if budget_usd is None or prices is None or environment.provenance == "sandbox":
        return None
    since = Clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    judge = catalogue.judge
    each = {"input_tokens": judge.input_tokens_per_verdict, "output_tokens": judge.output_tokens_per_verdict}
    judged = spending_rows.verdicts(store, feature.feature, since, **each)
    of_judge, tokens = prices.models[judge.model], feature.limits.tokens_per_prompt
    spent_usd = _asked_usd(store, catalogue, prices, feature, since)
    spent_usd += price_of(of_judge, judged["input_tokens"], judged["output_tokens"])
    if judge.second_model:
        judged = spending_rows.second_verdicts(store, feature.feature, since, model=judge.second_model, **each)
        spent_usd += price_of(prices.models[judge.second_model], judged["input_tokens"], judged["output_tokens"])
    here = next((name for name, known in catalogue.environments.items() if known == environment), "")
    of_inference = prices.of_inference(feature.call, feature.account_in(here, environment))
    ordered_usd = prompts_ordered * price_of(of_inference, tokens.input, tokens.output)
    ordered_usd += verdicts_ordered * price_of(of_judge, each["input_tokens"], each["output_tokens"])
    found = MonthBudget(spent_usd, budget_usd, ordered_usd)
    if found.state is not MonthState.OK:
        log.warning("budget of %s: %s", feature.feature, found)
    return found


def _asked_usd(store: Store, catalogue: Catalogue, prices: Prices, feature: Feature, since: dt.datetime) -> float:
    """What the feature's prompts cost since a moment, in each environment by the price of its account there."""
    tokens, usd = feature.limits.tokens_per_prompt, 0.0
    each = {"input_tokens": tokens.input, "output_tokens": tokens.output}
    for name, environment in catalogue.environments.items():
        asked = spending_rows.answers(store, feature.feature, since, environment=name, **each)
        price = prices.of_inference(feature.call, feature.account_in(name, environment))
        usd += price_of(price, asked["input_tokens"], asked["output_tokens"])
    return usd

"""A feature's budget of the month against what was spent (docs/domain.md §9: alarm at 80 %, throttle at 110 %)."""

from __future__ import annotations

import logging
from typing import NamedTuple

from daily_runs.catalogue import Catalogue, Feature
from daily_runs.catalogue_environments import Environment
from daily_runs.clock import Clock
from daily_runs.quota.cost import THROTTLE_SHARE, MonthState, month_state, price_of
from daily_runs.store import spending
from daily_runs.store.database import Store

log = logging.getLogger(__name__)


class MonthBudget(NamedTuple):
    """USD spent in this calendar month (UTC), by list price, and the budget."""

    spent_usd: float
    budget_usd: float

    @property
    def state(self) -> MonthState:
        """How they stand."""
        return month_state(self.spent_usd, self.budget_usd)

    @property
    def throttle_usd(self) -> float:
        """From here on no new run starts."""
        return THROTTLE_SHARE * self.budget_usd

    def __str__(self) -> str:
        share = self.spent_usd / self.budget_usd
        return f"{self.spent_usd:,.2f} of {self.budget_usd:,.2f} USD spent this month ({share:.0%}, {self.state})"


def month_budget(store: Store, catalogue: Catalogue, feature: Feature, environment: Environment) -> MonthBudget | None:
    """How the feature's month stands; None without a budget or price list, and for a sandbox, which costs nothing."""
    prices, budget_usd = catalogue.prices, feature.budget_usd_per_month
    if budget_usd is None or prices is None or environment.provenance == "sandbox":
        return None
    since = Clock.now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    tokens = feature.limits.tokens_per_prompt
    asked = spending.answers(store, feature.feature, since, input_tokens=tokens.input, output_tokens=tokens.output)
    judged = spending.verdicts(store, feature.feature, since)
    spent_usd = price_of(prices.of_inference(feature.call), asked["input_tokens"], asked["output_tokens"])
    spent_usd += price_of(prices.models[catalogue.judge.model], judged["input_tokens"], judged["output_tokens"])
    found = MonthBudget(spent_usd, budget_usd)
    if found.state is not MonthState.OK:
        log.warning("budget of %s: %s", feature.feature, found)
    return found

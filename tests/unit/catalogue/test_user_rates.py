"""A rate of an evaluation user that is declared once is read by everybody: planner, ledger and limit probe."""

from __future__ import annotations

import pytest

from daily_runs.capacity.fluid import SharedResource
from daily_runs.capacity.load import limits as planned_limits
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.rates import budget
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.user_rates import USER_RATES, user_rates
from daily_runs.quota.tariff import user_rate

HOURLY = 600
"""So few that it binds: 10 a minute and user."""


def with_hourly_limit(figure: int | None) -> Catalogue:
    """The shipped catalogue, with GitLab's announced hourly limit in staging."""
    catalogue = catalogue_files.load()
    staging = catalogue.environments["staging"]
    limits = staging.limits.model_copy(update={"api_requests_per_hour": figure})
    return catalogue.model_copy(
        update={"environments": catalogue.environments | {"staging": staging.model_copy(update={"limits": limits})}}
    )


@pytest.mark.parametrize(("feature", "amount"), [("root_cause_analysis", 2), ("duo_chat", 2), ("code_suggestions", 1)])
def test_an_hourly_limit_that_is_declared_paces_bounds_and_is_planned(feature: str, amount: int) -> None:
    catalogue = with_hourly_limit(HOURLY)
    of, staging = catalogue.features[feature], catalogue.environments["staging"]
    users = len(staging.evaluation_users)
    rate = user_rate(of, "staging", staging)
    assert (rate.per_minute, rate.amount, rate.burst) == (HOURLY / 60, amount, 0)
    assert dict(budget(catalogue, of, "staging").rates)["API requests an hour per user"] == pytest.approx(
        users * HOURLY / 60 / amount
    )
    planned = planned_limits(catalogue).per_minute
    assert planned[SharedResource("staging", "API requests an hour per user")] == users * HOURLY / 60


def test_a_limit_that_is_not_in_force_is_nowhere() -> None:
    catalogue = with_hourly_limit(None)
    for feature in catalogue.features.values():
        names = [rate.name for rate in user_rates(catalogue.environments["staging"].limits, feature.call)]
        assert names == [
            user_rate(feature, "staging", catalogue.environments["staging"]).limit.removesuffix(" in staging")
        ]
    assert not [resource for resource in planned_limits(catalogue).per_minute if "an hour" in resource.limit]


@pytest.mark.parametrize("figure", [None, 60, HOURLY, 5_000, 119_999, 120_001])
def test_the_rate_that_paces_a_user_keeps_every_declared_rate(figure: int | None) -> None:
    catalogue = with_hourly_limit(figure)
    staging = catalogue.environments["staging"]
    for feature in catalogue.features.values():
        paced = user_rate(feature, "staging", staging)
        prompts = paced.per_minute / paced.amount
        for rate in user_rates(staging.limits, feature.call):
            assert prompts * rate.amount <= rate.per_minute(staging.limits) * (1 + 1e-12)


def test_every_rate_has_a_figure_that_the_catalogue_knows() -> None:
    known = type(with_hourly_limit(None).environments["staging"].limits).model_fields
    assert {rate.key for rate in USER_RATES.values()} <= set(known)

"""The whole catalogue, and look-ups by name."""

from __future__ import annotations

from pydantic import Field

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.fields import Name, Strict, Text
from daily_runs.catalogue.prices import Prices
from daily_runs.errors import ParameterError


def feature_named(catalogue: Catalogue, name: str) -> Feature:
    """A feature by name.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in catalogue.features:
        raise ParameterError("feature", f"{name!r} is not in the catalogue", f"Known: {', '.join(catalogue.features)}.")
    return catalogue.features[name]


class Catalogue(Strict):
    """Everything, cross-checked: every reference resolves and every reservation fits its account."""

    accounts: dict[Text, Account] = Field(min_length=1)
    judge: JudgeSettings
    environments: dict[Name, Environment] = Field(min_length=1)
    features: dict[Name, Feature] = Field(min_length=1)
    prices: Prices | None = None


def environment_named(catalogue: Catalogue, name: str, place: str = "environment") -> Environment:
    """An environment by name.

    Args:
        place: where the name was given.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in catalogue.environments:
        raise ParameterError(place, f"{name!r} is not in the catalogue", f"Known: {', '.join(catalogue.environments)}.")
    return catalogue.environments[name]

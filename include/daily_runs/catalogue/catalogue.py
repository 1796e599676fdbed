"""The whole catalogue, and look-ups by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

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


class Links(Strict):
    """Where links lead. `runbooks`: a URL, or a path below Airflow's own address; `docs/runbooks` lies there."""

    runbooks: Annotated[str, StringConstraints(pattern=r"^(/|https?://)[!-~]*$")] = "/daily-runs/docs/runbooks"

    def runbook(self, page: str, airflow: str) -> str:
        """The address of a page, such as `gate.md`; `airflow`: Airflow's own, without a slash at its end."""
        base = self.runbooks.rstrip("/")
        return f"{airflow if base.startswith('/') else ''}{base}/{page}"


class Catalogue(Strict):
    """Everything, cross-checked: every reference resolves and every reservation fits its account."""

    accounts: dict[Text, Account] = Field(min_length=1)
    judge: JudgeSettings
    environments: dict[Name, Environment] = Field(min_length=1)
    features: dict[Name, Feature] = Field(min_length=1)
    prices: Prices | None = None
    links: Links = Links()


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

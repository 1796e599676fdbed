"""The whole catalogue, and look-ups by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.fields import Name, Strict, Text
from daily_runs.catalogue.prices import Prices
from daily_runs.errors import Fault, FeatureFileError, ParameterError


def feature_named(catalogue: Catalogue, name: str) -> Feature:
    """A feature by name.

    Raises:
        ParameterError: there is none of that name.
        FeatureFileError: it is left out; its first fault, in one line.
    """
    refuse_left_out(catalogue, name)
    if name not in catalogue.features:
        raise ParameterError("feature", f"{name!r} is not in the catalogue", f"Known: {', '.join(catalogue.features)}.")
    return catalogue.features[name]


class DocumentLinks(Strict):
    """Where documents are. `runbooks`: the folder `docs/runbooks`, a URL, or a path below Airflow's own address."""

    runbooks: Annotated[str, StringConstraints(pattern=r"^(/|https?://)[!-~]*$")] = "/daily-runs/docs/runbooks"

    def runbook(self, page: str, airflow: str) -> str:
        """The address of a page, such as `gate.md`; `airflow`: Airflow's own, without a slash at its end."""
        base = self.runbooks.rstrip("/")
        return f"{airflow if base.startswith('/') else ''}{base}/{page}"


def refuse_left_out(catalogue: Catalogue, name: str) -> None:
    """See that a feature is not left out; one that the catalogue does not know at all is not.

    Raises:
        FeatureFileError: it is left out; its first fault, in one line.
    """
    if name in catalogue.left_out:
        first, *others = catalogue.left_out[name]
        more = f" ({len(others)} more: daily-runs catalogue check lists all)" if others else ""
        raise FeatureFileError(first.place, first.problem, f"{first.remedy}{more}")


class Catalogue(Strict):
    """Everything, cross-checked: every reference resolves and every reservation fits its account.

    `features` are the sound ones. `left_out` are the others by name, each with its faults in the order of its files: a
    name stands in one of the two.
    """

    accounts: dict[Text, Account] = Field(min_length=1)
    judge: JudgeSettings
    environments: dict[Name, Environment] = Field(min_length=1)
    features: dict[Name, Feature]
    prices: Prices | None = None
    links: DocumentLinks = DocumentLinks()
    left_out: dict[str, tuple[Fault, ...]] = Field(default_factory=dict)


def told_left_out(catalogue: Catalogue) -> list[str]:
    """A line for each fault that leaves a feature out: which feature, and file, line, fault and remedy."""
    return [line for lines in left_out_lines(catalogue).values() for line in lines]


def left_out_lines(catalogue: Catalogue) -> dict[str, list[str]]:
    """The same by feature."""
    return {name: [f"{name} is left out: {fault}" for fault in faults] for name, faults in catalogue.left_out.items()}


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

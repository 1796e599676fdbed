"""What is meant to differ between two runs, and what differs besides. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from daily_runs.errors import ParameterError
from daily_runs.results.quality import WORDS, EarlierRun, changes


class Treatment(StrEnum):
    """What a comparison is about; all else must be the same, or is said beside the verdict."""

    ENVIRONMENT = "environment"
    BUILD = "build"
    PROVIDER = "provider"
    DATE = "date"


BUILD_KEYS = ("gitlab_version", "gitlab_revision")
"""The build, among what may change without the ruler."""
_UNASKED = (Treatment.ENVIRONMENT, Treatment.BUILD, Treatment.DATE)
"""In this order: runs of two environments are of two dates, too. Another provider is a treatment only if asked for."""


class Treated(NamedTuple):
    """The treatment with both its values, and what else is not the same: name to (then, now)."""

    name: Treatment
    values: tuple[str, str]
    besides: Mapping[str, tuple[str, str]]


def treated(first: EarlierRun, second: EarlierRun, asked: Treatment | None) -> Treated:
    """What the comparison of these runs is about.

    Raises:
        ParameterError: what was asked for is the same in both.
    """
    found = _differing(first, second)
    name = asked or next((name for name in _UNASKED if name in found), Treatment.DATE)
    if asked and asked not in found:
        known = ", ".join(found)
        raise ParameterError("--treatment", f"the {asked} of both runs is the same", f"What differs: {known}.")
    besides = {str(key): value for key, value in found.items() if key not in (name, Treatment.PROVIDER)}
    more = changes(first.context, second.context)
    besides |= {WORDS.get(key, key): value for key, value in more.items() if key not in BUILD_KEYS}
    return Treated(name, found.get(name, ("", "")), besides)


def without_provider(run: EarlierRun) -> EarlierRun:
    """The run as it is compared where the provider is the treatment: no part of the ruler."""
    return run._replace(ruler={**run.ruler, "provider": ""})


def _differing(first: EarlierRun, second: EarlierRun) -> dict[Treatment, tuple[str, str]]:
    (environment, date), (other, other_date) = (run.run_key.split("/", 2)[1:] for run in (first, second))
    values = {
        Treatment.ENVIRONMENT: (environment, other),
        Treatment.BUILD: _builds(first, second),
        Treatment.PROVIDER: (first.ruler.get("provider", ""), second.ruler.get("provider", "")),
        Treatment.DATE: (date, other_date),
    }
    return {name: (then, now) for name, (then, now) in values.items() if then and now and then != now}


def _builds(first: EarlierRun, second: EarlierRun) -> tuple[str, str]:
    """Both builds: the version, and its revision where both runs know it: an unknown one is no difference."""
    (version, revision), (other, other_revision) = (
        [run.context.get(key, "") for key in BUILD_KEYS] for run in (first, second)
    )
    if version and other and revision and other_revision:
        return f"{version} ({revision})", f"{other} ({other_revision})"
    return version, other

"""Where a run goes: the phase of its date decides, unless the form says otherwise. The reason is always on record."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from daily_runs.catalogue import PHASE_ENVIRONMENTS, Feature
from daily_runs.errors import ParameterError

AUTO = "auto"


class Route(NamedTuple):
    """The environments of a run's arms, and why."""

    environments: tuple[str, ...]
    reason: str


def route(feature: Feature, logical_date: dt.datetime, wanted: str = AUTO) -> Route:
    """Choose a run's arms by the phase of its logical date, or by what the form asks for.

    Raises:
        ParameterError: the feature is on hold that day and nobody chose an environment.
    """
    day = logical_date.astimezone(dt.UTC).date()
    phase = feature.phase_on(day).phase
    if wanted != AUTO:
        return Route((wanted,), f"the form asks for {wanted} (the phase of {day} is {phase})")
    environments = PHASE_ENVIRONMENTS[phase]
    if not environments:
        raise ParameterError(
            "environment", f"{feature.feature} is on hold on {day}", "Choose staging or production in the form."
        )
    return Route(environments, f"the phase of {day} is {phase}")

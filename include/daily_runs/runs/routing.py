"""Where a run goes: the phase of its date decides, unless the form says otherwise. The reason is always on record.

| phase of the date | staging ready | staging not ready, or nobody could look |
|---|---|---|
| interim production | production; nobody looks | |
| shadow | production and staging | production alone, whatever the rule: a shadow never delays the primary run |
| staging, `fall_back_to_production` | staging | production |
| staging, `skip` | staging | nowhere: the run ends as skipped |
| staging, `wait` | staging | waits; past its deadline the run fails |

"Could not look" is not "not ready": the arms are chosen as for it, because staging would be asked blindly otherwise,
but the reason says which of the two it was. A run by the form, and one that is done again, goes where it is sent,
without a look and without a wait.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, PhaseName, WhenNotReady
from daily_runs.errors import ParameterError, StageError
from daily_runs.statuses import ReadinessState

AUTO = "auto"
STAGING, PRODUCTION = "staging", "production"


class Planned(NamedTuple):
    """What a run's date and form say, before anybody looks at staging.

    `environments`: by the phase; `sent_to`: where the form or a rerun sends it (None: nowhere in particular).
    """

    phase: PhaseName
    day: dt.date
    environments: tuple[str, ...]
    sent_to: tuple[str, ...] | None
    why: str

    @property
    def asks_for_staging(self) -> bool:
        """Whether staging's readiness decides anything."""
        return self.sent_to is None and STAGING in self.environments


class Staging(NamedTuple):
    """What is known of staging's readiness, for whom it matters; `reason` is for people."""

    state: ReadinessState
    reason: str


class Route(NamedTuple):
    """The environments of a run's arms (none: it is skipped), and why."""

    environments: tuple[str, ...]
    reason: str


def planned(
    feature: Feature, logical_date: dt.datetime, wanted: str = AUTO, done_in: tuple[str, ...] | None = None
) -> Planned:
    """What the phase of a run's date plans, and whether anything else decides.

    Args:
        wanted: the form's environment.
        done_in: of a run that is done again: the environments that have something to take over.

    Raises:
        ParameterError: the feature is on hold that day and nobody chose an environment.
    """
    day, phase = feature.day_of(logical_date), feature.phase_at(logical_date).phase
    environments = PHASE_ENVIRONMENTS[phase]
    by_phase = f"the phase of {day} is {phase}"
    if wanted != AUTO:
        return Planned(phase, day, environments, (wanted,), f"the form asks for {wanted} ({by_phase})")
    if done_in is not None:
        why = f"a rerun goes where its run went: {', '.join(done_in)} ({by_phase})"
        return Planned(phase, day, environments, done_in, why)
    if not environments:
        raise ParameterError(
            "environment", f"{feature.feature} is on hold on {day}", "Choose staging or production in the form."
        )
    return Planned(phase, day, environments, None, by_phase)


def must_wait(feature: Feature, plan: Planned, state: ReadinessState) -> bool:
    """Whether the run is to wait for staging before it is routed."""
    is_ready = state is ReadinessState.READY
    waits = plan.phase is PhaseName.STAGING and feature.when_not_ready is WhenNotReady.WAIT
    return plan.asks_for_staging and waits and not is_ready


def route(feature: Feature, plan: Planned, staging: Staging | None = None) -> Route:
    """Choose a run's arms.

    Args:
        staging: what is known of it; needed where the plan asks for it.

    Raises:
        StageError: staging's readiness is needed and nobody asked for it, or the run had to wait and did not.
    """
    if plan.sent_to is not None:
        return Route(plan.sent_to, plan.why)
    if not plan.asks_for_staging:
        return Route(plan.environments, plan.why)
    if staging is None or must_wait(feature, plan, staging.state):
        problem = "nobody looked at staging" if staging is None else f"staging is {_said(staging)}"
        raise StageError(f"{feature.feature}: {problem}, so this run cannot be routed. Clear its task staging_ready.")
    if staging.state is ReadinessState.READY:
        return Route(plan.environments, f"{plan.why}; staging is ready: {staging.reason}")
    environments, rule = _without_staging(feature, plan)
    return Route(environments, f"{plan.why}; staging is {_said(staging)}. {rule}")


def _without_staging(feature: Feature, plan: Planned) -> tuple[tuple[str, ...], str]:
    if plan.phase is PhaseName.SHADOW:
        return (PRODUCTION,), "So only the primary arm runs, in production: the shadow never holds it up"
    rule = f"when_not_ready is {feature.when_not_ready}"
    if feature.when_not_ready is WhenNotReady.SKIP:
        return (), f"So nothing runs: {rule}"
    return (PRODUCTION,), f"So it goes to production: {rule}"


def _said(staging: Staging) -> str:
    if staging.state is ReadinessState.UNKNOWN:
        return f"unknown, nobody could look ({staging.reason})"
    return f"not ready ({staging.reason})"

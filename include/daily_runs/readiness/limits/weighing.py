"""A run against all limits of its path, with what the store knows: the month, the window, and what others ordered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.month_budget import MonthBudget, month_budget
from daily_runs.quota.tariff import Window, ai_action_window
from daily_runs.readiness.limits.findings import LimitFinding, findings
from daily_runs.readiness.limits.measure import PathMeasures
from daily_runs.readiness.limits.order_rows import OrderedRun, ordered_runs
from daily_runs.store.database import Store


def weigh(
    store: Store,
    facts: PathMeasures,
    catalogue: Catalogue,
    feature: Feature,
    environment_name: str,
    *,
    calls_needed: int,
    attempt_id: str | None = None,
) -> list[LimitFinding]:
    """Weigh a run: `findings`, less what others used of the window and the month, and what they were let in to use.

    Args:
        attempt_id: whose calls they are, so that it does not stand in its own way; None = of nobody yet.
    """
    environment = catalogue.environments[environment_name]
    window = ai_action_window(feature, environment_name, environment)
    room = Ledger(store, environment.time_scale).room(window, environment.evaluation_users) if window else None
    others = _others(store, catalogue, environment_name, attempt_id)
    return findings(
        facts,
        catalogue,
        feature,
        environment_name,
        calls_needed=calls_needed,
        ai_action_room=room,
        ordered=_calls(catalogue, others, window) if window else {},
        month=_month(store, catalogue, feature, environment_name, others),
    )


def month_of(
    store: Store, catalogue: Catalogue, feature: Feature, environment_name: str, attempt_id: str | None
) -> MonthBudget | None:
    """How the feature's month stands, what its other runs were let in to spend included; None: see `month_budget`.

    Args:
        attempt_id: the run's own attempt; None if there is none yet.
    """
    others = _others(store, catalogue, environment_name, attempt_id)
    return _month(store, catalogue, feature, environment_name, others)


def _others(store: Store, catalogue: Catalogue, environment_name: str, attempt_id: str | None) -> Sequence[OrderedRun]:
    """A run that was let in holds its room for as long as the window is, after which its own calls have left it."""
    environment = catalogue.environments[environment_name]
    seconds = environment.limits.ai_action_window_hours * 3600 / environment.time_scale
    return ordered_runs(store, seconds, but=attempt_id)


def _calls(catalogue: Catalogue, others: Sequence[OrderedRun], window: Window) -> dict[str, int]:
    """The calls in this window that other runs have still to make, by run."""
    calls: Counter[str] = Counter()
    for run in others:
        feature, environment = catalogue.features.get(run.feature), catalogue.environments.get(run.environment)
        if feature and environment and ai_action_window(feature, run.environment, environment) == window:
            calls[run.run_key] += run.prompts
    return dict(+calls)


def _month(
    store: Store, catalogue: Catalogue, feature: Feature, environment_name: str, others: Sequence[OrderedRun]
) -> MonthBudget | None:
    own = [run for run in others if run.feature == feature.feature]
    prompts, verdicts = sum(run.prompts for run in own), sum(run.verdicts for run in own)
    verdicts += feature.frozen_answers * any(run.unwatched for run in own)  # the runs of a day share them
    environment = catalogue.environments[environment_name]
    return month_budget(store, catalogue, feature, environment, prompts_ordered=prompts, verdicts_ordered=verdicts)

"""The tasks' bodies: they fetch what a stage needs from Airflow, call the library, and hand a small manifest on.

Everything heavy is imported inside, so that parsing a DAG file stays fast.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

from daily_runs.errors import ParameterError

if TYPE_CHECKING:
    from daily_runs.run import Report, Work
    from daily_runs.store.database import Store

log = logging.getLogger(__name__)

PROGRESS_EVERY_PROMPTS = 25

SHOWN = {
    "inference": "shard {{ task.op_kwargs['shard'] }} ({{ '%.4g' % task.op_kwargs['prompts_per_minute'] }}/min)",
    "judging": "shard {{ task.op_kwargs['shard'] }}",
}
"""How the UI names a stage's mapped tasks."""


def plan(feature: str) -> dict[str, Any]:
    """Check the form, and decide what this run does: its logical date, its arms and why, how many prompts.

    Raises:
        ParameterError: an unknown or unusable parameter; or the feature is on hold that day.
    """
    from daily_runs import catalogue_files, pipeline, routing  # noqa: PLC0415

    context = get_current_context()
    params, dag_run = context["params"], context["dag_run"]
    form = context["dag"].params  # `params` has taken in whatever the configuration holds
    unknown = sorted(set(dag_run.conf or {}) - set(form))
    if unknown:
        known = ", ".join(sorted(form))
        raise ParameterError("run configuration", f"unknown parameter {', '.join(unknown)}", f"Known: {known}.")
    moment = context.get("logical_date") or dag_run.run_after
    chosen = pipeline.feature_named(catalogue_files.load(), feature)
    route = routing.route(chosen, moment, params["environment"])
    log.info("%s on %s goes to %s: %s", feature, moment, ", ".join(route.environments), route.reason)
    return {
        "logical_date": moment.astimezone(dt.UTC).isoformat(),
        "environments": list(route.environments),
        "reason": route.reason,
        "prompts": params["prompts"],
        "note": params["note"] or "",
    }


def route(manifest: Mapping[str, Any]) -> list[str]:
    """The first task of each arm that the plan chose; Airflow skips the other arms."""
    return [f"{environment}.seed_check" for environment in manifest["environments"]]


def open_and_check_seeds(feature: str, environment: str, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open the arm's attempt, or take up the unfinished one, then run its first stage.

    Returns:
        One `{"attempt_id", "shard", "prompts_per_minute"}` for each mapped task of inference and of judging; the rate
        is inference's, in time of the domain.
    """
    from daily_runs import catalogue_files, pipeline  # noqa: PLC0415
    from daily_runs.quota.rates import shard_prompts_per_minute  # noqa: PLC0415
    from daily_runs.run import RunKey  # noqa: PLC0415

    catalogue = catalogue_files.load()
    key = RunKey(feature, environment, dt.datetime.fromisoformat(manifest["logical_date"]))
    run_id = get_current_context()["dag_run"].run_id
    with _store() as store:
        attempt = pipeline.plan(
            store,
            catalogue,
            key,
            limit=manifest["prompts"],
            airflow_run_id=run_id,
            note=manifest["note"],
        )
        log.info("%s attempt %s of %s", "resumed" if attempt.resumed else "opened", attempt.attempt_id, key)
        _run(store, "seed_check", attempt.attempt_id, None)
    rate = shard_prompts_per_minute(catalogue, catalogue.features[feature], environment, attempt.shards)
    shared = {"attempt_id": attempt.attempt_id, "prompts_per_minute": rate}
    return [{**shared, "shard": shard} for shard in range(attempt.shards)]


def run_stage(stage: str, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run a later stage for a whole attempt; returns its counts."""
    with _store() as store:
        return _run(store, stage, shards[0]["attempt_id"], None)


def run_shard(stage: str, attempt_id: str, shard: int, prompts_per_minute: float) -> dict[str, Any]:
    """Run a mapped stage for one shard of an attempt; returns its counts.

    `prompts_per_minute` is the shard's part of inference's rate. Judging is mapped over the same list and has no rate
    of its own: it takes what the judge's account has.
    """
    if stage == "inference":
        log.info("shard %d may ask %.4g prompts a minute, as the catalogue's limits stand", shard, prompts_per_minute)
    with _store() as store:
        return _run(store, stage, attempt_id, shard)


def compare(feature: str, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the arms side by side: what each published and, where there are two, the paired difference."""
    from daily_runs import comparison  # noqa: PLC0415
    from daily_runs.run import RunKey  # noqa: PLC0415

    moment = dt.datetime.fromisoformat(manifest["logical_date"])
    with _store() as store:
        keys = [RunKey(feature, environment, moment) for environment in manifest["environments"]]
        outcome = comparison.compare(store, keys)
    log.info("outcome: %s", outcome)
    return outcome


def _store() -> Any:
    from daily_runs.store.database import open_store  # noqa: PLC0415
    from daily_runs_airflow.connections import store_url  # noqa: PLC0415

    return open_store(store_url())


def _run(store: Store, stage: str, attempt_id: str, shard: int | None) -> dict[str, Any]:
    from daily_runs import pipeline  # noqa: PLC0415
    from daily_runs.catalogue_watch import CatalogueWatch  # noqa: PLC0415
    from daily_runs.store import attempts  # noqa: PLC0415
    from daily_runs_airflow.connections import find  # noqa: PLC0415

    attempt = attempts.find_attempt(store, attempt_id)
    watch = CatalogueWatch()
    settled = _progress(stage, attempt.asked)
    work = pipeline.work_for(store, watch.catalogue, attempt, find, shard=shard, settled=settled, watch=watch)
    report = pipeline.run_stage(stage, work)
    return _manifest(report, work)


def _manifest(report: Report, work: Work) -> dict[str, Any]:
    counts = {name: getattr(report, name) for name in ("asked", "answered", "failed", "missing")}
    log.info("%s of %s: %s %s", report.stage, work.attempt.key, counts, dict(report.details))
    return {"stage": report.stage, **counts}


def _progress(stage: str, asked: int) -> Callable[[int], None]:
    done = 0

    def settled(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if done // PROGRESS_EVERY_PROMPTS != before // PROGRESS_EVERY_PROMPTS:
            log.info("%s: %d prompts settled here (the run has %d)", stage, done, asked)

    return settled

"""The tasks' bodies: they fetch what a stage needs from Airflow, call the library, and hand a small manifest on.

Everything heavy is imported inside, so that parsing a DAG file stays fast.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context

if TYPE_CHECKING:
    from daily_runs.catalogue.features import Feature
    from daily_runs.records.run import Report
    from daily_runs.runs.routing import Planned
    from daily_runs.stages.work import Work
    from daily_runs.store.database import Store


log = logging.getLogger(__name__)

PROGRESS_EVERY_PROMPTS = 25
BY_DATE = ("scheduled", "backfill")
"""Types of DAG runs that stand for their own logical date; that of others is only when they were started."""

SHOWN = {
    "inference": "shard {{ task.op_kwargs['shard'] }} ({{ '%.4g' % task.op_kwargs['prompts_per_minute'] }}/min)",
    "judging": "shard {{ task.op_kwargs['shard'] }}",
}
"""How the UI names a stage's mapped tasks."""


def plan(feature: str) -> dict[str, Any]:
    """Check the form, and decide what this run does: its logical date, what its phase plans, which prompts.

    Raises:
        ParameterError: an unknown or unusable parameter; or the feature is on hold that day.
    """
    from daily_runs.catalogue import catalogue as catalogue_module  # noqa: PLC0415
    from daily_runs.catalogue.reading import files as catalogue_files  # noqa: PLC0415
    from daily_runs.runs import (  # noqa: PLC0415
        rerun,
        routing,
        trigger_form,
    )

    context = get_current_context()
    dag_run = context["dag_run"]
    form = trigger_form.read(dag_run.conf or {}, context["params"])
    catalogue = catalogue_files.load()
    chosen = catalogue_module.feature_named(catalogue, feature)
    trigger_form.check(catalogue, chosen, form)
    moment, done_in, note = context.get("logical_date") or dag_run.run_after, None, ""
    if form.is_about_a_run:
        manual = dag_run.run_type not in BY_DATE
        with _store() as store:
            target = rerun.target(store, catalogue, chosen, form, moment, manual=manual, airflow_run_id=dag_run.run_id)
        moment, done_in, note = target.logical_date, target.environments, "" if form.forced else target.note
    plan = routing.planned(chosen, moment, form.environment, done_in if form.is_rerun else None)
    log.info("%s of %s: %s%s", feature, moment, plan.why, note)
    return {
        **form._asdict(),
        "redo": str(form.redo),
        "logical_date": moment.astimezone(dt.UTC).isoformat(),
        "done_in": done_in if form.is_rerun else None,
        "why": plan.why + note,
    }


def staging_ready(feature: str, manifest: Mapping[str, Any]) -> str:
    """Look whether staging is ready, where the plan asks for it, and say which task is next: the wait, or the route.

    What was found is the task's return value (`Readiness.as_json`); None where nobody had to look.
    """
    from daily_runs.catalogue.reading import files as catalogue_files  # noqa: PLC0415
    from daily_runs.readiness import (  # noqa: PLC0415
        check,
        state,
    )
    from daily_runs.readiness.waiting import look_every  # noqa: PLC0415
    from daily_runs.runs import routing  # noqa: PLC0415
    from daily_runs_airflow.connections import find  # noqa: PLC0415

    catalogue = catalogue_files.load()
    chosen, plan = catalogue.features[feature], _planned(catalogue.features[feature], manifest)
    if not plan.asks_for_staging:
        log.info("nobody needs to look at staging: %s", plan.why)
        return "route"
    with _store() as store:
        every = look_every(catalogue, routing.STAGING)
        check.look(store, catalogue, routing.STAGING, find, older_than_seconds=every)
        moment = dt.datetime.fromisoformat(manifest["logical_date"])
        found = state.of_feature(store, catalogue, feature, routing.STAGING, moment)
    log.info("staging is %s for %s: %s", found.state, feature, found.reason)
    _return(found.as_json())
    return "wait_for_staging" if routing.must_wait(chosen, plan, found.state) else "route"


def route(
    feature: str,
    manifest: Mapping[str, Any],
    looked: Mapping[str, Any] | None,
    waited: Mapping[str, Any] | None,
) -> list[str]:
    """Choose the arms and record why; returns the first task of each, and Airflow skips the other arms.

    Its return value is the decision: `environments` (none: the run is skipped), `planned`, `forced`, `reason`.
    """
    from daily_runs.catalogue.reading import files as catalogue_files  # noqa: PLC0415
    from daily_runs.records import routes  # noqa: PLC0415
    from daily_runs.runs import routing  # noqa: PLC0415
    from daily_runs.statuses import ReadinessState  # noqa: PLC0415

    chosen = catalogue_files.load().features[feature]
    plan = _planned(chosen, manifest)
    # of two looks at once the first counts: the wait's verdict is that on which the run waited no longer
    seen = max(filter(None, (waited, looked)), key=lambda known: known["looked_at"] or "", default=None)
    staging = routing.Staging(ReadinessState(seen["state"]), seen["reason"]) if seen else None
    decided = routing.route(chosen, plan, staging)
    row = routes.Routed(
        feature=feature,
        airflow_run_id=get_current_context()["dag_run"].run_id,
        logical_date=dt.datetime.fromisoformat(manifest["logical_date"]),
        planned=plan.environments,
        chosen=decided.environments,
        forced=manifest["environment"] != routing.AUTO,
        readiness=staging.state if staging else None,
        reason=decided.reason,
    )
    with _store() as store:
        routes.save(store, row)
    log.info("%s goes to %s: %s", feature, ", ".join(decided.environments) or "no environment", decided.reason)
    decision = {"environments": list(decided.environments), "planned": list(plan.environments), "forced": row.forced}
    _return({**decision, "reason": decided.reason})
    return [f"{environment}.seed_check" for environment in decided.environments]


def _planned(feature: Feature, manifest: Mapping[str, Any]) -> Planned:
    from daily_runs.runs import routing  # noqa: PLC0415

    done_in = manifest["done_in"]
    moment = dt.datetime.fromisoformat(manifest["logical_date"])
    sent_to = tuple(done_in) if done_in is not None else None
    return routing.planned(feature, moment, manifest["environment"], sent_to)._replace(why=manifest["why"])


def _return(value: Mapping[str, Any]) -> None:
    """Give a branch a return value that people see and tasks read: its own is the list of tasks to follow."""
    get_current_context()["ti"].xcom_push("return_value", dict(value))


def open_and_check_seeds(feature: str, environment: str, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open the arm's attempt, or take up the unfinished one, then run its first stage.

    Returns:
        One `{"attempt_id", "shard", "prompts_per_minute"}` for each mapped task of inference and of judging; the rate
        is inference's, in time of the domain.
    """
    from daily_runs.catalogue.rates import shard_prompts_per_minute  # noqa: PLC0415
    from daily_runs.catalogue.reading import files as catalogue_files  # noqa: PLC0415
    from daily_runs.records.run import RunKey  # noqa: PLC0415
    from daily_runs.runs import rerun  # noqa: PLC0415
    from daily_runs.statuses import Redo  # noqa: PLC0415

    catalogue = catalogue_files.load()
    order = rerun.Order(
        key=RunKey(feature, environment, dt.datetime.fromisoformat(manifest["logical_date"])),
        redo=Redo(manifest["redo"]),
        prompts=manifest["prompts"],
        only=manifest["only"],
        rubric_version=manifest["rubric_version"],
        airflow_run_id=get_current_context()["dag_run"].run_id,
        note=manifest["note"],
    )
    with _store() as store:
        attempt = rerun.open_attempt(store, catalogue, order)
        begun = "resumed" if attempt.resumed else "opened"
        log.info("%s attempt %s of %s (redo: %s)", begun, attempt.attempt_id, order.key, order.redo)
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


def compare(feature: str, manifest: Mapping[str, Any], routed: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the arms side by side: what each published and, where there are two, the paired difference."""
    from daily_runs.records.run import RunKey  # noqa: PLC0415
    from daily_runs.results import comparison  # noqa: PLC0415

    moment = dt.datetime.fromisoformat(manifest["logical_date"])
    with _store() as store:
        keys = [RunKey(feature, environment, moment) for environment in routed["environments"]]
        outcome = comparison.compare(store, keys)
    log.info("outcome: %s", outcome)
    return outcome


def _store() -> Any:
    from daily_runs.store.database import open_store  # noqa: PLC0415
    from daily_runs_airflow.connections import store_url  # noqa: PLC0415

    return open_store(store_url())


def _run(store: Store, stage: str, attempt_id: str, shard: int | None) -> dict[str, Any]:
    from daily_runs.catalogue.reading.watch import CatalogueWatch  # noqa: PLC0415
    from daily_runs.records import attempts  # noqa: PLC0415
    from daily_runs.stages import pipeline  # noqa: PLC0415
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
    limits = {"limits": dict(report.details)} if report.stage == "limit_probe" else {}
    return {"stage": report.stage, **counts, **limits}


def _progress(stage: str, asked: int) -> Callable[[int], None]:
    done = 0

    def settled(count: int) -> None:
        nonlocal done
        before, done = done, done + count
        if done // PROGRESS_EVERY_PROMPTS != before // PROGRESS_EVERY_PROMPTS:
            log.info("%s: %d prompts settled here (the run has %d)", stage, done, asked)

    return settled

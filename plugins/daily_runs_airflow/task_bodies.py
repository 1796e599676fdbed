"""What the tasks do: they fetch what a stage needs from Airflow, call the library, and hand a small manifest on.

`tasks` has their signatures, for DAG files; this module is imported when a task runs.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from airflow.sdk import get_current_context

from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.rates import shard_prompts_per_minute
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.reading.watch import CatalogueWatch
from daily_runs.clock import Clock
from daily_runs.readiness import check, state
from daily_runs.readiness.waiting import check_every
from daily_runs.records import attempts, routes
from daily_runs.records.gate import GateOverride
from daily_runs.records.run import Report, RunKey
from daily_runs.results import comparison, published
from daily_runs.runs import duplicate, opening, rerun, routing, trigger_form
from daily_runs.runs.routing import Planned
from daily_runs.runs.target import target_of
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import ReadinessState, Rerun
from daily_runs.store.database import Store, open_store
from daily_runs_airflow.assets import event_of
from daily_runs_airflow.connections import find, store_url
from daily_runs_airflow.policies import HOURLY_CHECK_INTERVAL

log = logging.getLogger(__name__)

PROGRESS_EVERY_PROMPTS = 25
BY_DATE = ("scheduled", "backfill")
"""Types of DAG runs that stand for their own logical date; that of others is only when they were started."""


def plan(feature: str) -> dict[str, Any]:
    """Check the form, and decide what this run does: its logical date, what its phase plans, which prompts.

    Raises:
        ParameterError: an unknown or unusable parameter; or the feature is on hold that day.
    """
    context = get_current_context()
    dag_run = context["dag_run"]
    form = trigger_form.read(dag_run.conf or {}, context["params"])
    catalogue = catalogue_files.load()
    chosen = feature_named(catalogue, feature)
    trigger_form.check(catalogue, chosen, form)
    moment, done_in, note = context.get("logical_date") or dag_run.run_after, None, ""
    sample = "" if form.is_rerun else opening.sample(chosen, limit=form.prompts, only=form.only)
    with _store() as store:
        if form.is_about_a_run:
            manual = dag_run.run_type not in BY_DATE
            target = target_of(store, catalogue, chosen, form, moment, manual=manual, airflow_run_id=dag_run.run_id)
            moment, done_in, note = target.logical_date, target.environments, "" if form.forced else target.note
            sample = target.sample if form.is_rerun else sample
        # A backfill's `run_after` is its date, not when it was ordered.
        if not form.is_rerun and dag_run.run_type != "backfill":
            order = duplicate.GivenOrder(form, moment, dag_run.run_id, dag_run.run_after)
            duplicate.must_not_be_done_meanwhile(store, catalogue, chosen, order)
    opening.check_date(chosen, moment)
    plan = routing.planned(chosen, moment, form.environment, done_in if form.is_rerun else None)
    log.info("%s of %s: %s%s", feature, moment, plan.why, note)
    return {
        **form._asdict(),
        "rerun": str(form.rerun),
        "logical_date": moment.astimezone(dt.UTC).isoformat(),
        "sample": sample,
        "done_in": done_in if form.is_rerun else None,
        "why": plan.why + note,
    }


def staging_ready(feature: str, manifest: Mapping[str, Any]) -> str:
    """Look whether staging is ready, where the plan asks for it, and say which task is next: the wait, or the route.

    What was found is the task's return value (`Readiness.as_json`); None where nobody had to look.
    """
    catalogue = catalogue_files.load()
    chosen = feature_named(catalogue, feature)
    plan = _planned(chosen, manifest)
    if not plan.asks_for_staging:
        log.info("nobody needs to look at staging: %s", plan.why)
        return "route"
    with _store() as store:
        every = check_every(catalogue, routing.STAGING)
        check.refresh(store, catalogue, routing.STAGING, find, older_than_seconds=every)
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
    chosen = feature_named(catalogue_files.load(), feature)
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
    catalogue = catalogue_files.load()
    dag_run = get_current_context()["dag_run"]
    order = rerun.RerunOrder(
        key=_key(feature, environment, manifest),
        rerun=Rerun(manifest.get("rerun") or manifest["redo"]),  # the old name: planned before the field was renamed
        prompts=manifest["prompts"],
        only=manifest["only"],
        rubric_version=manifest["rubric_version"],
        airflow_run_id=dag_run.run_id,
        note=manifest["note"],
        anew=dag_run.run_type not in BY_DATE,
        override=_override(manifest.get("override_gate", ""), dag_run.triggering_user_name),
    )
    with _store() as store:
        attempt = rerun.open_attempt(store, catalogue, order)
        begun = "resumed" if attempt.resumed else "opened"
        log.info("%s attempt %s of %s (rerun: %s)", begun, attempt.attempt_id, attempt.key, order.rerun)
        _run(store, "seed_check", attempt.attempt_id, None)
    rate = shard_prompts_per_minute(catalogue, feature_named(catalogue, feature), environment, attempt.shards)
    shared = {"attempt_id": attempt.attempt_id, "prompts_per_minute": rate}
    return [{**shared, "shard": shard} for shard in range(attempt.shards)]


def _override(reason: str, user: str | None) -> GateOverride | None:
    return GateOverride(reason, user or "somebody whom Airflow does not name") if reason else None


def _key(feature: str, environment: str, manifest: Mapping[str, Any]) -> RunKey:
    moment = dt.datetime.fromisoformat(manifest["logical_date"])
    return RunKey(feature, environment, moment, manifest.get("sample", ""))  # none: planned before samples had keys


def run_stage(stage: str, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run a later stage for a whole attempt; returns its counts."""
    attempt_id = shards[0]["attempt_id"]
    with _store() as store:
        done = _run(store, stage, attempt_id, None)
        if stage == "publish":
            _announce(store, attempt_id)
    return done


def _announce(store: Store, attempt_id: str) -> None:
    """Say in the events of the task's outlets what was published; Airflow sends them if the task succeeds."""
    run = published.of_run(store, str(attempts.find_attempt(store, attempt_id).key))
    assert run is not None  # it is published, whoever published it last
    context = get_current_context()
    for asset in context["outlets"]:
        context["outlet_events"][asset].extra = event_of(run)


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
    """Lay the arms side by side: what each published and, where there are two, the verdict over their difference."""
    quality = feature_named(catalogue_files.load(), feature).quality
    with _store() as store:
        keys = [_key(feature, environment, manifest) for environment in routed["environments"]]
        outcome = comparison.compare(store, keys, quality)
    if "sentence" in outcome:
        log.info("%s", outcome["sentence"])
    log.info("outcome: %s", outcome)
    return outcome


def check_readiness(environment: str) -> dict[str, Any]:
    """Take a look unless there is a young one (by hand: always); log what the newest one found of each feature.

    Returns:
        `{"looked": whether it took one, "features": state by feature}`.
    """
    catalogue, by_hand = catalogue_files.load(), get_current_context()["dag_run"].run_type == "manual"
    young = 0.0 if by_hand else HOURLY_CHECK_INTERVAL.total_seconds() / 2
    aspects = state.LOOKED_AT
    with _store() as store:
        looked = check.refresh(store, catalogue, environment, find, older_than_seconds=young)
        found = [
            state.of_feature(store, catalogue, feature.feature, environment, Clock.now(), aspects)
            for feature in check.features_of(catalogue, environment)
        ]
    for one in found:
        log.info("%s in %s is %s: %s", one.feature, environment, one.state, one.reason)
    return {"looked": looked, "features": {one.feature: str(one.state) for one in found}}


def _store() -> AbstractContextManager[Store]:
    return open_store(store_url())


def _run(store: Store, stage: str, attempt_id: str, shard: int | None) -> dict[str, Any]:
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

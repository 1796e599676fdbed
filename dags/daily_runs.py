"""One DAG a feature of the catalogue: plan, is staging ready, route, an arm of six stages per environment, compare.

Set DAILY_RUNS_SCHEDULES=off to have every DAG run only when triggered.
"""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

from airflow.sdk import DAG, Param, ParamsDict, TaskGroup, XComArg, task

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.zones import first_moment
from daily_runs.readiness.waiting import wait_max
from daily_runs.runs import trigger_form
from daily_runs.runs.routing import STAGING
from daily_runs_airflow import policies, tasks
from daily_runs_airflow.docs import TASK_DOCS, feature_doc
from daily_runs_airflow.sensors import StagingReadySensor
from daily_runs_airflow.timetable import MigrationTimetable

COMMON = {
    "retries": policies.RETRIES,
    "retry_delay": policies.RETRY_DELAY,
    "retry_policy": policies.NAMED_ERRORS,
    "execution_timeout": policies.SHORT_TASK_TIMEOUT,
}


def params(catalogue: Catalogue, feature: Feature) -> ParamsDict:
    """The form."""
    return ParamsDict({name: Param(**field) for name, field in trigger_form.fields(catalogue, feature).items()})


def arm(catalogue: Catalogue, feature: Feature, environment: str, manifest: XComArg) -> XComArg:
    """Six stages in one environment; returns the last one."""
    limits = policies.limits_of(catalogue, feature, environment)

    def stage(name: str, **options: Any) -> Any:
        return task(task_id=name, doc_md=TASK_DOCS[name], **COMMON | options)

    def mapped(name: str, pool: str, timeout: dt.timedelta) -> Any:
        admission = {"pool": pool, "pool_slots": limits.pool_slots, "execution_timeout": timeout}
        return stage(name, map_index_template=tasks.SHOWN[name], **admission)(tasks.run_shard)

    with TaskGroup(environment, tooltip=f"{feature.title} in {environment}"):
        shards = stage("seed_check")(tasks.open_and_check_seeds)(feature.feature, environment, manifest)
        probe = stage("limit_probe")(tasks.run_stage)("limit_probe", shards)
        asking = mapped("inference", limits.inference_pool, limits.inference_timeout)
        inference = asking.partial(stage="inference").expand_kwargs(shards)
        scoring = mapped("judging", limits.judging_pool, limits.judging_timeout)
        judging = scoring.partial(stage="judging").expand_kwargs(shards)
        validation = stage("validation")(tasks.run_stage)("validation", shards)
        publish = stage("publish")(tasks.run_stage)("publish", shards)
        probe >> inference >> judging >> validation >> publish
    return publish


def routed(feature: Feature, wait: dt.timedelta, manifest: XComArg) -> XComArg:
    """Look at staging, wait for it if that is the rule, choose the arms; returns the decision."""

    def branch(name: str, **options: Any) -> Any:
        """It pushes its own return value, which people can read: Airflow's would be the ids of tasks."""
        return task.branch(task_id=name, doc_md=TASK_DOCS[name], do_xcom_push=False, **COMMON | options)

    looked = branch("staging_ready", execution_timeout=policies.LOOK_TIMEOUT)(tasks.staging_ready)(
        feature.feature, manifest
    )
    waited = StagingReadySensor(task_id="wait_for_staging", feature=feature.feature, environment=STAGING, wait=wait)
    looked >> waited
    either = "none_failed_min_one_success"
    return branch("route", trigger_rule=either)(tasks.route)(feature.feature, manifest, looked, waited.output)


def daily_run(catalogue: Catalogue, feature: Feature) -> DAG:
    """A feature's DAG."""
    environments, wait = sorted(catalogue.environments), wait_max(catalogue, STAGING)
    arms_last = max(policies.limits_of(catalogue, feature, name).arm_timeout for name in environments)
    scheduled = os.environ.get("DAILY_RUNS_SCHEDULES", "on") != "off"
    with DAG(
        dag_id=f"daily_runs_{feature.feature}",
        dag_display_name=f"Daily run: {feature.title}",
        description=f"{feature.title}, every day, by the catalogue's phases",
        schedule=MigrationTimetable(feature.phases, feature.timezone) if scheduled else None,
        start_date=first_moment(feature.phases[0].starts, feature.zone),
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=policies.routing_timeout(wait) + arms_last,
        tags=["daily-runs", f"priority-{feature.priority}", feature.owner.team],
        default_args={"owner": feature.owner.dri, **policies.priority_of(feature)},
        doc_md=feature_doc(catalogue, feature),
    ) as dag:
        manifest = task(task_id="plan", doc_md=TASK_DOCS["plan"], **COMMON)(tasks.plan)(feature.feature)
        chosen = routed(feature, wait, manifest)
        arms = [arm(catalogue, feature, environment, manifest) for environment in environments]
        last = {"trigger_rule": "none_failed_min_one_success", "doc_md": TASK_DOCS["compare"]}
        compare = task(task_id="compare", **COMMON | last)(tasks.compare)
        for environment in environments:
            chosen >> dag.task_group.children[environment]
        arms >> compare(feature.feature, manifest, chosen)
    dag.params = params(catalogue, feature)  # last: each task made before would take a deep copy of them
    return dag


CATALOGUE = catalogue_files.load()
for name in sorted(CATALOGUE.features):
    daily_run(CATALOGUE, CATALOGUE.features[name])

"""One DAG a feature of the catalogue: plan, is staging ready, route, an arm of six stages per environment, compare.

Set DAILY_RUNS_SCHEDULES=off to have every DAG run only when triggered; Airflow then refuses backfills, too.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from typing import NamedTuple

from airflow.sdk import DAG, Param, ParamsDict, TaskGroup, XComArg

from daily_runs import feature_files
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.zones import first_moment
from daily_runs.readiness.waiting import wait_max
from daily_runs.runs import trigger_form
from daily_runs.runs.routing import STAGING
from daily_runs_airflow import policies, tasks
from daily_runs_airflow.assets import published_runs
from daily_runs_airflow.docs import feature_doc
from daily_runs_airflow.sensors import StagingReadySensor
from daily_runs_airflow.timetable import MigrationTimetable


def params(catalogue: Catalogue, feature: Feature) -> ParamsDict:
    """The form."""
    return ParamsDict({name: Param(**field) for name, field in trigger_form.fields(catalogue, feature).items()})


class Arm(NamedTuple):
    """Six stages in one environment. `shards`: the first one's result; `work`: those that are done when all is done."""

    shards: XComArg
    work: Sequence[XComArg]
    publish: XComArg


def arm(catalogue: Catalogue, feature: Feature, environment: str, manifest: XComArg) -> Arm:
    """Wire the stages of one environment."""
    limits = policies.limits_of(catalogue, feature, environment)
    asking = tasks.inference.override(
        pool=limits.inference_pool, pool_slots=limits.pool_slots, execution_timeout=limits.inference_timeout
    )
    scoring = tasks.judging.override(
        pool=limits.judging_pool, pool_slots=limits.pool_slots, execution_timeout=limits.judging_timeout
    )
    with TaskGroup(environment, tooltip=f"{feature.title} in {environment}"):
        shards = tasks.seed_check(feature.feature, environment, manifest)
        probe = tasks.limit_probe("limit_probe", shards)
        inference = asking.partial(stage="inference").expand_kwargs(shards)
        judging = scoring.partial(stage="judging").expand_kwargs(shards)
        validation = tasks.validation("validation", shards)
        publish = tasks.publish.override(outlets=[published_runs(feature.feature)])("publish", shards)
        probe >> inference >> judging >> validation >> publish
    return Arm(shards, (probe, inference, judging, validation, publish), publish)


def routed(feature: Feature, wait: dt.timedelta, manifest: XComArg) -> XComArg:
    """Look at staging, wait for it if that is the rule, choose the arms; returns the decision."""
    looked = tasks.staging_ready(feature.feature, manifest)
    waited = StagingReadySensor(task_id="wait_for_staging", feature=feature.feature, environment=STAGING, wait=wait)
    looked >> waited
    return tasks.route(feature.feature, manifest, looked, waited.output)


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
        on_failure_callback=tasks.run_failed,
        on_success_callback=tasks.run_ended_well,
        tags=["daily-runs", f"priority-{feature.priority}", feature.owner.team],
        default_args={
            "owner": feature.owner.dri,
            "on_failure_callback": tasks.tell,
            "on_retry_callback": tasks.tell,
            **policies.priority_of(feature),
        },
        doc_md=feature_doc(catalogue, feature),
    ) as dag:
        manifest = tasks.plan(feature.feature)
        chosen = routed(feature, wait, manifest)
        arms = {environment: arm(catalogue, feature, environment, manifest) for environment in environments}
        for environment in environments:
            chosen >> dag.task_group.children[environment]
        compared = tasks.compare(feature.feature, manifest, chosen)
        [one.publish for one in arms.values()] >> compared
        shards = {environment: one.shards for environment, one in arms.items()}
        ended = tasks.summary(feature.feature, manifest, shards).as_teardown()
        # Not right after `route`: a branch skips what comes right after it and was not chosen.
        # A task is `upstream_failed` while other shards still work, so each must have ended.
        [compared, *(task for one in arms.values() for task in one.work)] >> ended
    dag.params = params(catalogue, feature)  # last: each task made before would take a deep copy of them
    return dag


CATALOGUE = feature_files.load()  # of the features that can run; broken_features.py tells of the others
for name in sorted(CATALOGUE.features):
    daily_run(CATALOGUE, CATALOGUE.features[name])

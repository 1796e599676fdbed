"""Looks at every environment once an hour, so that `daily-runs status` and routing know what is in the way.

Set DAILY_RUNS_SCHEDULES=off to have it run only when triggered.
"""

from __future__ import annotations

import datetime as dt
import os

from airflow.sdk import DAG, task

from daily_runs.catalogue.pools import SENSORS_POOL
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs_airflow import policies, readiness_tasks

CATALOGUE = catalogue_files.load()
SCHEDULED = os.environ.get("DAILY_RUNS_SCHEDULES", "on") != "off"

with DAG(
    dag_id="readiness",
    dag_display_name="Readiness: a look at every environment",
    description="Seeds and limits of every feature, once an hour; spends nothing",
    schedule=readiness_tasks.SCHEDULE if SCHEDULED else None,
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=readiness_tasks.TIMEOUT * (policies.RETRIES + 2),
    tags=["readiness"],
    default_args={"owner": readiness_tasks.OWNER},
    doc_md=readiness_tasks.DAG_DOC,
):
    for name in sorted(CATALOGUE.environments):
        task(
            task_id=f"look_at_{name}",
            doc_md=readiness_tasks.LOOK_DOC,
            pool=SENSORS_POOL,
            retries=policies.RETRIES,
            retry_delay=policies.RETRY_DELAY,
            retry_policy=policies.NAMED_ERRORS,
            execution_timeout=readiness_tasks.TIMEOUT,
        )(readiness_tasks.look)(name)

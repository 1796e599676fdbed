"""Looks at every environment once an hour, so that `daily-runs status` and routing know what is in the way.

Set DAILY_RUNS_SCHEDULES=off to have it run only when triggered.
"""

from __future__ import annotations

import datetime as dt
import os

from airflow.sdk import DAG

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs_airflow import policies, tasks
from daily_runs_airflow.docs import READINESS_DOC

CATALOGUE = catalogue_files.load()
SCHEDULED = os.environ.get("DAILY_RUNS_SCHEDULES", "on") != "off"

with DAG(
    dag_id="readiness",
    dag_display_name="Readiness: a look at every environment",
    description="Seeds and limits of every feature, once an hour; spends nothing",
    schedule=policies.HOURLY if SCHEDULED else None,
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=policies.HOURLY_CHECK_TIMEOUT * (policies.RETRIES + 2),
    tags=["readiness"],
    default_args={"owner": "model validation", "on_failure_callback": tasks.tell, "on_retry_callback": tasks.tell},
    doc_md=READINESS_DOC,
):
    for name in sorted(CATALOGUE.environments):
        tasks.check_readiness.override(task_id=f"look_at_{name}")(name)

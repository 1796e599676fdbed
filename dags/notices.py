"""Tells people what no run's end tells, every ten minutes, and each team its week, on Mondays.

Set DAILY_RUNS_SCHEDULES=off to have both run only when triggered.
"""

from __future__ import annotations

import datetime as dt
import os

from airflow.sdk import DAG

from daily_runs_airflow import policies, tasks
from daily_runs_airflow.docs import NOTICES_DOC

SCHEDULED = os.environ.get("DAILY_RUNS_SCHEDULES", "on") != "off"
STARTS = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
OWNER = {"owner": "model validation", "on_failure_callback": tasks.tell, "on_retry_callback": tasks.tell}

with DAG(
    dag_id="notices",
    dag_display_name="Notices: what people have to know",
    description="Late runs, lost readiness, budgets, alarms, and what is over; spends nothing",
    schedule=policies.NOTICES if SCHEDULED else None,
    start_date=STARTS,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=policies.NOTICES_TIMEOUT,
    on_failure_callback=tasks.look_failed,
    tags=["notices"],
    default_args=OWNER,
    doc_md=NOTICES_DOC,
):
    tasks.look_for_incidents()

with DAG(
    dag_id="notices_weekly",
    dag_display_name="Notices: each team's week",
    description="Verdicts, trend, cost, readiness and alarms of the last whole week; spends nothing",
    schedule=policies.WEEKLY if SCHEDULED else None,
    start_date=STARTS,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=policies.NOTICES_TIMEOUT,
    tags=["notices"],
    default_args=OWNER,
    doc_md=NOTICES_DOC,
):
    tasks.tell_the_week()

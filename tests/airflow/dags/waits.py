"""DAGs for the tests of the sensors: each only waits for staging."""

from __future__ import annotations

import datetime as dt

from airflow.sdk import DAG

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.readiness.waiting import wait_max
from daily_runs_airflow.sensors import SeedDataSensor, StagingReadySensor

CATALOGUE = catalogue_files.load()
FEATURES = sorted(set(CATALOGUE.features) - {"code_suggestions"})  # which has no seeds to wait for
WAITING = 10

for number in range(WAITING):
    feature = FEATURES[number % len(FEATURES)]
    with DAG(f"waits_{number}", schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
        wait = wait_max(CATALOGUE, "staging")
        StagingReadySensor(task_id="wait_for_staging", feature=feature, environment="staging", wait=wait)

SHORT = dt.timedelta(seconds=12)
for name, options in {"gives_up": {}, "is_skipped": {"soft_fail": True}}.items():
    with DAG(name, schedule=None, start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
        SeedDataSensor(task_id="wait_for_seeds", feature="duo_chat", environment="staging", wait=SHORT, **options)

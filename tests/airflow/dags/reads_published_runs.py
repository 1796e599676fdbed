"""An example for other teams: a DAG that runs when chat has published a run, and reads what was published.

In another Airflow project, write the asset as `Asset("daily_runs_duo_chat_published")`. `READER` names a connection,
whose login should be a member of `daily_runs_reader` (docs/data_contract.md).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.sdk import DAG, get_current_context, task

from daily_runs_airflow.assets import published_runs

READER = "daily_runs_store"
CHAT = published_runs("duo_chat")
CLASSES = """
SELECT item_class, avg(mean), sum(answered + failed)::int FROM contract.items_v1 WHERE run_key = %(run_key)s
GROUP BY item_class ORDER BY item_class
"""


@task
def read() -> list[dict[str, Any]]:
    """Each event with the mean of every class; several runs may have been published since this DAG last ran."""
    found = []
    for event in get_current_context()["triggering_asset_events"][CHAT]:
        rows = PostgresHook(READER).get_records(CLASSES, parameters={"run_key": event.extra["run_key"]})
        classes = {name: {"mean": mean, "prompts": prompts} for name, mean, prompts in rows}
        found.append({"event": dict(event.extra), "classes": classes})
    return found


with DAG("reads_published_runs", schedule=[CHAT], start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
    read()

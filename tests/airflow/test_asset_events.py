"""A published run tells the DAGs that wait for it, on the real scheduler; the example consumer reads the contract."""

from __future__ import annotations

from typing import Any

import pytest

from daily_runs_airflow.assets import EVENT
from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

CONSUMER, PROMPTS = "reads_published_runs", 5


def test_a_consumer_is_started_by_a_published_run_with_its_key_counts_verdict_and_checksum(airflow: Airflow) -> None:
    airflow.api.unpause(CONSUMER)
    run = airflow.trigger("duo_chat", environment="staging", prompts=PROMPTS)
    assert airflow.wait(run) == "success"
    key = airflow.attempt(run)["run_key"]
    started: list[DagRun] = []

    def is_told() -> bool:
        runs = airflow.api.get(f"/dags/{CONSUMER}/dagRuns", limit=100)["dag_runs"]
        started[:] = [DagRun(CONSUMER, one["dag_run_id"]) for one in runs if one["run_type"] == "asset_triggered"]
        return any(_of_run(airflow, one, key) for one in started)

    airflow.until(is_told, f"{CONSUMER} to read {key}")
    (told,) = [found for one in started for found in _of_run(airflow, one, key)]
    row = airflow.store.row(f"SELECT {', '.join(EVENT)} FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": key})
    assert told["event"]["logical_date"] == row.pop("logical_date").isoformat()
    assert told["event"]["attempt_id"] == str(row.pop("attempt_id"))
    assert {name: told["event"][name] for name in row} == row
    assert (row["kind"], row["asked"], row["provenance"]) == ("sample", PROMPTS, "sandbox")
    assert sum(found["prompts"] for found in told["classes"].values()) == PROMPTS


def _of_run(airflow: Airflow, run: DagRun, key: str) -> list[dict[str, Any]]:
    """What a consumer's run returned of that published run; nothing before it has ended."""
    if airflow.api.run_state(*run) != "success":
        return []
    entry = airflow.api.get(f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/read/xcomEntries/return_value")
    value = entry["value"]
    return [found for found in value if found["event"]["run_key"] == key]

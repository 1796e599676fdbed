"""A run of the shadow phase on the real scheduler: both arms ask the same, and the last task compares them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.airflow.conftest import Airflow

pytestmark = pytest.mark.timeout(1800)

FEATURE = "vulnerability_explanation"
DAY, CUTOVER = "2026-03-02T06:00:00Z", "2026-03-09"
PHASES = [
    {"phase": "shadow", "starts": "2026-03-01", "schedule": "0 6 * * *"},
    {"phase": "staging", "starts": CUTOVER, "schedule": "0 6 * * *"},
    {"phase": "on_hold", "starts": "2026-03-10"},
]


def test_both_arms_of_a_shadow_run_publish_and_the_last_task_gives_the_verdict_over_their_difference(
    airflow: Airflow,
) -> None:
    with airflow.edited({f"features/{FEATURE}.yaml": {"phases": PHASES, "cutover": {"planned": CUTOVER}}}):
        run = airflow.trigger(FEATURE, DAY)
        assert airflow.wait(run) == "success"
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/compare/xcomEntries/return_value"
    outcome: dict[str, Any] = airflow.api.get(path, deserialize=True)["value"]
    rows = airflow.store.rows(
        "SELECT * FROM contract.runs_v2 WHERE feature = %(feature)s AND logical_date = %(day)s",
        {"feature": FEATURE, "day": DAY},
    )
    means = {row["environment"]: row["mean_score"] for row in rows}
    assert outcome["arms"].keys() == means.keys() == {"production", "staging"}
    difference = outcome["difference"]
    assert difference["differs"] == []
    assert difference["estimate"] == pytest.approx(means["staging"] - means["production"])
    assert difference["low"] < difference["estimate"] < difference["high"]
    assert outcome["sentence"].startswith("staging against production: ")
    assert f"{difference['estimate']:+.3f}" in outcome["sentence"]
    assert outcome["sentence"] in airflow.log(run, "compare")
    compared = airflow.store.rows(
        "SELECT * FROM contract.comparisons_v1 WHERE run_key = %(key)s", {"key": f"{FEATURE}/staging/{DAY}"}
    )
    assert [row["verdict"] for row in compared if row["estimate"] == difference["estimate"]] == [difference["verdict"]]

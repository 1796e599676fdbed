"""A backfill over a cutover on the real scheduler: each date's phase says when there are runs, and where they go."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.airflow.conftest import OVER_A_CUTOVER, Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

DAG_ID = "daily_runs_code_suggestions"
PROMPTS = 2
BY_HAND = [
    ("2026-01-06T23:30:00Z", "production"),  # Wednesday 7 January, 00:30 in Berlin
    ("2026-01-08T23:30:00Z", "production"),  # Friday 9
    ("2026-01-09T23:30:00Z", "staging"),  # Saturday 10, the first day of staging; Friday still in UTC
    ("2026-01-10T23:30:00Z", "staging"),  # Sunday 11, the last day before it is on hold
]
"""What a week over the cutover of `OVER_A_CUTOVER` is to run."""


class Backfilled(NamedTuple):
    """The runs that a backfill made, by logical date, in order."""

    runs: dict[str, DagRun]


@pytest.fixture(scope="module")
def backfilled(airflow: Airflow) -> Backfilled:
    """A week, from before the last interim runs to days on which the feature is on hold."""
    airflow.api.unpause(DAG_ID)
    airflow.api.post(
        "/backfills",
        {
            "dag_id": DAG_ID,
            "from_date": "2026-01-06T12:00:00Z",
            "to_date": "2026-01-14T12:00:00Z",
            "dag_run_conf": {"prompts": PROMPTS, "note": "over the cutover"},
            "max_active_runs": len(BY_HAND),
        },
    )
    found = airflow.api.get(f"/dags/{DAG_ID}/dagRuns", limit=100)["dag_runs"]
    made = {run["logical_date"]: DagRun(DAG_ID, run["dag_run_id"]) for run in found if run["run_type"] == "backfill"}
    return Backfilled(dict(sorted(made.items())))


def test_a_backfill_over_a_cutover_makes_the_runs_of_each_phase_and_none_on_hold(backfilled: Backfilled) -> None:
    assert list(backfilled.runs) == [logical_date for logical_date, _ in BY_HAND]


def test_each_run_of_a_backfill_goes_where_its_dates_phase_says(airflow: Airflow, backfilled: Backfilled) -> None:
    ended = [airflow.wait(run) for run in backfilled.runs.values()]
    assert ended == ["success"] * len(BY_HAND), [
        (task["task_id"], airflow.api.log_text(*run, task)[-3000:])
        for run in backfilled.runs.values()
        for task in airflow.api.task_instances(*run)
        if task["state"] == "failed"
    ][:1]
    rows = {
        logical_date: airflow.store.rows(
            "SELECT environment, asked, answered FROM contract.runs_v2 WHERE run_key LIKE %(key)s",
            {"key": f"code_suggestions/%/{logical_date}%"},
        )
        for logical_date in backfilled.runs
    }
    assert rows == {
        logical_date: [{"environment": environment, "asked": PROMPTS, "answered": PROMPTS}]
        for logical_date, environment in BY_HAND
    }


def test_the_list_of_dags_says_in_words_what_runs_when(airflow: Airflow) -> None:
    dag = airflow.api.get(f"/dags/{DAG_ID}")
    zone = OVER_A_CUTOVER["timezone"]
    assert dag["timetable_summary"] == (
        f"Mon, Wed, Fri 00:30 {zone} from 5 Jan 2026; daily 00:30 {zone} from 10 Jan; on hold from 12 Jan"
    )
    assert dag["timetable_description"].startswith("5 Jan 2026 interim_production: Mon, Wed, Fri 00:30")

"""A feature's file breaks while runs are under way: it alone loses its DAG; once it is mended, its own run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

BROKEN, OTHER, LATER = "root_cause_analysis", "vulnerability_explanation", "duo_chat"
PROMPTS = 320
"""Sixteen seconds of asking, so that the file breaks in the midst of it."""


def dags(airflow: Airflow) -> set[str]:
    """The features that have a DAG in Airflow's list."""
    ids = {str(dag["dag_id"]) for dag in airflow.api.get("/dags", limit=100)["dags"]}
    return {name.removeprefix("daily_runs_") for name in ids if name.startswith("daily_runs_")}


def import_errors(airflow: Airflow) -> list[dict[str, Any]]:
    """What Airflow shows as *Dag Import Error*."""
    return list(airflow.api.get("/importErrors", limit=100)["import_errors"])


@contextmanager
def broken(airflow: Airflow) -> Iterator[int]:
    """The feature's file with a key that nobody knows; yields the line."""
    file = airflow.include / f"catalogue/features/{BROKEN}.yaml"
    text = file.read_text()
    file.write_text(f"{text}priorit: 1\n")
    try:
        yield len(file.read_text().splitlines())
    finally:
        file.write_text(text)


class Seen(NamedTuple):
    """What was seen while the file was broken, and the runs."""

    line: int
    features_before: set[str]
    features: set[str]
    errors: list[dict[str, Any]]
    waiting: list[dict[str, Any]]
    own: DagRun
    others: dict[str, str]


@pytest.fixture(scope="module")
def seen(airflow: Airflow) -> Seen:
    """Two runs begin, the file of one feature breaks, the other's run ends, a third one begins and ends; then the
    file is mended."""
    before = dags(airflow)
    own = airflow.trigger(BROKEN, environment="staging", prompts=PROMPTS)
    other = airflow.trigger(OTHER, environment="staging", prompts=6)
    airflow.until(lambda: answered(airflow, own) >= PROMPTS // 8, "the first answers")
    with broken(airflow) as line:
        airflow.until(lambda: import_errors(airflow), "the import error")
        airflow.until(lambda: BROKEN not in dags(airflow), "the broken feature's DAG to leave")
        later = airflow.trigger(LATER, environment="staging", prompts=6)
        others = {OTHER: airflow.wait(other), LATER: airflow.wait(later)}
        there, errors = dags(airflow), import_errors(airflow)
        waiting = [task for task in airflow.api.task_instances(*own) if task["state"] == "up_for_reschedule"]
        assert airflow.api.run_state(*own) == "running"
    return Seen(line, before, there, errors, waiting, own, others)


def answered(airflow: Airflow, run: DagRun) -> int:
    """Prompts of a run that have their answer."""
    query = """
        SELECT count(*)::int AS n FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
        WHERE airflow_run_id = %(run)s AND starts_with('daily_runs_' || run_key, %(dag)s || '/')
          AND answer.status = 'answered'
    """
    return int(airflow.store.row(query, {"run": run.run_id, "dag": run.dag_id})["n"])


def test_only_the_broken_feature_loses_its_dag_and_the_runs_of_others_end_well(seen: Seen) -> None:
    assert BROKEN in seen.features_before
    assert seen.features == seen.features_before - {BROKEN}
    assert seen.others == {OTHER: "success", LATER: "success"}


def test_one_import_error_names_the_feature_its_file_and_its_line_in_its_last_line(seen: Seen) -> None:
    (error,) = seen.errors
    assert str(error["filename"]).endswith("broken_features.py")
    assert "priorit: unknown key. Did you mean 'priority'?" in error["stack_trace"]
    last = error["stack_trace"].strip().splitlines()[-1]
    assert f"{BROKEN} (features/{BROKEN}.yaml:{seen.line})" in last


def test_the_broken_features_own_run_waits_for_its_dag_and_goes_on_after_the_repair(
    airflow: Airflow, seen: Seen
) -> None:
    assert seen.waiting, "nothing waits for the DAG"
    assert {task["task_id"] for task in seen.waiting} <= {"staging.inference", "staging.judging"}
    assert airflow.wait(seen.own) == "success"
    assert dags(airflow) == seen.features_before
    assert import_errors(airflow) == []
    row = airflow.store.row(
        "SELECT asked, answered, failed FROM contract.runs_v2 WHERE run_key = %(key)s",
        {"key": airflow.attempt(seen.own)["run_key"]},
    )
    assert row == {"asked": PROMPTS, "answered": PROMPTS, "failed": 0}


def test_its_running_task_went_on_with_the_feature_as_it_was_and_said_so(airflow: Airflow, seen: Seen) -> None:
    logs = [airflow.api.log_text(*seen.own, task) for task in airflow.tasks(seen.own, "staging.inference")]
    told = f"{BROKEN} is left out: features/{BROKEN}.yaml:{seen.line}: priorit: unknown key"
    assert [log for log in logs if told in log]

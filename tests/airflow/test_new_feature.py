"""A sixth feature by YAML alone: the page's commands make its files, Airflow its DAG, the form its run and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow.conftest import Airflow, DagRun
from tests.airflow.test_broken_feature import dags, import_errors
from tests.end_to_end.test_new_feature import blocks, typed, variables_of

pytestmark = pytest.mark.timeout(1800)

FEATURE, ROWS = "commit_message", 2
RUN = f"daily-runs run {FEATURE} "


def files_of(airflow: Airflow) -> set[Path]:
    """The stack's catalogue, data sets and rubrics."""
    return {file for file in airflow.include.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def run(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DagRun]:
    """A run of the new feature, to its end; its files are taken away afterwards."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "include").symlink_to(airflow.include)
    before, known = files_of(airflow), dags(airflow)
    _sandbox, *others = blocks()
    commands = others[: next(number for number, block in enumerate(others) if block.startswith(RUN))]
    try:
        for block in commands:
            typed(block, folder, variables_of(folder))
        airflow.until(lambda: dags(airflow) == known | {FEATURE}, "the DAG of the new feature")
        made = airflow.trigger(FEATURE, environment="staging")
        airflow.wait(made)
        yield made
    finally:
        for file in files_of(airflow) - before:
            file.unlink()
    airflow.until(lambda: dags(airflow) == known, "the DAG to leave with its files")


def test_its_rows_are_published_with_score_and_cost(airflow: Airflow, run: DagRun) -> None:
    assert airflow.api.run_state(*run) == "success", airflow.api.task_instances(*run)
    row = airflow.store.row(
        "SELECT asked, answered, failed, scored, item_mean, provenance FROM contract.runs_v2 WHERE run_key = %(key)s",
        {"key": airflow.attempt(run)["run_key"]},
    )
    assert {name: row[name] for name in ("asked", "answered", "failed", "scored", "provenance")} == {
        "asked": ROWS,
        "answered": ROWS,
        "failed": 0,
        "scored": ROWS,
        "provenance": "sandbox",
    }
    assert 0.6 < row["item_mean"] <= 1, "an answer about nothing scores less"


def test_the_diff_of_each_row_was_sent_with_the_message(airflow: Airflow, run: DagRun) -> None:
    paid = [one for one in airflow.sent() if one["paid"] and one["operation"] == "aiAction"]
    keys = [one["key"] for one in paid if one["key"] and one["key"].startswith("commit-message-")]
    assert sorted(keys) == ["commit-message-001#1", "commit-message-002#1"]


def test_nothing_is_an_import_error_and_no_other_dag_was_touched(airflow: Airflow, run: DagRun) -> None:
    assert import_errors(airflow) == []
    assert {"duo_chat", "root_cause_analysis", FEATURE} <= dags(airflow)

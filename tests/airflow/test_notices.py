"""People are told by the callbacks of real runs: once when one fails, once when the rerun is green."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from tests.airflow.conftest import Airflow, DagRun
from tests.receivers import Webhook, a_webhook

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def hook(airflow: Airflow) -> Iterator[Webhook]:
    """A webhook that Airflow's connection names; incidents of earlier tests are over, and nobody is told of them."""
    airflow.store.rows("UPDATE daily_runs.incident SET over_at = clock_timestamp() WHERE over_at IS NULL")
    with a_webhook() as found:
        connection = {"connection_id": "daily_runs_slack", "conn_type": "generic"}
        airflow.api.post("/connections", {**connection, "password": f"{found.address}/secret"})
        try:
            yield found
        finally:
            airflow.api.patch("/connections/daily_runs_slack", {**connection, "password": None})


def test_a_run_that_lacks_answers_is_told_once_and_its_green_rerun_once(airflow: Airflow, hook: Webhook) -> None:
    with airflow.scenario(error_code_share=0.85):
        run = airflow.trigger("duo_chat", environment="staging", prompts=12)
        assert airflow.wait(run) == "failed"
    airflow.until(lambda: hook.texts, "the message that the run failed")
    date = airflow.attempt(run)["run_key"].split("/", 2)[2]
    rerun = airflow.trigger("duo_chat", environment="staging", rerun="missing_answers", run=date)
    assert airflow.wait(rerun) == "success", airflow.api.task_instances(*rerun)
    airflow.until(lambda: len(hook.texts) > 1, "the message that it is over")
    texts = [text for _, text in hook.texts]
    assert [text.splitlines()[0] for text in texts] == [
        "*Daily Runs: calls to staging fail (Duo Chat)*",
        "*Daily Runs, over: calls to staging fail (Duo Chat)*",
    ], texts
    assert f"/dags/{run.dag_id}/runs/" in texts[0]
    assert "Whose: " in texts[0]


def test_a_run_whose_four_shards_fail_is_told_once_and_its_green_rerun_once(airflow: Airflow, hook: Webhook) -> None:
    before, feature = len(hook.texts), "root_cause_analysis"
    judge = catalogue_files.load(airflow.include / "catalogue").judge
    refused = {"connection_id": "daily_runs_refused", "conn_type": "generic"}
    airflow.api.post("/connections", {**refused, "extra": json.dumps({"keys": {judge.account: "revoked"}})})
    run = airflow.trigger(feature, environment="staging", prompts=320)
    airflow.until(lambda: in_state(airflow, run, "staging.inference", "running"), "the run to ask")
    with airflow.edited({"accounts.yaml": {"judge": {"connection": "daily_runs_refused"}}}):
        assert airflow.wait(run) == "failed"
    assert len(in_state(airflow, run, "staging.judging", "failed")) == 4
    airflow.until(lambda: len(hook.texts) > before, "the message that the run failed")
    date = airflow.attempt(run)["run_key"].split("/", 2)[2]
    rerun = airflow.trigger(feature, environment="staging", rerun="missing_answers", run=date)
    assert airflow.wait(rerun) == "success", airflow.api.task_instances(*rerun)
    airflow.until(lambda: len(hook.texts) > before + 1, "the message that it is over")
    first, last = [text for _, text in hook.texts[before:]]
    assert f"/dags/{run.dag_id}/runs/" in first
    assert first.splitlines()[0].replace(": ", ", over: ", 1) == last.splitlines()[0]


def in_state(airflow: Airflow, run: DagRun, task_id: str, state: str) -> list[Any]:
    """The instances of a task that are in a state."""
    return [task for task in airflow.tasks(run, task_id) if task["state"] == state]


def test_the_dag_that_looks_ends_green_and_repeats_nothing(airflow: Airflow, hook: Webhook) -> None:
    before = [text for _, text in hook.texts]
    airflow.api.unpause("notices")
    try:
        run = DagRun("notices", airflow.api.trigger("notices", {}))
        assert airflow.wait(run) == "success"
    finally:
        airflow.api.pause("notices")
    again = [text for _, text in hook.texts][len(before) :]
    assert not [text for text in again if "calls to staging" in text]

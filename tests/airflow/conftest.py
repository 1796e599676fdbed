"""One real Airflow for the whole folder: scheduler, dag-processor, triggerer, api-server, Postgres and the sandbox."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from daily_runs import local
from daily_runs.airflow_api import AirflowApi
from daily_runs.local import Stack
from daily_runs.store.database import Store, open_store

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="daily-runs-airflow-"))  # imports of airflow write there
TIME_SCALE = 60.0
RUN_TIMEOUT_SECONDS = 420


class DagRun(NamedTuple):
    """A run that was triggered."""

    dag_id: str
    run_id: str


class Airflow:
    """What a test does with the running stack."""

    def __init__(self, stack: Stack, store: Store, api: AirflowApi) -> None:
        self.stack, self.store, self.api = stack, store, api

    def trigger(self, feature: str, **conf: Any) -> DagRun:
        """Unpause a feature's DAG and start a run by the form."""
        dag_id = f"daily_runs_{feature}"
        self.api.unpause(dag_id)
        return DagRun(dag_id, self.api.trigger(dag_id, conf))

    def wait(self, run: DagRun) -> str:
        """The state in which a run ended."""
        self.until(lambda: self.api.run_state(*run) in ("success", "failed"), f"{run} to end")
        return self.api.run_state(*run)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + RUN_TIMEOUT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited {RUN_TIMEOUT_SECONDS} s for {what}"
            time.sleep(0.25)

    def tasks(self, run: DagRun, task_id: str) -> list[Mapping[str, Any]]:
        """The instances of one task, by map index."""
        found = [task for task in self.api.task_instances(*run) if task["task_id"] == task_id]
        return sorted(found, key=lambda task: task["map_index"])

    def log(self, run: DagRun, task_id: str) -> str:
        """The log of a task that is not mapped."""
        (task,) = self.tasks(run, task_id)
        return self.api.log_text(*run, task)

    def attempt(self, run: DagRun) -> dict[str, Any]:
        """The attempt that a run opened."""
        query = "SELECT attempt_id::text, run_key, status FROM daily_runs.attempt WHERE airflow_run_id = %(run)s"
        return self.store.row(query, {"run": run.run_id})


@pytest.fixture(scope="session")
def airflow() -> Iterator[Airflow]:
    """The stack; DAGs run only when triggered."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="daily-runs-stack-") as state:
        patch.setenv("DAILY_RUNS_STATE", state)
        patch.delenv("DAILY_RUNS_STORE", raising=False)
        with (
            local.running(port=0, time_scale=TIME_SCALE, schedules=False) as stack,
            open_store(stack.store) as store,
            stack.api() as api,
        ):
            yield Airflow(stack, store, api)

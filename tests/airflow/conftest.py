"""One real Airflow for the whole folder: scheduler, dag-processor, triggerer, api-server, Postgres and the sandbox."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from daily_runs.airflow_api import AirflowApi
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.local.settings import NOTES_USER, PROJECT, USER
from daily_runs.local.stack import Stack, running
from daily_runs.sandbox.control import merge_patch
from daily_runs.store.database import Store, open_store
from daily_runs.store.embedded import state_root

TIME_SCALE = 60.0
RUN_TIMEOUT_SECONDS = 900
"""Four minutes were seen on a busy machine; the limit ends a wait that would not end."""
DAYS_OF_STAGING = ("2026-01-05", "2026-01-06", "2026-01-07")
OVER_A_CUTOVER = {
    "timezone": "Europe/Berlin",
    "phases": [
        {"phase": "interim_production", "starts": "2026-01-05", "schedule": "30 0 * * 1,3,5"},
        {"phase": "staging", "starts": "2026-01-10", "schedule": "30 0 * * *"},
        {"phase": "on_hold", "starts": "2026-01-12"},
    ],
    "cutover": {"planned": "2026-01-10"},
}
"""Code Suggestions there: Monday, Wednesday and Friday in production, then daily in staging, half past midnight."""
LOOK_EVERY_MINUTES = 2
"""Two seconds here."""
AI_ACTION_CALLS = 100_000
"""A user's, in a window that passes in eight minutes here: more than all tests of the folder make."""


class DagRun(NamedTuple):
    """A run that was triggered."""

    dag_id: str
    run_id: str


class Airflow:
    """What a test does with the running stack."""

    def __init__(self, stack: Stack, store: Store, api: AirflowApi, include: Path) -> None:
        self.stack, self.store, self.api, self.include = stack, store, api, include

    @contextmanager
    def edited(self, edits: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
        """Merge patches on files of the stack's catalogue, by path below `catalogue`; tasks see them as they run."""
        before = {name: (self.include / "catalogue" / name).read_text() for name in edits}
        for name, patch in edits.items():
            edit(self.include / "catalogue" / name, patch)
        try:
            yield
        finally:
            for name, text in before.items():
                (self.include / "catalogue" / name).write_text(text)

    @contextmanager
    def scenario(self, **changes: Any) -> Iterator[None]:
        """The sandbox with some faults."""
        address = f"{self.stack.sandbox}/_sandbox/scenario"
        httpx.post(address, json=changes).raise_for_status()
        try:
            yield
        finally:
            httpx.post(address, json=dict.fromkeys(changes)).raise_for_status()

    def sent(self, since: int = 0) -> list[dict[str, Any]]:
        """The sandbox's own ledger, from an entry on."""
        response = httpx.get(f"{self.stack.sandbox}/_sandbox/ledger", params={"since": since}, timeout=60)
        return list(response.json()["entries"])

    def trigger(self, feature: str, logical_date: str | None = None, **conf: Any) -> DagRun:
        """Unpause a feature's DAG and start a run by the form, now or for a moment of the calendar."""
        dag_id = f"daily_runs_{feature}"
        self.api.unpause(dag_id)
        return DagRun(dag_id, self.api.trigger(dag_id, conf, logical_date))

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

    def unix_seconds(self, entries: Iterable[Mapping[str, Any]]) -> list[float]:
        """When entries of the sandbox's ledger were made, in their order."""
        now = httpx.get(f"{self.stack.sandbox}/_sandbox/health", timeout=30).json()["now_seconds"]
        started = time.time() - now / TIME_SCALE
        return [started + entry["at_seconds"] / TIME_SCALE for entry in entries]

    def attempt(self, run: DagRun) -> dict[str, Any]:
        """The attempt that a run opened (runs of several DAGs may have one id)."""
        query = """
            SELECT attempt_id::text, run_key, status FROM daily_runs.attempt
            WHERE airflow_run_id = %(run)s AND starts_with('daily_runs_' || run_key, %(dag)s || '/')
        """
        return self.store.row(query, {"run": run.run_id, "dag": run.dag_id})


def edit(file: Path, patch: Mapping[str, Any]) -> None:
    """Lay a merge patch over a YAML file."""
    file.write_text(yaml.safe_dump(merge_patch(yaml.safe_load(file.read_text()), patch), sort_keys=False))


def past_catalogue(include: Path) -> None:
    """A catalogue of three days in the past: a backfill has days to run, and no schedule comes due by itself."""
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / folder, include / folder)
    enough = {
        "limits": {"ai_action_calls_per_window": AI_ACTION_CALLS},
        "readiness": {"look_every_minutes": LOOK_EVERY_MINUTES},
    }
    edit(include / "catalogue/environments.yaml", {"environments": {"staging": enough, "production": enough}})
    # Ten seconds of the domain are a sixth of one here, and tasks on a busy machine send later than that.
    edit(include / "catalogue/accounts.yaml", {"accounts": {"EVAL": {"burst_seconds": 60}}})
    phases = [
        {"phase": "staging", "starts": DAYS_OF_STAGING[0], "schedule": "0 6 * * *"},
        {"phase": "on_hold", "starts": "2026-01-08"},
    ]
    past = {"phases": phases, "cutover": {"planned": DAYS_OF_STAGING[0]}, "prompts_per_run": 900}
    for name, feature in catalogue_files.load().features.items():
        if feature.cutover.planned:
            edit(include / f"catalogue/features/{name}.yaml", past)
    edit(include / "catalogue/features/code_suggestions.yaml", OVER_A_CUTOVER)


BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
OF_TESTS = {
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
        [
            {"name": "dags", "classpath": BUNDLE, "kwargs": {"path": str(PROJECT / "dags")}},
            {"name": "tests", "classpath": BUNDLE, "kwargs": {"path": str(Path(__file__).parent / "dags")}},
        ]
    ),
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin,{NOTES_USER}:user,reader:viewer",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "8",
}
"""Tests add DAGs of their own, and a user who may only read. A killed triggerer is taken for dead after 8 s, not 30."""


def moment(text: str) -> float:
    """A time of Airflow's API as Unix seconds."""
    return dt.datetime.fromisoformat(text).timestamp()


LOG_LINES = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failed test what Airflow's processes said last: their logs go away with the stack."""
    report = yield
    if report.failed and "airflow" in getattr(item, "funcargs", {}):
        for file in sorted((state_root() / "logs").glob("*.log")):
            end = file.read_text(errors="replace").splitlines()[-LOG_LINES:]
            report.sections.append((f"end of {file.name}", "\n".join(end)))
    return report


@pytest.fixture(scope="session")
def airflow() -> Iterator[Airflow]:
    """The stack; DAGs run only when triggered: by schedule, nothing is due any more."""
    with (
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory(prefix="daily-runs-stack-") as state,
        tempfile.TemporaryDirectory(prefix="daily-runs-include-") as folder,
    ):
        past_catalogue(Path(folder))
        patch.setenv("DAILY_RUNS_STATE", state)
        patch.delenv("DAILY_RUNS_STORE", raising=False)
        settings = {"DAILY_RUNS_INCLUDE": folder, **OF_TESTS}
        with (
            running(port=0, time_scale=TIME_SCALE, schedules=True, extra_environment=settings) as stack,
            open_store(stack.store) as store,
            stack.api() as api,
        ):
            yield Airflow(stack, store, api, Path(folder))

"""Notes on DAG runs and task instances, written by Airflow's REST API: a task of Airflow 3 has no other way.

The connection `daily_runs_airflow` names a user who may edit DAG runs; without it there are no notes. A note that
cannot be written is a warning in the log, and never fails a task.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from airflow.sdk.configuration import conf

from daily_runs.airflow_api import AirflowApi
from daily_runs.errors import DailyRunsError
from daily_runs.incidents.run_line import note_with
from daily_runs_airflow.connections import airflow_login

log = logging.getLogger(__name__)

REQUEST_SECONDS = 1.5
"""Of the wall clock, for each of at most three requests: the block of a failed task waits for its note."""


def airflow_address() -> str:
    """Where people find Airflow (`api.base_url`), without a slash at its end; empty if it does not say."""
    return str(conf.get("api", "base_url", fallback="") or "").rstrip("/")


def note_run(dag_id: str, run_id: str, line: str) -> None:
    """Put a line first in a run's note; what a person wrote there stays."""

    def write(api: AirflowApi) -> None:
        if note := note_with(line, api.run_note(dag_id, run_id)):
            api.write_run_note(dag_id, run_id, note)

    _written(write)


def note_task(ti: Any, line: str) -> None:
    """Put a line first in a task instance's note; what a person wrote there stays."""

    def write(api: AirflowApi) -> None:
        named = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index if ti.map_index is not None else -1)
        if note := note_with(line, api.task_note(*named)):
            api.write_task_note(*named, note)

    _written(write)


def _written(write: Callable[[AirflowApi], None]) -> None:
    try:
        login = airflow_login()
        if login is None:
            return
        address = login.address or airflow_address()
        with AirflowApi(address, login.user, login.password, timeout_seconds=REQUEST_SECONDS) as api:
            write(api)
    except DailyRunsError as error:
        log.warning("no note was written: %s", error)
    except Exception as error:  # noqa: BLE001 - a note is worth less than the task
        log.warning("no note was written: %s", type(error).__name__)

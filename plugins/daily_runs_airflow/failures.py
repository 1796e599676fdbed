"""The last words of a failed task's log: one block that says what happened, whose it is and what to do.

Airflow shows a log's end, but folds what a callback logs away: it lies in the group "Post Execute" (Airflow 3.3.2), so
the group is closed first. `tests/airflow/test_first_words.py` pins that on its real task runner.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import DailyRunsError
from daily_runs.incidents.describe import FailedTask, can_ask_the_store, incident_of
from daily_runs.incidents.incident_rows import AttemptFacts, facts_of
from daily_runs.store.database import open_store
from daily_runs_airflow.connections import store_url

log = logging.getLogger(__name__)

DAG_PREFIX = "daily_runs_"


def tell(context: Mapping[str, Any]) -> None:
    """Log the block; the callback of a task that failed, or that will be tried again.

    It never raises: whatever cannot be found out is left out.
    """
    error = context.get("exception")
    if not isinstance(error, BaseException):
        return
    failed = _failed(context)
    catalogue = None
    try:
        catalogue = catalogue_files.load()
    except DailyRunsError:
        log.debug("the catalogue cannot be read", exc_info=True)
    lines = incident_of(failed, error, catalogue, _facts(context, failed, error)).lines()
    log.info("::endgroup::")
    for line in lines:
        log.error("%s", line)


def _failed(context: Mapping[str, Any]) -> FailedTask:
    ti = context["ti"]
    environment, _, task = ti.task_id.rpartition(".")
    left = max(0, (ti.max_tries or 0) + 1 - ti.try_number) if str(ti.state) == "up_for_retry" else 0
    return FailedTask(ti.dag_id.removeprefix(DAG_PREFIX), task, environment or None, left)


def _facts(context: Mapping[str, Any], failed: FailedTask, error: BaseException) -> AttemptFacts | None:
    if failed.environment is None or not can_ask_the_store(error):
        return None
    try:
        with open_store(store_url(), connections=1) as store:
            return facts_of(store, context["dag_run"].run_id, failed.feature, failed.environment)
    except Exception:  # the block is worth more than its figures
        log.debug("the store told nothing", exc_info=True)
        return None

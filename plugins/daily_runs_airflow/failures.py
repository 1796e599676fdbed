"""The last words of a failed task's log: one block that says what happened, whose it is and what to do.

Airflow shows a log's end, but folds what a callback logs away: it lies in the group "Post Execute" (Airflow 3.3.2), so
the group is closed first. `tests/airflow/test_first_words.py` pins that on its real task runner.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from airflow.sdk import TaskInstanceState
from airflow.sdk.log import mask_logs

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import DailyRunsError
from daily_runs.incidents.block import Incident
from daily_runs.incidents.describe import FailedTask, can_ask_the_store, incident_of
from daily_runs.incidents.incident_rows import AttemptFacts, facts_of
from daily_runs.incidents.run_line import short
from daily_runs.notices import words_rows
from daily_runs.notices.incident import met_by
from daily_runs.notices.words_rows import LastWords
from daily_runs.pages.links import PageLinks
from daily_runs.store.database import open_store
from daily_runs_airflow.connections import store_url
from daily_runs_airflow.notes import airflow_address, note_task

log = logging.getLogger(__name__)

DAG_PREFIX = "daily_runs_"
LAST_WORDS = "last_words"
"""Key of the XCom with what a failed task said last; Airflow takes it away when the task starts again."""
STORE_SECONDS = 8.0
"""So long the store is asked for figures. Airflow kills a task that is not gone 20 s after it failed
(`core.task_success_overtime`), and then tries it again, whatever its retry policy says."""
KEEP_SECONDS = 3.0
"""So long the store may take to keep the last words, on top."""


def tell(context: Mapping[str, Any]) -> None:
    """Log the block; the callback of a task that failed, or that will be tried again.

    It never raises: what cannot be found out is left out, and the error's own text is always there.
    """
    error = context.get("exception")
    if not isinstance(error, BaseException):
        return
    try:
        failed = _failed(context)
        # Airflow masks secrets line by line, after the text was cut into lines.
        said = str(mask_logs(None, "", {"event": str(error)})["event"])
        facts = _facts(context, failed, error)
        incident = incident_of(failed, error, _catalogue(), facts, said)
    except Exception:
        log.debug("no block could be made", exc_info=True)
        incident = Incident(what=f"{type(error).__name__}: {error}")
    else:
        _leave_word(context["ti"], incident.what, is_last=not failed.is_tried_again)
        with suppress(Exception):
            _keep(context, failed, error, incident, facts)
    lines = incident.lines()
    log.info("::endgroup::")
    for line in lines:
        log.error("%s", line)


def _leave_word(ti: Any, what: str, *, is_last: bool) -> None:
    """Leave what happened where the run's last task finds it, and on the task instance's page."""
    try:
        ti.xcom_push(key=LAST_WORDS, value=short(what))
        if is_last:
            note_task(ti, short(f"try {ti.try_number}: {what}"))
    except Exception as error:  # noqa: BLE001 - the block is worth more than the run's line
        log.debug("no word could be left: %s", type(error).__name__)


def _failed(context: Mapping[str, Any]) -> FailedTask:
    ti = context["ti"]
    environment, _, task = ti.task_id.rpartition(".")
    return FailedTask(
        ti.dag_id.removeprefix(DAG_PREFIX),
        task,
        environment or None,
        ti.state == TaskInstanceState.UP_FOR_RETRY,
        airflow_address(),
        PageLinks(airflow_address()).rerun(ti.dag_id, context["dag_run"].run_id),
    )


def _catalogue() -> Catalogue | None:
    try:
        return catalogue_files.load()
    except DailyRunsError:
        return None


def _facts(context: Mapping[str, Any], failed: FailedTask, error: BaseException) -> AttemptFacts | None:
    """What the store knows, if it answers in time."""
    if failed.environment is None or not can_ask_the_store(error):
        return None
    try:
        url = store_url()
    except DailyRunsError:  # which may be the very error that is told
        return None
    run_id, attempt_id = context["dag_run"].run_id, _attempt_id(context["task"])
    environment, found = failed.environment, list[AttemptFacts | None]()

    def ask() -> None:
        with open_store(url, connections=1) as store:
            found.append(facts_of(store, run_id, failed.feature, environment, attempt_id))

    _in_time(STORE_SECONDS, ask)
    return found[0] if found else None


def _keep(
    context: Mapping[str, Any], failed: FailedTask, error: BaseException, incident: Incident, facts: AttemptFacts | None
) -> None:
    """Keep the last words for the one message of the run (`notices`), if the store takes them in time."""
    ti = context["ti"]
    if failed.is_tried_again or not ti.dag_id.startswith(DAG_PREFIX):
        return
    environment = failed.environment or ""
    failures, blocked_by = (facts.failures, ", ".join(facts.blocked_by)) if facts else (None, "")
    words = LastWords(
        environment=environment,
        task=failed.task,
        error=type(error).__name__,
        met=met_by(error, environment, failed.task, failures, blocked_by),
        what=incident.what,
        owner=incident.owner,
        do=incident.do,
        page=incident.runbook,
    )
    url, run_id = store_url(), context["dag_run"].run_id

    def keep() -> None:
        with open_store(url, connections=1) as store:
            words_rows.keep(store, failed.feature, run_id, words)

    _in_time(KEEP_SECONDS, keep)


def _in_time(seconds: float, work: Callable[[], None]) -> None:
    """Do what needs the store, for so long at most. Its own waits are longer, so that happens in a thread that is left
    behind; the block is worth more than whatever it may raise."""

    def quietly() -> None:
        with suppress(Exception):
            work()

    working = threading.Thread(target=quietly, daemon=True)
    working.start()
    working.join(seconds)


def _attempt_id(task: Any) -> str | None:
    """The attempt that the task was given: by name, or in the list of its shards."""
    arguments: Mapping[str, Any] = getattr(task, "op_kwargs", {})
    if "attempt_id" in arguments:
        return str(arguments["attempt_id"])
    for one in (*getattr(task, "op_args", ()), *arguments.values()):
        if isinstance(one, list) and one and isinstance(one[0], Mapping) and "attempt_id" in one[0]:
            return str(one[0]["attempt_id"])
    return None

"""The last task of a run: says in one line how it ended, where people look first.

It is a teardown: it runs whatever failed, and Airflow leaves its state out of the run's. No listener does this, since a
fault in one would end the scheduler.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import get_current_context

from daily_runs.incidents import summary_rows
from daily_runs.incidents.run_line import ArmEnd, FailedTaskEnd, RunLine, name_of, run_line
from daily_runs.incidents.summary_rows import EndedRun
from daily_runs.records import routes
from daily_runs.store.database import Store, open_store
from daily_runs_airflow.connections import store_url
from daily_runs_airflow.failures import LAST_WORDS
from daily_runs_airflow.notes import note_run

log = logging.getLogger(__name__)

ORDER = (
    *("plan", "staging_ready", "wait_for_staging", "route"),
    *("seed_check", "limit_probe", "inference", "judging", "validation", "publish", "compare"),
)
"""The tasks as they follow each other: the first that failed is the cause of the others."""


def summary(
    feature: str,
    manifest: Mapping[str, Any] | None,
    arms: Mapping[str, Sequence[Mapping[str, Any]] | None],
) -> str:
    """Find out how the run ended, and say it in its note, its task list and the store; returns the line.

    Args:
        manifest, arms: what `plan` and each environment's `seed_check` returned; None where they failed or were
            skipped.

    Raises:
        StoreAwayError: the store is away. A line that tells of a failed task is in the note by then.
    """
    context = get_current_context()
    ti, run_id = context["ti"], context["dag_run"].run_id
    failed = _failed(ti, run_id)
    if failed:
        _tell(context, run_line([], failed, ""))
    with open_store(store_url(), connections=1) as store:
        opened = summary_rows.attempts_of(store, feature, run_id)
        given = {name: str(shards[0]["attempt_id"]) for name, shards in arms.items() if shards}
        ended = EndedRun(feature, run_id, _moment(manifest), opened | given)
        routed = routes.of_run(store, feature, run_id)
        line = run_line(_ends(store, ended), failed, str(routed["reason"]) if routed else "")
        if not failed:
            _tell(context, line)
        summary_rows.save(store, ended, line)
    return line.text


def _ends(store: Store, ended: EndedRun) -> list[ArmEnd]:
    return [summary_rows.arm_of(store, attempt_id) for _, attempt_id in sorted(ended.attempt_ids.items())]


def _tell(context: Any, line: RunLine) -> None:
    context["run_line"] = line.text  # the task's `map_index_template` shows it
    note_run(context["ti"].dag_id, context["dag_run"].run_id, line.text)
    log.info("%s", line.text)


def _failed(ti: Any, run_id: str) -> list[FailedTaskEnd]:
    states: Mapping[str, Any] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[run_id]).get(run_id, {})
    names = sorted((name for name, state in states.items() if state == "failed"), key=_place)
    return [FailedTaskEnd(name_of(name), _last_words(ti, name)) for name in names]


def _place(task: str) -> tuple[int, str]:
    stage = _split(task)[0].rpartition(".")[2]
    return ORDER.index(stage) if stage in ORDER else len(ORDER), task


def _last_words(ti: Any, task: str) -> str | None:
    task_id, index = _split(task)
    said = ti.xcom_pull(task_ids=task_id, map_indexes=index, key=LAST_WORDS)
    return str(said) if said else None


def _split(task: str) -> tuple[str, int]:
    """A task's id and its map index (-1: it is not mapped) from Airflow's name for both, `staging.inference_2`."""
    task_id, _, index = task.rpartition("_")
    return (task_id, int(index)) if index.isdigit() else (task, -1)


def _moment(manifest: Mapping[str, Any] | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(manifest["logical_date"]) if manifest else None

"""What Airflow's own database tells of a feature's DAG runs: state, tasks, what they wait for, their attempts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from daily_runs.pages.links import dag_of, feature_of
from daily_runs.readiness.today import DagRunSeen, TaskSeen
from daily_runs_airflow.triggers import WAITING_FOR

GOES_ON = ("queued", "running")
RETURNED = "return_value"
RUNS_MAX = 100
"""Of all features, the newest: a backfill may have queued a year of them."""


def recent(features: Collection[str], since: dt.datetime) -> list[DagRunSeen]:
    """The runs of some features that began since a moment, and those that go on."""
    began = or_(DagRun.start_date >= since, DagRun.state.in_(GOES_ON))
    with create_session() as session:
        query = select(DagRun).where(DagRun.dag_id.in_([dag_of(name) for name in features]), began)
        runs = session.scalars(query.order_by(DagRun.run_after.desc()).limit(RUNS_MAX)).all()
        return _seen(session, runs)


def one(dag_id: str, run_id: str) -> DagRunSeen | None:
    """One run; None if Airflow has none of that name."""
    with create_session() as session:
        query = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        found = _seen(session, session.scalars(query).all())
    return found[0] if found else None


def is_paused(dag_id: str) -> bool:
    """Whether a DAG is paused, so that its runs wait; not one that Airflow does not know."""
    with create_session() as session:
        return bool(session.scalar(select(DagModel.is_paused).where(DagModel.dag_id == dag_id)))


def _seen(session: Session, runs: Sequence[DagRun]) -> list[DagRunSeen]:
    wanted = {(run.dag_id, run.run_id) for run in runs}
    tasks, shown = _tasks(session, wanted), _xcoms(session, wanted)
    return [
        DagRunSeen(
            feature=feature_of(run.dag_id),
            run_id=run.run_id,
            state=str(run.state),
            started_at=run.start_date,
            ended_at=run.end_date,
            tasks=tasks[run.dag_id, run.run_id],
            waiting_for=_waiting_for(tasks[run.dag_id, run.run_id], shown[run.dag_id, run.run_id]),
            attempt_ids=_attempt_ids(shown[run.dag_id, run.run_id]),
        )
        for run in runs
    ]


def _tasks(session: Session, runs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], list[TaskSeen]]:
    found: dict[tuple[str, str], list[TaskSeen]] = defaultdict(list)
    ti = TaskInstance
    columns = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.state, ti.start_date, ti.end_date, ti.try_number)
    query = select(*columns).where(ti.dag_id.in_({dag for dag, _ in runs}), ti.run_id.in_({run for _, run in runs}))
    for dag_id, run_id, task_id, map_index, state, start, end, tries in session.execute(query):
        found[dag_id, run_id].append(TaskSeen(task_id, map_index, state and str(state), start, end, tries))
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    for tasks in found.values():
        tasks.sort(key=lambda task: (task.started_at or never, task.task_id, task.map_index))
    return found


def _xcoms(session: Session, runs: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], list[tuple[str, str, Any]]]:
    """What waits show, and what seed checks returned, as (task, key, value)."""
    found: dict[tuple[str, str], list[tuple[str, str, Any]]] = defaultdict(list)
    columns = (XComModel.dag_id, XComModel.run_id, XComModel.task_id, XComModel.key, XComModel.value)
    query = select(*columns).where(
        XComModel.dag_id.in_({dag for dag, _ in runs}),
        XComModel.run_id.in_({run for _, run in runs}),
        or_(XComModel.key == WAITING_FOR, and_(XComModel.key == RETURNED, XComModel.task_id.like("%.seed_check"))),
    )
    for dag_id, run_id, task_id, key, value in session.execute(query):
        found[dag_id, run_id].append((task_id, key, value))
    return found


def _waiting_for(tasks: Sequence[TaskSeen], shown: Sequence[tuple[str, str, Any]]) -> Mapping[str, Any]:
    waits = {task.task_id for task in tasks if task.state in ("deferred", "running", "up_for_retry")}
    found = [value for task_id, key, value in shown if key == WAITING_FOR and task_id in waits]
    return found[0] if found and isinstance(found[0], dict) else {}


def _attempt_ids(shown: Sequence[tuple[str, str, Any]]) -> list[str]:
    """Each arm's seed check returns its shards, which name their attempt."""
    found = [value[0] for _, key, value in shown if key == RETURNED and isinstance(value, list) and value]
    return sorted({str(shard["attempt_id"]) for shard in found if isinstance(shard, dict) and "attempt_id" in shard})

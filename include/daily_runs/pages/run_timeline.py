"""The stages of a run as a timeline: when each began and ended, its counts, and the way to its tasks' logs."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.pages.frame import airflow_link
from daily_runs.pages.links import PageLinks, dag_of
from daily_runs.pages.tables import MarkedRow, grid
from daily_runs.readiness.today import STAGE_ORDER, DagRunSeen, TaskSeen
from daily_runs.results.run_report.markup import escaped

_WIDTH, _HEIGHT = 220, 14
LOGS_SHOWN = 8
"""Links to logs of one mapped task; those that failed come first."""
_HEADINGS = ("stage", "state", "began", "lasted", "when", "asked = answered + failed + missing", "logs")
_WORST_FIRST = ("failed", "upstream_failed", "up_for_retry", "running", "deferred", "queued", "scheduled")


class _Span(NamedTuple):
    """From the run's first moment to its last one."""

    begins: dt.datetime
    ends: dt.datetime

    def x(self, moment: dt.datetime) -> float:
        whole = max(1.0, (self.ends - self.begins).total_seconds())
        return min(1.0, max(0.0, (moment - self.begins).total_seconds() / whole)) * _WIDTH


def timeline(
    seen: DagRunSeen | None, stages: Mapping[str, Any], environment: str, links: PageLinks, now: dt.datetime
) -> str:
    """The table; empty where nothing is known.

    Args:
        seen: the DAG run as Airflow has it; None: of the command line, or Airflow has forgotten it.
        stages: what each stage reported (`stages` of `contract.attempts_v1`).
        environment: whose arm is shown; empty: no arm has begun.
        now: until when something that goes on is drawn.
    """
    tasks = _by_stage(seen, environment)
    if not tasks and not stages:
        return ""
    arm = [f"{environment}.{name}" for name in STAGE_ORDER] if environment else []
    others = [name for name in tasks if name not in arm]
    before, after = [n for n in others if n != "compare"], [n for n in others if n == "compare"]
    known = [name for name in (*before, *arm, *after) if name in tasks or _stage_of(name) in stages]
    span = _span([task for found in tasks.values() for task in found], now)
    rows = [
        _row(name, tasks.get(name, []), stages.get(_stage_of(name)), span, _Place(seen, links, now)) for name in known
    ]
    return "<h2>Stages</h2>" + grid(
        "Stages in the order in which they follow each other; times are UTC", _HEADINGS, rows
    )


def _by_stage(seen: DagRunSeen | None, environment: str) -> Mapping[str, list[TaskSeen]]:
    """The tasks by id; those of another arm are left out, and those that were skipped from the start."""
    found: dict[str, list[TaskSeen]] = defaultdict(list)
    for task in seen.tasks if seen else ():
        arm, _, stage = task.task_id.rpartition(".")
        if stage and arm in ("", environment) and task.state not in ("skipped", None):
            found[task.task_id].append(task)
    return found


def _stage_of(task_id: str) -> str:
    return task_id.rpartition(".")[2]


def _span(tasks: Sequence[TaskSeen], now: dt.datetime) -> _Span:
    begins = [task.started_at for task in tasks if task.started_at]
    ends = [task.ended_at or now for task in tasks if task.started_at]
    return _Span(min(begins, default=now), max(ends, default=now))


class _Place(NamedTuple):
    """Where a run's logs are, and the moment at which it is looked at."""

    seen: DagRunSeen | None
    links: PageLinks
    now: dt.datetime


def _row(
    name: str, tasks: Sequence[TaskSeen], stage: Mapping[str, Any] | None, span: _Span, place: _Place
) -> MarkedRow:
    begins = min((task.started_at for task in tasks if task.started_at), default=None)
    ends = _ended(tasks)
    lasted = _lasted(begins, ends or place.now) if begins else _reported(stage)
    cells = [
        escaped(_stage_of(name).replace("_", " ")),
        _state(tasks, stage),
        f"{begins:%H:%M:%S}" if begins else "–",
        lasted,
        _bar(tasks, span, place.now),
        _counts(stage),
        _logs(tasks, place),
    ]
    return MarkedRow(cells)


def _ended(tasks: Sequence[TaskSeen]) -> dt.datetime | None:
    """None while one of them has not ended."""
    ends = [task.ended_at for task in tasks]
    known = [end for end in ends if end]
    return max(known) if known and len(known) == len(ends) else None


def _reported(stage: Mapping[str, Any] | None) -> str:
    return f"{stage['longest_seconds']:,.0f} s" if stage else "–"


def _lasted(begins: dt.datetime, ends: dt.datetime) -> str:
    seconds = int((ends - begins).total_seconds())
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"


def _state(tasks: Sequence[TaskSeen], stage: Mapping[str, Any] | None) -> str:
    """The worst state of its tasks, with how many are in it where there are several."""
    if not tasks:
        return "reported" if stage else "–"
    states = [task.state or "not started" for task in tasks]
    worst = next((state for state in _WORST_FIRST if state in states), states[0])
    count = f" ({states.count(worst)} of {len(states)})" if len(states) > 1 else ""
    kind = {"failed": "bad", "upstream_failed": "bad", "success": "good"}.get(worst, "")
    return f'<span class="{kind}">{escaped(worst.replace("_", " "))}{count}</span>'


def _bar(tasks: Sequence[TaskSeen], span: _Span, now: dt.datetime) -> str:
    """A bar a task; what it shows stands beside it as text."""
    bars = []
    for task in tasks:
        if task.started_at:
            left, right = span.x(task.started_at), span.x(task.ended_at or now)
            kind = "failed" if task.state == "failed" else "done" if task.ended_at else "open"
            bars.append(f'<rect class="{kind}" x="{left:.1f}" y="2" width="{max(1.5, right - left):.1f}" height="10"/>')
    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    return f'<svg class="bar" {size} aria-hidden="true">{"".join(bars)}</svg>' if bars else ""


def _counts(stage: Mapping[str, Any] | None) -> str:
    if stage is None:
        return "–"
    names = ("asked", "answered", "failed", "missing")
    asked, answered, failed, missing = (int(stage[name]) for name in names)
    return f"{asked:,} = {answered:,} + {failed:,} + {missing:,}"


def _logs(tasks: Sequence[TaskSeen], place: _Place) -> str:
    if place.seen is None or not tasks:
        return "–"
    ordered = sorted(tasks, key=lambda task: (task.state != "failed", task.map_index))
    dag_id, run_id = dag_of(place.seen.feature), place.seen.run_id
    shown = [
        airflow_link(
            place.links.task_log(dag_id, run_id, task.task_id, task.map_index),
            f"log of {_stage_of(task.task_id)}" if task.map_index < 0 else f"shard {task.map_index}",
        )
        for task in ordered[:LOGS_SHOWN]
    ]
    left = len(ordered) - len(shown)
    return " ".join([*shown, *([f"and {left} more"] if left else [])])

"""What the runs of a feature's day came to: one entry a DAG run, from its route to what its attempts left. Pure.

A run is of today if it began or was sent somewhere today in the feature's time zone, or if it still goes on. What the
store cannot know, such as a run that waits, or one whose task failed before it wrote anything, comes from Airflow, and
is missing where nobody asks Airflow (the command line).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.zones import first_moment

Row = Mapping[str, Any]

STAGE_ORDER = ("seed_check", "limit_probe", "inference", "judging", "validation", "publish")
"""The stages of an arm, as they follow each other; by test those of `stages.pipeline`, whose import takes seconds."""
_GOES_ON = frozenset({"queued", "running"})


class TodayState(StrEnum):
    """How a run of today stands. `broken_off`: Airflow ended it, and its attempt was never finished."""

    ASKED_NOTHING = "asked_nothing"
    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    BROKEN_OFF = "broken_off"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


class TaskSeen(NamedTuple):
    """A task of a DAG run as Airflow has it. `map_index`: -1 if it is not mapped; `state`: None before it starts."""

    task_id: str
    map_index: int
    state: str | None
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    tries: int


class DagRunSeen(NamedTuple):
    """A DAG run of a feature as Airflow has it.

    Attributes:
        state: queued, running, success or failed.
        tasks: in the order in which they began.
        waiting_for: what the wait for staging shows while it waits (`readiness.waiting`); empty if nothing waits.
        attempt_ids: of the attempts that its arms worked on, those that another run opened included.
    """

    feature: str
    run_id: str
    state: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    tasks: Sequence[TaskSeen] = ()
    waiting_for: Mapping[str, Any] = MappingProxyType({})
    attempt_ids: Sequence[str] = ()

    @property
    def failed_tasks(self) -> list[TaskSeen]:
        """Those that failed themselves; not those that were given up since one before them failed."""
        return [task for task in self.tasks if task.state == "failed"]


class RunToday(NamedTuple):
    """One DAG run of today, or one run of the command line (`run_id` is empty then).

    `attempts`: rows of `contract.attempts_v1` with the published figures; `route`: where it was sent, None before that.
    """

    run_id: str
    attempts: Sequence[Row]
    route: Row | None
    seen: DagRunSeen | None

    @property
    def state(self) -> TodayState:
        """How it stands; of two arms the one that is worse."""
        if self.route is not None and not self.route["chosen"]:
            return TodayState.ASKED_NOTHING
        if self.seen is not None and not self.attempts:
            return self._before_an_attempt(self.seen)
        ended = self.seen is not None and self.seen.state not in _GOES_ON
        states = {TodayState(attempt["outcome"]) for attempt in self.attempts}
        if TodayState.RUNNING in states:
            return TodayState.BROKEN_OFF if ended else TodayState.RUNNING
        if self.seen is not None and self.seen.state == "failed" and TodayState.QUARANTINED not in states:
            return TodayState.FAILED
        order = (TodayState.QUARANTINED, TodayState.PUBLISHED, TodayState.SUPERSEDED)
        return next((state for state in order if state in states), TodayState.QUEUED)

    def _before_an_attempt(self, seen: DagRunSeen) -> TodayState:
        if seen.state == "failed":
            return TodayState.FAILED
        if seen.waiting_for and seen.state == "running":
            return TodayState.WAITING
        if seen.state == "success":
            return TodayState.ASKED_NOTHING
        return TodayState.QUEUED if seen.state == "queued" else TodayState.RUNNING

    @property
    def why(self) -> str:
        """Why it asked nothing, what it waits for, why it is not published; empty where nothing needs a reason."""
        state = self.state
        if state is TodayState.WAITING and self.seen is not None:
            found = self.seen.waiting_for
            told = {name: text for name, text in found.items() if name not in _NO_REASONS}
            reasons = "; ".join(f"{name}: {text}" for name, text in told.items())
            return f"{reasons or 'nobody has looked yet'}; waits until {found.get('waits_until', 'its deadline')}"
        if state is TodayState.ASKED_NOTHING:
            return str(self.route["reason"]) if self.route else "no task of it asked anything"
        reasons = "; ".join(str(one["reason"]) for one in self.attempts if one["reason"])
        if state in (TodayState.FAILED, TodayState.BROKEN_OFF) and self.seen is not None:
            names = ", ".join(sorted({task.task_id for task in self.seen.failed_tasks}))
            failed = f"failed: {names}" if names else "Airflow ended it"
            return f"{failed}; {reasons}" if reasons else failed
        return reasons if state is TodayState.QUARANTINED else ""

    @property
    def began_at(self) -> dt.datetime | None:
        """When it began, as far as is known."""
        moments = [attempt["started_at"] for attempt in self.attempts]
        moments += [self.route["decided_at"]] if self.route else []
        moments += [self.seen.started_at] if self.seen and self.seen.started_at else []
        return min(moments, default=None)

    @property
    def goes_on(self) -> bool:
        """Whether somebody works on it, or will."""
        return self.state in (TodayState.WAITING, TodayState.QUEUED, TodayState.RUNNING)

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        names = ("attempt_id", "environment", "kind", "logical_date", "provenance", "outcome", "reason", "stages")
        counts = ("asked", "answered", "failed", "scored", "unscored", "started_at", "ended_at")
        figures = ("item_mean", "item_mean_low", "item_mean_high", "verdict", "verdict_reason")
        return {
            "dag_run_id": self.run_id or None,
            "state": self.state,
            "why": self.why,
            "began_at": self.began_at,
            "attempts": [{name: one.get(name) for name in names + counts + figures} for one in self.attempts],
        }


_NO_REASONS = frozenset({"environment", "state", "looked_at", "next_look", "waits_until"})
"""What a wait shows beside the reasons, which stand under the names of the aspects."""


def of_feature(
    feature: Feature, now: dt.datetime, attempts: Iterable[Row], routes: Iterable[Row], seen: Iterable[DagRunSeen]
) -> list[RunToday]:
    """The runs of a feature's day, the newest first."""
    name = feature.feature
    routed = {row["airflow_run_id"]: row for row in routes if row["feature"] == name}
    known = {run.run_id: run for run in seen if run.feature == name}
    works_on = {attempt_id: run.run_id for run in known.values() for attempt_id in run.attempt_ids}
    by_run: dict[str, list[Row]] = defaultdict(list)
    for attempt in attempts:
        if attempt["feature"] == name:
            by_run[works_on.get(str(attempt["attempt_id"]), attempt["dag_run_id"] or "")].append(attempt)
    runs = [RunToday("", [attempt], None, None) for attempt in by_run.pop("", [])]
    runs += [
        RunToday(run_id, by_run.get(run_id, []), routed.get(run_id), known.get(run_id))
        for run_id in {*by_run, *routed, *known}
    ]
    midnight = first_moment(feature.day_of(now), feature.zone)
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    todays = [run for run in runs if run.goes_on or (run.began_at or never) >= midnight]
    return sorted(todays, key=lambda run: run.began_at or never, reverse=True)

"""A timetable that follows a feature's dated phases (`daily_runs.schedule`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from daily_runs.catalogue import Phase
from daily_runs.schedule import next_tick

MISSED_TICK_GRACE = dt.timedelta(minutes=10)
"""Without catchup, a tick that was missed by more than this is not run: unpausing a DAG must not start a paid run."""


class MigrationTimetable(Timetable):
    """Runs at the moments that the phases' schedules name; each run's logical date is its moment."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = tuple(phases)
        self.description = "; ".join(
            f"from {phase.starts} {phase.phase} {phase.schedule or '(no runs)'}" for phase in self._phases
        )

    @property
    def summary(self) -> str:
        """Short form for the UI's list of DAGs."""
        return " → ".join(f"{phase.schedule or 'on hold'} ({phase.starts:%d %b})" for phase in self._phases)

    def serialize(self) -> dict[str, Any]:
        """As plain data, in the DAG's serialized form."""
        return {"phases": [phase.model_dump(mode="json") for phase in self._phases]}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MigrationTimetable:
        """From `serialize`."""
        return cls([Phase.model_validate(phase) for phase in data["phases"]])

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """A manual run stands for the moment it was started."""
        return DataInterval.exact(run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The next moment after the last run that the restriction and the catchup rule allow."""
        candidates = [moment for moment in (restriction.earliest,) if moment is not None]
        if last_automated_data_interval is not None:
            candidates.append(last_automated_data_interval.end.add(seconds=1))
        if not restriction.catchup:
            candidates.append(pendulum.now("UTC") - MISSED_TICK_GRACE)
        not_before = max(candidates, default=pendulum.datetime(1970, 1, 2))
        tick = next_tick(self._phases, not_before)
        if tick is None or (restriction.latest is not None and tick > restriction.latest):
            return None
        return DagRunInfo.exact(pendulum.instance(tick))

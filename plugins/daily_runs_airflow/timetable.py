"""A timetable that follows a feature's dated phases (`daily_runs.catalogue.schedule`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from daily_runs.catalogue import schedule
from daily_runs.catalogue.features import Phase

MISSED_TICK_GRACE = dt.timedelta(minutes=10)
"""Without catchup, a tick that was missed by more than this is not run: unpausing a DAG must not start a paid run."""
DESCRIPTION_LENGTH_MAX = 1000
"""Airflow's column holds no more; a longer text would keep the DAG out of its database."""


class MigrationTimetable(Timetable):
    """Runs at the moments that the phases' schedules name; each run's logical date is its moment (UTC).

    `timezone`: the IANA name of the zone in which the phases' dates and crons are meant. `summary` stands in the UI's
    list of DAGs, `description` where the pointer rests on it.
    """

    def __init__(self, phases: Sequence[Phase], timezone: str = "UTC") -> None:
        self._phases, self._timezone = tuple(phases), timezone
        self._zone = ZoneInfo(timezone)
        self.description = schedule.description(self._phases, timezone)[:DESCRIPTION_LENGTH_MAX]

    @property
    def summary(self) -> str:
        """Short form for the UI's list of DAGs."""
        return schedule.summary(self._phases, self._timezone)

    def serialize(self) -> dict[str, Any]:
        """As plain data, in the DAG's serialized form."""
        return {"phases": [phase.model_dump(mode="json") for phase in self._phases], "timezone": self._timezone}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MigrationTimetable:
        """From `serialize`; data from before there were time zones is in UTC."""
        return cls([Phase.model_validate(phase) for phase in data["phases"]], data.get("timezone", "UTC"))

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
        tick = schedule.next_tick(self._phases, self._zone, not_before)
        if tick is None or (restriction.latest is not None and tick > restriction.latest):
            return None
        return DagRunInfo.exact(pendulum.instance(tick))

"""DAGs as the scheduler and a backfill have them: out of the database, with the plugin's timetable registered."""

from __future__ import annotations

from unittest import mock

from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import DagSerialization

from daily_runs_airflow.timetable import MigrationTimetable

REGISTERED = {f"{MigrationTimetable.__module__}.{MigrationTimetable.__name__}": MigrationTimetable}


def as_scheduled(dag: DAG) -> SerializedDAG:
    """A DAG after its way into Airflow's database and out of it."""
    with mock.patch("airflow.plugins_manager.get_timetables_plugins", return_value=REGISTERED):
        return DagSerialization.from_dict(DagSerialization.to_dict(dag))

"""What Airflow loads from plugins/: the one file it scans (see .airflowignore); the package beside it is installed."""

from __future__ import annotations

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from daily_runs_airflow.pages.mounted import MOUNTED, views
from daily_runs_airflow.timetable import MigrationTimetable


class DailyRunsPlugin(AirflowPlugin):
    """Registers the timetable, so that the scheduler can rebuild it from a serialized DAG, and the pages of the UI."""

    name = "daily_runs"
    timetables = [MigrationTimetable]  # noqa: RUF012 - Airflow's own declaration of it
    fastapi_apps = MOUNTED
    external_views = views(conf.get("api", "base_url", fallback="") or "")

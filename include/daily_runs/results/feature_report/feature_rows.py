"""What is known of a feature in one environment over so many days, as one model."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from daily_runs.catalogue.features import Feature
from daily_runs.errors import ParameterError
from daily_runs.results.quality import WORDS
from daily_runs.results.run_report import cost_rows, report_rows, series_rows
from daily_runs.results.run_report.series_rows import RunSeries
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

DAYS = (30, 90, 365)
"""What a reader can choose; the middle one is shown first."""
COST_RUNS = 7
"""So many of the newest runs are added up: each has some hundred calls, which must be read one by one."""
UNMARKED = frozenset({WORDS["gitlab_revision"], WORDS["catalogue"]})
"""They change with nearly every run, so that marks of them would hide all others; a run's own page has them."""

_ENVIRONMENTS = """
SELECT environment, count(*)::int AS runs, max(logical_date) AS newest FROM contract.runs_v2
WHERE feature = %(feature)s AND kind = 'full' GROUP BY environment ORDER BY newest DESC, environment
"""
_NEWEST = """
SELECT * FROM contract.runs_v2
WHERE feature = %(feature)s AND environment = %(environment)s AND kind = 'full'
ORDER BY logical_date DESC LIMIT 1
"""


def read(store: Store, feature: Feature, environment: str | None, days: int) -> dict[str, Any]:
    """The model, as plain JSON.

    `environments` has those with published runs, the one with the newest first; that one is shown if none is named.
    `run` is the newest published full run there, None where there is none; `parts` are its classes and criteria, the
    lowest mean first; `cost` is of the newest `COST_RUNS` runs.

    Args:
        days: how far back the series goes from the newest run.

    Raises:
        ParameterError: a number of days that nobody can choose, or an environment without a published run.
    """
    if days not in DAYS:
        raise ParameterError("days", f"{days} is no choice", f"Known: {', '.join(map(str, DAYS))}.")
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        environments = connection.execute(_ENVIRONMENTS.encode(), {"feature": feature.feature}).fetchall()
        known = [row["environment"] for row in environments]
        if environment and known and environment not in known:
            problem = f"{feature.feature} has no published run in {environment!r}"
            raise ParameterError("environment", problem, f"Known: {', '.join(known)}.")
        chosen = environment or (known[0] if known else "")
        told: dict[str, Any] = {
            "feature": feature.feature,
            "title": feature.title,
            "owner": feature.owner.model_dump(),
            "environment": chosen,
            "environments": environments,
            "days": days,
        }
        told |= _of_environment(connection, feature.feature, chosen, days)
    return report_rows.plain(told)


def _of_environment(connection: Connection, feature: str, environment: str, days: int) -> dict[str, Any]:
    run = connection.execute(_NEWEST.encode(), {"feature": feature, "environment": environment}).fetchone()
    if run is None:
        return {"run": None, "series": None, "parts": [], "cost": {"runs": 0, "rows": [], "usd": None}}
    found = series_rows.read(connection, run)
    since = run["logical_date"] - dt.timedelta(days=days)
    newest = [row["run_key"] for row in found.runs[-COST_RUNS:]]
    parts = report_rows.parts_of(connection, run["run_key"])
    return {
        "run": dict(run),
        "series": _marked(found.as_json(sum(row["logical_date"] > since for row in found.runs)), found, since),
        "parts": sorted(parts, key=lambda part: (part["kind"] != "class", part["mean"])),
        "cost": {"runs": len(newest), **cost_rows.of_runs(connection, newest)},
    }


def _marked(series: dict[str, Any], found: RunSeries, since: dt.datetime) -> dict[str, Any]:
    """The series with the changes that are marked on it, and with the alarms that are open or of its days."""
    runs = [
        {**run, "changed": [one for one in run["changed"] if one["what"] not in UNMARKED]} for run in series["runs"]
    ]
    alarms = [alarm for alarm in found.alarms if alarm["state"] == "open" or _ended(alarm) > since]
    return {**series, "runs": runs, "alarms": alarms}


def _ended(alarm: Mapping[str, Any] | Row) -> dt.datetime:
    ended: dt.datetime = alarm["resolved_at"] or alarm["raised_at"]
    return ended

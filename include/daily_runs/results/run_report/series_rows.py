"""The series that a run belongs to: its stream's means over time, the reference, the alarms, and what changed when."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from daily_runs.results.quality import REFERENCE_RUNS, RULER, WORDS, EarlierRun, changes, comparability_key
from daily_runs.store.pool import Connection, Row

RUNS_SHOWN = 60

_RUNS = """
SELECT run_key, logical_date, item_mean, item_mean_low, item_mean_high, populations, verdict, ruler, context,
       EXISTS (SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = runs_v2.attempt_id) AS is_overridden
FROM contract.runs_v2
WHERE feature = %(feature)s AND environment = %(environment)s AND provenance = %(provenance)s AND kind = %(kind)s
      AND (kind = 'full' OR (split_part(run_key, '/', 4), split_part(run_key, '/', 5))
                            = (split_part(%(run_key)s, '/', 4), split_part(%(run_key)s, '/', 5)))
      AND logical_date <= %(logical_date)s AND comparability_key IS NOT NULL
ORDER BY logical_date
"""
_ALARMS = """
SELECT a.alarm_id, a.kind, a.since_run_key, a.last_run_key, r.logical_date AS since, a.size, a.worst_class, a.reason,
       a.changed, a.state, a.raised_at, a.resolved_at, a.resolved_by, a.resolution
FROM contract.alarms_v1 a JOIN daily_runs.run r ON r.run_key = a.since_run_key
WHERE a.feature = %(feature)s AND a.environment = %(environment)s AND r.logical_date <= %(logical_date)s
ORDER BY a.alarm_id
"""


class RunSeries(NamedTuple):
    """The runs up to the one that is reported, oldest first, those of its reference, and the alarms over them."""

    runs: Sequence[Row]
    reference: Sequence[EarlierRun]
    alarms: Sequence[Row]

    def as_json(self, shown: int = RUNS_SHOWN) -> dict[str, Any]:
        """The newest so many runs with what changed at each, and how many are left out."""
        keys = {run.run_key for run in self.reference}
        rows = [
            _shown(row, self.runs[number - 1] if number else None, in_reference=row["run_key"] in keys)
            for number, row in enumerate(self.runs)
        ]
        return {
            "runs": rows[-shown:],
            "left_out": max(0, len(rows) - shown),
            "reference": _band([row["item_mean"] for row in self.runs if row["run_key"] in keys], self.reference),
            "alarms": list(self.alarms),
        }


def read(connection: Connection, run: Row) -> RunSeries:
    """The series of a run (a row of `contract.runs_v2` or of `contract.attempts_v1`).

    The reference is the one that the published verdict stands on: a level that somebody accepted later begins none, no
    run whose gate was overridden is in it, and a run that two providers answered has none.
    """
    runs = connection.execute(_RUNS.encode(), run).fetchall()
    alarms = connection.execute(_ALARMS.encode(), run).fetchall() if run["kind"] == "full" else []
    published_at = run.get("published_at")
    if published_at is None or not run.get("ruler") or run["item_mean"] is None:
        return RunSeries(runs, [], alarms)
    accepted = [a["since"] for a in alarms if a["state"] == "accepted" and a["resolved_at"] <= published_at]
    since = max(accepted, default=dt.datetime.min.replace(tzinfo=dt.UTC))
    alike = [
        EarlierRun(row["run_key"], row["logical_date"], row["ruler"], row["context"], ())
        for row in runs
        if row["run_key"] != run["run_key"] and row["logical_date"] >= since and not row["is_overridden"]
        if comparability_key(row["ruler"]) == comparability_key(run["ruler"])
    ]
    return RunSeries(runs, alike[:REFERENCE_RUNS], alarms)


def _shown(row: Row, before: Row | None, *, in_reference: bool) -> dict[str, Any]:
    shown = {name: row[name] for name in ("run_key", "logical_date", "verdict")}
    figures = [{name: figure[name] for name in ("provider", "mean", "low", "high")} for figure in row["populations"]]
    stream = comparability_key(row["ruler"])
    return shown | {
        "figures": figures,
        "stream": stream,
        "in_reference": in_reference,
        "changed": _changed(before, row) if before else [],
    }


def _changed(before: Row, row: Row) -> list[dict[str, str]]:
    """What is not as in the run before: the ruler first, for it begins a new stream."""
    ruler = {
        name: (before["ruler"].get(name, ""), row["ruler"].get(name, ""))
        for name in RULER
        if before["ruler"].get(name, "") != row["ruler"].get(name, "")
    }
    found = ruler | changes(before["context"], row["context"])
    return [{"what": WORDS.get(name, name), "then": then, "now": now} for name, (then, now) in found.items()]


def _band(means: Sequence[float], reference: Sequence[EarlierRun]) -> dict[str, Any] | None:
    """The mean of the reference runs' means, and the lowest and the highest of them."""
    if not means:
        return None
    mean = math.fsum(means) / len(means)
    keys = [run.run_key for run in reference]
    return {"runs": keys, "mean": mean, "lowest": min(means), "highest": max(means)}

"""What other DAGs can be scheduled on: a feature's published runs, and what each event says of its run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Asset

EVENT = (
    "run_key",
    "kind",
    "attempt_id",
    "feature",
    "environment",
    "logical_date",
    "provenance",
    "asked",
    "answered",
    "failed",
    "scored",
    "unscored",
    "item_mean",
    "verdict",
    "verdict_reason",
    "rows_sha256",
)
"""Columns of `contract.runs_v2` that an event's `extra` has: enough to decide, the rest is in the contract's views."""


def published_runs(feature: str) -> Asset:
    """The asset that has an event for each published run, sample or trial of the feature, in any environment."""
    return Asset(name=f"daily_runs_{feature}_published", group="daily_runs")


def event_of(run: Mapping[str, Any]) -> dict[str, Any]:
    """An event's `extra` of a published run (a row of `contract.runs_v2`), as JSON has it: moments are ISO 8601."""
    return {name: _as_json(run[name]) for name in EVENT}


def _as_json(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return value if value is None or isinstance(value, str | int | float) else str(value)

"""What a published run's report says, as one model: JSON, the terminal and the page show the same."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from daily_runs.errors import ParameterError
from daily_runs.results import item_rows
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.quality import CRITERION
from daily_runs.store.database import Store

WORST_ITEMS = 10
_RUN = "SELECT * FROM contract.runs_v2 WHERE run_key = %(name)s OR attempt_id::text = %(name)s"
_DIFFERENCES = """
SELECT part, estimate, low, high, verdict FROM contract.comparisons_v1
WHERE run_key = %(run)s AND against = 'reference'
"""
_FAILURES = """
SELECT error_hop AS hop, error_kind AS kind, count(*)::int AS prompts FROM daily_runs.published_failure
WHERE run_key = %(run)s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_seconds) AS seconds
FROM daily_runs.published_result WHERE run_key = %(run)s
"""
_SHOWN = (
    "run_key",
    "kind",
    "attempt_id",
    "provenance",
    "verdict",
    "verdict_reason",
    "asked",
    "answered",
    "failed",
    "scored",
    "unscored",
    "item_mean",
    "item_mean_low",
    "item_mean_high",
    "new_classes_low",
    "new_classes_high",
    "missing_at_worst",
    "missing_at_best",
    "populations",
    "changed",
    "dataset_sha256",
    "rubric_version",
    "judge_model",
    "published_at",
)


def read(store: Store, name: str) -> dict[str, Any]:
    """The report of a run that is named by its key or by the id of its published attempt.

    `parts` has every class and criterion with its mean over the run's items and, where there is a reference, its
    difference from it. Latencies are seconds of answered prompts.

    Raises:
        ParameterError: no published run has that name.
    """
    with store.transaction() as connection:  # one snapshot: a run that is published anew meanwhile is not half of each
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        run = connection.execute(_RUN, {"name": name}).fetchone()
        if run is None:
            problem = f"{name!r} is no published run"
            raise ParameterError("RUN", problem, "Give a run key or the id of a published attempt.")
        asked = {"run": run["run_key"]}
        items = item_rows.of_runs(connection, [run["run_key"]])[run["run_key"]]
        compared = connection.execute(_DIFFERENCES, asked).fetchall()
        failures = connection.execute(_FAILURES, asked).fetchall()
        latency = connection.execute(_LATENCY, asked).fetchone()
    differences = {row.pop("part"): row for row in compared}
    seconds = (latency and latency["seconds"]) or [None] * 3
    return {
        "run": {column: run[column] for column in _SHOWN},
        "difference": differences.get(""),
        "parts": [
            {"name": part, "items": len(values), "mean": math.fsum(values) / len(values), **differences.get(part, {})}
            for part, values in _values(items).items()
        ],
        "failures": failures,
        "latency_seconds": dict(zip(("p50", "p95", "p99"), seconds, strict=True)),
        "worst_items": _worst(items),
        "rerun": _rerun(run["run_key"]),
    }


def _values(items: Sequence[PublishedItem]) -> dict[str, list[float]]:
    """Means of the scored items by part: classes first, then criteria. Two providers have no figure over both."""
    if len({item.provider for item in items if item.scored}) != 1:
        return {}
    classes, criteria = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for item in items:
        if item.mean is not None:
            classes[item.item_class].append(item.mean)
            for name, mean in item.criteria.items():
                criteria[f"{CRITERION}{name}"].append(mean)
    return dict(sorted(classes.items())) | dict(sorted(criteria.items()))


def _worst(items: Sequence[PublishedItem]) -> list[dict[str, Any]]:
    scored = sorted((item.mean, item.item_id, item) for item in items if item.mean is not None)
    names = ("item_id", "item_class", "provider", "mean", "answered", "scored", "failed")
    return [{name: getattr(item, name) for name in names} for _, _, item in scored[:WORST_ITEMS]]


def _rerun(run_key: str) -> str:
    """The command that asks again what has no answer."""
    feature, environment, moment, *sample = run_key.split("/")
    words = ["daily-runs", "run", feature, "--environment", environment, "--date", moment[:10]]
    more = ["--sample", sample[0].removeprefix("sample-")] if sample else []
    return shlex.join([*words, *more, "--rerun", "missing_answers"])

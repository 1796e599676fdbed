"""What a run's report says, as one model: JSON, the terminal and the page show the same."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.errors import ParameterError
from daily_runs.records.run import SAMPLE
from daily_runs.results import item_rows
from daily_runs.results.intervals import over_these_classes
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.quality import CRITERION, by_part
from daily_runs.results.run_report import answer_rows, attempt_rows, cost_rows, item_pairs, ruler_rows, series_rows
from daily_runs.results.run_report.item_pairs import ItemPair, ItemsOfRun
from daily_runs.results.run_report.questions import AskedQuestion, Questions
from daily_runs.results.run_report.ruler_rows import RulerState, TermsOf
from daily_runs.statuses import Rerun
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

_RUN = "SELECT * FROM contract.runs_v2 WHERE run_key = %(name)s OR attempt_id::text = %(name)s"
_DIFFERENCES = """
SELECT part, estimate, low, high, verdict, smallest_visible_drop FROM contract.comparisons_v1
WHERE run_key = %(run)s AND against = 'reference'
"""
_OTHERS = """
SELECT against, treatment, verdict, estimate, low, high FROM contract.comparisons_v1
WHERE run_key = %(run)s AND against <> 'reference' AND part = '' ORDER BY against
"""
_FAILURES = """
SELECT error_hop AS hop, error_kind AS kind, count(*)::int AS prompts FROM daily_runs.published_failure
WHERE run_key = %(run)s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
"""
_LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY latency_seconds) AS seconds
FROM daily_runs.published_result WHERE run_key = %(run)s
"""
_NAMES = "Give a run key or the id of an attempt; daily-runs export --view attempts_v1 lists them."


def read(
    store: Store, name: str, questions: Questions, terms_of: TermsOf, *, with_items: bool = True
) -> dict[str, Any]:
    """The report of a run that is named by its key or by the id of an attempt, published or not.

    `parts` has every class and criterion with its mean over the run's items and, where there is a reference, its
    difference from it. Latencies are domain seconds of answered prompts. The model is plain JSON.

    Args:
        with_items: whether to read the worst and the most changed items with their answers; else both lists are empty.

    Raises:
        ParameterError: no attempt has that name.
        DatasetError: the data set whose questions are to be shown is not sound.
    """
    with store.transaction() as connection:  # one snapshot: a run that is published anew meanwhile is not half of each
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        run = connection.execute(_RUN, {"name": name}).fetchone()
        attempt = attempt_rows.named(connection, str(run["attempt_id"]) if run else name)
        if attempt is None:
            raise ParameterError("RUN", f"{name!r} is no run and no attempt", _NAMES)
        asked = questions(attempt["feature"], attempt["dataset_sha256"]) if with_items else None
        found = attempt["gate_results"] or []
        check = ruler_rows.read(connection, str(attempt["attempt_id"]), found, terms_of)
        report = _published(connection, run, asked) if run else _of_attempt(connection, attempt, asked, check)
        report |= {"gate_results": found, "ruler_check": check, **_of_both(connection, attempt, check)}
    return plain(report)


def plain(model: Mapping[str, Any]) -> dict[str, Any]:
    """The model as JSON has it, so that a page made of it is the same wherever it is made."""
    found: dict[str, Any] = json.loads(json.dumps(model, default=_as_text))
    return found


def _as_text(value: object) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def _published(connection: Connection, run: Row, questions: Mapping[str, AskedQuestion] | None) -> dict[str, Any]:
    asked = {"run": run["run_key"]}
    series = series_rows.read(connection, run)
    against = _with_items(connection, [one.run_key for one in series.reference])
    items = item_rows.of_runs(connection, [run["run_key"]])[run["run_key"]]
    differences = _differences(connection, run["run_key"])
    pairs = item_pairs.pairs_of(items, against)
    return {
        "published": True,
        "headline": run["verdict_reason"] or "no verdict: published before runs had one",
        "run": dict(run),
        "difference": differences.get(""),
        "others": connection.execute(_OTHERS, asked).fetchall(),
        "parts": _parts(items, differences),
        "failures": connection.execute(_FAILURES, asked).fetchall(),
        "latency_seconds": _percentiles(connection.execute(_LATENCY, asked).fetchone()),
        **_items_shown(connection, pairs, str(run["attempt_id"]), questions),
        "series": series.as_json(),
    }


def _of_attempt(
    connection: Connection, attempt: Row, questions: Mapping[str, AskedQuestion] | None, check: Mapping[str, Any] | None
) -> dict[str, Any]:
    """An attempt that is not published has no verdict, no classes and no reference: its figures are not sound."""
    attempt_id = str(attempt["attempt_id"])
    items = attempt_rows.items(connection, attempt_id, questions or {})
    because = f": {attempt['reason']}" if attempt["reason"] else ""
    if because and check and check["state"] is RulerState.MOVED:
        because = f", since the ruler moved: its scores say nothing of the feature. Failed{because}"
    return {
        "published": False,
        "headline": f"not published, {attempt['outcome']}{because}",
        "run": {name: value for name, value in attempt.items() if name not in ("gate_results", "stages")},
        "difference": None,
        "others": [],
        "parts": [],
        "failures": attempt_rows.failures(connection, attempt_id),
        "latency_seconds": _percentiles(attempt_rows.latency(connection, attempt_id)),
        **_items_shown(connection, item_pairs.pairs_of(items, []), attempt_id, questions),
        "series": series_rows.read(connection, attempt).as_json(),
    }


def _of_both(connection: Connection, attempt: Row, check: Mapping[str, Any] | None) -> dict[str, Any]:
    attempt_id = str(attempt["attempt_id"])
    how = Rerun.JUDGE_AGAIN if check is not None and check["judge_again"] else Rerun.MISSING_ANSWERS
    feature, environment, moment = attempt["run_key"].split("/", 2)
    return {
        "stages": attempt["stages"] or {},
        "unscored_kinds": attempt_rows.unscored(connection, attempt_id),
        "cost": cost_rows.of_run(connection, attempt["run_key"]),
        "ruler": attempt_rows.ruler(connection, attempt_id),
        "attempts": attempt_rows.of_run(connection, attempt["run_key"]),
        "rerun": _rerun(attempt["run_key"], how),
        "rerun_form": {"environment": environment, "rerun": how.value, "run": moment},
        "rerun_dag": f"daily_runs_{feature}",
    }


def _with_items(connection: Connection, run_keys: Sequence[str]) -> list[ItemsOfRun]:
    attempts = answer_rows.published_attempts(connection, run_keys)
    items = item_rows.of_runs(connection, run_keys)
    return [ItemsOfRun(key, attempts[key], items[key]) for key in run_keys]


def parts_of(connection: Connection, run_key: str) -> list[dict[str, Any]]:
    """Every class and criterion of a published run, as `read` has them."""
    return _parts(item_rows.of_runs(connection, [run_key])[run_key], _differences(connection, run_key))


def _differences(connection: Connection, run_key: str) -> dict[str, Row]:
    return {row.pop("part"): row for row in connection.execute(_DIFFERENCES, {"run": run_key}).fetchall()}


def _parts(items: Sequence[PublishedItem], differences: Mapping[str, Row]) -> list[dict[str, Any]]:
    """Classes first, then criteria. Two providers have no figure over both."""
    if len({item.provider for item in items if item.scored}) != 1:
        return []
    parts = by_part(items)
    found = []
    for name in sorted(parts, key=lambda part: (part.startswith(CRITERION), part)):
        mean = over_these_classes(parts[name])
        figures = {"mean": mean.estimate, "mean_low": mean.low, "mean_high": mean.high}
        kind = "criterion" if name.startswith(CRITERION) else "class"
        found.append({"name": name, "kind": kind, "items": len(parts[name]), **figures, **differences.get(name, {})})
    return found


def _items_shown(
    connection: Connection, pairs: Sequence[ItemPair], attempt_id: str, questions: Mapping[str, AskedQuestion] | None
) -> dict[str, Any]:
    """`questions`: None where nobody asked for items."""
    if questions is None:
        return {"worst_items": [], "changed_items": []}
    lists = {"worst_items": item_pairs.worst(pairs), "changed_items": item_pairs.most_changed(pairs)}
    every = [pair for found in lists.values() for pair in found]
    answers = answer_rows.read(connection, item_pairs.wanted(every, attempt_id))
    return {name: item_pairs.as_json(found, attempt_id, answers, questions) for name, found in lists.items()}


def _percentiles(row: Row | None) -> dict[str, float | None]:
    return dict(zip(("p50", "p95", "p99"), (row and row["seconds"]) or [None] * 3, strict=True))


def _rerun(run_key: str, how: Rerun) -> str:
    """The command that does again what is missing or cannot be trusted."""
    feature, environment, moment, *sample = run_key.split("/")
    words = ["daily-runs", "run", feature, "--environment", environment, "--date", moment[:10]]
    more = ["--sample", "/".join(sample).removeprefix(SAMPLE)] if sample else []
    return shlex.join([*words, *more, "--rerun", how.value])

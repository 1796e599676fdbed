"""Which runs the merge gate compares: what somebody named, looked up among the published runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from daily_runs.errors import ParameterError
from daily_runs.results import alarm_rows, item_rows
from daily_runs.results.quality import EarlierRun, comparability_key
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

LAST_GOOD, REFERENCE = "last-good", "reference"
BASELINE, CANDIDATE = "--baseline", "--candidate"
_WORDS = re.compile(rf"({LAST_GOOD}|{REFERENCE})(?:@(.*))?")
_NAMES = f"Give a run key, the id of a published attempt, {LAST_GOOD} or {REFERENCE} (or {LAST_GOOD}@ENVIRONMENT)."

_COLUMNS = """
SELECT run_key, attempt_id::text, feature, environment, logical_date, sample, provenance, comparability_key, ruler,
       context, EXISTS (
           SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = published_run.attempt_id) AS is_overridden
FROM daily_runs.published_run
"""
_NAMED = f"{_COLUMNS} WHERE run_key = %(name)s OR attempt_id::text = %(name)s"
_OTHERS = (
    f"{_COLUMNS} WHERE feature = %(feature)s AND environment = %(environment)s AND sample = %(sample)s"
    " AND run_key <> %(run_key)s AND comparability_key IS NOT NULL"
    " AND NOT EXISTS (SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = published_run.attempt_id)"
    " ORDER BY logical_date"
)


class MergeSides(NamedTuple):
    """The candidate, and the runs that it is held against: one, or those of a reference, the oldest first."""

    feature: str
    baseline: Sequence[EarlierRun]
    candidate: EarlierRun


def find(store: Store, baseline: str, candidate: str) -> MergeSides:
    """Look up both sides in one snapshot, so that a run that is published anew meanwhile is never half of each.

    `last-good` is the newest other full run of the other side's feature, in its environment or in the one after `@`.
    `reference` is every run of the candidate's stream before it that is measured with the same ruler; where there is
    none, the newest run before it, so that the decision can say what differs.

    Raises:
        ParameterError: a name that no published run has, or one whose gate was overridden; two names that name no run,
            or one run twice.
    """
    with store.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return found_in(connection, baseline, candidate)


def features_named(store: Store, *names: str) -> set[str]:
    """The features that names of sides are about, to ask for rights before anything is told of them.

    A run key says its feature itself, whether there is such a run or not. A word such as `last-good` says none.
    """
    ids = [name for name in names if "/" not in name]
    query = "SELECT DISTINCT feature FROM daily_runs.published_run WHERE attempt_id::text = ANY(%(ids)s)"
    found = {str(row["feature"]) for row in store.rows(query, {"ids": ids})}
    return found | {name.partition("/")[0] for name in names if "/" in name}


def found_in(connection: Connection, baseline: str, candidate: str) -> MergeSides:
    """The same inside the caller's transaction, who reads more of these runs in it."""
    first, second = _rows(connection, baseline, candidate)
    if any(row["run_key"] == second["run_key"] for row in first):
        raise ParameterError(CANDIDATE, f"{second['run_key']} is the baseline too", "Name two runs.")
    if first[0]["feature"] != second["feature"]:
        problem = f"{second['run_key']} is a run of another feature than {first[0]['run_key']}"
        raise ParameterError(CANDIDATE, problem, "Name two runs of one feature.")
    rows = [*first, second]
    items = item_rows.of_runs(connection, [row["run_key"] for row in rows])
    runs = [_run(row, items[row["run_key"]]) for row in rows]
    return MergeSides(second["feature"], runs[:-1], runs[-1])


def _rows(connection: Connection, baseline: str, candidate: str) -> tuple[list[Row], Row]:
    before, after = _WORDS.fullmatch(baseline), _WORDS.fullmatch(candidate)
    if before and after:
        raise ParameterError(CANDIDATE, f"neither {candidate!r} nor {baseline!r} names a run", "Name one by its key.")
    if after and after[1] == REFERENCE:
        raise ParameterError(CANDIDATE, "a reference is several runs", "Name one run.")
    if after:
        named = _named(connection, BASELINE, baseline)
        return [named], _last_good(connection, CANDIDATE, named, after[2])
    named = _named(connection, CANDIDATE, candidate)
    if not before:
        return [_named(connection, BASELINE, baseline)], named
    if before[1] == LAST_GOOD:
        return [_last_good(connection, BASELINE, named, before[2])], named
    return _reference(connection, named, before[2]), named


def _named(connection: Connection, place: str, name: str) -> Row:
    row = connection.execute(_NAMED.encode(), {"name": name}).fetchone()
    if row is None:
        raise ParameterError(place, f"{name!r} is no published run", _NAMES)
    if row["comparability_key"] is None:
        problem = f"{row['run_key']} was published before runs kept what they were measured with"
        raise ParameterError(place, problem, "Publish it again, or name a newer run.")
    if row["is_overridden"]:
        problem = f"{row['run_key']} is no valid measurement: its gate was overridden"
        raise ParameterError(place, problem, "Name another run; `daily-runs report` shows this one's figures.")
    return row


def _last_good(connection: Connection, place: str, other: Row, environment: str | None) -> Row:
    environment = other["environment"] if environment is None else environment
    found = connection.execute(_OTHERS.encode(), {**other, "environment": environment, "sample": ""}).fetchall()
    if not found:
        problem = f"no other full run of {other['feature']} in {environment!r} is published"
        raise ParameterError(place, problem, _NAMES)
    return found[-1]


def _reference(connection: Connection, candidate: Row, environment: str | None) -> list[Row]:
    where = candidate["environment"] if environment is None else environment
    found = connection.execute(_OTHERS.encode(), {**candidate, "environment": where}).fetchall()
    pinned = alarm_rows.pinned_after(connection, candidate["feature"], where)
    earlier = [
        row
        for row in found
        if row["logical_date"] < candidate["logical_date"] and (pinned is None or row["logical_date"] >= pinned)
    ]
    if not earlier:
        problem = f"no run of {candidate['feature']} in {where!r} before the candidate is published"
        raise ParameterError(BASELINE, problem, _NAMES)
    alike = [row for row in earlier if _ruler_of(row) == _ruler_of(candidate)]
    return alike or earlier[-1:]


def _ruler_of(row: Row) -> tuple[str, str]:
    """The key is made anew: the one that is stored is that of the version which published the run."""
    return comparability_key(row["ruler"]), row["provenance"]


def _run(row: Row, items: Sequence[Any]) -> EarlierRun:
    """The provenance counts as part of the ruler: a sandbox's scores say nothing about a real model's."""
    ruler = {**row["ruler"], "provenance": row["provenance"]}
    return EarlierRun(row["run_key"], row["logical_date"], ruler, row["context"], items)

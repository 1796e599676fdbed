"""The ruler check of an attempt: what its day's frozen answers said of the judge, beside earlier days of the ruler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.errors import CatalogueError
from daily_runs.judging import rubric_versions
from daily_runs.judging.rubric import Rubric
from daily_runs.results import ruler_check, ruler_days
from daily_runs.results.ruler_check import (
    ALLOWANCE,
    NO_REFERENCE,
    QUESTIONS,
    SAME_MEAN,
    SCORED_MIN,
    FrozenDay,
)
from daily_runs.results.ruler_days import WatchedDay
from daily_runs.statuses import FrozenStatus
from daily_runs.store.pool import Connection, Row

DAYS_SHOWN = 60

_WATCHED = """
SELECT g.frozen_judging_id::text, g.frozen_key, g.feature, g.rubric_version, g.began_at FROM daily_runs.ruler_watch w
JOIN daily_runs.frozen_judging g USING (frozen_judging_id) WHERE w.attempt_id = %(attempt_id)s ORDER BY g.began_at
"""
_OF_RULER = """
SELECT frozen_judging_id::text, began_at FROM daily_runs.frozen_judging
WHERE frozen_key = %(frozen_key)s AND began_at <= %(began_at)s ORDER BY began_at
"""
_VERDICTS = """
SELECT frozen_judging_id::text, frozen_id, made, status, expected, points, in_range, score
FROM contract.frozen_answers_v1
WHERE frozen_judging_id = ANY(%(ids)s::uuid[]) ORDER BY frozen_id
"""


class RulerState(StrEnum):
    """What the gate's questions of the frozen answers come to; `unknown`: they could not be answered."""

    HELD = "held"
    MOVED = "moved"
    FIRST_DAY = "first_day"
    UNKNOWN = "unknown"
    NOT_ASKED = "not_asked"


SAID = {
    RulerState.HELD: "yes: it judges as in its first days",
    RulerState.MOVED: "no: the ruler moved, so this attempt's scores say nothing of the feature",
    RulerState.FIRST_DAY: "not known yet: this is the first day of this ruler",
    RulerState.UNKNOWN: "not known: too few frozen answers have a verdict, or none were judged on a score's day",
    RulerState.NOT_ASKED: "not asked yet: the gate has not run",
}
"""Answers to the question whether the judge is still the same."""


class RulerTerms(NamedTuple):
    """What points are weighed by: the rubric, and the share of frozen answers that must be in range."""

    rubric: Rubric
    in_range_min: float


TermsOf = Callable[[str, str], RulerTerms | None]
"""Takes a feature and a rubric's version; None where that rubric is not kept any more."""


def of_catalogue(catalogue: Catalogue) -> TermsOf:
    """The terms of the rubrics that stand beside the catalogue."""

    def found(feature: str, version: str) -> RulerTerms | None:
        if feature not in catalogue.features:
            return None
        wanted = catalogue.features[feature]
        try:
            rubric = rubric_versions.known(wanted).get(version)
        except CatalogueError:  # a report must not wait until somebody mends a rubric
            return None
        return RulerTerms(rubric, wanted.thresholds.frozen_in_range_min) if rubric else None

    return found


def none_known(_feature: str, _version: str) -> RulerTerms | None:
    """No terms at all: the catalogue cannot be read."""
    return None


def read(
    connection: Connection, attempt_id: str, gate_results: Sequence[Mapping[str, Any]], terms_of: TermsOf
) -> dict[str, Any] | None:
    """The check of an attempt; None where its feature has no frozen answers.

    State and findings are the gate's, as stored. The days are the ruler's newest `DAYS_SHOWN` up to the attempt's, with
    the shift of the mean score against the first days, on the scale from 0 to 1, and its 99.8 % interval; these are
    null where the rubric is not kept any more. `judge_again`: no rerun that keeps the verdicts can pass the gate.
    """
    findings = sorted((one for one in gate_results if one["expectation"].startswith(QUESTIONS)), key=_place)
    watched = connection.execute(_WATCHED.encode(), {"attempt_id": attempt_id}).fetchall()
    if not watched and not findings:
        return None
    state = _state(findings)
    found = {
        "state": state,
        "said": SAID[state],
        "judge_again": ruler_check.need_new_verdicts(_failed(findings)),
        "findings": findings,
        "tolerance": ALLOWANCE,
        "scored_min": SCORED_MIN,
    }
    if not watched:
        return {**found, "since": None, "ruler_since": None, "judgings": 0, "left_out": 0, "days": []}
    newest = watched[-1]
    terms = terms_of(newest["feature"], newest["rubric_version"])
    judgings = connection.execute(_OF_RULER.encode(), newest).fetchall()
    here = {row["frozen_judging_id"] for row in watched}
    days = [
        day | {"of_this_run": day["frozen_judging_id"] in here}
        for day in _RulerDays(connection, judgings, terms).shown()
    ]
    return {
        **found,
        "since": judgings[0]["began_at"],
        "ruler_since": terms and terms.rubric.ruler_since,
        "judgings": len(judgings),
        "left_out": len(judgings) - len(days),
        "days": days,
    }


def _place(finding: Mapping[str, Any]) -> tuple[bool, int]:
    """Failures first, then in the order of the questions."""
    return finding["passed"], QUESTIONS.index(_question(finding))


def _question(finding: Mapping[str, Any]) -> str:
    """The gate adds the day to a question that it asks of several; one question's name begins with another one's."""
    return max((name for name in QUESTIONS if finding["expectation"].startswith(name)), key=len)


def _failed(findings: Sequence[Mapping[str, Any]]) -> set[str]:
    return {one["expectation"] for one in findings if not one["passed"]}


def _state(findings: Sequence[Mapping[str, Any]]) -> RulerState:
    failed = _failed(findings)
    if failed:
        return RulerState.MOVED if ruler_check.says_moved(failed) else RulerState.UNKNOWN
    of_mean = [one["observed"] for one in findings if _question(one) == SAME_MEAN]
    if not of_mean:
        return RulerState.NOT_ASKED
    return RulerState.FIRST_DAY if all(said == NO_REFERENCE for said in of_mean) else RulerState.HELD


class _RulerDays:
    """The judgings of one ruler, oldest first, each with what it comes to."""

    def __init__(self, connection: Connection, judgings: Sequence[Row], terms: RulerTerms | None) -> None:
        self._connection, self._terms = connection, terms
        self._earlier, self._newest = judgings[:-DAYS_SHOWN], judgings[-DAYS_SHOWN:]
        self._rows = self._read(self._newest)

    def shown(self) -> list[dict[str, Any]]:
        """The newest ones."""
        watched = self._watched() if self._terms else {}
        return [_shown(one, self._rows[one["frozen_judging_id"]], watched.get(one["began_at"])) for one in self._newest]

    def _watched(self) -> dict[Any, WatchedDay]:
        """By when each began. Of those that are not shown only the first days matter, so the rest is never read."""
        terms = self._terms
        assert terms is not None
        rows = next(iter(self._rows.values()))
        sheet = ruler_check.sheet_of(terms.rubric, rows)
        first = ruler_days.reference_of(sheet, self._days(self._earlier), in_range_min=terms.in_range_min)
        days = [*first, *self._days(self._newest)]
        found = ruler_days.watched_days(sheet, days, in_range_min=terms.in_range_min)
        return {one.day.began_at: one for one in found}

    def _days(self, judgings: Sequence[Row]) -> Iterator[FrozenDay]:
        """Those that came to their end; each that is not shown is read when it is asked for."""
        assert self._terms is not None
        for one in judgings:
            rows = self._rows.get(one["frozen_judging_id"]) or self._read([one])[one["frozen_judging_id"]]
            if rows and all(row["status"] in (FrozenStatus.SCORED, FrozenStatus.UNSCORED) for row in rows):
                yield FrozenDay(one["began_at"], ruler_check.points_of(self._terms.rubric, rows))

    def _read(self, judgings: Sequence[Row]) -> dict[str, list[Row]]:
        ids = [one["frozen_judging_id"] for one in judgings]
        found: dict[str, list[Row]] = {judging_id: [] for judging_id in ids}
        for row in self._connection.execute(_VERDICTS.encode(), {"ids": ids}).fetchall():
            found[row["frozen_judging_id"]].append(row)
        return found


def _shown(judging: Row, rows: Sequence[Row], watched: WatchedDay | None) -> dict[str, Any]:
    scores = [row["score"] for row in rows if row["score"] is not None]
    move = watched.move if watched and watched.move and watched.move.degrees else None
    return {
        **judging,
        "answers": len(rows),
        "scored": len(scores),
        "in_range": sum(row["in_range"] is True for row in rows),
        "mean_score": sum(scores) / len(scores) if scores else None,
        "shift": move.estimate if move else None,
        "low": move.estimate - move.half_width if move else None,
        "high": move.estimate + move.half_width if move else None,
        "first_day": watched.is_first if watched else None,
        "held": watched.held if watched else None,
    }

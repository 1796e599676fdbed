"""The gate's question of the judge: do the frozen answers say that it is the ruler that it was?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from daily_runs.judging.rubric import Rubric
from daily_runs.records import frozen_judgings
from daily_runs.results import ruler_check
from daily_runs.results.ruler_check import JUDGED, MOVED, REFERENCE_DAYS, FrozenDay, FrozenSheet, RulerFinding
from daily_runs.stages.expectations import Check
from daily_runs.stages.work import Work
from daily_runs.statuses import FrozenStatus
from daily_runs.store.pool import Row

LOOKED_AT = 3 * REFERENCE_DAYS
"""So many of a ruler's first judgings are read for its reference; some of them may be unsound."""
REMEDY = "clear the task judging, or choose rerun: judge_again"


def checks(work: Work) -> list[Check]:
    """What the frozen judgings that speak for an attempt say; nothing where its feature has no frozen answers."""
    if not work.feature.frozen_answers:
        return []
    watched = frozen_judgings.of_attempt(work.store, work.attempt.attempt_id)
    if not watched:
        return [Check(JUDGED, passed=False, observed="not for this attempt", required=f"once a day: {REMEDY}")]
    newest, *others = reversed(watched)
    found = _checks(work, newest)
    for row in others:  # of an attempt that was judged on several days
        found += [_of_day(check, row) for check in _checks(work, row)]
    return found


def says_moved(failed: Sequence[Check]) -> bool:
    """Whether a failed check says that the ruler moved, and not only that nobody knows."""
    return any(check.expectation.startswith(tuple(MOVED)) for check in failed)


def _of_day(check: Check, row: Row) -> Check:
    began = row["began_at"]
    return check._replace(expectation=f"{check.expectation} (those of {began.day} {began:%b %H:%M})")


def _checks(work: Work, row: Row) -> list[Check]:
    earlier = frozen_judgings.before(work.store, row["frozen_key"], row["began_at"], LOOKED_AT)
    found = frozen_judgings.verdicts_of(work.store, [one["frozen_judging_id"] for one in (*earlier, row)])
    verdicts = found[row["frozen_judging_id"]]
    unsettled = sum(not _is_settled(one) for one in verdicts)
    if unsettled:
        observed = f"{unsettled} of {len(verdicts)} are not settled"
        return [Check(JUDGED, passed=False, observed=observed, required=f"all are: {REMEDY}")]
    sheet = _sheet(work.rubric, verdicts)
    days = [
        FrozenDay(one["began_at"], _points(work.rubric, found[one["frozen_judging_id"]]))
        for one in earlier
        if all(map(_is_settled, found[one["frozen_judging_id"]]))
    ]
    least = work.feature.thresholds.frozen_in_range_min
    reference = ruler_check.reference_of(sheet, days, in_range_min=least)
    today = FrozenDay(row["began_at"], _points(work.rubric, verdicts))
    findings = ruler_check.watch(sheet, today, reference, in_range_min=least)
    return [_check(finding, verdicts) for finding in findings]


def _check(finding: RulerFinding, verdicts: Sequence[Row]) -> Check:
    kinds = Counter(one["error_kind"] for one in verdicts if one["status"] == FrozenStatus.UNSCORED)
    why = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) if finding.question == JUDGED else ""
    required = finding.required if finding.passed or not why else f"{finding.required}: {REMEDY}"
    return Check(finding.question, finding.passed, finding.observed + (f" ({why})" if why else ""), required)


def _is_settled(row: Mapping[str, Any]) -> bool:
    return row["status"] in (FrozenStatus.SCORED, FrozenStatus.UNSCORED)


def _sheet(rubric: Rubric, rows: Sequence[Row]) -> FrozenSheet:
    names = [criterion.name for criterion in rubric.criteria]
    bounds = [[row["expected"].get(name, (np.nan, np.nan)) for name in names] for row in rows]
    lowest, highest = np.moveaxis(np.array(bounds, dtype=np.float64), 2, 0)
    return FrozenSheet({criterion.name: criterion.weight for criterion in rubric.criteria}, lowest, highest)


def _points(rubric: Rubric, rows: Sequence[Row]) -> ruler_check.Floats:
    names = [criterion.name for criterion in rubric.criteria]
    given = [[(row["points"] or {}).get(name, np.nan) for name in names] for row in rows]
    return np.array(given, dtype=np.float64)

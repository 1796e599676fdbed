"""The gate's question of the judge: do the frozen answers say that it is the ruler that it was?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daily_runs.frozen_answers import asked_first
from daily_runs.records import frozen_judgings
from daily_runs.results import ruler_check, ruler_days
from daily_runs.results.ruler_check import JUDGED, OF_A_DAY, OF_EACH_DAY, FrozenDay, RulerFinding
from daily_runs.stages.expectations import Check
from daily_runs.stages.judge_trial import YOUNG_HOURS
from daily_runs.stages.verdicts.frozen import SPEAKS_HOURS
from daily_runs.stages.work import Work
from daily_runs.statuses import FrozenStatus
from daily_runs.store.pool import Row

NEW_VERDICTS = "choose rerun: judge_again"
REMEDY = f"clear the task judging, or {NEW_VERDICTS}"


def checks(work: Work) -> list[Check]:
    """What the frozen judgings that speak for an attempt say; nothing where its feature has no frozen answers."""
    if not work.feature.frozen_answers:
        return []
    watched = frozen_judgings.of_attempt(work.store, work.attempt.attempt_id, YOUNG_HOURS)
    if not watched:
        return [Check(JUDGED, passed=False, observed="not for this attempt", required=f"once a day: {REMEDY}")]
    dropped = _not_asked(work, watched)
    found: list[Check] = []
    for row in reversed(watched):  # several, where the attempt was judged on several days
        if row["frozen_judging_id"] in dropped:
            continue
        of_row = _checks(work, row)
        is_over = not row["is_young"] and any(not one.passed and one.expectation == JUDGED for one in of_row)
        found += [_of_day(one, row) for one in of_row] if is_over or row is not watched[-1] else of_row
    return [*found, _of_each_day(work, dropped)]


def _not_asked(work: Work, watched: Sequence[Row]) -> list[str]:
    """Those that broke off, are not young any more, and speak for no verdict for which no other one speaks that is
    asked. Nobody goes on with them, and nothing hangs on them."""
    dropped: list[str] = []
    for row in watched:
        if row["is_young"] or all(map(_is_settled, _verdicts(work, row))):
            continue
        seen = [
            frozen_judgings.seen(work.store, work.attempt.attempt_id, SPEAKS_HOURS, but=but)[0]
            for but in (dropped, [*dropped, row["frozen_judging_id"]])
        ]
        if seen[0] == seen[1]:
            dropped.append(row["frozen_judging_id"])
    return dropped


def _of_each_day(work: Work, dropped: Sequence[str]) -> Check:
    seen, verdicts = frozen_judgings.seen(work.store, work.attempt.attempt_id, SPEAKS_HOURS, but=dropped)
    observed = f"{verdicts - seen} of {verdicts} verdicts are of another day" if seen < verdicts else f"all {verdicts}"
    return Check(OF_EACH_DAY, passed=seen == verdicts, observed=observed, required=f"none: {REMEDY}")


def _of_day(check: Check, row: Row) -> Check:
    began = row["began_at"]
    return check._replace(expectation=f"{check.expectation}{OF_A_DAY}{began.day} {began:%b %H:%M})")


def _checks(work: Work, row: Row) -> list[Check]:
    """The questions of one frozen judging. Nobody goes on with one that broke off and is not young any more: it speaks
    by the half before the run's own answers, if that is whole."""
    verdicts = _verdicts(work, row)
    settled = [one for one in verdicts if _is_settled(one)]
    remedy = REMEDY if row["is_young"] else NEW_VERDICTS
    if len(settled) < len(verdicts):
        first = asked_first({one["frozen_id"]: one["made"] for one in verdicts})
        if row["is_young"] or not first <= {one["frozen_id"] for one in settled}:
            observed = f"{len(verdicts) - len(settled)} of {len(verdicts)} are not settled"
            return [Check(JUDGED, passed=False, observed=observed, required=f"all are: {remedy}")]
    sheet = ruler_check.sheet_of(work.rubric, verdicts)
    least = work.feature.thresholds.frozen_in_range_min
    reference = ruler_days.reference_of(sheet, _days_before(work, row), in_range_min=least)
    today = FrozenDay(row["began_at"], ruler_check.points_of(work.rubric, verdicts))
    findings = ruler_check.watch(sheet, today, reference, in_range_min=least, asked=len(settled))
    return [_check(finding, verdicts, remedy) for finding in findings]


def _days_before(work: Work, row: Row) -> Iterator[FrozenDay]:
    """The ruler's settled frozen judgings before one, oldest first. Each is read when it is asked for: however many of
    the first ones are unsound, the next ones are looked at, and never all of a ruler that is years old."""
    for one in frozen_judgings.before(work.store, row["frozen_key"], row["began_at"]):
        verdicts = _verdicts(work, one)
        if all(map(_is_settled, verdicts)):
            yield FrozenDay(one["began_at"], ruler_check.points_of(work.rubric, verdicts))


def _verdicts(work: Work, judging: Row) -> list[Row]:
    return frozen_judgings.verdicts_of(work.store, [judging["frozen_judging_id"]])[judging["frozen_judging_id"]]


def _check(finding: RulerFinding, verdicts: Sequence[Row], remedy: str) -> Check:
    if finding.question != JUDGED:
        return Check(finding.question, finding.passed, finding.observed, finding.required)
    kinds = Counter(one["error_kind"] for one in verdicts if one["status"] == FrozenStatus.UNSCORED)
    why = [f"{count} {kind}" for kind, count in kinds.most_common()]
    left = sum(not _is_settled(one) for one in verdicts)
    why += [f"it broke off before {left} more"] if left else []
    observed = finding.observed + (f" ({', '.join(why)})" if why else "")
    required = finding.required if finding.passed else f"{finding.required}: {remedy}"
    return Check(JUDGED, finding.passed, observed, required)


def _is_settled(row: Mapping[str, Any]) -> bool:
    return row["status"] in (FrozenStatus.SCORED, FrozenStatus.UNSCORED)

"""The gate's question of the judge: do the frozen answers say that it is the ruler that it was?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from daily_runs.frozen_answers import asked_first
from daily_runs.records import frozen_judgings
from daily_runs.results import ruler_check, ruler_days
from daily_runs.results.ruler_check import JUDGED, FrozenDay, RulerFinding
from daily_runs.stages.expectations import Check
from daily_runs.stages.judge_trial import YOUNG_HOURS
from daily_runs.stages.verdicts.frozen import SPEAKS_HOURS
from daily_runs.stages.work import Work
from daily_runs.statuses import FrozenStatus
from daily_runs.store.pool import Row

REMEDY = "clear the task judging, or choose rerun: judge_again"
OF_EACH_DAY = f"{JUDGED} on the day of each verdict"
"""A shard's task that is cleared days later gives verdicts, and has no frozen answers judged."""


def checks(work: Work) -> list[Check]:
    """What the frozen judgings that speak for an attempt say; nothing where its feature has no frozen answers."""
    if not work.feature.frozen_answers:
        return []
    watched = frozen_judgings.of_attempt(work.store, work.attempt.attempt_id, YOUNG_HOURS)
    if not watched:
        return [Check(JUDGED, passed=False, observed="not for this attempt", required=f"once a day: {REMEDY}")]
    newest, *others = reversed(watched)
    found = _checks(work, newest)
    for row in others:  # of an attempt that was judged on several days
        found += [_of_day(check, row) for check in _checks(work, row)]
    return [*found, _of_each_day(work)]


def _of_each_day(work: Work) -> Check:
    seen, verdicts = frozen_judgings.seen(work.store, work.attempt.attempt_id, SPEAKS_HOURS)
    observed = f"{verdicts - seen} of {verdicts} verdicts are of another day" if seen < verdicts else f"all {verdicts}"
    return Check(OF_EACH_DAY, passed=seen == verdicts, observed=observed, required=f"none: {REMEDY}")


def _of_day(check: Check, row: Row) -> Check:
    began = row["began_at"]
    return check._replace(expectation=f"{check.expectation} (those of {began.day} {began:%b %H:%M})")


def _checks(work: Work, row: Row) -> list[Check]:
    """The questions of one frozen judging. Nobody goes on with one that broke off and is not young any more: it speaks
    by the half before the run's own answers, if that is whole; and where it speaks for no verdict, it is not asked."""
    verdicts = _verdicts(work, row)
    settled = [one for one in verdicts if _is_settled(one)]
    if len(settled) < len(verdicts):
        if not row["is_young"] and not _is_needed(work, row):
            return []
        first = asked_first({one["frozen_id"]: one["made"] for one in verdicts})
        if row["is_young"] or not first <= {one["frozen_id"] for one in settled}:
            observed = f"{len(verdicts) - len(settled)} of {len(verdicts)} are not settled"
            remedy = REMEDY if row["is_young"] else "choose rerun: judge_again"
            return [Check(JUDGED, passed=False, observed=observed, required=f"all are: {remedy}")]
    sheet = ruler_check.sheet_of(work.rubric, verdicts)
    least = work.feature.thresholds.frozen_in_range_min
    reference = ruler_days.reference_of(sheet, _days_before(work, row), in_range_min=least)
    today = FrozenDay(row["began_at"], ruler_check.points_of(work.rubric, verdicts))
    findings = ruler_check.watch(sheet, today, reference, in_range_min=least, asked=len(settled))
    return [_check(finding, verdicts) for finding in findings]


def _is_needed(work: Work, row: Row) -> bool:
    """Whether a verdict of the attempt has no other frozen judging that speaks for it."""
    attempt_id, judging = work.attempt.attempt_id, row["frozen_judging_id"]
    with_it, _ = frozen_judgings.seen(work.store, attempt_id, SPEAKS_HOURS)
    without, _ = frozen_judgings.seen(work.store, attempt_id, SPEAKS_HOURS, but=judging)
    return without < with_it


def _days_before(work: Work, row: Row) -> Iterator[FrozenDay]:
    """The ruler's settled frozen judgings before one, oldest first. Each is read when it is asked for: however many of
    the first ones are unsound, the next ones are looked at, and never all of a ruler that is years old."""
    for one in frozen_judgings.before(work.store, row["frozen_key"], row["began_at"]):
        verdicts = _verdicts(work, one)
        if all(map(_is_settled, verdicts)):
            yield FrozenDay(one["began_at"], ruler_check.points_of(work.rubric, verdicts))


def _verdicts(work: Work, judging: Row) -> list[Row]:
    return frozen_judgings.verdicts_of(work.store, [judging["frozen_judging_id"]])[judging["frozen_judging_id"]]


def _check(finding: RulerFinding, verdicts: Sequence[Row]) -> Check:
    kinds = Counter(one["error_kind"] for one in verdicts if one["status"] == FrozenStatus.UNSCORED)
    why = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) if finding.question == JUDGED else ""
    required = finding.required if finding.passed or not why else f"{finding.required}: {REMEDY}"
    never = sum(not _is_settled(one) for one in verdicts) if finding.question == JUDGED else 0
    why = "; ".join(filter(None, (why, f"{never} more were never asked: it broke off" if never else "")))
    return Check(finding.question, finding.passed, finding.observed + (f" ({why})" if why else ""), required)


def _is_settled(row: Mapping[str, Any]) -> bool:
    return row["status"] in (FrozenStatus.SCORED, FrozenStatus.UNSCORED)

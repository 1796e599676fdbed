"""Frozen answers are judged around a run's own: once a feature, ruler and day, by whichever run comes first.

One half is judged before the answers of the run's first shard, and the other after them. A judge that drifts in between
would otherwise show the frozen answers its first verdicts only, and the model would be blamed for its last ones. A
drift that begins later, in a shard that is late, is seen by the next frozen judging only.

Other arms, samples and reruns use a frozen judging that is young (`YOUNG_HOURS`, the rule of the judge's trial). One
run at a time works on it, the others wait. It is kept call by call, so that whoever goes on after a death asks only for
what is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.folders import dataset_path
from daily_runs.dataset import load_feature_dataset
from daily_runs.errors import DatasetError
from daily_runs.frozen_answers import FrozenAnswer, asked_first, frozen_path, frozen_sha256, load_frozen
from daily_runs.judging.prompt import build
from daily_runs.judging.ruler import ruler_of
from daily_runs.judging.verdict import NOT_AGAIN
from daily_runs.records import frozen_judgings
from daily_runs.records.attempts import AttemptPlan
from daily_runs.records.frozen_judgings import FrozenJudging, FrozenOrder, FrozenRows
from daily_runs.results.ruler_check import SCORED_MIN
from daily_runs.stages.judge_trial import YOUNG_HOURS
from daily_runs.stages.verdicts.clerk import JudgingCase, judge_all
from daily_runs.stages.work import Work
from daily_runs.statuses import FrozenStatus, Rerun
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive

log = logging.getLogger(__name__)

SPEAKS_HOURS = 24.0
"""A frozen judging speaks for verdicts that came so long before or after it began. Longer than it is young: a task that
begins just before the end of that judges on for hours where its provider is away."""
WAIT_SECONDS = 480.0
"""Wall clock; how long a run waits for another one that has the frozen answers judged. That takes a minute; with the
judge away it may take 15. After this the task ends by an error that says so, before Airflow's own time limit of it,
and a further try waits again."""


class FrozenWork(NamedTuple):
    """The frozen answers that speak for a task's verdicts, and how many of them it had judged so far."""

    answers: Sequence[FrozenAnswer]
    order: FrozenOrder
    judging: FrozenJudging
    asked: int


def judged_before(work: Work) -> FrozenWork | None:
    """See that a young frozen judging speaks for the verdicts that this task is about to order, and have half of it
    judged.

    A rerun that only gates and publishes orders none, and an attempt whose verdicts all came about the time of its
    frozen judgings needs no other day's: both stay with what they have.

    Returns:
        What `judged_after` needs; None where the feature has no frozen answers, or nothing is to be judged.

    Raises:
        DatasetError: the frozen answers are not sound, or name a criterion that the rubric does not have.
        StageError: another run has them judged, and takes longer than `WAIT_SECONDS`.
        AccessError, CallError: see `clerk.judge_all`.
    """
    if not work.feature.frozen_answers or work.attempt.rerun is Rerun.GATE_AND_PUBLISH:
        return None
    answers = load_frozen(work.feature)
    _must_fit(work, answers)
    order = FrozenOrder(
        work.feature.feature, ruler_of(work.rubric.version, work.catalogue.judge), frozen_sha256(answers)
    )
    attempt_id = work.attempt.attempt_id
    is_of_today = frozen_judgings.young_of_attempt(work.store, attempt_id, order.key, YOUNG_HOURS) is not None
    if frozen_judgings.covers(work.store, attempt_id, SPEAKS_HOURS) and not is_of_today:
        return None
    with _lock(work, order):
        found = frozen_judgings.young(work.store, order.key, YOUNG_HOURS)
        if found:
            _ask_again_if_too_few(work, found)
        judging = found or frozen_judgings.begin(work.store, attempt_id, order, answers)
        frozen_judgings.speaks_for(work.store, judging.frozen_judging_id, attempt_id)
        first = asked_first({answer.id: answer.made for answer in answers})
        asked = _have_judged(work, [answer for answer in answers if answer.id in first], judging)
    return FrozenWork(answers, order, judging, asked)


def still_to_judge(
    store: Store, catalogue: Catalogue, plan: AttemptPlan, watched: str | None, *, has_open: bool
) -> int:
    """How many frozen answers an attempt would have judged that is opened now by this plan; nothing is written.

    Args:
        watched: the attempt whose frozen judgings speak for its verdicts from the start; None: none does.
        has_open: whether any of its answers will be judged.
    """
    feature = catalogue.features[plan.key.feature]
    if not feature.frozen_answers or plan.rerun is Rerun.GATE_AND_PUBLISH:
        return 0
    order = FrozenOrder(feature.feature, plan.ruler, frozen_sha256(load_frozen(feature)))
    is_covered = watched and not has_open and frozen_judgings.covers(store, watched, SPEAKS_HOURS)
    if watched and is_covered and not frozen_judgings.young_of_attempt(store, watched, order.key, YOUNG_HOURS):
        return 0
    found = frozen_judgings.young(store, order.key, YOUNG_HOURS)
    if not found:
        return feature.frozen_answers
    rows = frozen_judgings.verdicts_of(store, [found.frozen_judging_id])[found.frozen_judging_id]
    if _are_too_few(rows):  # whoever comes next asks for those again
        return sum(row["status"] == FrozenStatus.UNSCORED and row["error_kind"] not in NOT_AGAIN for row in rows)
    return sum(row["status"] in (FrozenStatus.PLANNED, FrozenStatus.SENT) for row in rows)


def judged_after(work: Work, begun: FrozenWork) -> dict[str, Any]:
    """Have what is left of the frozen judging judged, now that the task's own verdicts are there.

    Returns:
        What the stage's report says of it.

    Raises:
        StageError, AccessError, CallError: see `judged_before`.
    """
    with _lock(work, begun.order):
        asked = _have_judged(work, begun.answers, begun.judging)
    return _told(work, begun.judging, begun.asked + asked)


def _lock(work: Work, order: FrozenOrder) -> AbstractContextManager[None]:
    """Nobody else works on a frozen judging of this key meanwhile."""
    return exclusive(work.store, f"frozen answers of {order.feature}, {order.key[:12]}", None, WAIT_SECONDS)


def _have_judged(work: Work, answers: Sequence[FrozenAnswer], judging: FrozenJudging) -> int:
    """Have those of the answers judged that have no outcome yet; their number."""
    cases = _cases(work, answers, judging)
    if cases:
        log.info("frozen answers of %s: %s to be judged", work.feature.feature, len(cases))
        rows = FrozenRows(work.store, judging.frozen_judging_id)
        asyncio.run(judge_all(replace(work, settled=lambda _: None), cases, rows, "frozen answers"))
    return len(cases)


def _ask_again_if_too_few(work: Work, found: FrozenJudging) -> None:
    """One that ended with too few verdicts for any gate to pass is given another chance, by whoever comes next."""
    if _are_too_few(_rows(work, found)):
        frozen_judgings.reopen(work.store, found.frozen_judging_id, NOT_AGAIN)


def _are_too_few(rows: Sequence[Mapping[str, Any]]) -> bool:
    states = [row["status"] for row in rows]
    scored, unscored = states.count(FrozenStatus.SCORED), states.count(FrozenStatus.UNSCORED)
    return scored + unscored == len(states) and scored < SCORED_MIN * len(states)


def _cases(work: Work, answers: Sequence[FrozenAnswer], judging: FrozenJudging) -> list[JudgingCase]:
    """What has no outcome yet."""
    items = {item.id: item for item in load_feature_dataset(work.feature)}
    open_rows = {
        row["frozen_id"]: row["tries"]
        for row in _rows(work, judging)
        if row["status"] in (FrozenStatus.PLANNED, FrozenStatus.SENT)
    }
    return [
        JudgingCase(
            answer.id,
            build(work.rubric, items[answer.item], answer.answer),
            (answer.id,),
            (answer.id,),
            open_rows[answer.id],
        )
        for answer in answers
        if answer.id in open_rows
    ]


def _rows(work: Work, judging: FrozenJudging) -> Sequence[Mapping[str, Any]]:
    return frozen_judgings.verdicts_of(work.store, [judging.frozen_judging_id])[judging.frozen_judging_id]


def _told(work: Work, judging: FrozenJudging, asked: int) -> dict[str, Any]:
    rows = _rows(work, judging)
    return {
        "began_at": judging.began_at.isoformat(timespec="seconds"),
        "scored": sum(row["status"] == FrozenStatus.SCORED for row in rows),
        "of": len(rows),
        "asked_now": asked,
    }


def _must_fit(work: Work, answers: Sequence[FrozenAnswer]) -> None:
    known = {criterion.name for criterion in work.rubric.criteria}
    for answer in answers:
        if unknown := sorted(answer.expected.keys() - known):
            problem = f"{answer.id} expects points of {unknown[0]!r}, which rubric {work.rubric.version} does not have"
            raise DatasetError(str(frozen_path(dataset_path(work.feature))), problem, "Mend the answer or the rubric.")
    if len(answers) != work.feature.frozen_answers:
        problem = f"holds {len(answers)} answers, and the catalogue says frozen_answers: {work.feature.frozen_answers}"
        raise DatasetError(str(frozen_path(dataset_path(work.feature))), problem, "Correct the one or the other.")

"""Is today's judge the one that earlier scores were measured with? Asked of frozen answers, whose texts never change.

Three questions of one frozen judging: does it fall where the answers' making says; did its mean, or one criterion's,
move away from the first days of the same ruler; is it noisier than then. The first days are pinned, so that a slow
drift does not become the measure of itself.

Levels are set for the yearly promise (`make statistics`): over five features a judge that is the same every day, and
differs from verdict to verdict only, makes less than one run a year invalid.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from daily_runs.frozen_answers import asked_first
from daily_runs.judging.rubric import Rubric
from daily_runs.results.intervals import student_quantile
from daily_runs.results.regression import holm

Floats = npt.NDArray[np.float64]

SCORED_MIN = 0.9
"""Share of the frozen answers that must have a verdict. Which ones fail is not chance, so few may."""
ALLOWANCE = 0.01
"""Half of the margin of a verdict (`Quality.margin`): a ruler that moved less turns no verdict by itself."""
LEVEL_MEAN, LEVEL_CRITERIA, LEVEL_STEADY = 0.001, 0.0005, 0.0002
"""Of each question that is asked by a test. The first two ask for a move beyond the allowance, so a judge that did not
move at all is refused far less often than they say; the third has no allowance."""
POINT = 0.25
"""One point of the scale from 1 to 5, on the scale from 0 to 1."""
ROUNDING = POINT**2 / 12
"""Variance of what a whole point hides (Sheppard's correction). Where all days gave equal points, the judge's noise is
not 0 but below this, so that no later point that differs is a move without a doubt."""

JUDGED = "frozen answers are judged"
AS_MADE = "frozen answers are judged as they are made"
SAME_MEAN = "the judge judges as in its first days"
SAME_CRITERIA = "the judge judges each criterion as in its first days"
AS_STEADY = "the judge is as steady as in its first days"
QUESTIONS = (JUDGED, AS_MADE, SAME_MEAN, SAME_CRITERIA, AS_STEADY)
OF_EACH_DAY = f"{JUDGED} on the day of each verdict"
"""A shard's task that is cleared days later gives verdicts, and has no frozen answers judged."""
OF_A_DAY = " (those of "
"""Begins what stands behind a question that is not of the newest frozen judging, or of one that nobody goes on with."""
MOVED = frozenset({AS_MADE, SAME_MEAN, SAME_CRITERIA, AS_STEADY})
"""What fails when the ruler moved. `JUDGED` fails when nobody can say."""
NO_REFERENCE = "no earlier day of this ruler to compare with"


def says_moved(failed: Collection[str]) -> bool:
    """Whether a failed check says that the ruler moved, and not only that too few frozen answers could be judged.

    Args:
        failed: the checks' names; one that is asked of several days has the day behind the question.
    """
    return any(
        name.startswith(question) and name.replace(question, JUDGED, 1) not in failed
        for name in failed
        for question in MOVED
    )


def need_new_verdicts(failed: Collection[str]) -> bool:
    """Whether no rerun that keeps the verdicts can pass these checks: the ruler moved, or verdicts have no sound frozen
    judging of their own day, and asking for more of today's helps none of them."""
    return says_moved(failed) or OF_EACH_DAY in failed or any(name.startswith(JUDGED + OF_A_DAY) for name in failed)


class FrozenSheet(NamedTuple):
    """What is known of frozen answers before anybody judges them.

    Attributes:
        weights: of each criterion of the rubric, in the order of the columns below.
        lowest, highest: a row an answer, a column a criterion: the points that a sound judge gives; NaN where the
            making says nothing.
        asked_first: of each answer, whether it is judged before a run's own answers, else after them.
    """

    weights: Mapping[str, float]
    lowest: Floats
    highest: Floats
    asked_first: npt.NDArray[np.bool_]


class FrozenDay(NamedTuple):
    """One frozen judging: when it began, and the points, as in the sheet; a row of NaN for each answer without any."""

    began_at: dt.datetime
    points: Floats


class RulerFinding(NamedTuple):
    """What one question found, in words for people; `question` is one of the names above."""

    question: str
    passed: bool
    observed: str
    required: str


class Move(NamedTuple):
    """A mean difference from the first days, on the scale from 0 to 1, and how sure it is.

    Attributes:
        degrees: of freedom; 0 where fewer than two answers tell anything, so that the error is unknown.
    """

    estimate: float
    error: float
    degrees: int

    @property
    def half_width(self) -> float:
        """Of the interval that leaves out `LEVEL_MEAN` on each side."""
        return student_quantile(self.degrees, 1 - LEVEL_MEAN) * self.error if self.degrees else math.inf

    @property
    def chance(self) -> float:
        """The probability of a move as large, either way, if the true one is the allowance."""
        if not self.degrees:
            return math.nan
        beyond = (abs(self.estimate) - ALLOWANCE) / self.error
        return float(min(1.0, 2 * stdtr(self.degrees, -beyond)))


def sheet_of(rubric: Rubric, rows: Sequence[Mapping[str, Any]]) -> FrozenSheet:
    """The sheet of stored frozen answers, a row each; `expected` has the lowest and highest points by criterion."""
    names = [criterion.name for criterion in rubric.criteria]
    bounds = [[row["expected"].get(name, (np.nan, np.nan)) for name in names] for row in rows]
    lowest, highest = np.moveaxis(np.array(bounds, dtype=np.float64), 2, 0)
    first = asked_first({row["frozen_id"]: row["made"] for row in rows})
    return FrozenSheet(
        {criterion.name: criterion.weight for criterion in rubric.criteria},
        lowest,
        highest,
        np.array([row["frozen_id"] in first for row in rows]),
    )


def points_of(rubric: Rubric, rows: Sequence[Mapping[str, Any]]) -> Floats:
    """The points of the same rows, as a `FrozenDay` has them."""
    names = [criterion.name for criterion in rubric.criteria]
    given = [[(row["points"] or {}).get(name, np.nan) for name in names] for row in rows]
    return np.array(given, dtype=np.float64)


def watch(
    sheet: FrozenSheet,
    today: FrozenDay,
    reference: Sequence[FrozenDay],
    *,
    in_range_min: float,
    asked: int | None = None,
) -> list[RulerFinding]:
    """Every question asked of one frozen judging. What is undefined has not passed.

    Args:
        sheet: what the answers are.
        today: the judging.
        reference: see `ruler_days.reference_of`; with none, only what needs none is asked.
        in_range_min: least share of the scored answers that must be in range in every expected criterion.
        asked: how many of the answers the judge was asked for, where the judging broke off; else all.
    """
    out, scored = out_of_range(sheet, today.points)
    found = [_judged(scored, len(today.points) if asked is None else asked), _as_made(out, scored, in_range_min)]
    if not reference:
        questions = (SAME_MEAN, SAME_CRITERIA, AS_STEADY)
        return [*found, *(RulerFinding(question, scored > 0, NO_REFERENCE, "none yet") for question in questions)]
    moves = moved(sheet, today.points, reference)
    counts = [out_of_range(sheet, day.points) for day in reference]
    return [
        *found,
        _same_mean(moves.pop(""), reference),
        _same_criteria(moves, reference),
        _as_steady(out, scored, sum(one[0] for one in counts), sum(one[1] for one in counts), reference),
    ]


def moved(sheet: FrozenSheet, today: Floats, reference: Sequence[FrozenDay]) -> dict[str, Move]:
    """How far the mean score (under the empty name) and each criterion's mean moved, paired by answer.

    A one-sample t of today's points less each answer's mean of the reference (Student 1908): what an answer deserves
    cancels out, what the judge's noise leaves is in the spread of the differences. The spread is that within the half
    which is judged before the run and the half after it (Cochran 1977, Sampling Techniques, 5.3): a judge that drifts
    meanwhile moves the halves apart, and would else hide behind that. It counts as no smaller than rounding to whole
    points alone makes it.
    """
    before = np.stack([day.points for day in reference])
    days = (~np.isnan(before[:, :, 0])).sum(axis=0)
    both = (days > 0) & ~np.isnan(today[:, 0])
    if not both.any():
        return {name: Move(math.nan, math.nan, 0) for name in ("", *sheet.weights)}
    differences = (today[both] - np.nanmean(before[:, both], axis=0)) * POINT
    hidden = ROUNDING * float((1 + 1 / days[both]).mean())
    weights = np.array(list(sheet.weights.values()))
    halves = sheet.asked_first[both]
    found = {"": _move(differences @ weights, halves, hidden * float((weights**2).sum()))}
    return found | {name: _move(differences[:, column], halves, hidden) for column, name in enumerate(sheet.weights)}


def out_of_range(sheet: FrozenSheet, points: Floats) -> tuple[int, int]:
    """Of the scored answers, how many are out of range in an expected criterion; and how many are scored."""
    scored = ~np.isnan(points[:, 0])
    outside = ((points < sheet.lowest) | (points > sheet.highest)).any(axis=1)  # a comparison with NaN is false
    return int((outside & scored).sum()), int(scored.sum())


def chance_of_more(out: int, of: int, out_before: int, of_before: int) -> float:
    """The probability of so many out of range today, or more, if today's rate is that of the days before.

    Fisher's exact test (1935), one-sided. It holds with one day before as with seven, and needs no prior, as a
    beta-binomial forecast would. Answers are out of range with chances of their own, which makes counts steadier than
    the test believes (Hoeffding 1956), so that it errs towards silence.
    """
    total, marked = of + of_before, out + out_before
    tail = sum(math.comb(of, k) * math.comb(of_before, marked - k) for k in range(out, min(of, marked) + 1))
    return tail / math.comb(total, marked)


def _judged(scored: int, answers: int) -> RulerFinding:
    passed = answers > 0 and scored >= SCORED_MIN * answers
    return RulerFinding(JUDGED, passed, f"{scored} of {answers} have a verdict", f">= {SCORED_MIN:g} of them")


def _as_made(out: int, scored: int, in_range_min: float) -> RulerFinding:
    required = f">= {in_range_min:g} within the points that their making tells"
    if not scored:
        return RulerFinding(AS_MADE, False, "none has a verdict", required)
    share = (scored - out) / scored
    return RulerFinding(AS_MADE, share >= in_range_min, f"{share:.3f}, {scored - out} of {scored}", required)


def _same_mean(move: Move, reference: Sequence[FrozenDay]) -> RulerFinding:
    required = f"no move beyond {ALLOWANCE:g} for certain"
    if not move.degrees:
        return RulerFinding(SAME_MEAN, False, "too few answers to tell a move", required)
    low, high = move.estimate - move.half_width, move.estimate + move.half_width
    passed = low <= ALLOWANCE and high >= -ALLOWANCE
    observed = f"mean moved by {move.estimate:+.3f} [{low:.3f}, {high:.3f}] against {_days(reference)}"
    return RulerFinding(SAME_MEAN, passed, observed, required)


def _same_criteria(moves: Mapping[str, Move], reference: Sequence[FrozenDay]) -> RulerFinding:
    required = f"no criterion moved beyond {ALLOWANCE:g} for certain (Holm over {len(moves)})"
    if not moves or not all(move.degrees for move in moves.values()):
        return RulerFinding(SAME_CRITERIA, False, "too few answers to tell a move", required)
    adjusted = holm({name: move.chance for name, move in moves.items()})
    worst = min(adjusted, key=lambda name: (adjusted[name], -abs(moves[name].estimate)))
    observed = f"most of all {worst}, by {moves[worst].estimate:+.3f}, against {_days(reference)}"
    return RulerFinding(SAME_CRITERIA, adjusted[worst] >= LEVEL_CRITERIA, observed, required)


def _as_steady(
    out: int, scored: int, out_before: int, scored_before: int, reference: Sequence[FrozenDay]
) -> RulerFinding:
    observed = f"{out} of {scored} out of range, {out_before} of {scored_before} in {_days(reference)}"
    passed = scored > 0 and chance_of_more(out, scored, out_before, scored_before) >= LEVEL_STEADY
    return RulerFinding(AS_STEADY, passed, observed, f"no more than by a chance of {LEVEL_STEADY:g}")


def _move(differences: Floats, halves: npt.NDArray[np.bool_], hidden: float) -> Move:
    parts = [part for part in (differences[halves], differences[~halves]) if len(part)]
    degrees = len(differences) - len(parts)
    if not degrees:
        return Move(float(differences.mean()), math.nan, 0)
    within = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / degrees
    return Move(float(differences.mean()), math.sqrt(max(within, hidden) / len(differences)), degrees)


def _days(reference: Sequence[FrozenDay]) -> str:
    first = reference[0].began_at
    return f"{len(reference)} {'day' if len(reference) == 1 else 'days'} since {first.day} {first:%b}"

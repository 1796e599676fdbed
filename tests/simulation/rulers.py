"""Frozen answers under judges whose behaviour is known: how often an unchanged one is refused, who else is noticed."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daily_runs.results.ruler_check import FrozenDay, FrozenSheet, watch
from daily_runs.results.ruler_days import REFERENCE_DAYS, reference_of

Floats = npt.NDArray[np.float64]

DAYS, YEARS = 365, 10
FEATURES = (60, 60, 30, 30, 30)
"""Frozen answers of each of the five features."""
IN_RANGE_MIN = 0.8
FALSE_A_YEAR_MOST, NOTICED_WITHIN = 1.0, 7
NOISE, NOISES = 0.3, (0.3, 0.4)
"""Standard deviation of one verdict around what an answer deserves, in points; half of its variance is of the whole
verdict, half of each criterion. An assumption, until `judge_std` of a feature tells it."""
WEIGHTS = {"correctness": 0.4, "faithfulness": 0.2, "actionability": 0.25, "completeness": 0.15}
START = dt.datetime(2026, 8, 2, tzinfo=dt.UTC)
LONGEST = 60


class JudgeWorld(NamedTuple):
    """A judge: what it adds to the score (0 to 1) at once, each day, and to those that it judges after a run's own
    answers; and its noise in points."""

    title: str
    shift: float = 0.0
    drift: float = 0.0
    late_shift: float = 0.0
    noise: float = NOISE


class Noticed(NamedTuple):
    """What watching a judge gave: the share of first days that are invalid; the median day on which one is."""

    judge: str
    answers: int
    found: float
    day: float


JUDGES = (
    JudgeWorld("lenient, +0.05", shift=0.05),
    JudgeWorld("harsh, -0.05", shift=-0.05),
    JudgeWorld("noisy, sd doubled", noise=2 * NOISE),
    JudgeWorld("drifting, +0.01 a day", drift=0.01),
    JudgeWorld("drifting in each run, +0.10 at its end", late_shift=0.1),
)


def false_a_year(noise: float, years: int, rng: np.random.Generator) -> float:
    """Invalid frozen judgings a year over all features, by a judge that stays as it is."""
    invalid = 0
    for answers in FEATURES:
        for _ in range(years):
            sheet, deserved = _answers(answers, rng)
            reference: list[FrozenDay] = []
            for day in range(DAYS):
                today = _judged(deserved, 0.0, noise, day, rng)
                passed = all(one.passed for one in watch(sheet, today, reference, in_range_min=IN_RANGE_MIN))
                invalid += not passed
                if passed and len(reference) < REFERENCE_DAYS:
                    reference.append(today)
    return invalid / years


def notice(judge: JudgeWorld, answers: int, runs: int, rng: np.random.Generator) -> Noticed:
    """Watch a judge that was as always for the first days, and then became this one."""
    days = []
    for _ in range(runs):
        sheet, deserved = _answers(answers, rng)
        first = [_judged(deserved, 0.0, NOISE, day, rng) for day in range(REFERENCE_DAYS)]
        reference = reference_of(sheet, first, in_range_min=IN_RANGE_MIN)
        days.append(_first_invalid(judge, sheet, deserved, reference, rng))
    return Noticed(judge.title, answers, float(np.mean(np.array(days) == 1)), float(np.median(days)))


def _first_invalid(
    judge: JudgeWorld, sheet: FrozenSheet, deserved: Floats, reference: list[FrozenDay], rng: np.random.Generator
) -> int:
    for day in range(1, LONGEST + 1):
        shift = judge.shift + judge.drift * day + np.where(sheet.asked_first, 0.0, judge.late_shift)[:, None]
        today = _judged(deserved, shift, judge.noise, REFERENCE_DAYS + day, rng)
        if not all(one.passed for one in watch(sheet, today, reference, in_range_min=IN_RANGE_MIN)):
            return day
    return LONGEST + 1


def _answers(answers: int, rng: np.random.Generator) -> tuple[FrozenSheet, Floats]:
    """Two fifths good answers, a third middling, the rest bad: what is expected of them, and what each deserves."""
    kinds = np.arange(answers) / answers
    middle = np.where(kinds < 0.4, 4.6, np.where(kinds < 0.7, 3.0, 1.4))
    lowest = np.where(kinds < 0.4, 4.0, np.where(kinds < 0.7, 2.0, 1.0))
    highest = np.where(kinds < 0.4, 5.0, np.where(kinds < 0.7, 4.0, 2.0))
    deserved = middle[:, None] + rng.normal(0, 0.25, (answers, len(WEIGHTS)))
    wide = np.ones((1, len(WEIGHTS)))
    first = np.arange(answers) % 2 == 0
    return FrozenSheet(WEIGHTS, lowest[:, None] * wide, highest[:, None] * wide, first), deserved


def _judged(deserved: Floats, shift: float | Floats, noise: float, day: int, rng: np.random.Generator) -> FrozenDay:
    part = noise / 2**0.5
    seen = deserved + shift * 4 + rng.normal(0, part, (len(deserved), 1)) + rng.normal(0, part, deserved.shape)
    return FrozenDay(START + dt.timedelta(days=day), np.clip(np.rint(seen), 1, 5))

"""Whether today's judge is the ruler that it was: what each question finds, and what it must never take for a move."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daily_runs.judging.rubric import Criterion, Rubric
from daily_runs.results import ruler_check, ruler_days
from daily_runs.results.ruler_check import (
    AS_MADE,
    AS_STEADY,
    JUDGED,
    MOVED,
    NO_REFERENCE,
    SAME_CRITERIA,
    SAME_MEAN,
    Floats,
    FrozenDay,
    FrozenSheet,
    Move,
    RulerFinding,
)
from daily_runs.results.ruler_days import REFERENCE_DAYS

WEIGHTS = {"correctness": 0.4, "faithfulness": 0.35, "style": 0.25}
ANSWERS = 60
IN_RANGE_MIN = 0.8
START = dt.datetime(2026, 8, 2, 6, tzinfo=dt.UTC)


def sheet(answers: int = ANSWERS) -> FrozenSheet:
    """Half of the answers are to get 4 or 5, half 1 or 2; of style nothing is expected."""
    good = (np.arange(answers) < answers / 2)[:, None]
    none = np.full((answers, 1), np.nan)
    lowest, highest = np.where(good, 4.0, 1.0), np.where(good, 5.0, 2.0)
    first = np.arange(answers) % 2 == 0
    return FrozenSheet(WEIGHTS, np.hstack([lowest, lowest, none]), np.hstack([highest, highest, none]), first)


def points(answers: int = ANSWERS, good: float = 4, bad: float = 2) -> Floats:
    of = np.where(np.arange(answers) < answers / 2, good, bad)[:, None]
    return np.repeat(of, len(WEIGHTS), axis=1).astype(np.float64)


def day(given: Floats, number: int = 0) -> FrozenDay:
    return FrozenDay(START + dt.timedelta(days=number), given)


def days(count: int = REFERENCE_DAYS) -> list[FrozenDay]:
    return [day(points(), number) for number in range(count)]


def watch(today: Floats, reference: list[FrozenDay]) -> dict[str, RulerFinding]:
    found = ruler_check.watch(sheet(len(today)), day(today, 20), reference, in_range_min=IN_RANGE_MIN)
    assert [one.question for one in found] == [JUDGED, AS_MADE, SAME_MEAN, SAME_CRITERIA, AS_STEADY]
    return {one.question: one for one in found}


def failed(today: Floats, reference: list[FrozenDay]) -> set[str]:
    return {question for question, one in watch(today, reference).items() if not one.passed}


def test_a_judge_that_gives_what_it_gave_passes_every_question() -> None:
    assert failed(points(), days()) == set()


def test_the_first_day_of_a_ruler_is_only_asked_what_needs_no_other_day() -> None:
    found = watch(points(), [])
    assert all(one.passed for one in found.values())
    assert {found[question].observed for question in (SAME_MEAN, SAME_CRITERIA, AS_STEADY)} == {NO_REFERENCE}
    assert failed(points(good=3, bad=3), []) == {AS_MADE}


def test_a_judge_that_became_lenient_is_named_with_size_interval_and_days() -> None:
    today = points()
    today[:20] += 1  # of 60 answers, by a quarter of the scale
    found = watch(today, days())
    assert {question for question, one in found.items() if not one.passed} == {SAME_MEAN, SAME_CRITERIA}
    assert found[SAME_MEAN].observed.startswith("mean moved by +0.083 [0.0")
    assert found[SAME_MEAN].observed.endswith("] against 7 days since 2 Aug")


def test_a_judge_that_became_harsh_is_named_too() -> None:
    today = points()
    today[30:50] -= 1
    found = watch(today, days())
    assert found[SAME_MEAN].observed.startswith("mean moved by -0.083 [-0.1")
    assert not found[SAME_MEAN].passed


def test_a_criterion_that_moved_alone_is_named_where_the_mean_hides_it() -> None:
    today = points()
    today[:30, 2] += 1
    today[30:, 0] -= 1
    found = watch(today, days())
    assert {question for question, one in found.items() if not one.passed} == {SAME_CRITERIA}
    assert found[SAME_CRITERIA].observed.startswith("most of all ")
    assert found[SAME_MEAN].passed


def test_a_judge_that_became_noisy_around_the_same_mean_is_named() -> None:
    today = points()
    today[:6], today[6:12] = 3, 5
    found = watch(today, days())
    assert not found[AS_STEADY].passed
    assert found[AS_STEADY].observed == "6 of 60 out of range, 0 of 420 in 7 days since 2 Aug"
    assert found[SAME_MEAN].passed
    assert found[AS_MADE].passed


@given(count=st.integers(1, 2), criterion=st.integers(0, 2), reference=st.integers(1, REFERENCE_DAYS))
def test_after_days_of_equal_points_a_point_that_differs_is_no_move(count: int, criterion: int, reference: int) -> None:
    """Where the spread that was seen is 0, a width of 0 would refuse everything from there on."""
    today = points(30)
    today[:count, criterion] += 1
    assert failed(today, [day(points(30), number) for number in range(reference)]) == set()


@given(
    st.lists(st.lists(st.integers(1, 5), min_size=3, max_size=3), min_size=3, max_size=40),
    st.integers(1, REFERENCE_DAYS),
)
def test_a_move_never_has_a_width_of_zero_and_its_mean_is_the_weighted_criteria(
    given_points: list[list[int]], reference: int
) -> None:
    today = np.array(given_points, dtype=np.float64)
    before = [day(np.full_like(today, 3), number) for number in range(reference)]
    moves = ruler_check.moved(sheet(len(today)), today, before)
    assert all(move.half_width > 0 for move in moves.values())
    by_hand = math.fsum(weight * moves[name].estimate for name, weight in WEIGHTS.items())
    assert moves[""].estimate == pytest.approx(by_hand)
    mirrored = ruler_check.moved(sheet(len(today)), 6 - today, before)
    assert mirrored[""].estimate == pytest.approx(-moves[""].estimate)
    assert mirrored[""].error == pytest.approx(moves[""].error)


def test_the_move_is_a_regression_on_the_half_of_the_paired_differences() -> None:
    """With the half as a centred regressor the intercept is the plain mean, with its error within the halves."""
    rng = np.random.default_rng(3)
    today = rng.integers(1, 6, (ANSWERS, 3)).astype(np.float64)
    today[::2] -= 1.5
    before = [day(rng.integers(1, 6, (ANSWERS, 3)).astype(np.float64), number) for number in range(4)]
    move = ruler_check.moved(sheet(), today, before)["faithfulness"]
    differences = (today[:, 1] - np.mean([one.points[:, 1] for one in before], axis=0)) / 4
    half = np.where(sheet().asked_first, 0.5, -0.5)
    oracle = stats.linregress(half, differences)
    assert move.estimate == pytest.approx(oracle.intercept) == pytest.approx(differences.mean())
    assert move.error == pytest.approx(oracle.intercept_stderr)
    assert move.degrees == ANSWERS - 2
    assert abs(move.estimate) > ruler_check.ALLOWANCE
    beyond = (abs(move.estimate) - ruler_check.ALLOWANCE) / oracle.intercept_stderr
    assert move.chance == pytest.approx(2 * stats.t.sf(beyond, ANSWERS - 2))


def test_a_judge_that_drifts_between_the_halves_is_named_where_their_distance_would_pass_for_noise() -> None:
    today = points(16)
    today[1::2] -= 0.6
    found = ruler_check.watch(sheet(16), day(today, 20), [day(points(16))], in_range_min=0.0)
    assert {one.question: one.passed for one in found}[SAME_MEAN] is False
    as_one = sheet(16)._replace(asked_first=np.ones(16, dtype=bool))
    found = ruler_check.watch(as_one, day(today, 20), [day(points(16))], in_range_min=0.0)
    assert {one.question: one.passed for one in found}[SAME_MEAN] is True


def test_an_answer_without_a_verdict_on_one_of_the_days_is_compared_with_the_others() -> None:
    before = days(3)
    before[0].points[5] = np.nan
    today = points()
    today[7] = np.nan
    moves = ruler_check.moved(sheet(), today, before)
    assert moves[""].estimate == pytest.approx(0)
    assert moves[""].degrees == ANSWERS - 3


@given(
    of=st.integers(0, 60),
    of_before=st.integers(1, 420),
    share=st.floats(0, 1),
    share_before=st.floats(0, 1),
)
def test_the_chance_of_more_is_fishers(of: int, of_before: int, share: float, share_before: float) -> None:
    out, out_before = round(of * share), round(of_before * share_before)
    oracle = stats.fisher_exact([[out, of - out], [out_before, of_before - out_before]], alternative="greater")
    assert ruler_check.chance_of_more(out, of, out_before, of_before) == pytest.approx(oracle.pvalue, abs=1e-9)


def test_the_chances_of_all_counts_sum_to_one() -> None:
    exact = [Fraction(ruler_check.chance_of_more(k, 10, 5 - k, 20)) for k in range(6)]
    steps = [before - after for before, after in zip(exact, [*exact[1:], Fraction(0)], strict=True)]
    assert float(sum(steps)) == pytest.approx(1)


def test_a_share_of_answers_without_a_verdict_blocks_from_a_tenth_on() -> None:
    today = points()
    today[:6] = np.nan
    assert failed(today, days()) == set()
    today[6] = np.nan
    assert failed(today, days()) == {JUDGED}
    assert watch(today, days())[JUDGED].observed == "53 of 60 have a verdict"


@pytest.mark.parametrize("reference", [0, 1, REFERENCE_DAYS])
def test_where_nothing_has_a_verdict_every_question_blocks(reference: int) -> None:
    nothing = np.full((ANSWERS, 3), np.nan)
    assert failed(nothing, days(reference)) == {JUDGED, *MOVED}


@pytest.mark.parametrize("reference", [0, 1])
def test_no_frozen_answer_at_all_blocks(reference: int) -> None:
    empty = np.empty((0, 3))
    found = ruler_check.watch(sheet(0), day(empty), [day(empty)] * reference, in_range_min=IN_RANGE_MIN)
    assert not any(one.passed for one in found)


def test_one_answer_alone_tells_no_move_and_blocks() -> None:
    today = np.full((ANSWERS, 3), np.nan)
    today[0] = 4
    found = watch(today, days())
    assert not found[SAME_MEAN].passed
    assert found[SAME_MEAN].observed == "too few answers to tell a move"
    assert math.isnan(Move(0.0, math.nan, 0).chance)
    assert Move(0.0, math.nan, 0).half_width == math.inf


def test_the_reference_is_the_first_days_and_stays_so() -> None:
    found = ruler_days.reference_of(sheet(), days(12), in_range_min=IN_RANGE_MIN)
    assert [one.began_at for one in found] == [one.began_at for one in days()]


def test_a_day_on_which_the_judge_was_not_itself_is_no_reference() -> None:
    lenient = points()
    lenient[:20] += 1
    off = points(good=3, bad=3)
    given_days = [day(off, 0), day(points(), 1), day(lenient, 2), day(points(), 3)]
    found = ruler_days.reference_of(sheet(), given_days, in_range_min=IN_RANGE_MIN)
    assert [one.began_at.day for one in found] == [3, 5]


def test_a_slow_drift_is_held_against_the_first_days_and_not_the_last_ones() -> None:
    """Each day is within the allowance of the day before it."""
    drifted = []
    for number in range(30):
        today = points()
        today[: number // 2] += 1
        drifted.append(day(today, number))
    reference = ruler_days.reference_of(sheet(), drifted, in_range_min=IN_RANGE_MIN)
    assert reference[-1].began_at - START < dt.timedelta(days=REFERENCE_DAYS)
    assert SAME_MEAN in failed(drifted[-1].points, reference)


WITHIN = ">= 0.8 within the points that their making tells"
NO_MOVE = "no move beyond 0.01 for certain"
NO_CRITERION = "no criterion moved beyond 0.01 for certain (Holm over 3)"
BY_CHANCE = "no more than by a chance of 0.0002"


def test_every_finding_is_told_to_the_letter() -> None:
    today = points()
    today[:20] += 1
    today[:2, 0], today[2, 1] = 3, 3
    assert [tuple(one) for one in watch(today, days(1)).values()] == [
        (JUDGED, True, "60 of 60 have a verdict", ">= 0.9 of them"),
        (AS_MADE, True, "0.950, 57 of 60", WITHIN),
        (SAME_MEAN, False, "mean moved by +0.074 [0.026, 0.121] against 1 day since 2 Aug", NO_MOVE),
        (SAME_CRITERIA, False, "most of all style, by +0.083, against 1 day since 2 Aug", NO_CRITERION),
        (AS_STEADY, True, "3 of 60 out of range, 0 of 60 in 1 day since 2 Aug", BY_CHANCE),
    ]


def test_on_the_first_day_and_without_a_verdict_the_words_say_what_is_not_known() -> None:
    assert [tuple(one)[2:] for one in watch(points(), []).values()] == [
        ("60 of 60 have a verdict", ">= 0.9 of them"),
        ("1.000, 60 of 60", WITHIN),
        *[(NO_REFERENCE, "none yet")] * 3,
    ]
    assert [tuple(one) for one in watch(np.full((ANSWERS, 3), np.nan), days()).values()] == [
        (JUDGED, False, "0 of 60 have a verdict", ">= 0.9 of them"),
        (AS_MADE, False, "none has a verdict", WITHIN),
        (SAME_MEAN, False, "too few answers to tell a move", NO_MOVE),
        (SAME_CRITERIA, False, "too few answers to tell a move", NO_CRITERION),
        (AS_STEADY, False, "0 of 0 out of range, 0 of 420 in 7 days since 2 Aug", BY_CHANCE),
    ]


@pytest.mark.parametrize(("out", "passes"), [(12, True), (13, False)])
def test_a_share_in_range_at_its_bound_passes(out: int, passes: bool) -> None:
    today = points()
    today[:out, 0] = 3
    found = watch(today, [])[AS_MADE]
    assert (found.passed, found.observed) == (passes, f"{(60 - out) / 60:.3f}, {60 - out} of 60")


def test_a_judging_that_broke_off_is_asked_by_what_was_asked_of_it() -> None:
    today = points()
    today[::2] = np.nan
    (judged, *others) = ruler_check.watch(sheet(), day(today, 20), days(), in_range_min=IN_RANGE_MIN, asked=30)
    assert (judged.passed, judged.observed) == (True, "30 of 30 have a verdict")
    assert all(one.passed for one in others)
    (judged, *_) = ruler_check.watch(sheet(), day(today, 20), days(), in_range_min=IN_RANGE_MIN, asked=34)
    assert (judged.passed, judged.observed) == (False, "30 of 34 have a verdict")


def test_where_points_are_equal_the_error_is_what_whole_points_hide() -> None:
    """A point's variance within its rounding, of today's and of the mean of each day before."""
    moves = ruler_check.moved(sheet(), points(), days(4))
    hidden = 0.25**2 / 12 * (1 + 1 / 4)
    assert moves["style"].error == pytest.approx(math.sqrt(hidden / ANSWERS))
    assert moves[""].error == pytest.approx(math.sqrt(hidden * (0.4**2 + 0.35**2 + 0.25**2) / ANSWERS))
    assert (moves[""].estimate, moves[""].degrees) == (0, ANSWERS - 2)


def test_where_no_answer_has_points_on_both_sides_no_move_is_known() -> None:
    moves = ruler_check.moved(sheet(), np.full((ANSWERS, 3), np.nan), days())
    assert list(moves) == ["", *WEIGHTS]
    assert all(math.isnan(one.estimate) and math.isnan(one.error) and one.degrees == 0 for one in moves.values())
    alone = np.full((ANSWERS, 3), np.nan)
    alone[0] = 5
    (move, *_) = ruler_check.moved(sheet(), alone, days()).values()
    assert move.estimate == pytest.approx(0.25)
    assert (math.isnan(move.error), move.degrees) == (True, 0)


def test_an_answer_that_no_day_before_has_is_compared_with_nothing() -> None:
    before = days(2)
    for one in before:
        one.points[3] = np.nan
    today = points()
    today[3] = 5
    moves = ruler_check.moved(sheet(), today, before)
    assert (moves[""].estimate, moves[""].degrees) == (0, ANSWERS - 3)


def test_a_sheet_is_read_from_rows_by_the_names_of_the_rubrics_criteria() -> None:
    scale: dict[Any, str] = {1: "bad", 5: "good"}
    rubric = Rubric(
        feature="a_feature",
        guidance="Judge.",
        criteria=(
            Criterion(name="correctness", weight=0.75, question="Is it right?", scale=scale),
            Criterion(name="style", weight=0.25, question="Is it short?", scale=scale),
        ),
    )
    rows: list[dict[str, Any]] = [
        {"frozen_id": "a", "made": "reference", "expected": {"correctness": [4, 5]}, "points": {"correctness": 4}},
        {"frozen_id": "b", "made": "refusal", "expected": {"style": [1, 2]}, "points": None},
        {
            "frozen_id": "c",
            "made": "reference",
            "expected": {"correctness": [3, 4], "style": [2, 5]},
            "points": {"style": 2, "correctness": 5},
        },
    ]
    found = ruler_check.sheet_of(rubric, rows)
    assert found.weights == {"correctness": 0.75, "style": 0.25}
    assert found.lowest.dtype == found.highest.dtype == np.dtype(np.float64)
    np.testing.assert_array_equal(found.lowest, [[4, np.nan], [np.nan, 1], [3, 2]])
    np.testing.assert_array_equal(found.highest, [[5, np.nan], [np.nan, 2], [4, 5]])
    assert found.asked_first.tolist() == [True, True, False]  # every second one, by how it was made and its id
    given_points = ruler_check.points_of(rubric, rows)
    assert given_points.dtype == np.dtype(np.float64)
    np.testing.assert_array_equal(given_points, [[4, np.nan], [np.nan, np.nan], [5, 2]])


def test_each_day_stands_beside_the_first_days_that_were_known_by_then() -> None:
    lenient, off = points(), points(good=3, bad=3)
    lenient[:20] += 1
    given_days = [day(points(), 0), day(off, 1), *(day(points(), number) for number in range(2, 10)), day(lenient, 10)]
    found = list(ruler_days.watched_days(sheet(), given_days, in_range_min=IN_RANGE_MIN))
    assert [one.day for one in found] == given_days
    assert [one.held for one in found] == [True, False, *[True] * 8, False]
    assert [one.is_first for one in found] == [True, False, *[True] * 6, False, False, False]
    assert found[0].move is None
    assert [one.move.estimate for one in found[1:] if one.move] == pytest.approx([0, *[0] * 8, 20 / 60 * 0.25])


def test_no_day_is_asked_for_once_the_first_days_are_found() -> None:
    asked = []

    def given_days() -> Iterator[FrozenDay]:
        for number in range(30):
            asked.append(number)
            yield day(points(), number)

    ruler_days.reference_of(sheet(), given_days(), in_range_min=IN_RANGE_MIN)
    assert len(asked) == REFERENCE_DAYS


@pytest.mark.parametrize(
    ("names", "moved"),
    [
        (set(), False),
        ({JUDGED}, False),
        ({JUDGED, AS_MADE, SAME_MEAN}, False),
        ({AS_MADE}, True),
        ({f"{JUDGED} on the day of each verdict"}, False),
        ({f"{JUDGED} on the day of each verdict", AS_STEADY}, True),
        ({f"{JUDGED} (those of 5 Aug 06:00)", f"{AS_MADE} (those of 5 Aug 06:00)"}, False),
        ({f"{JUDGED} (those of 5 Aug 06:00)", f"{AS_MADE} (those of 5 Aug 06:00)", SAME_CRITERIA}, True),
        ({"unscored share"}, False),
    ],
)
def test_the_ruler_moved_where_a_question_failed_though_enough_had_a_verdict(names: set[str], moved: bool) -> None:
    assert ruler_check.says_moved(names) is moved

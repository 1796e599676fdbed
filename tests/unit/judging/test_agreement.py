"""How far two judges agree: checked against another formula of kappa, and against what must hold for any verdicts."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.judging.agreement import JudgedTwice, agreement_of, weighted_kappa

POINTS = st.integers(1, 5)
PAIRS = st.lists(st.tuples(POINTS, POINTS), min_size=2, max_size=60)


def score(points: float) -> float:
    return (points - 1) / 4


def judged(item: str, first: int, second: int) -> JudgedTwice:
    return JudgedTwice(item, score(first), score(second), {"correctness": first}, {"correctness": second})


@given(PAIRS)
def test_kappa_with_quadratic_weights_is_lins_coefficient_of_concordance(pairs: list[tuple[int, int]]) -> None:
    found = weighted_kappa(pairs)
    first, second = zip(*pairs, strict=True)
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
        return
    spread = np.cov(first, second, bias=True)
    concordance = 2 * spread[0, 1] / (spread[0, 0] + spread[1, 1] + (np.mean(first) - np.mean(second)) ** 2)
    assert found == pytest.approx(concordance, abs=1e-9)


@given(PAIRS)
def test_two_judges_of_one_mind_agree_and_swapping_them_turns_the_difference(pairs: list[tuple[int, int]]) -> None:
    cases = [judged(f"i{n}", *pair) for n, pair in enumerate(pairs)]
    found = agreement_of(cases)
    swapped = agreement_of([judged(f"i{n}", second, first) for n, (first, second) in enumerate(pairs)])
    assert found
    assert swapped
    assert found.difference == pytest.approx(-swapped.difference)
    assert found.low is not None
    assert found.high is not None
    assert -1 <= found.low <= found.difference <= found.high <= 1
    same = agreement_of([judged(f"i{n}", first, first) for n, (first, _) in enumerate(pairs)])
    assert same
    assert same.difference == 0
    assert same.kappa in (None, 1.0)


@pytest.mark.parametrize("first", [[1.5, 2.5, 3.5, 4.5], [1.25, 2.5, 3.75, 5.0]])
def test_means_of_repeats_count_as_they_are(first: list[float]) -> None:
    """Rounded, halves would go to the even point: 2.5 down to 2, and 3.5 up to 4."""
    second = [1, 3, 4, 4]
    cases = [
        JudgedTwice(f"i{n}", score(one), score(two), {"correctness": one}, {"correctness": two})
        for n, (one, two) in enumerate(zip(first, second, strict=True))
    ]
    found = agreement_of(cases)
    spread = np.cov(first, second, bias=True)
    concordance = 2 * spread[0, 1] / (spread[0, 0] + spread[1, 1] + (np.mean(first) - np.mean(second)) ** 2)
    assert found
    assert found.kappa == pytest.approx(concordance)


def test_an_item_that_is_asked_often_counts_once() -> None:
    cases = [judged("often", 1, 5)] * 9 + [judged("once", 3, 3)]
    found = agreement_of(cases)
    assert found is not None
    assert (found.answers, found.items, found.difference) == (10, 2, 0.5)


def test_no_interval_has_no_width_and_one_item_has_none() -> None:
    alike = agreement_of([judged(f"i{n}", 4, 4) for n in range(30)])
    assert alike is not None
    assert alike.low is not None
    assert alike.high is not None
    assert 0.005 < alike.high - alike.low < 0.1
    alone = agreement_of([judged("i", 4, 2)])
    assert alone is not None
    assert (alone.low, alone.high, alone.kappa) == (None, None, None)
    assert agreement_of([]) is None


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    drawn, held = random.Random(7), 0
    for _ in range(400):
        cases = []
        for n in range(30):
            first = drawn.choice([2, 3, 4])
            cases.append(judged(f"i{n}", first, first + drawn.choice([-1, 0, 0, 1, 1])))
        found = agreement_of(cases)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.05 <= found.high
    assert held / 400 >= 0.93

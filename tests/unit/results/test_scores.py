"""Scores in figures."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.results.scores import summarise

pairs = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.floats(min_value=0, max_value=1, allow_nan=False)),
    min_size=1,
    max_size=60,
)


@given(pairs)
def test_the_interval_holds_the_mean_and_stays_on_the_scale(scores: list[tuple[str, float]]) -> None:
    summary = summarise(scores)
    assert summary.scored == len(scores)
    assert summary.mean == pytest.approx(statistics.fmean(score for _, score in scores))
    assert 0 <= summary.low <= summary.mean + 1e-12
    assert summary.mean - 1e-12 <= summary.high <= 1


def test_one_item_asked_often_says_nothing_of_the_spread_between_items() -> None:
    summary = summarise(("only", score) for score in (0.5, 0.6, 0.7))
    assert (summary.low, summary.high) == (0.0, 1.0)


def test_asking_each_item_again_does_not_narrow_the_interval() -> None:
    once = summarise([("a", 0.4), ("b", 0.6), ("c", 0.8)])
    often = summarise([("a", 0.4), ("b", 0.6), ("c", 0.8)] * 15)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


def test_the_interval_is_students_t_over_the_items_means() -> None:
    """By hand: means 0.4, 0.6, 0.8; s = 0.2; t(0.975, 2) = 4.3027; half = 4.3027 * 0.2 / sqrt(3) = 0.4968."""
    summary = summarise([("a", 0.4), ("b", 0.5), ("b", 0.7), ("c", 0.8)])
    assert summary.low == pytest.approx(0.6 - 0.4968, abs=1e-4)
    assert summary.high == 1.0


def test_the_spread_is_the_populations_over_all_prompts() -> None:
    assert summarise([("a", 0.0), ("b", 1.0)]).std == 0.5


def test_no_scores_are_no_summary() -> None:
    with pytest.raises(ValueError, match="no scores"):
        summarise([])

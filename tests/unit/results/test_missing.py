"""What missing answers could hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.results.missing import AskedItem, PairedItem, bounds_of, shifts_of

ITEM = st.integers(1, 9).flatmap(
    lambda asked: st.lists(st.floats(0, 1), max_size=asked).map(lambda s: AskedItem(asked, len(s), sum(s)))
)


def test_ten_percent_that_failed_leave_a_tenth_of_the_scale_open() -> None:
    found = bounds_of([AskedItem(10, 9, 9 * 0.85)] * 20)
    assert found == pytest.approx((0.765, 0.865))


def test_an_item_that_lost_every_answer_counts_fully() -> None:
    assert bounds_of([AskedItem(4, 4, 4.0), AskedItem(4, 0, 0.0)]) == (0.5, 1.0)


@given(st.lists(ITEM, min_size=1, max_size=20), st.floats(0, 1))
def test_whatever_the_missing_scores_were_the_mean_lies_within(items: list[AskedItem], score: float) -> None:
    found = bounds_of(items)
    filled = sum((item.total + score * (item.asked - item.scored)) / item.asked for item in items) / len(items)
    assert found.worst - 1e-9 <= filled <= found.best + 1e-9


@pytest.mark.parametrize("items", [[], [AskedItem(0, 0, 0.0)], [AskedItem(2, 3, 1.0)]])
def test_what_was_not_asked_has_no_bounds(items: list[AskedItem]) -> None:
    with pytest.raises(ValueError, match="asked at least once"):
        bounds_of(items)


@pytest.mark.parametrize("total", [float("nan"), -0.5, 8.5])
def test_scores_off_the_scale_have_no_bounds(total: float) -> None:
    with pytest.raises(ValueError, match="not within 0 to 1"):
        bounds_of([AskedItem(8, 8, total)])


def test_what_one_run_lost_moves_the_difference_and_what_it_alone_has_does_not() -> None:
    """By hand, over four items: half of one item's answers at 0, all of another's, one that only the other run has."""
    items = [
        PairedItem(0.8, 2, 0, 0.6, 1, 1),  # 0.6 falls to 0.3
        PairedItem(0.5, 2, 0, None, 0, 2),  # falls by 0.5, where the others fell by 0.1
        PairedItem(None, 0, 2, 0.9, 2, 0),  # moves nothing to the worse; rose from 0 to 0.9 at best
        PairedItem(0.7, 2, 0, 0.7, 2, 0),
    ]
    at_worst, at_best = shifts_of(items, -0.1)
    assert at_worst == pytest.approx((-0.3 - 0.4) / 4)
    assert at_best == pytest.approx((0.9 + 0.1) / 4)


def test_an_item_lost_from_a_low_level_does_not_make_up_for_what_another_lost() -> None:
    lost = PairedItem(0.9, 2, 0, 0.6, 1, 1)
    low = PairedItem(0.05, 2, 0, None, 0, 2)
    assert shifts_of([lost, low], -0.3)[0] == pytest.approx(-0.3 / 2)


def test_shifts_of_no_items_are_refused() -> None:
    with pytest.raises(ValueError, match="no items"):
        shifts_of([], 0.0)

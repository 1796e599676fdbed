"""What missing answers could hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.results.missing import AskedItem, bounds_of

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

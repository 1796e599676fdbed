"""Two arms side by side: a difference inside the noise is not one."""

from __future__ import annotations

import pytest

from daily_runs.results.comparison import paired_difference


def test_without_a_pair_there_is_no_difference() -> None:
    assert paired_difference([]) is None


def test_the_mean_is_of_second_minus_first() -> None:
    found = paired_difference([("a", 0.5, 0.75), ("b", 0.5, 0.25), ("c", 0.25, 0.75)])
    assert found is not None
    assert found.prompts == 3
    assert found.mean == pytest.approx((0.25 - 0.25 + 0.5) / 3)
    assert found.low < found.mean < found.high


def test_one_item_asked_often_says_nothing_of_the_spread() -> None:
    found = paired_difference([("a", 0.5, 0.6)] * 30)
    assert found is not None
    assert (found.low, found.high) == (-1.0, 1.0)


def test_the_same_shift_everywhere_is_sure() -> None:
    found = paired_difference([(str(n), n / 20, n / 20 + 0.1) for n in range(10)])
    assert found is not None
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)

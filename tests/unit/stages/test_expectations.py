"""What the gate says of a figure that misses its bound."""

from __future__ import annotations

import pandas as pd
import pytest

from daily_runs.catalogue.features import Thresholds
from daily_runs.stages.expectations import check_shares

BOUNDS = Thresholds(answered_share_min=0.9, unscored_share_max=0.05, mean_score_min=0.5, target_score=0.8)


@pytest.mark.parametrize(
    ("column", "words", "value", "observed"),
    [
        ("answered_share", "answered share", 0.89999, "0.89999"),
        ("answered_share", "answered share", 0.8999999999, "0.8999999999"),
        ("answered_share", "answered share", 0.4312345, "0.4312"),
        ("unscored_share", "unscored share", 0.0500004, "0.0500004"),
    ],
)
def test_a_figure_that_misses_its_bound_narrowly_is_told_apart_from_it(
    column: str, words: str, value: float, observed: str
) -> None:
    shares = {"prompts": [100], "answered_share": [1.0], "unscored_share": [0.0], "mean_score": [0.9], column: [value]}
    (failed,) = [check for check in check_shares(pd.DataFrame(shares), BOUNDS, 100) if not check.passed]
    assert (failed.expectation, failed.observed) == (words, observed)

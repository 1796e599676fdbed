"""Two arms side by side: what may be compared, and what the difference is called."""

from __future__ import annotations

from typing import Any

import pytest

from daily_runs.catalogue.features import Quality
from daily_runs.results.comparison import KEY, difference, sentence

ARM: dict[str, Any] = {
    "dataset_sha256": "d",
    "rubric_version": "r",
    "judge_model": "j",
    "prompts_sha256": "p",
    "serving_providers": [],
}
ITEMS = [(f"item {n}", 0.6 + 0.3 * (n % 7) / 6) for n in range(115)]


def scored(change: float, *, asks: int = 8) -> list[tuple[str, float]]:
    """Each item some times, its answers a little apart, in a way that leaves its mean at its own score + change."""
    return [(name, score + change + 0.05 * (-1) ** n) for name, score in ITEMS for n in range(asks)]


def compared(change: float, **other: Any) -> dict[str, Any]:
    return difference(ARM, ARM | other, [scored(0.0), scored(change)], Quality())


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(-0.05, "regressed"), (0.05, "improved"), (0.0, "no_worse"), (-0.01, "inconclusive")],
)
def test_a_change_has_its_verdict_with_what_could_have_been_seen(change: float, verdict: str) -> None:
    found = compared(change)
    assert (found["verdict"], found["items"]) == (verdict, 115)
    assert found["estimate"] == pytest.approx(change)
    assert found["low"] < found["estimate"] < found["high"]
    assert found["smallest_visible_drop"] >= (found["high"] - found["low"]) / 2


def test_the_same_shift_everywhere_is_not_sure_since_a_day_moves_a_run_too() -> None:
    found = compared(0.1)
    assert found["high"] - found["low"] > 2 * 0.006


@pytest.mark.parametrize("column", KEY)
def test_arms_under_two_rulers_or_of_other_questions_are_incomparable_and_it_is_said_why(column: str) -> None:
    found = compared(-0.05, **{column: ["vertex"] if column == "serving_providers" else "another"})
    assert found == {"verdict": "incomparable", "differs": [column]}
    assert sentence(found) == f"incomparable, since {column} differ"


def test_without_an_item_that_both_scored_nothing_is_compared() -> None:
    found = difference(ARM, ARM, [[("a", 0.5)], [("b", 0.5)]], Quality())
    assert found == {"verdict": "incomparable", "differs": ["scored items"]}


def test_a_single_item_decides_nothing_however_often_it_is_asked() -> None:
    found = difference(ARM, ARM, [[("a", 0.9)] * 30, [("a", 0.1)] * 30], Quality())
    assert (found["verdict"], found["low"], found["high"]) == ("inconclusive", -1.0, 1.0)
    assert sentence(found) == "inconclusive, -0.800 [-1.000, +1.000] over 1 items; one item shows no drop"


def test_an_item_that_is_asked_more_often_does_not_weigh_more() -> None:
    """By prompts the mean would be -0.21; two thirds of the items did not change."""
    before = [("a", 0.9)] * 8 + [("b", 0.5), ("c", 0.5)]
    after = [("a", 0.6)] * 8 + [("b", 0.5), ("c", 0.5)]
    assert difference(ARM, ARM, [before, after], Quality())["estimate"] == pytest.approx(-0.1)


def test_the_sentence_says_verdict_figures_and_what_could_not_be_seen() -> None:
    words = sentence(compared(-0.05))
    assert words.startswith("regressed, -0.050 [")
    assert "over 115 items; smallest visible drop 0.0" in words

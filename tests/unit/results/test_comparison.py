"""Two arms side by side: what may be compared, and what the difference is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from daily_runs.catalogue.features import Quality
from daily_runs.results.comparison import RULER, Arm, difference, sentence
from daily_runs.results.intervals import items_of
from daily_runs.results.published import PublishedAnswer

LEVELS = {f"item {n:03}": 0.6 + 0.3 * (n % 7) / 6 for n in range(115)}


def arm(scores: Iterable[tuple[str, float | None]], provider: str | None = "anthropic", **ruler: Any) -> Arm:
    """A run of these (item, score or no answer), in order; items are asked as often as they are named."""
    numbers: dict[str, int] = {}
    answers = []
    for item, score in scores:
        numbers[item] = numbers.get(item, 0) + 1
        answers.append(PublishedAnswer(f"{item}#{numbers[item]}", item, score, score is not None, provider))
    scored = [(a.item_id, "one", a.score) for a in answers if a.score is not None]
    return Arm(dict.fromkeys(RULER, "same") | {"judges": ("judge",)} | ruler, answers, items_of(scored))


def asked(
    change: float = 0.0, *, lost: Callable[[str, int], bool] = lambda item, ask: False
) -> list[tuple[str, float | None]]:
    """Each item eight times, its answers a little apart, so that its mean is its level + change; some are lost."""
    return [
        (item, None if lost(item, ask) else level + change + 0.05 * (-1) ** ask)
        for item, level in LEVELS.items()
        for ask in range(8)
    ]


def compared(change: float) -> dict[str, Any]:
    return difference(arm(asked()), arm(asked(change)), Quality())


@pytest.mark.parametrize(
    ("change", "verdict"),
    [(-0.05, "regressed"), (0.05, "improved"), (0.0, "no_worse"), (-0.01, "inconclusive")],
)
def test_a_change_has_its_verdict_with_what_could_have_been_seen(change: float, verdict: str) -> None:
    found = compared(change)
    assert (found["verdict"], found["items"], found["items_asked"]) == (verdict, 115, 115)
    assert found["estimate"] == pytest.approx(change)
    assert found["low"] < found["estimate"] < found["high"]
    assert found["smallest_visible_drop"] >= (found["high"] - found["low"]) / 2


def test_the_same_shift_everywhere_is_not_sure_since_a_day_moves_a_run_too() -> None:
    found = compared(0.04)
    assert found["high"] - found["low"] > 2 * 0.006


@pytest.mark.parametrize("column", RULER)
def test_arms_under_two_rulers_are_incomparable_and_it_is_said_why(column: str) -> None:
    found = difference(arm(asked()), arm(asked(-0.05), **{column: "another"}), Quality())
    assert found == {"verdict": "incomparable", "differs": [column]}
    assert sentence(found) == f"incomparable, since {column} differ"


def test_arms_of_other_prompts_are_incomparable() -> None:
    found = difference(arm(asked()), arm(asked()[:400]), Quality())
    assert found == {"verdict": "incomparable", "differs": ["prompts"]}


@pytest.mark.parametrize(
    ("first", "second"),
    [(["anthropic"], ["vertex"]), (["anthropic", "vertex"],) * 2, (["vertex", None],) * 2, (["anthropic"], [None])],
)
def test_two_providers_are_never_in_one_figure(first: list[str | None], second: list[str | None]) -> None:
    arms = []
    for providers in (first, second):
        one = arm(asked())
        answers = [a._replace(serving_provider=providers[n % len(providers)]) for n, a in enumerate(one.answers)]
        arms.append(one._replace(answers=answers))
    assert difference(arms[0], arms[1], Quality()) == {"verdict": "incomparable", "differs": ["providers"]}


def test_a_provider_that_no_answer_tells_is_said_to_be_unknown() -> None:
    found = difference(arm(asked(), None), arm(asked(), None), Quality())
    assert found["verdict"] == "no_worse"
    assert sentence(found).endswith("; the provider is unknown")
    assert "unknown" not in sentence(compared(0.0))


def test_hard_items_that_only_one_arm_lost_make_no_verdict_of_no_worse() -> None:
    hardest = set(sorted(LEVELS, key=lambda item: LEVELS[item])[:11])
    found = difference(arm(asked()), arm(asked(lost=lambda item, ask: item in hardest)), Quality())
    assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", "no_worse")
    assert "over 104 of 115 items" in sentence(found)
    assert "answers that only one arm lost could have made it no worse" in sentence(found)


def test_bad_answers_that_only_one_arm_lost_make_no_improvement_and_no_regression() -> None:
    def scores(lost: int) -> list[tuple[str, float | None]]:
        """Seven good answers and a bad one an item; the bad one of some items is lost."""
        return [(item, 1.0 if ask else None if n < lost else 0.2) for n, item in enumerate(LEVELS) for ask in range(8)]

    full, lossy = arm(scores(0)), arm(scores(82))
    for arms, hidden in (((full, lossy), "improved"), ((lossy, full), "regressed")):
        found = difference(*arms, Quality())
        assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", hidden)


def test_answers_that_both_arms_lost_hide_nothing_between_them() -> None:
    lossy = arm(asked(lost=lambda item, ask: ask == 0))
    assert difference(lossy, lossy, Quality())["verdict"] == "no_worse"


def test_without_an_item_that_both_scored_nothing_is_compared() -> None:
    found = difference(arm([("a", 0.5), ("b", None)]), arm([("a", None), ("b", 0.5)]), Quality())
    assert found == {"verdict": "incomparable", "differs": ["scored items"]}


@pytest.mark.parametrize("items", [2, 14])
def test_few_items_asked_once_decide_nothing_even_if_all_are_perfect(items: int) -> None:
    perfect = [(f"item {n}", 1.0) for n in range(items)]
    assert difference(arm(perfect), arm(perfect), Quality())["verdict"] == "inconclusive"


def test_a_single_item_decides_nothing_however_often_it_is_asked() -> None:
    found = difference(arm([("a", 0.9)] * 30), arm([("a", 0.1)] * 30), Quality())
    assert (found["verdict"], found["low"], found["high"]) == ("inconclusive", -1.0, 1.0)
    assert sentence(found) == "inconclusive, -0.800 [-1.000, +1.000] over 1 of 1 items; one item shows no drop"


def test_an_item_that_is_asked_more_often_does_not_weigh_more() -> None:
    """By prompts the mean would be -0.24; two thirds of the items did not change."""
    before = [("a", 0.9)] * 8 + [("b", 0.5), ("c", 0.5)]
    after = [("a", 0.6)] * 8 + [("b", 0.5), ("c", 0.5)]
    assert difference(arm(before), arm(after), Quality())["estimate"] == pytest.approx(-0.1)


def test_the_sentence_says_verdict_figures_and_what_could_not_be_seen() -> None:
    words = sentence(compared(-0.05))
    assert words.startswith("regressed, -0.050 [")
    assert "over 115 of 115 items; smallest visible drop 0.0" in words

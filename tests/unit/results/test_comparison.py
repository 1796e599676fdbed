"""Two arms side by side: what may be compared, and what the difference is called."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.items import items_of

from daily_runs.catalogue.features import Quality
from daily_runs.records.run import RunKey
from daily_runs.results import comparison, item_rows, published, quality_rows
from daily_runs.results.comparison import RULER, SHOWN, Arm, compare, difference, sentence
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.power import smallest_visible_drop
from daily_runs.results.published import PublishedAnswer
from daily_runs.results.regression import RunEffect, paired, with_run_effect
from daily_runs.store.database import Store

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


def test_a_verdict_that_is_inconclusive_anyway_is_not_said_to_hide_itself() -> None:
    lost = arm(asked(-0.01, lost=lambda item, ask: ask == 0))
    found = difference(arm(asked()), lost, Quality())
    assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", None)
    assert "answers that only one arm lost" not in sentence(found)


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


def test_every_figure_is_the_paired_differences_own() -> None:
    first, second, quality = arm(asked()), arm(asked(-0.01, lost=lambda item, ask: item == "item 003")), Quality()
    pair = paired(first.items, second.items)
    assert pair is not None
    whole = with_run_effect(pair, RunEffect.declared(quality.run_effect, quality.run_effect_runs))
    assert difference(first, second, quality) == {
        "verdict": "inconclusive",
        "differs": [],
        "hidden_by_missing_answers": None,
        "items": 114,
        "items_asked": 115,
        "estimate": whole.estimate,
        "low": whole.low,
        "high": whole.high,
        "smallest_visible_drop": smallest_visible_drop(whole, quality.margin),
        "provider": "anthropic",
    }


def test_two_judges_in_one_arm_are_no_scale() -> None:
    both = arm(asked(), judges=("a", "b"))
    assert difference(both, both, Quality())["differs"] == ["judges"]


def test_each_part_of_the_ruler_that_differs_is_named_in_order() -> None:
    other = arm(asked()[:-1], None, rubric_version="other", dataset_sha256="other", judges=("a", "b"))
    found = difference(arm(asked()), other, Quality())
    assert found["differs"] == ["dataset_sha256", "rubric_version", "judges", "prompts", "providers"]


def test_the_whole_sentence() -> None:
    found = {"verdict": "no_worse", "differs": [], "estimate": -0.0012, "low": -0.0101, "high": 0.0077}
    found |= {"smallest_visible_drop": 0.0312, "items": 104, "items_asked": 115, "provider": "vertex"}
    words = "no worse, -0.001 [-0.010, +0.008] over 104 of 115 items; smallest visible drop 0.031"
    assert sentence(found | {"hidden_by_missing_answers": None}) == words
    hidden = sentence(found | {"hidden_by_missing_answers": "no_worse", "provider": "unknown"})
    assert hidden == f"{words}; answers that only one arm lost could have made it no worse; the provider is unknown"
    assert sentence({"differs": ["judges", "prompts"]}) == "incomparable, since judges, prompts differ"


# Answers that one arm lost.

FEW = {"a": 0.9, "b": 0.8, "c": 0.7}


def few(lost: Callable[[str, int], bool] = lambda item, ask: False) -> Arm:
    return arm([(item, None if lost(item, ask) else score) for item, score in FEW.items() for ask in range(2)])


def test_the_worst_and_best_case_count_what_only_one_arm_lost_as_nothing() -> None:
    """By hand: the second lost one of two answers of a, 0.45 lower at worst; the first lost all of b, 0.8 at best."""
    first, second = few(lambda item, ask: item == "b"), few(lambda item, ask: (item, ask) == ("a", 0))
    at_worst, at_best = comparison._if_the_missing_were_bad(first, second, 0.0)
    assert at_worst == pytest.approx(-0.45 / 3)
    assert at_best == pytest.approx(0.8 / 3)
    at_worst, at_best = comparison._if_the_missing_were_bad(second, first, 0.0)
    assert at_worst == pytest.approx(-0.8 / 3)
    assert at_best == pytest.approx(0.45 / 3)


def test_an_item_that_neither_arm_scored_tells_nothing() -> None:
    without = few(lambda item, ask: item == "c")
    assert comparison._if_the_missing_were_bad(without, without, 0.0) == (0.0, 0.0)
    lossy = few(lambda item, ask: item == "c" or (item, ask) == ("a", 0))
    assert comparison._if_the_missing_were_bad(without, lossy, 0.0)[0] == pytest.approx(-0.45 / 2)


def test_answers_that_each_arm_lost_of_one_item_do_not_hide_each_other() -> None:
    """Both arms scored as many answers of each item, but of other prompts: the second's lost one may have been bad."""
    first = arm(asked(lost=lambda item, ask: ask == 0))
    second = arm(asked(0.05, lost=lambda item, ask: ask == 1))
    found = difference(first, second, Quality())
    assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", "improved")


@pytest.mark.parametrize("only_second", [40, 60])
def test_items_that_only_the_second_arm_scored_do_not_make_its_own_losses_smaller(only_second: int) -> None:
    """They tell nothing of the difference. Taken for unchanged, they would lift a mean that fell within the margin."""
    unscored = set(list(LEVELS)[:only_second])
    first = arm(asked(lost=lambda item, ask: item in unscored))
    lossy = list(LEVELS)[only_second]
    second = arm(asked(-0.007, lost=lambda item, ask: item == lossy and ask < 6))
    quality = Quality(run_effect=0.002)
    assert difference(first, arm(asked(-0.007)), quality)["verdict"] == "no_worse"
    found = difference(first, second, quality)
    assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", "no_worse")


@pytest.mark.parametrize("per_item", [1, 2])
def test_a_regression_that_the_lost_answers_bring_within_the_margin_does_not_stand(per_item: int) -> None:
    """The interval stays below 0, but nobody would act on a drop that may be smaller than the margin."""
    same = [(item, 0.7) for item in LEVELS for _ in range(8)]
    fell = [(item, 0.7 - 0.0215) for item in LEVELS for _ in range(8)]
    lossy = [(item, None if n % 8 < per_item and n < 16 / per_item else score) for n, (item, score) in enumerate(same)]
    quality = Quality(run_effect=0.001)
    assert difference(arm(same), arm(fell), quality)["verdict"] == "regressed"
    found = difference(arm(lossy), arm(fell), quality)
    assert (found["verdict"], found["hidden_by_missing_answers"]) == ("inconclusive", "regressed")


@given(
    change=st.floats(-0.1, 0.1),
    lost_first=st.sets(st.integers(0, 23)),
    lost_second=st.sets(st.integers(0, 23)),
)
def test_lost_answers_never_make_a_verdict_easier(change: float, lost_first: set[int], lost_second: set[int]) -> None:
    names = [f"item {n // 2}" for n in range(24)]
    first = arm([(name, None if n in lost_first else 0.5) for n, name in enumerate(names)])
    second = arm([(name, None if n in lost_second else 0.5 + change) for n, name in enumerate(names)])
    if not (first.items or second.items):
        return
    at_worst, at_best = comparison._if_the_missing_were_bad(first, second, change)
    assert at_worst <= 0 <= at_best
    scored_first = {a.prompt_id for a in first.answers if a.score is not None}
    scored_second = {a.prompt_id for a in second.answers if a.score is not None}
    assert (at_worst < 0) == bool(scored_first - scored_second)
    assert (at_best > 0) == bool(scored_second - scored_first)


# Published runs.

KEYS = [RunKey("duo_chat", name, dt.datetime(2026, 8, 17, tzinfo=dt.UTC)) for name in ("production", "staging")]
NOBODY = cast(Store, None)


@pytest.fixture
def published_runs(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[Any]]:
    """Runs as the store would give them, by key, and what is written to it."""
    runs: dict[str, Any] = {}
    saved: list[Any] = []
    arms = {str(KEYS[0]): arm(asked()), str(KEYS[1]): arm(asked(-0.05))}
    for key in arms:
        runs[key] = {"run_key": key, "dataset_sha256": "d", **dict.fromkeys(SHOWN, 1), "more": "not shown"}
    ruler = {name: "same" for name in RULER if name != "dataset_sha256"} | {"judges": ("judge",)}

    def items_of_runs(store: Store, keys: list[str]) -> dict[str, list[PublishedItem]]:
        rows = [
            PublishedItem(i.item_id, i.item_class, "x", 8, 8, 0, i.mean, i.variance, {}) for i in arms[keys[0]].items
        ]
        return {keys[0]: [*rows, PublishedItem("lost", "one", "x", 0, 0, 8, None, 0.0, {})]}

    monkeypatch.setattr(published, "of_run", lambda store, key: runs.get(key))
    monkeypatch.setattr(published, "measured_with", lambda store, row: ruler | {"of": row["run_key"]})
    monkeypatch.setattr(published, "answers_of", lambda store, row: arms[row["run_key"]].answers)
    monkeypatch.setattr(item_rows, "of_runs", items_of_runs)
    monkeypatch.setattr(quality_rows, "save_arms", lambda store, *told: saved.append(told))
    return runs, saved


def test_two_published_arms_are_compared_the_second_minus_the_first_and_kept(
    published_runs: tuple[dict[str, Any], list[Any]],
) -> None:
    found = compare(NOBODY, KEYS, Quality())
    assert found["arms"] == {name: dict.fromkeys(SHOWN, 1) for name in ("production", "staging")}
    assert found["difference"] == difference(arm(asked()), arm(asked(-0.05)), Quality())
    assert found["sentence"] == f"staging against production: {sentence(found['difference'])}"
    runs, saved = published_runs
    assert saved == [(runs[str(KEYS[1])], runs[str(KEYS[0])], found["difference"])]


def test_a_lone_arm_is_shown_and_compared_with_nothing(published_runs: tuple[dict[str, Any], list[Any]]) -> None:
    runs, saved = published_runs
    del runs[str(KEYS[0])]
    found = compare(NOBODY, KEYS, Quality())
    assert found == {"arms": {"staging": dict.fromkeys(SHOWN, 1)}, "difference": None}
    assert saved == []

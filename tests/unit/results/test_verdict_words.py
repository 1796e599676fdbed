"""The verdict over hand-made runs: which runs it is held against, which parts count, and its sentence to the letter."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import pytest

from daily_runs.catalogue.features import Quality
from daily_runs.results.intervals import ItemScore, over_new_classes, over_these_classes
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.power import smallest_visible_part_drops
from daily_runs.results.quality import (
    REFERENCE_RUNS,
    RULER,
    EarlierRun,
    RunVerdict,
    changes,
    comparability_key,
    populations,
    run_means,
    sentence,
    verdict_of,
)
from daily_runs.results.regression import QualityDifference, RunEffect, mean_items, paired, with_run_effect
from daily_runs.statuses import QualityVerdict

FIRST = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC)
SAME = dict.fromkeys(RULER, "same")
CLASSES = 4
LEVELS = {f"item {n:02}": 0.6 + 0.02 * (n % 11) for n in range(40)}


def item(name: str, mean: float | None, provider: str = "anthropic", **more: Any) -> PublishedItem:
    number = int(name.split()[1])
    scored = 0 if mean is None else 4
    criteria = {} if mean is None else {"truth": mean, "style": 1 - mean / 2}
    row = PublishedItem(name, f"class {number % CLASSES}", provider, 4, scored, 1, mean, 0.01, criteria)
    return row._replace(**more)


def run(day: int = 0, change: float = 0.0, fell: Mapping[str, float] | None = None, **more: Any) -> EarlierRun:
    """A run whose items' means differ a little by day, by item and by class."""
    items = []
    for number, (name, level) in enumerate(LEVELS.items()):
        one = item(name, level + change + 0.002 * ((day + number) % 3))
        assert one.mean is not None
        lower = (fell or {}).get(one.item_class, 0.0)
        items.append(item(name, one.mean - lower))
    return EarlierRun(f"run {day}", FIRST + dt.timedelta(days=day), SAME, {}, items)._replace(**more)


def judged(
    one: EarlierRun, *earlier: EarlierRun, floor: float = 0.0, pinned_after: dt.datetime | None = None
) -> RunVerdict:
    return verdict_of(one, earlier, Quality(), floor, pinned_after=pinned_after)


def scores(one: EarlierRun) -> list[ItemScore]:
    return [score for row in one.items if (score := row.score)]


# Which runs a run is held against.


def test_the_first_run_of_a_stream_has_no_reference() -> None:
    why = "no earlier run of this feature in this environment is published with its items"
    assert judged(run()) == RunVerdict(QualityVerdict.INCOMPARABLE, f"incomparable: {why}")
    assert judged(run(1), run(0, items=[])).reason == f"incomparable: {why}"


def test_the_reference_is_the_first_fourteen_runs_and_never_a_later_one() -> None:
    found = judged(run(20), *[run(day) for day in range(18)])
    assert found.reference == tuple(f"run {day}" for day in range(REFERENCE_RUNS))
    assert "against 14 runs since 1 Aug 2026" in found.reason


def test_a_new_reference_begins_with_the_run_whose_level_was_accepted() -> None:
    earlier = [run(day) for day in range(6)]
    found = judged(run(20), *earlier, pinned_after=earlier[4].logical_date)
    assert found.reference == ("run 4", "run 5")
    assert judged(run(20), *earlier, pinned_after=run(6).logical_date).verdict is QualityVerdict.INCOMPARABLE


def test_runs_under_another_ruler_are_passed_over_and_what_changed_is_named() -> None:
    other = run(1, ruler=SAME | {"rubric_version": "other", "dataset_sha256": "other"})
    assert judged(run(2), run(0), other).reference == ("run 0",)
    found = judged(run(2), other)
    assert found.reason == "incomparable: since run 1, data set, rubric changed, so this run begins a new reference"


@pytest.mark.parametrize("name", RULER)
def test_every_part_of_the_ruler_is_in_the_key(name: str) -> None:
    key = comparability_key(SAME)
    assert len(key) == 12
    assert key == comparability_key(dict(SAME)) != comparability_key(SAME | {name: "other"})
    assert comparability_key({k: v for k, v in SAME.items() if k != name}) == comparability_key(SAME | {name: ""})


def test_without_an_item_that_both_scored_nothing_is_compared() -> None:
    others = [item(f"item {n}", 0.7) for n in range(50, 60)]
    found = judged(run(1, items=others), run(0))
    assert found.reason == "incomparable: no item is scored in the reference and here"
    nothing = [item(name, None) for name in LEVELS]
    assert judged(run(1), run(0, items=nothing)).reason == found.reason


def test_an_earlier_run_without_a_score_changes_nothing() -> None:
    nothing = run(1, items=[item(name, None) for name in LEVELS])
    with_it, without = judged(run(2), run(0), nothing), judged(run(2), run(0))
    assert with_it.whole == without.whole


# Populations and the floor.


def test_two_providers_or_none_give_no_verdict() -> None:
    both = [item(name, 0.7, "vertex" if n % 2 else "anthropic") for n, name in enumerate(LEVELS)]
    found = judged(run(items=both), run(0))
    assert found == RunVerdict(
        QualityVerdict.INCOMPARABLE, "incomparable: answered by anthropic, vertex, each is a population"
    )
    assert "answered by nobody" in judged(run(items=[item("item 00", None)])).reason


def test_each_provider_that_served_a_scored_answer_has_figures_of_its_own() -> None:
    rows = [item("item 00", 0.5), item("item 01", 0.7), item("item 02", None), item("item 03", 0.9, "vertex")]
    rows.append(item("item 04", None, "nobody's"))
    first, second = populations(rows)
    assert (first.provider, first.items, first.classes) == ("anthropic", 2, 2)
    assert (second.provider, second.items, second.classes) == ("vertex", 1, 1)
    assert first.mean == over_these_classes([row.score for row in rows[:2] if row.score])
    assert (first.new_classes, second.mean.low, second.mean.high) == (None, 0.0, 1.0)
    assert first.bounds == pytest.approx(((0.5 * 4 / 5 + 0.7 * 4 / 5) / 3, (0.6 + 0.76 + 1) / 3))
    many = [item(f"item {n}", 0.5 + n / 100, item_class=f"class {n % 8}") for n in range(32)]
    assert populations(many)[0].new_classes == over_new_classes([row.score for row in many if row.score])


def test_a_mean_below_the_floor_is_told_before_its_difference() -> None:
    mean = over_these_classes(scores(run(1)))
    found = judged(run(1), run(0), floor=0.75)
    usual = judged(run(1), run(0))
    assert found.verdict is QualityVerdict.BELOW_FLOOR
    low = f"below the floor: mean {mean.estimate:.3f} [{mean.low:.3f}, {mean.high:.3f}], required >= 0.75"
    assert found.reason == f"{low}; {usual.reason}"
    assert found._replace(verdict=usual.verdict, reason=usual.reason) == usual
    assert judged(run(1), run(0), floor=mean.estimate).verdict is usual.verdict


def test_a_mean_just_below_the_floor_is_not_shown_as_the_floor() -> None:
    found = judged(run(items=[item(name, 0.49996) for name in LEVELS]), run(0), floor=0.5)
    assert found.reason.startswith("below the floor: mean 0.499 [")


def test_two_providers_that_are_both_below_the_floor_are_below_it() -> None:
    both = [item(name, 0.5 if n % 2 else 0.7, "vertex" if n % 2 else "anthropic") for n, name in enumerate(LEVELS)]
    found = judged(run(items=both), run(0), floor=0.75)
    assert found.verdict is QualityVerdict.BELOW_FLOOR
    assert found.reason.startswith("below the floor: anthropic mean 0.700 [")
    assert "], vertex mean 0.500 [" in found.reason
    assert found.reason.endswith("required >= 0.75; incomparable: answered by anthropic, vertex, each is a population")
    assert judged(run(items=both), run(0), floor=0.6).verdict is QualityVerdict.INCOMPARABLE


# Parts.


def test_each_class_and_criterion_is_compared_by_itself_with_a_run_effect_of_its_own() -> None:
    quality, earlier, one = Quality(), run(0), run(1, fell={"class 1": 0.05})
    found = judged(one, earlier)
    assert list(found.parts) == [*(f"class {n}" for n in range(CLASSES)), "criterion style", "criterion truth"]
    of_class = [[score for score in scores(r) if score.item_class == "class 1"] for r in (earlier, one)]
    pair = paired(*of_class)
    assert pair is not None
    prior = RunEffect.declared(quality.run_effect * math.sqrt(CLASSES), quality.run_effect_runs)
    assert found.parts["class 1"] == pytest.approx(with_run_effect(pair, prior), abs=1e-12)
    of_criterion = [[score._replace(variance=0.0) for score in scores(r)] for r in (earlier, one)]
    pair = paired(*of_criterion)
    assert pair is not None
    prior = RunEffect.declared(quality.run_effect, quality.run_effect_runs)
    assert found.parts["criterion truth"] == pytest.approx(with_run_effect(pair, prior), abs=1e-12)
    assert found.parts["criterion style"].estimate == pytest.approx(-found.parts["criterion truth"].estimate / 2)
    assert found.whole == pytest.approx(found.parts["criterion truth"], abs=1e-12)


def test_a_reference_of_more_runs_is_known_better() -> None:
    one, five = (judged(run(9), *[run(day) for day in range(number)]) for number in (1, 5))
    assert one.whole is not None
    assert five.whole is not None
    assert five.whole.error < one.whole.error
    assert five.parts["class 1"].error < one.parts["class 1"].error


def test_the_worst_class_is_the_one_that_fell_most_and_never_a_criterion() -> None:
    found = judged(run(1, fell={"class 1": 0.02, "class 2": 0.3}), run(0))
    assert found.worst_class == "class 2"
    assert found.regressed_parts[0] == "class 2"
    assert judged(run(1, change=0.1), run(0)).worst_class is None
    assert RunVerdict(QualityVerdict.INCOMPARABLE, "").worst_class is None


def test_each_part_has_its_smallest_visible_drop() -> None:
    found = judged(run(1), run(0))
    expected = smallest_visible_part_drops(found.parts, Quality().margin)
    assert found.visible_parts == expected
    assert found.smallest_visible is not None
    assert found.smallest_visible < min(expected[f"class {n}"] for n in range(CLASSES))
    lone = judged(run(1, items=[item("item 00", 0.5)]), run(0, items=[item("item 00", 0.6)]))
    assert (lone.visible_parts, lone.smallest_visible) == ({}, None)
    assert lone.reason.endswith("; one item shows no drop")


# The sentence.

WHOLE = QualityDifference(-0.0412, -0.0661, -0.0163, 0.012, 40)


def told(since: int = 0, items: int = 100, needed: int | None = 50, **more: Any) -> str:
    keys = more.pop("reference", ("run 0",))
    found = RunVerdict(QualityVerdict.NO_WORSE, "", WHOLE, smallest_visible=0.0361, reference=keys)._replace(**more)
    return sentence(found, FIRST + dt.timedelta(days=since), 0.02, items, needed)


def test_the_sentence_says_verdict_figures_reference_and_what_could_be_seen() -> None:
    assert told() == "no worse: -0.041 [-0.066, -0.016] against 1 run since 1 Aug 2026; smallest visible drop 0.036"
    assert "against 2 runs since 11 Aug 2026; " in told(since=10, reference=("run 0", "run 1"))


def test_the_sentence_names_three_parts_and_counts_the_others() -> None:
    parts = {name: WHOLE._replace(estimate=-n / 10) for n, name in enumerate(("a", "b", "c", "d", "e"), 1)}
    figure = "[-0.066, -0.016]"
    three = f"regressed in a -0.100 {figure}, b -0.200 {figure}, c -0.300 {figure}"
    assert f"; {three};" in told(parts=parts, regressed_parts=("a", "b", "c"))
    assert f"; {three} and 1 more;" in told(parts=parts, regressed_parts=("a", "b", "c", "d"))
    assert f"; {three} and 2 more;" in told(parts=parts, regressed_parts=tuple(parts))


def test_the_sentence_says_what_it_takes_to_see_the_margin() -> None:
    assert told(items=100, needed=100).endswith("smallest visible drop 0.036")
    assert told(items=100, needed=112).endswith("drop 0.036; to tell a drop of 0.02 from none add 12 items")
    never = "no number of items would tell a drop of 0.02 from none: days differ too much"
    assert told(needed=None).endswith(f"smallest visible drop 0.036; {never}")
    assert told(smallest_visible=None, needed=None).endswith("since 1 Aug 2026; one item shows no drop")


def test_the_sentence_names_what_changed_in_words() -> None:
    changed = {"gitlab_version": ("19.4.0", "19.4.1"), "serving_model": ("a", "b"), "weather": ("sun", "rain")}
    words = "changed since the reference: GitLab 19.4.0 → 19.4.1, serving model a → b, weather sun → rain"
    assert told(changed=changed).endswith(f"; {words}")


def test_only_what_is_known_of_both_runs_can_have_changed() -> None:
    assert changes({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "3", "d": "4"}) == {"b": ("2", "3")}


def test_a_verdict_tells_what_changed_since_the_newest_run_of_the_reference() -> None:
    first, second = run(0, context={"phase": "shadow"}), run(1, context={"phase": "staging"})
    found = judged(run(2, context={"phase": "on hold"}), first, second)
    assert found.changed == {"phase": ("staging", "on hold")}
    assert found.reason.endswith("changed since the reference: phase staging → on hold")


# Several runs as one.


def test_an_items_score_over_several_runs_is_the_mean_of_its_means() -> None:
    first = [ItemScore("a", "x", 0.4, 0.02, 4), ItemScore("b", "y", 0.9, 0.01, 2)]
    second = [ItemScore("a", "x", 0.8, 0.06, 1)]
    both, alone = mean_items([first, second])
    assert both[:2] == ("a", "x")
    assert both[2:] == pytest.approx((0.6, 0.04, 5))
    assert alone == ItemScore("b", "y", 0.9, 0.01, 2)


def test_a_runs_mean_is_over_its_scored_items() -> None:
    (mean,) = run_means([run(0, items=[item("item 00", 0.5), item("item 01", None), item("item 02", 0.7)])])
    assert mean == pytest.approx((0.6, (0.01 / 4 + 0.01 / 4) / 4))

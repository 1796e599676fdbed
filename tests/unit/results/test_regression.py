"""Differences, the run effect, Holm, and the verdicts in their order."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from daily_runs.results.intervals import ItemScore
from daily_runs.results.power import items_needed, smallest_visible_drop, smallest_visible_part_drops
from daily_runs.results.regression import (
    PairedDifference,
    QualityDifference,
    RunEffect,
    RunMean,
    holm,
    judge_difference,
    paired,
    run_effect,
    run_mean,
    stream_means,
    with_run_effect,
)
from daily_runs.statuses import QualityVerdict

PRIOR = RunEffect.declared(0.006, 28)
SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=20)


def run(*means: float, item_class: str = "a", first: int = 0) -> list[ItemScore]:
    return [ItemScore(f"{item_class}{n + first}", item_class, mean, 0.02, 4) for n, mean in enumerate(means)]


def difference(estimate: float, half: float, degrees: float = math.inf) -> QualityDifference:
    error = half / stats.t.ppf(0.975, degrees)
    return QualityDifference(estimate, estimate - half, estimate + half, error, degrees)


# The paired difference.


@given(SCORES, st.data())
def test_exchanging_the_runs_turns_the_difference_round(scores: list[float], data: st.DataObject) -> None:
    others = data.draw(st.lists(st.floats(0, 1), min_size=len(scores), max_size=len(scores)))
    there, back = paired(run(*scores), run(*others)), paired(run(*others), run(*scores))
    assert there is not None
    assert back is not None
    assert (back.estimate, back.variance) == pytest.approx((-there.estimate, there.variance), abs=1e-12)


def test_items_of_one_run_only_do_not_count() -> None:
    found = paired(run(0.5, 0.6, 0.9), run(0.6, 0.9, first=1))
    assert found is not None
    assert (found.items, found.estimate) == (2, 0.0)
    assert paired(run(0.5), run(0.5, first=1)) is None
    assert paired([], []) is None


def test_it_is_the_paired_t_test_where_there_is_one_class() -> None:
    first, second = [0.5, 0.7, 0.6, 0.9], [0.55, 0.6, 0.7, 0.95]
    found = paired(run(*first), run(*second))
    assert found is not None
    oracle = stats.ttest_rel(second, first)
    assert found.degrees == pytest.approx(3)
    ends = 0.25 * ((1 + found.estimate) ** 2 + (1 - found.estimate) ** 2) / 4 / 4**2
    assert found.estimate / math.sqrt(found.variance - ends) == pytest.approx(oracle.statistic)


def test_a_drop_that_sits_in_one_class_does_not_count_as_spread() -> None:
    rng = np.random.default_rng(3)
    names = [name for name in "abcdefghijklmnopqrst" for _ in range(6)]
    first = [ItemScore(str(n), name, 0.8, 0.0, 6) for n, name in enumerate(names)]
    second = [item._replace(mean=0.8 - 0.6 * (item.item_class == "c") + rng.normal(0, 0.02)) for item in first]
    stratified = paired(first, second)
    pooled = paired([i._replace(item_class="x") for i in first], [i._replace(item_class="x") for i in second])
    assert stratified is not None
    assert pooled is not None
    assert stratified.estimate == pooled.estimate == pytest.approx(-0.03, abs=0.005)
    assert stratified.variance < 0.1 * pooled.variance


def test_a_single_item_gives_the_whole_scale() -> None:
    pair = paired(run(0.5), run(0.9))
    assert pair is not None
    found = with_run_effect(pair, PRIOR)
    assert (found.low, found.high) == (-1.0, 1.0)
    assert smallest_visible_drop(found, 0.02) == math.inf


# The run effect.


def test_the_run_effect_is_what_runs_differ_by_beyond_their_answers() -> None:
    rng = np.random.default_rng(4)
    runs = [RunMean(float(mean), 0.005**2) for mean in rng.normal(0.85, math.hypot(0.005, 0.01), 4000)]
    found = run_effect(runs, PRIOR)
    assert math.sqrt(found.variance) == pytest.approx(0.01, rel=0.05)
    assert found.degrees == 3999


def test_the_variance_between_few_runs_is_that_of_a_sample() -> None:
    means = [0.8 + 0.001 * n for n in range(14)]
    found = run_effect([RunMean(mean, 0.000001) for mean in means], PRIOR)
    between = float(np.var(means, ddof=1))
    assert found == pytest.approx((between - 0.000001, 13, between))


def test_a_declared_effect_has_a_degree_of_freedom_less_than_runs() -> None:
    assert RunEffect.declared(0.006, 28) == pytest.approx((0.000036, 27, 0.000036))


def test_it_is_never_below_zero_and_the_prior_stands_until_there_are_fourteen_runs() -> None:
    alike = [RunMean(0.85, 0.01)] * 14
    found = run_effect(alike, PRIOR)
    assert (found.variance, found.degrees) == (0.0, 13)
    assert found.mean_square == pytest.approx(0.0, abs=1e-20)
    assert run_effect(alike[:13], PRIOR) == PRIOR


def test_a_runs_mean_varies_by_its_answers_as_its_items_say() -> None:
    assert run_mean(run(0.5, 0.7)) == pytest.approx((0.6, (0.02 / 4 + 0.02 / 4) / 4))
    with pytest.raises(ValueError, match="no items"):
        run_mean([])


def test_an_item_with_one_answer_varies_as_the_others_do() -> None:
    items = [ItemScore("a", "a", 0.5, 0.04, 2), ItemScore("b", "a", 0.5, 0.02, 4), ItemScore("c", "a", 0.5, 0.0, 1)]
    assert run_mean(items).within == pytest.approx((0.04 / 2 + 0.02 / 4 + 0.03) / 9)


def asked_once(runs: int, effect: float, seed: int) -> list[list[ItemScore]]:
    """Runs of 60 items, each asked once: levels differ by item, answers by 0.03, days by the effect."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(0.5, 0.1, 60)
    scores = levels + rng.normal(0, 0.03, (runs, 60)) + rng.normal(0, effect, (runs, 1))
    return [[ItemScore(str(n), "a", float(s), 0.0, 1) for n, s in enumerate(of_run)] for of_run in scores]


def test_the_variance_of_items_asked_once_is_the_rest_of_a_two_way_layout() -> None:
    """Of two days and two items each answer has the same rest, with one degree of freedom."""
    days = [[ItemScore("a", "a", 0.1, 0.0, 1), ItemScore("b", "a", 0.3, 0.0, 1)]]
    days += [[ItemScore("a", "a", 0.4, 0.0, 1), ItemScore("b", "a", 0.4, 0.0, 1)]]
    rest = (0.1 + 0.4 - 0.3 - 0.4) / 4
    assert [one.within for one in stream_means(days)] == pytest.approx([4 * rest**2 / 1 / 2] * 2)
    more = [[*day, ItemScore("c", "a", 0.5, 0.0, 1)] for day in days]
    more += [[ItemScore(name, "a", 0.2, 0.0, 1) for name in "abc"]]
    table = np.array([[item.mean for item in day] for day in more])
    left = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
    assert stream_means(more)[0].within == pytest.approx((left**2).sum() / (2 * 2) / 3)


def test_items_that_are_asked_once_vary_as_their_answers_of_different_days_do() -> None:
    means = stream_means(asked_once(14, 0.02, 1))
    assert [one.within for one in means] == pytest.approx([0.03**2 / 60] * 14, rel=0.1)
    found = [run_effect(stream_means(asked_once(14, 0.02, seed)), PRIOR).variance for seed in range(60)]
    assert math.sqrt(np.mean(found)) == pytest.approx(0.02, rel=0.1)


def test_a_day_that_moves_every_item_alike_is_no_variance_of_answers() -> None:
    shifted = [[item._replace(mean=0.5 + 0.01 * day) for item in run(*[0.0] * 5)] for day in range(14)]
    alone = [[item._replace(answers=1, variance=0.0) for item in items] for items in shifted]
    assert stream_means(alone)[0].within == pytest.approx(0.0, abs=1e-15)


def test_a_later_run_never_moves_the_variance_that_the_first_fourteen_told() -> None:
    runs = asked_once(20, 0.02, 2)
    assert [one.within for one in stream_means(runs)[:14]] == [one.within for one in stream_means(runs[:14])]


def test_where_items_are_asked_again_on_a_day_the_days_are_not_asked() -> None:
    runs = [run(0.5, 0.7), run(0.1, 0.9)]
    assert stream_means(runs) == [run_mean(items) for items in runs]


@pytest.mark.parametrize("runs", [[], asked_once(1, 0.02, 3), [items[:1] for items in asked_once(14, 0.02, 3)]])
def test_one_run_or_one_item_tells_no_variance(runs: list[list[ItemScore]]) -> None:
    assert all(one.within == 0 for one in stream_means(runs))


def test_both_sides_have_a_run_effect_and_a_reference_of_many_runs_a_small_one() -> None:
    pair = PairedDifference(-0.01, 0.0001, 50, 60)
    one, many = with_run_effect(pair, PRIOR), with_run_effect(pair, PRIOR, reference_runs=14)
    assert one.error == pytest.approx(math.sqrt(0.0001 + 2 * PRIOR.variance))
    assert many.error == pytest.approx(math.sqrt(0.0001 + PRIOR.variance * 15 / 14))
    effect = 2 * PRIOR.variance
    assert one.degrees == pytest.approx((0.0001 + effect) ** 2 / (0.0001**2 / 50 + effect**2 / 27))


def test_a_difference_is_never_certain() -> None:
    equal = paired(run(0.5, 0.6), run(0.5, 0.6))
    assert equal is not None
    assert with_run_effect(equal, PRIOR).high > 0.01
    nothing = with_run_effect(equal, RunEffect(0.0, 13, 0.0))
    assert nothing.high > 0.05, "two items tell little, whatever the run effect is"


def test_an_effect_that_is_estimated_as_zero_is_not_certainly_zero() -> None:
    pair = PairedDifference(-0.01, 0.0001, 50, 60)
    assert (
        with_run_effect(pair, RunEffect(0.0, 13, 0.0002)).degrees
        < with_run_effect(pair, RunEffect(0.0, 13, 0.0)).degrees
    )


@pytest.mark.parametrize(
    ("misses_before", "misses_after", "items"), [(0.0, 0.07, 14), (0.02, 0.1, 14), (0.0, 0.04, 30)]
)
def test_of_few_items_the_interval_holds_misses_that_no_answer_showed(
    misses_before: float, misses_after: float, items: int
) -> None:
    """Items asked once, all answers right but for complete misses; without a run effect."""
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        before, after = (rng.random(items) >= share for share in (misses_before, misses_after))
        runs = [[ItemScore(str(n), "", float(ok), 0.0, 1) for n, ok in enumerate(of_run)] for of_run in (before, after)]
        pair = paired(*runs)
        assert pair is not None
        found = with_run_effect(pair, RunEffect(0.0, 27, 0.0))
        held += found.low <= misses_before - misses_after <= found.high
    assert held / 400 >= 0.93


@pytest.mark.parametrize("score", [math.nan, -0.1, 1.1])
def test_a_score_that_is_off_the_scale_stops_the_comparison(score: float) -> None:
    for ask in (lambda: paired(run(0.5, score), run(0.5, 0.5)), lambda: run_mean(run(score))):
        with pytest.raises(ValueError, match="not within 0 to 1"):
            ask()
    with pytest.raises(ValueError, match="undefined"):
        holm({"bad": math.nan, "rust": 0.0001})


def test_an_item_that_changed_its_class_is_refused() -> None:
    with pytest.raises(ValueError, match="another class"):
        paired(run(0.5), [ItemScore("a0", "b", 0.5, 0.0, 1)])


# Verdicts.

TABLE = {
    "below the margin, and clear": (-0.05, 0.02, QualityVerdict.REGRESSED),
    "clear, but within the margin": (-0.015, 0.004, QualityVerdict.NO_WORSE),
    "clear, just beyond the margin": (-0.0201, 0.004, QualityVerdict.REGRESSED),
    "below the margin, not clear": (-0.05, 0.06, QualityVerdict.INCONCLUSIVE),
    "above": (0.03, 0.02, QualityVerdict.IMPROVED),
    "the same": (0.0, 0.015, QualityVerdict.NO_WORSE),
    "too wide to say": (0.0, 0.03, QualityVerdict.INCONCLUSIVE),
    "the lower end on the margin": (0.0, 0.02, QualityVerdict.INCONCLUSIVE),
    "the lower end on zero": (0.02, 0.02, QualityVerdict.NO_WORSE),
}


@pytest.mark.parametrize(("estimate", "half", "verdict"), TABLE.values(), ids=TABLE.keys())
def test_verdicts_come_in_their_order(estimate: float, half: float, verdict: QualityVerdict) -> None:
    assert judge_difference(difference(estimate, half), {}, margin=0.02).verdict is verdict


def test_a_class_beyond_its_margin_makes_the_whole_regressed_and_is_named() -> None:
    whole = difference(0.0, 0.01)
    parts = {"go": difference(-0.2, 0.05), "java": difference(0.03, 0.05), "rust": difference(-0.3, 0.05)}
    found = judge_difference(whole, parts, margin=0.02)
    assert found == (QualityVerdict.REGRESSED, ("rust", "go"))


def test_a_class_that_is_below_zero_but_not_beyond_its_margin_does_not() -> None:
    parts = {"go": difference(-0.04, 0.03)}
    assert judge_difference(difference(0.0, 0.01), parts, margin=0.02).regressed_parts == ()


def test_among_many_classes_one_needs_to_be_clearer() -> None:
    alone = {"go": difference(-0.08, 0.05)}
    among = alone | {f"other {n}": difference(0.0, 0.05) for n in range(19)}
    whole = difference(0.0, 0.01)
    assert judge_difference(whole, alone, margin=0.02).regressed_parts == ("go",)
    assert judge_difference(whole, among, margin=0.02).regressed_parts == ()


def test_a_class_of_a_single_item_says_nothing() -> None:
    lone = QualityDifference(-0.9, -1.0, 1.0, math.inf, 0.0)
    assert judge_difference(difference(0.0, 0.01), {"go": lone}, margin=0.02).regressed_parts == ()


def test_holm_raises_each_probability_by_those_that_are_left_and_never_lets_it_fall() -> None:
    """By hand: .005 x 4, .01 x 3, .03 x 2, .04 x 1 is below the one before."""
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({}) == {}
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}


# Power.


@given(st.floats(-0.2, 0.2), st.floats(1e-4, 0.2), st.floats(2, 500))
def test_the_smallest_visible_drop_is_never_below_the_half_width_or_the_margin(
    estimate: float, half: float, degrees: float
) -> None:
    assert smallest_visible_drop(difference(estimate, half, degrees), 0.02) >= max(half, 0.02)


@pytest.mark.parametrize(("error", "margin"), [(0.02, 0.02), (0.004, 0.02), (0.01, 0.0)])
def test_a_drop_of_that_size_is_called_regressed_in_eight_of_ten_days(error: float, margin: float) -> None:
    rng = np.random.default_rng(5)
    half = error * stats.norm.ppf(0.975)
    drop = smallest_visible_drop(difference(0.0, half), margin)
    seen = rng.normal(-drop, error, 200_000)
    assert np.mean((seen + half < 0) & (seen < -margin)) == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize("parts", [1, 12])
def test_a_class_that_falls_by_its_smallest_visible_drop_regresses_in_eight_of_ten_days(parts: int) -> None:
    """The other parts stay where they were; the figures' errors are known exactly."""
    rng = np.random.default_rng(8)
    error, days = 0.03, 4000
    unchanged = {f"part {n}": QualityDifference(0.0, 0.0, 0.0, error, math.inf) for n in range(parts)}
    drop = smallest_visible_part_drops(unchanged, 0.02)["part 0"]
    seen = 0
    for _ in range(days):
        moved = rng.normal(0, error, parts)
        moved[0] -= drop
        found = {
            name: part._replace(estimate=float(m)) for (name, part), m in zip(unchanged.items(), moved, strict=True)
        }
        whole = difference(0.0, 0.01)
        seen += "part 0" in judge_difference(whole, found, margin=0.02).regressed_parts
    assert seen / days == pytest.approx(0.8, abs=0.02)


def test_no_drop_is_visible_in_a_part_of_one_item_or_where_the_scale_is_too_short() -> None:
    lone = QualityDifference(-0.9, -1.0, 1.0, math.inf, 0.0)
    wide = QualityDifference(0.0, -0.5, 0.5, 0.3, 2.0)
    found = smallest_visible_part_drops({"lone": lone, "wide": wide, "usual": difference(0.0, 0.02)}, 0.02)
    assert (found["lone"], found["wide"]) == (math.inf, math.inf)
    assert found["usual"] == pytest.approx(
        0.02 + (stats.norm.ppf(1 - 0.025 / 3) + stats.norm.ppf(0.8)) * 0.02 / 1.96, rel=1e-3
    )
    assert smallest_visible_part_drops({}, 0.02) == {}


def test_a_part_of_which_the_whole_scale_is_the_smallest_visible_drop_still_has_one() -> None:
    error = 0.98 / (stats.norm.ppf(0.975) + stats.norm.ppf(0.8))
    just = QualityDifference(0.0, 0.0, 0.0, error * 0.999999, math.inf)
    assert smallest_visible_part_drops({"a": just}, 0.02)["a"] == pytest.approx(1.0, abs=1e-4)
    assert smallest_visible_part_drops({"a": just._replace(error=error * 1.001)}, 0.02)["a"] == math.inf


def test_the_items_that_would_show_the_margin_follow_from_the_variance_of_one() -> None:
    """By hand: (0.02 / 2.8016)^2 = 5.0963e-5; 100 items of variance 1e-4 are 0.01 each."""
    assert items_needed(1e-4, 0.0, 100, 0.02) == math.ceil(0.01 / 5.0963e-5) == 197
    assert items_needed(1e-4, 2e-5, 100, 0.02) == math.ceil(0.01 / (5.0963e-5 - 2e-5)) == 323
    assert items_needed(1e-4, 5.1e-5, 100, 0.02) is None
    assert items_needed(math.inf, math.nan, 1, 0.02) is None, "a single item tells nothing of the others"

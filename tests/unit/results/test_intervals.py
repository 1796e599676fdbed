"""The intervals against their definitions, computed another way, and what must hold for any scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq
from tests.items import items_of

from daily_runs.results.intervals import (
    END_WEIGHT,
    ItemScore,
    likelihood_interval,
    over_new_classes,
    over_these_classes,
    student_quantile,
    within_classes,
)

ITEMS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1)), min_size=1, max_size=40)


def items(*means: float, item_class: str = "a") -> list[ItemScore]:
    return [ItemScore(f"{item_class}{n}", item_class, mean, 0.01, 4) for n, mean in enumerate(means)]


def ends(mean: float, number: int) -> float:
    """The variance that the two ends of the scale add."""
    return END_WEIGHT * (mean**2 + (1 - mean) ** 2) / number**2


def drawn(rows: list[tuple[str, float]]) -> list[ItemScore]:
    return [ItemScore(str(n), name, mean, 0.0, 1) for n, (name, mean) in enumerate(rows)]


@given(ITEMS)
def test_the_interval_holds_the_plain_mean_stays_on_the_scale_and_is_never_of_zero_width(
    rows: list[tuple[str, float]],
) -> None:
    found = over_these_classes(drawn(rows))
    assert found.estimate == pytest.approx(sum(mean for _, mean in rows) / len(rows))
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    assert found.high > found.low


@given(ITEMS)
def test_a_scale_turned_round_turns_the_interval_round(rows: list[tuple[str, float]]) -> None:
    found = over_these_classes(drawn(rows))
    turned = over_these_classes(drawn([(name, 1 - mean) for name, mean in rows]))
    assert (1 - turned.high, 1 - turned.low) == pytest.approx((found.low, found.high), abs=1e-6)


@given(ITEMS, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(rows: list[tuple[str, float]], random: object) -> None:
    shuffled = drawn(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert over_these_classes(shuffled)[:3] == pytest.approx(over_these_classes(drawn(rows))[:3], abs=1e-9)


def test_one_item_gives_the_whole_scale_and_two_equal_ones_do_not_give_certainty() -> None:
    assert over_these_classes(items(0.7))[:3] == (0.7, 0.0, 1.0)
    two = over_these_classes(items(1.0, 1.0))
    assert (two.estimate, two.high) == (1.0, 1.0)
    assert two.low < 0.5, "two items tell little"


@pytest.mark.parametrize("mean", [math.nan, -0.1, 1.1, math.inf])
def test_a_mean_that_is_off_the_scale_is_refused(mean: float) -> None:
    for interval in (over_these_classes, over_new_classes):
        with pytest.raises(ValueError, match="not within 0 to 1"):
            interval(items(0.5, mean))


def test_no_items_are_refused() -> None:
    for interval in (over_these_classes, over_new_classes):
        with pytest.raises(ValueError, match="no items"):
            interval([])


def test_an_item_that_is_asked_more_often_does_not_weigh_more() -> None:
    once = items_of([("x", "a", 0.2), ("y", "a", 0.8)])
    often = items_of([("x", "a", 0.2)] * 30 + [("y", "a", 0.8)])
    assert over_these_classes(often) == over_these_classes(once)
    assert [item.answers for item in often] == [30, 1]


def test_the_ends_are_where_the_likelihood_ratio_meets_its_bound() -> None:
    """By the ratio's dual (Owen 2001, 2.8), which solves for the multiplier of a mean and walks along no tilt."""
    values = np.array([0.3, 0.6, 0.65, 0.8, 0.9, 0.95, 1.0])
    points, weights = np.append(values, [0.0, 1.0]), np.append(np.ones(7), [END_WEIGHT, END_WEIGHT])

    def ratio(mean: float) -> float:
        away = points - mean
        inside = (-1 / away.max() + 1e-9, -1 / away.min() - 1e-9)
        multiplier = brentq(lambda m: (weights * away / (1 + m * away)).sum(), *inside)
        return float(2 * (weights * np.log1p(multiplier * away)).sum())

    low, high = likelihood_interval(float(values.mean()), values, 6)
    bound = stats.t.ppf(0.975, 6) ** 2
    assert (ratio(low), ratio(high)) == pytest.approx((bound, bound), rel=1e-4)


def test_many_items_that_spread_evenly_have_nearly_students_interval() -> None:
    means = list(np.linspace(0.3, 0.7, 400))
    found = over_these_classes(items(*means))
    half = stats.t.ppf(0.975, 399) * np.std(means, ddof=1) / 20
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.1 * half)


def test_classes_have_satterthwaites_degrees_and_the_ends_spread_is_dealt_out_by_item() -> None:
    """By hand: each class's size times its sample variance, and its share of the ends."""
    values, names = np.array([0.2, 0.4, 0.9, 0.5, 0.6]), list("aaabb")
    deviations, degrees = within_classes(values, names, spread=0.1)
    by_class = {
        "a": 3 * float(np.var(values[:3], ddof=1)) + 0.1 * 3 / 5,
        "b": 2 * float(np.var(values[3:], ddof=1)) + 0.1 * 2 / 5,
    }
    assert degrees == pytest.approx(sum(by_class.values()) ** 2 / (by_class["a"] ** 2 / 2 + by_class["b"] ** 2 / 1))
    assert deviations.tolist() == pytest.approx(
        [*(values[:3] - 0.5) * math.sqrt(1.5), *(values[3:] - 0.55) * math.sqrt(2)]
    )


def test_values_that_show_no_spread_at_all_have_as_many_degrees_as_items_beyond_the_classes() -> None:
    deviations, degrees = within_classes(np.full(5, 0.5), list("aaabb"), spread=0.0)
    assert (deviations.tolist(), degrees) == ([0.0] * 5, 3)


def test_the_interval_tells_its_degrees() -> None:
    assert over_these_classes(items(0.4, 0.5, 0.8)).degrees == pytest.approx(2)
    assert over_these_classes(items(0.4)) == (0.4, 0.0, 1.0, 0.0)


def test_the_interval_is_longer_towards_where_single_items_lie_far_away() -> None:
    found = over_these_classes(items(*[0.45] * 16, *[0.7] * 4))
    assert found.estimate == pytest.approx(0.5)
    assert found.high - found.estimate > 1.02 * (found.estimate - found.low)


def test_how_far_apart_classes_lie_does_not_widen_the_interval() -> None:
    near = items(*[0.4, 0.5, 0.6] * 10, item_class="a") + items(*[0.4, 0.5, 0.6] * 10, item_class="b")
    apart = items(*[0.3, 0.4, 0.5] * 10, item_class="a") + items(*[0.5, 0.6, 0.7] * 10, item_class="b")
    assert over_these_classes(apart)[:3] == pytest.approx(over_these_classes(near)[:3])
    one_class = [item._replace(item_class="a") for item in apart]
    assert over_these_classes(one_class).low < over_these_classes(apart).low


@pytest.mark.parametrize(
    ("lone", "joined"),
    [
        pytest.param("abbbcccc", "bbbbcccc", id="a lone one joins the smallest class"),
        pytest.param("abcccc", "aacccc", id="two lone ones are one class"),
        pytest.param("abcdef", "aaaaaa", id="nothing but lone ones"),
    ],
)
def test_a_class_of_one_item_shows_no_spread_so_it_is_counted_with_others(lone: str, joined: str) -> None:
    means = [0.2, 0.9, 0.6, 0.5, 0.8, 0.7, 0.4, 0.3]
    as_lone, as_joined = (drawn(list(zip(names, means, strict=False))) for names in (lone, joined))
    assert over_these_classes(as_lone) == over_these_classes(as_joined)


def test_fewer_than_eight_classes_tell_nothing_of_new_ones() -> None:
    assert over_new_classes(drawn([(name, 0.5) for name in "abcdefg"])) is None
    assert over_new_classes(drawn([(name, 0.5) for name in "abcdefgh"])) is not None


def test_classes_of_equal_size_give_students_interval_over_their_means() -> None:
    rng = np.random.default_rng(1)
    rows = [(name, float(mean)) for name in "abcdefghij" for mean in rng.uniform(0.3, 0.9, 5)]
    found = over_new_classes(drawn(rows))
    assert found is not None
    by_class = [np.mean([mean for name, mean in rows if name == c]) for c in "abcdefghij"]
    assert found.degrees == pytest.approx(9)
    half = stats.t.ppf(0.975, 9) * math.sqrt(np.var(by_class, ddof=1) / 10 + ends(found.estimate, 50))
    assert (found.low, found.high) == pytest.approx((found.estimate - half, found.estimate + half))


def test_new_classes_have_no_scores_beyond_the_scale() -> None:
    for level, ends_at in ((0.02, "low"), (0.98, "high")):
        found = over_new_classes(drawn([(name, abs(level - n * 0.002)) for n, name in enumerate("abcdefgh")]))
        assert found is not None
        assert 0 <= found.low < found.estimate < found.high <= 1
        assert getattr(found, ends_at) in (0.0, 1.0)


def test_cr2_and_its_degrees_are_those_of_the_full_matrices() -> None:
    """As the definition writes it: hat matrix, (I - H) to the power -1/2 by class, working covariance I."""
    rng = np.random.default_rng(2)
    sizes = [2, 3, 9, 4, 12, 5, 6, 7]
    rows = [(str(c), float(mean)) for c, size in enumerate(sizes) for mean in rng.uniform(0.2, 0.9, size)]
    found = over_new_classes(drawn(rows))
    assert found is not None
    n, y = len(rows), np.array([mean for _, mean in rows])
    groups = [[i for i, (name, _) in enumerate(rows) if name == str(c)] for c in range(8)]
    residual_maker = np.eye(n) - np.ones((n, n)) / n
    residuals, columns, variance = residual_maker @ y, [], 0.0
    for group in groups:
        block = residual_maker[np.ix_(group, group)]
        values, vectors = np.linalg.eigh(block)
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        weights = root @ np.ones(len(group)) / n
        variance += float(weights @ residuals[group]) ** 2
        columns.append(residual_maker[:, group] @ weights)
    gram = np.array(columns) @ np.array(columns).T
    assert found.degrees == pytest.approx(np.trace(gram) ** 2 / (gram**2).sum())
    half = stats.t.ppf(0.975, found.degrees) * math.sqrt(variance + ends(found.estimate, n))
    assert found.high - found.estimate == pytest.approx(half)


def test_students_quantile_is_scipys_and_infinite_without_a_degree() -> None:
    assert student_quantile(7.5, 0.975) == pytest.approx(stats.t.ppf(0.975, 7.5))
    assert student_quantile(0, 0.975) == math.inf
    assert student_quantile(math.inf, 0.975) == pytest.approx(stats.norm.ppf(0.975))

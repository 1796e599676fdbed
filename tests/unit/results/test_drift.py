"""The daily detector: its chain against simulated run lengths, and what raises an alarm."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gamma

from daily_runs.results import drift
from daily_runs.results.drift import DriftReference, follow, reference_of, rule_for
from daily_runs.results.regression import RunEffect, RunMean

PRIOR = RunEffect.declared(0.006, 28)
REFERENCE = DriftReference(0.85, 0.0078, 40, 14)
CHARTS = ((4.0, 0.5), (5.0, 0.5), (4.0, 0.25), (2.5, 1.0))
"""Bound and slack, in deviations."""


@pytest.mark.parametrize(("bound", "slack"), CHARTS)
def test_the_chain_gives_the_run_lengths_that_simulation_gives(bound: float, slack: float) -> None:
    rng = np.random.default_rng(6)
    total, alarms, steps, streams = np.zeros(4000), 0, 3000, 4000
    for _ in range(steps):
        total = np.maximum(0, total + rng.standard_normal(streams) - slack)
        alarms += int((total > bound).sum())
        total[total > bound] = 0
    (rate,) = drift._alarms_per_run(np.array([bound]), np.array([slack]))
    assert rate == pytest.approx(alarms / steps / streams, rel=0.04)


@pytest.mark.parametrize(
    ("slack", "bound", "length"), [(0.5, 4, 336), (0.5, 5, 930), (0.25, 8.01, 740), (1.0, 2.52, 740)]
)
def test_where_all_is_known_the_bound_is_that_of_the_tables(slack: float, bound: float, length: float) -> None:
    """Twice the lengths of Montgomery, Introduction to Statistical Quality Control, tables 9.3 and 9.4 (two-sided)."""
    assert drift._bound(slack, math.inf, 10**12, 1 / length) == pytest.approx(bound, rel=0.02)


def test_the_bound_keeps_its_promise_on_average_over_what_a_reference_does_not_know() -> None:
    """Deviations and means as references of 14 runs with 40 degrees of freedom may get them wrong, drawn at random."""
    rng = np.random.default_rng(9)
    bound = rule_for(REFERENCE, allowance=0.0075, drop=0.03, streams=10)
    true = np.sqrt(40 / rng.chisquare(40, 20_000))
    errors = rng.normal(0, 1 / math.sqrt(14), 20_000)
    ratio = math.floor(bound.slack / REFERENCE.deviation * 20) / 20
    rates = [
        float(drift._alarms_per_run(some_bound / part, ratio / part - error).mean())
        for some_bound, part, error in zip(
            np.full((100, 200), bound.bound / REFERENCE.deviation),
            np.split(true, 100),
            np.split(errors, 100),
            strict=True,
        )
    ]
    assert np.mean(rates) == pytest.approx(0.001 / 10, rel=0.15)


@pytest.mark.parametrize("degrees", [5.0, 13.0, 40.0])
def test_a_deviation_estimated_as_one_may_be_what_a_chi_squared_says(degrees: float) -> None:
    true, chances = drift._true_spreads(degrees)
    assert chances.sum() == pytest.approx(1)
    assert (chances * true**-2).sum() == pytest.approx(1)
    assert (chances * true**-4).sum() == pytest.approx(1 + 2 / degrees)
    mean = math.sqrt(degrees / 2) * gamma((degrees - 1) / 2) / gamma(degrees / 2)
    assert (chances * true).sum() == pytest.approx(mean, rel=5e-3)


def test_a_deviation_that_is_known_is_as_it_was_estimated() -> None:
    assert [one.tolist() for one in drift._true_spreads(math.inf)] == [[1.0], [1.0]]


def test_the_slack_lies_half_way_between_allowance_and_drop() -> None:
    assert rule_for(REFERENCE, allowance=0.01, drop=0.03, streams=10).slack == pytest.approx(0.02)


def test_the_sum_is_what_runs_fell_short_beyond_the_slack_and_begins_anew_at_zero() -> None:
    rule = drift.DriftRule(0.02, 0.05)
    states = follow(REFERENCE, rule, [0.80, 0.80, 0.90, 0.85, 0.80, 0.77])
    assert [state.total for state in states] == pytest.approx([0.03, 0.06, 0.0, 0.0, 0.03, 0.09])
    assert [state.since for state in states] == [0, 0, None, None, 4, 4]
    assert [state.alarm for state in states] == [False, True, False, False, False, True]


def test_a_sum_that_reaches_the_bound_is_no_alarm_yet() -> None:
    (state,) = follow(DriftReference(0.75, 0.01, 40, 14), drift.DriftRule(0.125, 0.125), [0.5])
    assert (state.total, state.alarm) == (0.125, False)


def test_nothing_is_raised_at_the_references_own_level_and_a_drop_is_found_in_days() -> None:
    rule = rule_for(REFERENCE, allowance=0.0075, drop=0.03, streams=10)
    assert not any(state.alarm for state in follow(REFERENCE, rule, [0.85] * 200))
    states = follow(REFERENCE, rule, [0.85, 0.85, *[0.82] * 5])
    assert [state.alarm for state in states].index(True) <= 5
    assert states[-1].since == 2, "the alarm says since which run"
    assert states[1].since is None


def test_a_level_within_the_allowance_never_adds_up() -> None:
    rule = rule_for(REFERENCE, allowance=0.0075, drop=0.03, streams=10)
    assert all(state.total == 0 for state in follow(REFERENCE, rule, [0.85 - 0.0075] * 1000))


def test_more_streams_a_noisier_reference_or_one_known_less_well_ask_for_a_larger_bound() -> None:
    def bound(reference: DriftReference, streams: int = 10) -> float:
        return rule_for(reference, allowance=0.0075, drop=0.03, streams=streams).bound

    usual = bound(REFERENCE)
    assert bound(REFERENCE, streams=50) > usual
    assert bound(REFERENCE._replace(deviation=0.012)) > usual
    assert bound(REFERENCE._replace(degrees=13)) > usual
    assert bound(REFERENCE._replace(degrees=math.inf)) < usual


def test_the_prior_counts_beside_fourteen_runs_by_its_degrees_of_freedom() -> None:
    runs = [RunMean(0.85 + 0.01 * (-1) ** n, 0.005**2) for n in range(14)]
    seen = np.var([run.mean for run in runs], ddof=1)
    found = reference_of(runs, PRIOR)
    assert found.mean == pytest.approx(0.85)
    assert found.deviation**2 == pytest.approx((13 * seen + 27 * (0.006**2 + 0.005**2)) / 40)
    assert (found.degrees, found.runs) == (40, 14)
    declared = reference_of(runs, RunEffect(0.006**2, math.inf, 0.006**2))
    assert declared.deviation == pytest.approx(math.hypot(0.006, 0.005))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        pytest.param(lambda: reference_of([RunMean(0.8, 0.0)] * 13, PRIOR), "14 runs, there are 13", id="few runs"),
        pytest.param(
            lambda: rule_for(REFERENCE, allowance=0.03, drop=0.03, streams=1), "not above the allowance", id="no drop"
        ),
        pytest.param(
            lambda: follow(REFERENCE, drift.DriftRule(0.02, 0.01), [0.8, math.nan]), "not within 0 to 1", id="NaN"
        ),
        pytest.param(
            lambda: rule_for(REFERENCE._replace(deviation=0.0), allowance=0.0, drop=0.03, streams=1),
            "without any spread",
            id="no spread",
        ),
        pytest.param(
            lambda: rule_for(REFERENCE._replace(deviation=0.2, degrees=3), allowance=0.0, drop=0.03, streams=10),
            "no bound keeps false alarms rare",
            id="too noisy",
        ),
    ],
)
def test_what_gives_no_rule_is_refused_with_the_reason(ask: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ask()  # type: ignore[operator]

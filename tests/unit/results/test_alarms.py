"""Alarms over a stream of daily means: what raises which, since when, and how far down."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.features import Quality
from daily_runs.results.alarms import IN_A_ROW, PAGE_BELOW, raised
from daily_runs.results.regression import RUNS_MIN, RunMean
from daily_runs.statuses import AlarmKind

REFERENCE = [0.86 + 0.004 * (-1) ** number for number in range(RUNS_MIN)]


def kinds(means: list[float], target: float = 0.5) -> list[tuple[AlarmKind, int]]:
    runs = [RunMean(mean, 0.00002) for mean in means]
    return [(alarm.kind, alarm.since) for alarm in raised(runs, Quality(), target, streams=10)]


def test_a_level_that_stays_raises_nothing() -> None:
    means = REFERENCE + [0.86] * 30
    assert [kinds(means[:length]) for length in range(1, len(means) + 1)] == [[]] * len(means)


def test_a_drop_is_told_with_the_run_it_began_with() -> None:
    means = REFERENCE + [0.86] * 5 + [0.82] * 4
    assert kinds(means) == [(AlarmKind.DRIFT, RUNS_MIN + 5)]
    (alarm,) = raised([RunMean(mean, 0.00002) for mean in means], Quality(), 0.5, streams=10)
    assert alarm.size == pytest.approx(0.04)


def test_fewer_runs_than_a_reference_raise_no_drift() -> None:
    assert kinds([*REFERENCE[:-1], 0.76]) == []


def test_a_reference_that_is_too_noisy_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    noisy = [0.1, 0.9] * (RUNS_MIN // 2)
    with caplog.at_level(logging.WARNING):
        assert kinds([*noisy, 0.8]) == []
    assert "no bound keeps false alarms rare" in caplog.text


@given(st.lists(st.floats(0, 1), min_size=1, max_size=RUNS_MIN), st.floats(PAGE_BELOW, 1))
def test_the_owners_lines_count_the_last_means_under_them(means: list[float], target: float) -> None:
    found = dict(kinds(means, target))
    under_target = next((n for n, mean in enumerate(reversed(means)) if mean >= target), len(means))
    assert (AlarmKind.PAGE in found) == (means[-1] < PAGE_BELOW)
    assert (AlarmKind.WARNING in found) == (means[-1] >= PAGE_BELOW and under_target >= IN_A_ROW)
    for since in found.values():
        assert all(mean < target for mean in means[since:])
        assert since == 0 or means[since - 1] >= (PAGE_BELOW if AlarmKind.PAGE in found else target)


def test_an_alarm_says_since_when_how_much_and_how_sure() -> None:
    means = REFERENCE + [0.86] * 5 + [0.82] * 4
    (drift,) = raised([RunMean(mean, 0.00002) for mean in means], Quality(), 0.5, streams=10)
    assert drift.reason.startswith("4 runs lie 0.040 below the reference of 14 runs (0.860); sum 0.085, bound 0.0")
    (warning,) = raised([RunMean(mean, 0.0) for mean in (0.9, 0.78, 0.79, 0.8)], Quality(), 0.82, streams=10)
    assert (warning.kind, warning.since) == (AlarmKind.WARNING, 1)
    assert warning.size == pytest.approx(0.03)
    assert warning.reason == "the last 3 daily means are under 0.82; the last one is 0.800"
    (page,) = raised([RunMean(mean, 0.0) for mean in (0.9, 0.7)], Quality(), 0.82, streams=10)
    assert (page.kind, page.since) == (AlarmKind.PAGE, 1)
    assert page.size == pytest.approx(0.05)
    assert page.reason == "the last 1 daily means are under 0.75; the last one is 0.700"


def test_a_mean_just_under_the_line_is_not_shown_as_the_line() -> None:
    (page,) = raised([RunMean(0.74996, 0.0)], Quality(), 0.82, streams=10)
    assert page.reason == "the last 1 daily means are under 0.75; the last one is 0.749"


def test_a_mean_on_the_line_is_not_under_it() -> None:
    assert kinds([0.75], target=0.75) == []
    assert kinds([0.9, 0.82, 0.82, 0.82], target=0.82) == []


def test_a_run_beside_the_reference_is_the_first_that_can_drift() -> None:
    assert kinds([*REFERENCE, 0.2], target=0.0) == [(AlarmKind.DRIFT, RUNS_MIN), (AlarmKind.PAGE, RUNS_MIN)]


def test_more_streams_raise_an_alarm_later() -> None:
    runs = [RunMean(mean, 0.00002) for mean in [*REFERENCE, 0.825]]
    assert [len(raised(runs, Quality(), 0.0, streams=streams)) for streams in (1, 1000)] == [1, 0]

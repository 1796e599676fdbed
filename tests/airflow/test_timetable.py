"""The timetable inside Airflow's own terms: catchup on and off, restrictions, and its way through serialization."""

from __future__ import annotations

import datetime as dt

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction

from daily_runs import catalogue_files
from daily_runs_airflow.timetable import MISSED_TICK_GRACE, MigrationTimetable

RCA = MigrationTimetable(catalogue_files.load().features["root_cause_analysis"].phases)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> pendulum.DateTime:
    return pendulum.datetime(year, month, day, hour, minute, second)


def following(last: pendulum.DateTime | None, restriction: TimeRestriction) -> pendulum.DateTime | None:
    interval = DataInterval.exact(last) if last else None
    info = RCA.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
    return info.run_after if info else None


def restricted(
    earliest: pendulum.DateTime | None = None, latest: pendulum.DateTime | None = None, *, catchup: bool
) -> TimeRestriction:
    return TimeRestriction(earliest=earliest, latest=latest, catchup=catchup)


def set_now(patch: pytest.MonkeyPatch, moment: pendulum.DateTime) -> None:
    patch.setattr("daily_runs_airflow.timetable.pendulum.now", lambda _zone: moment)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (at(2026, 8, 12, 6), at(2026, 8, 14, 6)),
        (at(2026, 8, 14, 6), at(2026, 8, 15, 6)),
        (at(2026, 8, 15, 6), at(2026, 8, 16, 6)),
    ],
)
def test_with_catchup_each_run_follows_the_last_across_the_cutover(
    last: pendulum.DateTime, expected: pendulum.DateTime
) -> None:
    assert following(last, restricted(at(2026, 7, 1), catchup=True)) == expected


def test_a_backfill_is_bounded_on_both_sides() -> None:
    restriction = restricted(at(2026, 8, 13), at(2026, 8, 15, 12), catchup=True)
    assert following(None, restriction) == at(2026, 8, 14, 6)
    assert following(at(2026, 8, 14, 6), restriction) == at(2026, 8, 15, 6)
    assert following(at(2026, 8, 15, 6), restriction) is None


def test_unpausing_starts_no_run_for_a_tick_that_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, at(2026, 9, 1, 6) + MISSED_TICK_GRACE + dt.timedelta(seconds=1))
    assert following(None, restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 2, 6)
    assert following(at(2026, 8, 20, 6), restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 2, 6)


def test_a_tick_that_is_due_just_now_is_not_lost_to_a_slow_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    set_now(monkeypatch, at(2026, 9, 1, 6, 0, 30))
    assert following(at(2026, 8, 31, 6), restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 1, 6)


def test_the_summary_reads_well() -> None:
    assert RCA.summary.startswith("0 6 * * 1,3,5 (01 Jul) → ")
    assert RCA.summary.endswith("0 6 * * * (15 Aug)")


def test_it_survives_serialization() -> None:
    again = MigrationTimetable.deserialize(RCA.serialize())
    assert again.serialize() == RCA.serialize()
    assert again.summary == RCA.summary


def test_a_manual_run_stands_for_its_own_moment() -> None:
    moment = at(2026, 9, 1, 9, 13)
    assert RCA.infer_manual_data_interval(run_after=moment) == DataInterval.exact(moment)

"""The timetable inside Airflow's own terms: catchup on and off, restrictions, backfills, serialization."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.timetables.base import DataInterval, TimeRestriction
from tests.plugins.scheduled import as_scheduled

from daily_runs.catalogue.features import Phase, PhaseName
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs_airflow.timetable import DESCRIPTION_LENGTH_MAX, MISSED_TICK_GRACE, MigrationTimetable

PHASES = catalogue_files.load().features["root_cause_analysis"].phases
RCA = MigrationTimetable(PHASES)
BERLIN = MigrationTimetable(PHASES, "Europe/Berlin")


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> pendulum.DateTime:
    return pendulum.datetime(year, month, day, hour, minute, second)


def following(
    last: pendulum.DateTime | None, restriction: TimeRestriction, timetable: MigrationTimetable = RCA
) -> pendulum.DateTime | None:
    interval = DataInterval.exact(last) if last else None
    info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
    return info.run_after if info else None


def restricted(
    earliest: pendulum.DateTime | None = None, latest: pendulum.DateTime | None = None, *, catchup: bool
) -> TimeRestriction:
    return TimeRestriction(earliest=earliest, latest=latest, catchup=catchup)


Now = Callable[[pendulum.DateTime], None]


@pytest.fixture
def set_now(monkeypatch: pytest.MonkeyPatch) -> Now:
    """Sets the timetable's clock."""
    return lambda moment: monkeypatch.setattr("daily_runs_airflow.timetable.pendulum.now", lambda _zone: moment)


CUTOVER = [
    (at(2026, 8, 12, 6), at(2026, 8, 14, 6)),
    (at(2026, 8, 14, 6), at(2026, 8, 15, 6)),
    (at(2026, 8, 15, 6), at(2026, 8, 16, 6)),
]
"""A run and the one after it: Wednesday, Friday, then daily."""


@pytest.mark.parametrize(("last", "expected"), CUTOVER)
def test_with_catchup_each_run_follows_the_last_across_the_cutover(
    last: pendulum.DateTime, expected: pendulum.DateTime
) -> None:
    assert following(last, restricted(at(2026, 7, 1), catchup=True)) == expected


@pytest.mark.parametrize(("last", "expected"), CUTOVER)
def test_without_catchup_a_run_on_time_has_the_same_follower(
    set_now: Now, last: pendulum.DateTime, expected: pendulum.DateTime
) -> None:
    set_now(last.add(seconds=5))
    assert following(last, restricted(at(2026, 7, 1), catchup=False)) == expected
    set_now(last.subtract(seconds=5))  # the clocks of two machines differ
    assert following(last, restricted(at(2026, 7, 1), catchup=False)) == expected


@pytest.mark.parametrize("catchup", [True, False])
def test_no_run_is_before_the_start_date_even_after_an_earlier_run(set_now: Now, catchup: bool) -> None:
    set_now(at(2026, 8, 1))
    restriction = restricted(at(2026, 8, 15), catchup=catchup)
    assert following(None, restriction) == at(2026, 8, 15, 6)
    assert following(at(2026, 8, 10, 6), restriction) == at(2026, 8, 15, 6)


@pytest.mark.parametrize("catchup", [True, False])
def test_a_start_date_and_an_end_date_that_are_ticks_have_their_runs(set_now: Now, catchup: bool) -> None:
    set_now(at(2026, 8, 14))
    restriction = restricted(at(2026, 8, 14, 6), at(2026, 8, 15, 6), catchup=catchup)
    assert following(None, restriction) == at(2026, 8, 14, 6)
    assert following(at(2026, 8, 14, 6), restriction) == at(2026, 8, 15, 6)
    assert following(at(2026, 8, 15, 6), restriction) is None


def test_without_any_restriction_the_first_run_is_the_first_phases() -> None:
    assert following(None, restricted(catchup=True)) == at(2026, 7, 1, 6)


def test_a_backfill_is_bounded_on_both_sides() -> None:
    restriction = restricted(at(2026, 8, 13), at(2026, 8, 15, 12), catchup=True)
    assert following(None, restriction) == at(2026, 8, 14, 6)
    assert following(at(2026, 8, 14, 6), restriction) == at(2026, 8, 15, 6)
    assert following(at(2026, 8, 15, 6), restriction) is None


def dag_of(timetable: MigrationTimetable, *, catchup: bool = False) -> SerializedDAG:
    """A DAG of this timetable, as a backfill has it."""
    return as_scheduled(DAG("boundary", schedule=timetable, start_date=at(2026, 7, 1), catchup=catchup))


@pytest.mark.parametrize("catchup", [True, False])
def test_airflows_own_backfill_over_the_cutover_has_the_days_of_both_phases(catchup: bool) -> None:
    """A backfill takes what is missed, whatever the DAG's catchup says."""
    dag = dag_of(RCA, catchup=catchup)
    infos = dag.iter_dagrun_infos_between(at(2026, 8, 10), at(2026, 8, 18))
    assert [(info.logical_date, info.run_after) for info in infos] == [
        (at(2026, 8, day, 6),) * 2 for day in (10, 12, 14, 15, 16, 17)
    ]


def test_a_backfill_over_a_change_of_clocks_has_each_local_day_once() -> None:
    dag = dag_of(BERLIN)
    infos = dag.iter_dagrun_infos_between(at(2026, 10, 23, 22), at(2026, 10, 26, 23))
    assert [info.logical_date for info in infos] == [
        at(2026, 10, 24, 4),
        at(2026, 10, 25, 5),  # the day of 25 hours
        at(2026, 10, 26, 5),
    ]


def test_a_backfill_that_begins_in_a_local_day_of_the_phase_before_starts_with_its_runs() -> None:
    night = MigrationTimetable(
        (
            Phase(phase=PhaseName.INTERIM_PRODUCTION, starts=dt.date(2026, 7, 1), schedule="30 0 * * 5"),
            Phase(phase=PhaseName.STAGING, starts=dt.date(2026, 8, 15), schedule="30 0 * * *"),
        ),
        "Europe/Berlin",
    )
    infos = dag_of(night).iter_dagrun_infos_between(at(2026, 8, 13, 22), at(2026, 8, 15, 22, 30))
    assert [info.logical_date for info in infos] == [
        at(2026, 8, 13, 22, 30),  # Friday 14 August in Berlin
        at(2026, 8, 14, 22, 30),  # Saturday 15, the new phase's first day
        at(2026, 8, 15, 22, 30),
    ]


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (at(2026, 10, 24, 4), at(2026, 10, 25, 5)),
        (at(2026, 10, 25, 5), at(2026, 10, 26, 5)),
        (at(2027, 3, 27, 5), at(2027, 3, 28, 4)),
        (at(2027, 3, 28, 4), at(2027, 3, 29, 4)),
    ],
)
@pytest.mark.parametrize("catchup", [True, False])
def test_a_run_of_a_zone_keeps_its_local_time_when_clocks_change(
    set_now: Now, last: pendulum.DateTime, expected: pendulum.DateTime, catchup: bool
) -> None:
    set_now(last.add(seconds=5))
    assert following(last, restricted(at(2026, 7, 1), catchup=catchup), BERLIN) == expected


def test_unpausing_starts_no_run_for_a_tick_that_was_missed(set_now: Now) -> None:
    set_now(at(2026, 9, 1, 6) + MISSED_TICK_GRACE + dt.timedelta(seconds=1))
    assert following(None, restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 2, 6)
    assert following(at(2026, 8, 20, 6), restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 2, 6)


def test_a_tick_that_is_due_just_now_is_not_lost_to_a_slow_scheduler(set_now: Now) -> None:
    set_now(at(2026, 9, 1, 6, 0, 30))
    assert following(at(2026, 8, 31, 6), restricted(at(2026, 7, 1), catchup=False)) == at(2026, 9, 1, 6)


def test_the_summary_and_the_description_read_well() -> None:
    assert RCA.summary == "Mon, Wed, Fri 06:00 UTC from 1 Jul 2026; daily 06:00 UTC from 15 Aug"
    assert BERLIN.summary.endswith("daily 06:00 Europe/Berlin from 15 Aug")
    assert "8 Aug shadow: Mon, Wed, Fri 06:00 UTC" in RCA.description


def test_a_description_of_many_phases_still_fits_into_airflows_column() -> None:
    first = dt.date(2026, 1, 5)
    phases = [
        Phase(phase=PhaseName.STAGING, starts=first + dt.timedelta(weeks=n), schedule=f"{n} 6 * * 1,3,5")
        for n in range(30)
    ]
    assert len(MigrationTimetable(phases, "America/New_York").description) == DESCRIPTION_LENGTH_MAX


@pytest.mark.parametrize("timetable", [RCA, BERLIN], ids=["UTC", "Berlin"])
def test_it_survives_serialization(timetable: MigrationTimetable) -> None:
    again = MigrationTimetable.deserialize(timetable.serialize())
    assert again.serialize() == timetable.serialize()
    assert (again.summary, again.description) == (timetable.summary, timetable.description)
    restriction = restricted(at(2026, 8, 15), catchup=True)
    assert following(None, restriction, again) == following(None, restriction, timetable)


def test_a_dag_that_was_serialized_before_there_were_zones_is_in_utc() -> None:
    old = {"phases": [{"phase": "staging", "starts": "2026-08-15", "schedule": "0 6 * * *"}]}
    again = MigrationTimetable.deserialize(old)
    assert following(None, restricted(catchup=True), again) == at(2026, 8, 15, 6)
    assert again.serialize()["timezone"] == "UTC"


def test_a_manual_run_stands_for_its_own_moment() -> None:
    moment = at(2026, 9, 1, 9, 13)
    assert RCA.infer_manual_data_interval(run_after=moment) == DataInterval.exact(moment)

"""A feature's phases as moments: right on both sides of every boundary."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from daily_runs import catalogue_files
from daily_runs.catalogue import Phase, PhaseName
from daily_runs.schedule import midnight, next_tick, spans

RCA = catalogue_files.load().features["root_cause_analysis"].phases
HOLD = catalogue_files.load().features["code_suggestions"].phases


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ticks(phases: tuple[Phase, ...], start: str, days: int) -> list[dt.datetime]:
    """Every moment from a date on, for some days."""
    found, moment = [], at(start)
    while (tick := next_tick(phases, moment)) is not None and tick < at(start) + dt.timedelta(days=days):
        found.append(tick)
        moment = tick + dt.timedelta(seconds=1)
    return found


def test_it_runs_on_monday_wednesday_friday_before_the_cutover_and_daily_from_it_on() -> None:
    assert [tick.strftime("%a %d") for tick in ticks(RCA, "2026-08-10", 9)] == [
        *("Mon 10", "Wed 12", "Fri 14"),
        *("Sat 15", "Sun 16", "Mon 17", "Tue 18"),
    ]


def test_a_moment_that_is_a_tick_is_its_own_next_tick() -> None:
    assert next_tick(RCA, at("2026-08-15T06:00")) == at("2026-08-15T06:00")


def test_a_moment_just_after_a_tick_has_the_next_days() -> None:
    assert next_tick(RCA, at("2026-08-15T06:00:01")) == at("2026-08-16T06:00")


def test_before_the_first_phase_the_first_tick_is_the_first_phases() -> None:
    assert next_tick(RCA, at("2020-01-01")) == at("2026-07-01T06:00")


def test_a_feature_on_hold_has_no_tick() -> None:
    assert next_tick(HOLD, at("2026-08-01")) is None


def test_a_gap_on_hold_is_jumped_over() -> None:
    phases = (
        Phase(phase=PhaseName.INTERIM_PRODUCTION, starts=dt.date(2026, 8, 1), schedule="0 6 * * *"),
        Phase(phase=PhaseName.ON_HOLD, starts=dt.date(2026, 8, 3)),
        Phase(phase=PhaseName.STAGING, starts=dt.date(2026, 8, 20), schedule="0 7 * * *"),
    )
    assert next_tick(phases, at("2026-08-02T06:00:01")) == at("2026-08-20T07:00")


def test_the_last_phase_is_open_and_the_others_end_where_the_next_begins() -> None:
    stretches = list(spans(RCA))
    assert [stretch.ends for stretch in stretches] == [*(stretch.begins for stretch in stretches[1:]), None]


@given(st.datetimes(dt.datetime(2026, 6, 1), dt.datetime(2027, 6, 1)))
def test_a_tick_is_never_before_what_was_asked_and_lies_in_the_phase_whose_schedule_it_follows(
    moment: dt.datetime,
) -> None:
    asked = moment.replace(tzinfo=dt.UTC)
    tick = next_tick(RCA, asked)
    assert tick is not None
    assert tick >= asked.replace(microsecond=0)
    (phase,) = [
        p
        for p, span in zip(RCA, spans(RCA), strict=True)
        if span.begins <= tick < (span.ends or tick.max.replace(tzinfo=dt.UTC))
    ]
    assert tick.hour == 6
    assert phase.phase is PhaseName.STAGING or tick.weekday() in (0, 2, 4)


def test_midnight_is_the_utc_days_first_moment() -> None:
    assert midnight(dt.date(2026, 8, 15)) == at("2026-08-15T00:00")

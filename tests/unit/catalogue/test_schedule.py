"""A feature's phases as moments: right on both sides of every boundary, and where clocks change."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daily_runs.catalogue.features import Feature, Phase, PhaseName
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.schedule import description, in_words, midnight, next_run, next_tick, spans, summary

SHIPPED = catalogue_files.load().features
RCA = SHIPPED["root_cause_analysis"].phases
HOLD = SHIPPED["code_suggestions"].phases
UTC = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
ONE_SECOND = dt.timedelta(seconds=1)
ONE_MINUTE = dt.timedelta(minutes=1)
ONE_DAY = dt.timedelta(days=1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def staging(starts: str, schedule: str | None) -> Phase:
    phase = PhaseName.STAGING if schedule else PhaseName.ON_HOLD
    return Phase(phase=phase, starts=dt.date.fromisoformat(starts), schedule=schedule)


def ticks(
    phases: tuple[Phase, ...], begins: dt.datetime, ends: dt.datetime, zone: ZoneInfo = UTC
) -> Iterator[dt.datetime]:
    """Every moment from one on, until before another."""
    tick = next_tick(phases, zone, begins)
    while tick is not None and tick < ends:
        yield tick
        tick = next_tick(phases, zone, tick + ONE_SECOND)


def shown(phases: tuple[Phase, ...], zone: ZoneInfo, first: str, days: int, form: str) -> list[str]:
    """The ticks of some local days, as their clocks show them."""
    begins = dt.datetime.fromisoformat(first).replace(tzinfo=zone)
    ends = begins + days * ONE_DAY  # local days, whatever their length
    found = ticks(phases, begins.astimezone(dt.UTC), ends.astimezone(dt.UTC), zone)
    return [tick.astimezone(zone).strftime(form) for tick in found]


def test_it_runs_on_monday_wednesday_friday_before_the_cutover_and_daily_from_it_on() -> None:
    assert shown(RCA, UTC, "2026-08-10", 9, "%a %d %H:%M") == [
        *("Mon 10 06:00", "Wed 12 06:00", "Fri 14 06:00"),
        *("Sat 15 06:00", "Sun 16 06:00", "Mon 17 06:00", "Tue 18 06:00"),
    ]


def test_a_moment_that_is_a_tick_is_its_own_next_tick() -> None:
    assert next_tick(RCA, UTC, at("2026-08-15T06:00")) == at("2026-08-15T06:00")


@pytest.mark.parametrize("later", ["06:00:00.000001", "06:00:01"])
def test_a_moment_just_after_a_tick_has_the_next_days(later: str) -> None:
    assert next_tick(RCA, UTC, at(f"2026-08-15T{later}")) == at("2026-08-16T06:00")


def test_before_the_first_phase_the_first_tick_is_the_first_phases() -> None:
    assert next_tick(RCA, UTC, at("2020-01-01")) == at("2026-07-01T06:00")


def test_a_feature_on_hold_has_no_tick() -> None:
    assert next_tick(HOLD, UTC, at("2026-08-01")) is None


def test_a_gap_on_hold_is_jumped_over() -> None:
    phases = (staging("2026-08-01", "0 6 * * *"), staging("2026-08-03", None), staging("2026-08-20", "0 7 * * *"))
    assert next_tick(phases, UTC, at("2026-08-02T06:00:01")) == at("2026-08-20T07:00")


def test_a_tick_at_midnight_of_a_boundary_is_the_new_phases() -> None:
    phases = (staging("2026-08-01", "0 0 * * *"), staging("2026-08-03", "0 0 * * 1"))  # 3 August is a Monday
    found = shown(phases, UTC, "2026-08-01", 10, "%a %d %H:%M")
    assert found == ["Sat 01 00:00", "Sun 02 00:00", "Mon 03 00:00", "Mon 10 00:00"]
    last = (*phases[:1], staging("2026-08-03", None))
    assert next_tick(last, UTC, at("2026-08-02T00:00:01")) is None


def test_a_phase_whose_cron_never_comes_in_its_dates_is_passed_by() -> None:
    phases = (staging("2026-08-04", "0 6 * * 1"), staging("2026-08-07", "0 6 * * *"))  # Tuesday to Thursday
    assert next_tick(phases, UTC, at("2026-08-01")) == at("2026-08-07T06:00")


def test_the_last_phase_is_open_and_the_others_end_where_the_next_begins() -> None:
    stretches = list(spans(RCA, UTC))
    assert [stretch.ends for stretch in stretches] == [*(stretch.begins for stretch in stretches[1:]), None]


def test_midnight_is_the_utc_days_first_moment() -> None:
    assert midnight(dt.date(2026, 8, 15)) == at("2026-08-15T00:00")


def in_zone(name: str, zone: str) -> Feature:
    return SHIPPED[name].model_copy(update={"timezone": zone})


def test_dates_and_crons_are_local_times_of_the_features_zone() -> None:
    berlin, york = in_zone("root_cause_analysis", "Europe/Berlin"), in_zone("root_cause_analysis", "America/New_York")
    assert next_run(berlin, at("2026-08-15")) == at("2026-08-15T04:00")
    assert next_run(york, at("2026-08-15")) == at("2026-08-15T10:00")


@pytest.mark.parametrize(
    ("zone", "begins"),
    [("UTC", "2026-08-15T00:00"), ("Europe/Berlin", "2026-08-14T22:00"), ("America/New_York", "2026-08-15T04:00")],
)
def test_a_phase_begins_at_local_midnight(zone: str, begins: str) -> None:
    feature = in_zone("root_cause_analysis", zone)
    assert feature.phase_at(at(begins) - ONE_SECOND).phase is PhaseName.SHADOW
    assert feature.phase_at(at(begins)).phase is PhaseName.STAGING
    assert feature.day_of(at(begins) - ONE_SECOND) == dt.date(2026, 8, 14)
    assert feature.day_of(at(begins)) == dt.date(2026, 8, 15)


def test_before_its_first_phase_a_feature_is_on_hold() -> None:
    assert SHIPPED["duo_chat"].phase_at(at("2026-06-30T23:59:59")).phase is PhaseName.ON_HOLD
    assert SHIPPED["duo_chat"].phase_on(dt.date(2026, 6, 30)).phase is PhaseName.ON_HOLD


@dataclass(frozen=True)
class Change:
    """A cron around a change of clocks: its ticks on some local days, as the clocks show them, with their offset."""

    name: str
    zone: str
    schedule: str
    first: str
    ticks: tuple[str, ...]


CHANGES = (
    Change("spring, another time", "Europe/Berlin", "0 6 * * *", "2026-03-28",
           ("28 06:00 +0100", "29 06:00 +0200", "30 06:00 +0200")),
    Change("spring, jumped over: at the jump", "Europe/Berlin", "30 2 * * *", "2026-03-28",
           ("28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200")),
    Change("spring, the first time that is jumped over", "Europe/Berlin", "0 2 * * *", "2026-03-28",
           ("28 02:00 +0100", "29 03:00 +0200", "30 02:00 +0200")),
    Change("spring, just before and just after", "America/New_York", "59 1,2 * * *", "2026-03-07",
           ("07 01:59 -0500", "07 02:59 -0500", "08 01:59 -0500", "08 03:00 -0400",
            "09 01:59 -0400", "09 02:59 -0400")),
    Change("autumn, another time", "Europe/Berlin", "0 6 * * *", "2026-10-24",
           ("24 06:00 +0200", "25 06:00 +0100", "26 06:00 +0100")),
    Change("autumn, twice: the first", "Europe/Berlin", "30 2 * * *", "2026-10-24",
           ("24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100")),
    Change("autumn, the end of what comes twice", "Europe/Berlin", "0 3 * * *", "2026-10-24",
           ("24 03:00 +0200", "25 03:00 +0100", "26 03:00 +0100")),
    Change("half an hour, spring", "Australia/Lord_Howe", "15 2 * * *", "2026-10-03",
           ("03 02:15 +1030", "04 02:30 +1100", "05 02:15 +1100")),
    Change("half an hour, autumn", "Australia/Lord_Howe", "45 1 * * *", "2026-04-04",
           ("04 01:45 +1100", "05 01:45 +1100", "06 01:45 +1030")),
    Change("midnight is jumped over", "America/Sao_Paulo", "0 0 * * *", "2018-11-03",
           ("03 00:00 -0300", "04 01:00 -0200", "05 00:00 -0200")),
    Change("the hour before midnight comes twice", "America/Sao_Paulo", "30 23 * * *", "2018-02-16",
           ("16 23:30 -0200", "17 23:30 -0200", "18 23:30 -0300")),
    Change("a whole day is jumped over", "Pacific/Apia", "0 6 * * *", "2011-12-29",
           ("29 06:00 -1000", "31 00:00 +1400", "31 06:00 +1400")),
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_time_that_is_no_local_time_or_two_has_one_tick(change: Change) -> None:
    phases = (staging("2010-01-01", change.schedule),)
    assert tuple(shown(phases, ZoneInfo(change.zone), change.first, 3, "%d %H:%M %z")) == change.ticks


def test_an_hourly_cron_has_a_tick_for_each_local_hour_of_23_and_24() -> None:
    phases = (staging("2026-01-01", "0 * * * *"),)
    assert len(shown(phases, BERLIN, "2026-03-29", 1, "%H")) == 23
    autumn = shown(phases, BERLIN, "2026-10-25", 1, "%H %z")
    assert autumn[1:4] == ["01 +0200", "02 +0200", "03 +0100"]
    assert len(autumn) == 24


def test_a_phase_may_begin_and_end_on_days_on_which_clocks_change() -> None:
    phases = (
        staging("2026-03-01", "30 2 * * 0"),
        staging("2026-03-29", "30 2 * * *"),  # the day of 23 hours, a Sunday
        staging("2026-10-25", "0 3 * * 0"),  # the day of 25 hours, a Sunday
    )
    assert shown(phases, BERLIN, "2026-03-22", 9, "%d %H:%M") == ["22 02:30", "29 03:00", "30 02:30"]
    assert shown(phases, BERLIN, "2026-10-24", 9, "%d %H:%M") == ["24 02:30", "25 03:00", "01 03:00"]


def test_a_boundary_at_a_midnight_that_is_jumped_over_is_the_jump() -> None:
    zone = ZoneInfo("America/Sao_Paulo")
    phases = (staging("2018-10-01", "30 0 * * *"), staging("2018-11-04", "45 0 * * *"))
    assert shown(phases, zone, "2018-11-03", 3, "%d %H:%M") == ["03 00:30", "04 01:00", "05 00:45"]
    _, second = spans(phases, zone)
    assert second.begins == at("2018-11-04T03:00")


def test_a_phase_that_begins_after_a_day_that_is_jumped_over_has_no_tick_of_that_day() -> None:
    zone, daily = ZoneInfo("Pacific/Apia"), "0 6 * * *"  # it went from 29 to 31 December 2011
    assert shown((staging("2011-12-31", daily),), zone, "2011-12-31", 1, "%d %H:%M") == ["31 06:00"]
    never = (staging("2011-12-30", daily), staging("2011-12-31", None))
    assert next_tick(never, zone, at("2011-12-01")) is None


CHANGING = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "America/Sao_Paulo": ("2018-02-17", "2018-11-04"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
}
"""The days on which a zone's clocks change."""
STEADY = {"UTC": ("2026-03-29",), "Asia/Kolkata": ("2026-10-25",)}
CRONS = st.builds(
    "{} {} * * {}".format,
    st.integers(0, 59),
    st.one_of(st.integers(0, 23), st.integers(0, 3)),  # clocks change by night
    st.sampled_from(["*", "*", "1,3,5", "0"]),
)
DAILY = CRONS.map(lambda cron: f"{cron.rpartition(' ')[0]} *")


class Drawn(NamedTuple):
    """Some phases in a zone, from a few days before its clocks change on."""

    zone: str
    phases: tuple[Phase, ...]

    @property
    def begins(self) -> dt.datetime:
        """Surely before the first phase."""
        return midnight(self.phases[0].starts) - ONE_DAY

    def ticks(self, days: int) -> list[dt.datetime]:
        """From `begins` on."""
        return list(ticks(self.phases, self.begins, self.begins + days * ONE_DAY, ZoneInfo(self.zone)))


@st.composite
def drawn(draw: st.DrawFn, crons: st.SearchStrategy[str] = CRONS, holds: bool = True) -> Drawn:
    """One to three phases of a few days each."""
    zone, changes = draw(st.sampled_from([*(CHANGING | STEADY).items()]))
    starts = dt.date.fromisoformat(draw(st.sampled_from(changes))) - draw(st.integers(0, 4)) * ONE_DAY
    phases = []
    for _ in range(draw(st.integers(1, 3))):
        schedule = None if holds and draw(st.integers(0, 4)) == 0 else draw(crons)
        phases.append(staging(str(starts), schedule))
        starts += draw(st.integers(1, 4)) * ONE_DAY
    return Drawn(zone, tuple(phases))


def test_the_clocks_do_change_on_the_days_that_are_drawn() -> None:
    for zone, days in CHANGING.items():
        for day in days:
            begins = dt.datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(zone))
            hours = ((begins + ONE_DAY).astimezone(dt.UTC) - begins.astimezone(dt.UTC)) / dt.timedelta(hours=1)
            assert hours in ((23.5, 24.5) if zone == "Australia/Lord_Howe" else (23, 25)), (zone, day)


def by_the_minute(phases: tuple[Phase, ...], zone: ZoneInfo, begins: dt.datetime, minutes: int) -> list[dt.datetime]:
    """The ticks by brute force, from how clocks behave: a minute after the other, with what they show then.

    Knows crons of one minute, one hour and weekdays. What a clock passes in a step is what it shows, or all that it
    jumps over; what it has shown before, it does not show for the first time.
    """
    found: list[dt.datetime] = []
    passed = (begins - ONE_DAY).astimezone(zone).replace(tzinfo=None)  # the latest that clocks have shown
    for number in range(-24 * 60, minutes):
        moment = begins + number * ONE_MINUTE
        shows = moment.astimezone(zone).replace(tzinfo=None)
        new = [passed + n * ONE_MINUTE for n in range(1, (shows - passed) // ONE_MINUTE + 1)]
        passed = max(passed, shows)
        today = [phase for phase in phases if phase.starts <= shows.date()]
        if number >= 0 and today and any(_is_due(today[-1], local) for local in new):
            found.append(moment)
    return found


def _is_due(phase: Phase, local: dt.datetime) -> bool:
    if phase.schedule is None or local.date() < phase.starts:
        return False
    minute, hour, _, _, weekdays = phase.schedule.split()
    on = weekdays == "*" or str(local.isoweekday() % 7) in weekdays.split(",")
    return on and (local.hour, local.minute) == (int(hour), int(minute))


@given(drawn())
@example(Drawn("Europe/Berlin", (staging("2026-03-26", "30 2 * * *"),)))
@example(Drawn("Europe/Berlin", (staging("2026-10-22", "30 2 * * *"),)))
def test_the_ticks_are_those_of_a_clock_that_is_watched_minute_by_minute(case: Drawn) -> None:
    days = 10
    found = case.ticks(days)
    assert found == by_the_minute(case.phases, ZoneInfo(case.zone), case.begins, days * 24 * 60)
    assert all(first < second for first, second in pairwise(found))


@given(drawn(DAILY, holds=False))
def test_a_daily_cron_has_one_tick_on_each_local_day(case: Drawn) -> None:
    first, days = case.phases[0].starts, 20
    found = [tick.astimezone(ZoneInfo(case.zone)).date() for tick in case.ticks(days + 3)]
    assert found[:days] == [first + n * ONE_DAY for n in range(days)]


@given(drawn(), st.timedeltas(dt.timedelta(days=-3), dt.timedelta(days=20)))
def test_a_next_tick_is_never_early_is_its_own_next_tick_and_lies_in_the_phase_it_follows(
    case: Drawn, later: dt.timedelta
) -> None:
    zone, asked = ZoneInfo(case.zone), case.begins + later
    tick = next_tick(case.phases, zone, asked)
    if tick is None:
        assert case.phases[-1].schedule is None
        return
    assert tick >= asked
    assert tick.tzinfo is dt.UTC
    assert next_tick(case.phases, zone, tick) == tick
    (span,) = [s for s in spans(case.phases, zone) if s.begins <= tick and (s.ends is None or tick < s.ends)]
    assert span.phase.schedule is not None
    feature = SHIPPED["duo_chat"].model_copy(update={"phases": case.phases, "timezone": case.zone})
    assert feature.phase_at(tick) == span.phase == feature.phase_on(feature.day_of(tick))


def test_the_machines_own_zone_changes_nothing() -> None:
    code = """
import datetime as dt
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.catalogue.schedule import next_run
rca = catalogue_files.load().features["root_cause_analysis"].model_copy(update={"timezone": "Europe/Berlin"})
print(next_run(rca, dt.datetime(2026, 11, 1, 5, tzinfo=dt.UTC)).isoformat())
"""
    for zone in ("UTC", "America/New_York"):
        environment = {**os.environ, "TZ": zone}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == "2026-11-01T05:00:00+00:00\n"


def test_the_summary_says_in_words_what_runs_when() -> None:
    said = {name: summary(feature.phases, feature.timezone) for name, feature in SHIPPED.items()}
    assert said["root_cause_analysis"] == "Mon, Wed, Fri 06:00 UTC from 1 Jul 2026; daily 06:00 UTC from 15 Aug"
    assert said["duo_chat"] == (
        "Tue, Thu, Sat 08:00 UTC from 1 Jul 2026; Tue, Thu, Sat 15:00 UTC from 10 Aug; daily 15:00 UTC from 17 Aug"
    )
    assert said["vulnerability_explanation"] == "on hold from 1 Jul 2026; daily 16:00 UTC from 21 Aug"
    assert said["code_suggestions"] == "on hold from 1 Jul 2026"


def test_a_summary_names_the_year_where_it_changes_and_the_zone() -> None:
    phases = (staging("2026-12-01", "0 6 * * 1"), staging("2027-01-04", "0 6 * * *"), staging("2027-02-01", None))
    assert summary(phases, "Asia/Kolkata") == (
        "Mon 06:00 Asia/Kolkata from 1 Dec 2026; daily 06:00 Asia/Kolkata from 4 Jan 2027; on hold from 1 Feb"
    )


def test_the_description_has_every_phase_by_name() -> None:
    assert description(RCA, "UTC") == (
        "1 Jul 2026 interim_production: Mon, Wed, Fri 06:00 UTC; 8 Aug shadow: Mon, Wed, Fri 06:00 UTC;"
        " 15 Aug staging: daily 06:00 UTC"
    )
    assert description(HOLD, "UTC") == "1 Jul 2026 on_hold"


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("5 6 * * *", "daily 06:05 UTC"),
        ("0 6 * * 0-6", "daily 06:00 UTC"),
        ("0 6 * * 1-7", "daily 06:00 UTC"),
        ("0 18 * * mon-fri", "Mon to Fri 18:00 UTC"),
        ("0 6 * * sun,SAT", "Sat, Sun 06:00 UTC"),
        ("0 6 * * 7", "Sun 06:00 UTC"),
        ("0 6 ? * 1", "Mon 06:00 UTC"),
        ("*/15 * * * *", "cron */15 * * * * UTC"),
        ("0 6,18 * * *", "cron 0 6,18 * * * UTC"),
        ("0 * * * *", "cron 0 * * * * UTC"),
        ("* 6 * * *", "cron * 6 * * * UTC"),
        ("0 6 1 * *", "cron 0 6 1 * * UTC"),
        ("0 6 * 8 *", "cron 0 6 * 8 * UTC"),
        ("0 6 * * 1#2", "cron 0 6 * * 1#2 UTC"),
        ("0 6 * * L5", "cron 0 6 * * L5 UTC"),
    ],
)
def test_a_daily_or_weekly_cron_is_said_in_words_and_any_other_as_it_is_written(schedule: str, words: str) -> None:
    assert in_words(schedule, "UTC") == words

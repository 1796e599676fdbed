"""When a feature runs: its dated phases, each with its own cron, as one sequence of moments. Pure; the caller passes
time.

Dates and crons are local times of the feature's zone; `daily_runs.catalogue.zones` says which moment a local time is
when clocks change. So a phase holds from the first moment of its first day to the first moment of the next phase's
first day.

- A daily cron has one tick on each local day, on days of 23 or 25 hours as well: a time that is jumped over (spring)
  comes at the jump, a time that comes twice (autumn) comes once, the first time.
- Crons of several times a day skip what is no local time of its own: an hourly one has 23 ticks on the day of the jump,
  and 24 on the day of 25 hours (between the hour that comes twice and the next, two hours pass).
- At a moment at which a phase ends, it starts nothing more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple
from zoneinfo import ZoneInfo

from croniter import croniter  # type: ignore[import-untyped]

from daily_runs.catalogue.features import Feature, Phase, PhaseName
from daily_runs.catalogue.zones import ONE_SECOND, first_moment, local_time, moment_of

ANY = ["*"]
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Span(NamedTuple):
    """A phase's stretch of time, UTC; `ends` is exclusive, None = open."""

    phase: Phase
    begins: dt.datetime
    ends: dt.datetime | None


def spans(phases: Sequence[Phase], zone: ZoneInfo) -> Iterator[Span]:
    """The phases (in date order, as the catalogue guarantees) as stretches of time."""
    begins = [first_moment(phase.starts, zone) for phase in phases]
    for phase, begin, end in zip(phases, begins, [*begins[1:], None], strict=True):
        yield Span(phase, begin, end)


def midnight(day: dt.date) -> dt.datetime:
    """A UTC day's first moment."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def next_tick(phases: Sequence[Phase], zone: ZoneInfo, not_before: dt.datetime) -> dt.datetime | None:
    """The first scheduled moment (UTC) at or after `not_before`; None when no phase to come has a schedule."""
    for span in spans(phases, zone):
        if span.ends and span.ends <= not_before:
            continue
        tick = _first_tick(span, zone, max(not_before, span.begins))
        if tick and (span.ends is None or tick < span.ends):
            return tick
    return None


def next_run(feature: Feature, not_before: dt.datetime) -> dt.datetime | None:
    """As `next_tick`, of a feature."""
    return next_tick(feature.phases, feature.zone, not_before)


def _first_tick(span: Span, zone: ZoneInfo, not_before: dt.datetime) -> dt.datetime | None:
    """The first moment of a phase's cron at or after one of the phase's, as if the phase never ended."""
    if span.phase.schedule is None:
        return None
    # What a clock shows a second before, because croniter looks strictly after, and because at a jump the local times
    # that are jumped over count too.
    day_before = dt.datetime.combine(span.phase.starts, dt.time()) - ONE_SECOND
    clock = max(local_time(not_before - ONE_SECOND, zone), day_before)
    times = croniter(span.phase.schedule, clock.replace(microsecond=0))
    while (tick := moment_of(times.get_next(dt.datetime), zone)) < not_before:
        pass  # a local time that comes twice: its first moment is gone
    return tick


@cache  # a DAG says it in its documentation, its summary and its description
def in_words(schedule: str, timezone: str) -> str:
    """A cron as people say it: `Mon, Wed, Fri 06:00 UTC`; what is no daily or weekly time stays cron."""
    (minutes, hours, days, months, weekdays), nth = croniter.expand(schedule)
    once = len(minutes) == len(hours) == 1 and ANY not in (minutes, hours)
    if not once or days != ANY or months != ANY or nth:
        return f"cron {schedule} {timezone}"
    return f"{_weekdays(weekdays)} {hours[0]:02}:{minutes[0]:02} {timezone}"


def _weekdays(numbers: Sequence[int | str]) -> str:
    """Weekdays as cron counts them, 0 = Sunday."""
    if numbers == ANY:
        return "daily"
    found = sorted((int(number) - 1) % 7 for number in numbers)
    if found == list(range(5)):
        return "Mon to Fri"
    return ", ".join(WEEKDAYS[number] for number in found)


def summary(phases: Sequence[Phase], timezone: str) -> str:
    """What runs when, in a line: `Mon, Wed, Fri 06:00 UTC from 1 Jul 2026; daily 06:00 UTC from 15 Aug`.

    Neighbours of one schedule are one; a year is named where it changes.
    """
    whens = [(_when(phase, timezone), phase.starts) for phase in phases]
    told = [(when, next(group)[1]) for when, group in groupby(whens, key=lambda pair: pair[0])]
    dates = _dates([starts for _, starts in told])
    return "; ".join(f"{when} from {date}" for (when, _), date in zip(told, dates, strict=True))


def description(phases: Sequence[Phase], timezone: str) -> str:
    """What the summary leaves out: which phase does what from when."""
    dates = _dates([phase.starts for phase in phases])
    return "; ".join(
        f"{date} {phase.phase}" + (f": {_when(phase, timezone)}" if phase.schedule else "")
        for phase, date in zip(phases, dates, strict=True)
    )


def _when(phase: Phase, timezone: str) -> str:
    return in_words(phase.schedule, timezone) if phase.schedule else str(PhaseName.ON_HOLD).replace("_", " ")


def _dates(days: Sequence[dt.date]) -> list[str]:
    before = [None, *days]
    return [
        f"{day.day} {day:%b}" + (f" {day.year}" if last is None or last.year != day.year else "")
        for last, day in zip(before, days, strict=False)
    ]

"""When a feature runs: its dated phases, each with its own cron, as one sequence of moments. Pure; the caller passes
time.

A phase holds from 00:00 UTC of its first day to 00:00 UTC of the next phase's first day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from croniter import croniter  # type: ignore[import-untyped]

from daily_runs.catalogue import Phase

ONE_SECOND = dt.timedelta(seconds=1)


class Span(NamedTuple):
    """A phase's stretch of time, UTC; `ends` is exclusive, None = open."""

    schedule: str | None
    begins: dt.datetime
    ends: dt.datetime | None


def spans(phases: Sequence[Phase]) -> Iterator[Span]:
    """The phases (in date order, as the catalogue guarantees) as stretches of time."""
    begins = [midnight(phase.starts) for phase in phases]
    for phase, begin, end in zip(phases, begins, [*begins[1:], None], strict=True):
        yield Span(phase.schedule, begin, end)


def midnight(day: dt.date) -> dt.datetime:
    """A UTC day's first moment."""
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def next_tick(phases: Sequence[Phase], not_before: dt.datetime) -> dt.datetime | None:
    """The first scheduled moment at or after `not_before`; None when no phase to come has a schedule."""
    for span in spans(phases):
        if span.schedule is None or (span.ends and span.ends <= not_before):
            continue
        after = max(not_before, span.begins) - ONE_SECOND  # croniter looks strictly after
        tick: dt.datetime = croniter(span.schedule, after).get_next(dt.datetime)
        if span.ends is None or tick < span.ends:
            return tick
    return None

"""Local time of a named zone as moments. Two rules make every local time exactly one moment:

- a local time that the clock jumps over (spring) is the moment of the jump;
- a local time that comes twice (autumn) is its first moment.

So a later local time is never an earlier moment. Zones are IANA names; their data comes from the system or from tzdata.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

ONE_SECOND = dt.timedelta(seconds=1)


@cache
def names() -> frozenset[str]:
    """Every zone's name; the first call looks through some 600 files."""
    return frozenset(available_timezones())


def moment_of(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment (UTC) of a zone's local time (naive)."""
    moment = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    return moment if local_time(moment, zone) == local else _jump_over(local, zone)


def local_time(moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """What the clocks of a zone show at a moment (naive)."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def first_moment(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """When a day begins in a zone, UTC: midnight, or the jump of the clock over it."""
    return moment_of(dt.datetime.combine(day, dt.time()), zone)


def _jump_over(local: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The moment, to the second, at which the clock jumps over a local time."""
    # In a gap, fold=1 counts with the offset after the jump, fold=0 with the one before: the jump lies between.
    before = local.replace(tzinfo=zone, fold=1).astimezone(dt.UTC).replace(microsecond=0) - ONE_SECOND
    after = local.replace(tzinfo=zone, fold=0).astimezone(dt.UTC).replace(microsecond=0)
    while after - before > ONE_SECOND:
        middle = before + (after - before) // 2 // ONE_SECOND * ONE_SECOND
        before, after = (middle, after) if local_time(middle, zone) < local else (before, middle)
    return after

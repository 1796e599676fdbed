"""Moments and waits in HTTP headers: `Date` (RFC 9110 §6.6.1) and `Retry-After` (§10.2.3). One reading for all hops."""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from collections.abc import Mapping

from daily_runs.clock import Clock


def date_in(header: str | None) -> dt.datetime | None:
    """The moment that a header names, or None where there is no readable one."""
    try:
        moment = email.utils.parsedate_to_datetime(header or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def retry_after_seconds(headers: Mapping[str, str], now: dt.datetime | None = None) -> float | None:
    """What an answer asks us to wait: 0 or more; None where it asks for nothing, or for nothing that can be read.

    A date is counted from the answer's own `Date`, so that a clock of ours that is off changes no wait. Where the
    answer names none, it is counted from our clock; one that is past by that clock tells nothing.

    Args:
        headers: the answer's, by lower-case names.
        now: our clock's moment, aware; read when it is needed if not given.
    """
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(date_in(value), date_in(headers.get("date")), now or Clock.now())
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(moment: dt.datetime | None, sent: dt.datetime | None, now: dt.datetime) -> float | None:
    if moment is None:
        return None
    if sent is not None:
        return max(0.0, (moment - sent).total_seconds())
    return (moment - now).total_seconds() if moment > now else None

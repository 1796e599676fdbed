"""Moments and waits in HTTP headers: `Date` (RFC 9110 §6.6.1), `Retry-After` (§10.2.3) and a spent budget's reset.

One reading for all hops.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import math
from collections.abc import Mapping

from daily_runs.clock import Clock

EPOCH_SECONDS_MIN = 1e9
"""A reset under this (2001 as a moment, 31 years as a wait) is a wait."""


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


def reset_seconds(headers: Mapping[str, str], now: dt.datetime | None = None) -> float | None:
    """When a refused user's budget is full again: seconds from the answer on; None where no spent budget is told.

    GitLab gives the moment twice, as a date (`RateLimit-ResetTime`) and in seconds since 1970 (`RateLimit-Reset`):
    https://docs.gitlab.com/administration/settings/user_and_ip_rate_limits/#response-headers. A small number is the
    seconds that are left, as others have it. A budget that is not spent is not what refused.

    Args:
        headers: those of a 429 without `Retry-After`, by lower-case names.
        now: as in `retry_after_seconds`.
    """
    if headers.get("ratelimit-remaining", "0").strip() != "0":
        return None
    sent, now = date_in(headers.get("date")), now or Clock.now()
    named = _seconds_until(date_in(headers.get("ratelimit-resettime")), sent, now)
    if named is not None:
        return named
    try:
        value = float(headers.get("ratelimit-reset", ""))
    except ValueError:
        return None
    if not math.isfinite(value) or value < 0:
        return None
    return value if value < EPOCH_SECONDS_MIN else _seconds_until(_moment(value), sent, now)


def _moment(epoch_seconds: float) -> dt.datetime | None:
    try:
        return dt.datetime.fromtimestamp(epoch_seconds, dt.UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _seconds_until(moment: dt.datetime | None, sent: dt.datetime | None, now: dt.datetime) -> float | None:
    if moment is None:
        return None
    if sent is not None:
        return max(0.0, (moment - sent).total_seconds())
    return (moment - now).total_seconds() if moment > now else None

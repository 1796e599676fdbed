"""Adds calendars from other sites to a user's own one."""

from __future__ import annotations

import urllib.request
from dataclasses import dataclass

MAX_CALENDAR_BYTES = 1_000_000
TIMEOUT_SECONDS = 10


class NotACalendar(ValueError):
    """The address gives no calendar."""


@dataclass(frozen=True)
class Appointment:
    """An entry of a calendar."""

    summary: str
    starts: str


def fetch(address: str) -> str:
    """Text of the calendar at an address that the user typed in.

    Raises:
        NotACalendar: nothing can be read there, or something else.
    """
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as response:
            text = response.read(MAX_CALENDAR_BYTES).decode()
    except (OSError, ValueError) as error:
        raise NotACalendar(f"{address}: {error}") from error
    if not text.startswith("BEGIN:VCALENDAR"):
        raise NotACalendar(f"{address} begins with {text[:40]!r}")
    return text


def appointments(text: str) -> list[Appointment]:
    """Entries of a calendar, in its order."""
    found = []
    for part in text.split("BEGIN:VEVENT")[1:]:
        fields = dict(line.split(":", 1) for line in part.splitlines() if ":" in line)
        found.append(Appointment(fields.get("SUMMARY", ""), fields.get("DTSTART", "")))
    return found

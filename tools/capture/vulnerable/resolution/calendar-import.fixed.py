"""Adds calendars from other sites to a user's own one."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit, urlunsplit

MAX_CALENDAR_BYTES = 1_000_000
TIMEOUT_SECONDS = 10
MAX_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307, 308)


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
        text = _read(address)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotACalendar(f"{address}: {error}") from error
    if not text.startswith("BEGIN:VCALENDAR"):
        raise NotACalendar(f"{address} begins with {text[:40]!r}")
    return text


class _Http(http.client.HTTPConnection):
    """Sends nothing to a machine of an internal network, whatever name it goes by."""

    def connect(self) -> None:
        super().connect()
        if not ipaddress.ip_address(self.sock.getpeername()[0]).is_global:
            self.close()
            raise ValueError("the address lies in an internal network")


class _Https(_Http, http.client.HTTPSConnection):
    pass


def _read(address: str) -> str:
    for _ in range(MAX_REDIRECTS + 1):
        parts = urlsplit(address)
        connects = {"http": _Http, "https": _Https}.get(parts.scheme)
        if connects is None or not parts.hostname:
            raise ValueError("only http and https addresses are read")
        with contextlib.closing(connects(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)) as connection:
            connection.request("GET", urlunsplit(("", "", parts.path or "/", parts.query, "")))
            response = connection.getresponse()
            if response.status == 200:
                return response.read(MAX_CALENDAR_BYTES).decode()
            if response.status not in REDIRECTS:
                raise ValueError(f"the site answers {response.status}")
            address = urljoin(address, response.headers["Location"] or "")
    raise ValueError("too many redirects")


def appointments(text: str) -> list[Appointment]:
    """Entries of a calendar, in its order."""
    found = []
    for part in text.split("BEGIN:VEVENT")[1:]:
        fields = dict(line.split(":", 1) for line in part.splitlines() if ":" in line)
        found.append(Appointment(fields.get("SUMMARY", ""), fields.get("DTSTART", "")))
    return found

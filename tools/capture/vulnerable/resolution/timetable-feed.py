"""Reads the timetables that bus companies upload as XML."""

from __future__ import annotations

import io
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError, iterparse

MAX_FEED_BYTES = 20_000_000


class BadFeed(ValueError):
    """The file is not a timetable; the text says why."""


@dataclass(frozen=True)
class Departure:
    """One departure from a stop."""

    line: str
    stop: str
    minute_of_day: int


def departures(feed: bytes) -> list[Departure]:
    """All departures of a feed, in its order.

    Raises:
        BadFeed: too large, not XML, or a departure without line, stop or time.
    """
    if len(feed) > MAX_FEED_BYTES:
        raise BadFeed("larger than 20 MB")
    found = []
    try:
        for _, node in iterparse(io.BytesIO(feed), events=("end",)):
            if node.tag == "departure":
                hours, minutes = node.attrib["time"].split(":")
                found.append(Departure(node.attrib["line"], node.attrib["stop"], int(hours) * 60 + int(minutes)))
                node.clear()
    except (ParseError, KeyError, ValueError) as error:
        raise BadFeed(f"{type(error).__name__}: {error}") from error
    return found

"""Files that people give us (catalogue, data sets, rubrics): how they are read, and what none of them may hold.

A file is taken as it comes from a merge request, by whoever wrote it: nothing in it may hang a scheduler, fill its
memory, steer a terminal or end a command in a traceback.
"""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from daily_runs.errors import UserError

YAML_BYTES_MAX = 512 * 1024
"""A hundred times the longest shipped file. With its aliases written out, a file may come to as many characters."""
JSONL_BYTES_MAX = 64 * 1024 * 1024
"""Some 30,000 items with a CI job's log each."""
LINE_CHARACTERS_MAX = 4 * 1024 * 1024
"""Of one item, which takes many times its length in memory while it is read."""
DEPTH_MAX = 32
DIGITS_MAX = 40
"""The most digits of one number. Python itself gives up at 4,300."""
FAULTS_SHOWN_MAX = 50
FAULT_CHARACTERS_MAX = 400
"""The longest that a fault is shown, so that its line stays a line whatever value it holds."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What Postgres and UTF-8 cannot hold: NUL, and half of a surrogate pair (JSON may write one alone)."""
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_STEERING = re.compile(f"[{_CONTROLS}]")
"""Control characters (ESC among them), and those that turn the direction of a line; tab and line breaks are text."""
_UNPRINTABLE = re.compile(rf"[{_CONTROLS}\t\r\n]")


def read_text(path: Path, place: str, *, bytes_max: int, below: Path | None = None) -> str:
    """The text of a regular file in UTF-8 (a byte order mark at its start is no text).

    Args:
        place: what to call the file in an error.
        bytes_max: a longer one is not read.
        below: the folder in which it must lie, links followed.

    Raises:
        UserError: unreadable, too long, no UTF-8, another kind of file, or outside that folder.
    """
    try:
        if below is not None and not is_below(path, below):
            raise UserError(place, f"lies outside {below}", "Put the file itself there, not a link.")
        data = _bytes_of(path, place, bytes_max)
    except OSError as error:
        raise UserError(place, f"cannot be read ({error.strerror})", f"Give a readable file at {path}.") from error
    except ValueError as error:  # a NUL in its name
        raise UserError(place, f"cannot be read ({error})", "Give the name of a file.") from error
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(place, f"is not UTF-8 ({error.reason})", "Save it as UTF-8.") from error


def is_below(path: Path, folder: Path) -> bool:
    """Whether a path leads into a folder, links and `..` followed."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _bytes_of(path: Path, place: str, bytes_max: int) -> bytes:
    # A pipe nobody writes to must not hold us up as it is opened, nor a device as it is read.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise UserError(place, "cannot be read (it is a folder)", f"Give a readable file at {path}.")
        if not stat.S_ISREG(mode):
            raise UserError(place, "cannot be read (it is a pipe or a device)", f"Give a regular file at {path}.")
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise UserError(place, f"is longer than {bytes_max:,} bytes", "Leave out what does not belong there.")
    return data


def json_row(line: str) -> object:
    """One line of JSON, as strictly as people mean it.

    Raises:
        ValueError: too long, not JSON, a key that stands twice, a number out of bounds, nested too deep, or text that
            cannot be stored; its message says which and where.
    """
    if len(line) > LINE_CHARACTERS_MAX:
        raise ValueError(f"is longer than {LINE_CHARACTERS_MAX:,} characters")
    try:
        value = json.loads(
            line, object_pairs_hook=_each_key_once, parse_int=_whole, parse_float=_finite, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg} at column {error.colno})") from None
    except RecursionError:
        raise ValueError(f"nested more than {DEPTH_MAX} deep") from None
    for location, text in _texts(value):
        if found := _UNSTORABLE.search(text):
            what = "a NUL character" if found.group() == "\x00" else "half of a surrogate pair"
            raise ValueError(f"{'.'.join(location) or 'the row'}: holds {what}")
    return value


def _each_key_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key!r} stands twice in one object")
        found[key] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) > DIGITS_MAX:
        raise ValueError(too_many_digits(digits))
    return int(digits)


def _finite(number: str) -> float:
    value = float(number)
    if len(number) > DIGITS_MAX or not math.isfinite(value):
        raise ValueError(too_many_digits(number) if math.isfinite(value) else f"{number[:DIGITS_MAX]} is too large")
    return value


def _no_number(word: str) -> object:
    raise ValueError(f"{word} is no number")


def too_many_digits(number: str) -> str:
    """What is wrong with a number that is longer than `DIGITS_MAX`."""
    return f"a number of {len(number):,} digits, at most {DIGITS_MAX} are read"


def _texts(value: object, location: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text in a value, keys too, with the keys that lead there; one after the other, so that nothing piles up.

    Raises:
        ValueError: it is nested too deep.
    """
    if isinstance(value, str):
        yield location, value
    elif isinstance(value, dict | list) and len(location) >= DEPTH_MAX:
        raise ValueError(f"nested more than {DEPTH_MAX} deep")
    elif isinstance(value, dict):
        for key, child in value.items():
            yield location, key
            yield from _texts(child, (*location, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if isinstance(child, str | dict | list):
                yield from _texts(child, (*location, str(index)))


class Steering(NamedTuple):
    """A character that would steer a terminal or hide what stands there: where, and which."""

    position: int
    name: str


def steering_in(text: str) -> Steering | None:
    """The first such character of a text."""
    found = _STEERING.search(text)
    return Steering(found.start(), f"U+{ord(found.group()):04X}") if found else None


def is_one_line(text: str) -> bool:
    """Whether a text can be shown as it is, in one line."""
    return not _UNPRINTABLE.search(text)


def printable(text: str, *, lines: bool = False) -> str:
    """A text with every character spelled out that would steer a terminal; `lines`: tabs and line breaks stay."""
    return (_STEERING if lines else _UNPRINTABLE).sub(_spelled, text)


def _spelled(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def shortened(text: str) -> str:
    """A fault's text, printable and no longer than a few lines."""
    shown = printable(text)
    return shown if len(shown) <= FAULT_CHARACTERS_MAX else f"{shown[: FAULT_CHARACTERS_MAX - 3]}..."


def first_of(faults: Sequence[str]) -> list[str]:
    """The faults to show, and how many are left out if any are."""
    left_out = len(faults) - FAULTS_SHOWN_MAX
    return [*faults[:FAULTS_SHOWN_MAX], *([f"and {left_out:,} more"] if left_out > 0 else [])]

"""Notices when code looks outside while it is imported or parsed: at a clock, the network, a database, a process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

CLOCKS = frozenset(
    {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "now", "utcnow", "today"}
    | {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "gmtime", "localtime"}
)
"""Read by our own code only: Airflow times its parsing itself."""
CONNECTIONS = frozenset(
    {"socket.connect", "socket.connect_ex", "getaddrinfo", "fork_exec"}
    | {"_connect", "connect"}  # psycopg2's and sqlite3's
    | {"Connection.connect", "AsyncConnection.connect", "Engine.connect"}
)
"""Made by nobody, whoever is asked to."""


@contextmanager
def watched(*ours: Path) -> Iterator[list[str]]:
    """Collect `what from file:line` for each look outside; clocks count when code below the folders `ours` reads them.

    It listens to the interpreter's own call events, so that a clock counts by whatever name it was imported.
    """
    seen: list[str] = []

    def notice(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            called, caller = argument.__qualname__, frame
        elif event == "call" and frame.f_back:
            called, caller = frame.f_code.co_qualname, frame.f_back
        else:
            return
        file = caller.f_code.co_filename
        if called in CONNECTIONS or (called in CLOCKS and any(Path(file).is_relative_to(folder) for folder in ours)):
            seen.append(f"{called} from {file}:{caller.f_lineno}")

    sys.setprofile(notice)
    try:
        yield seen
    finally:
        sys.setprofile(None)

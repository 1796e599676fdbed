"""Stops what a command started, however that command ends: a clean exit, Ctrl-C, a crash or `kill -9`.

The guard is a small process of its own. It reads what to look after from its standard input, one JSON object a line;
when that pipe closes, its owner is done or dead, and it stops everything, newest first. There is no second way to stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

GRACE_SECONDS = 20.0
"""How long a process group may take to end by itself before it is killed."""

PROCESSES = Path("/proc")
"""Where the kernel shows command lines; elsewhere `ps` tells them."""


class Guard:
    """The owner's end of the pipe.

    `lock_files` are file descriptors whose shared locks the guard keeps until it has finished (see `store.embedded`).
    """

    def __init__(self, lock_files: Sequence[int] = ()) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._process = subprocess.Popen(
            [sys.executable, "-m", "daily_runs.guard"],
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=tuple(lock_files),
        )

    def watch_group(self, process: subprocess.Popen[bytes], *, first: bool = False) -> None:
        """Look after a child that leads a session, and after all that it starts.

        Args:
            first: stop it before the others, whose answers its own children wait for.
        """
        self._children.append(process)
        self._tell({"group": process.pid, "first": first})

    def watch_postgres(self, data: Path, users_lock: int) -> None:
        """Stop the embedded Postgres of that data folder, unless another process still holds the shared lock."""
        self._tell({"postgres": str(data), "lock": users_lock})

    def release(self) -> None:
        """Stop everything now and wait until it has ended."""
        if self._process.stdin and not self._process.stdin.closed:
            self._process.stdin.close()
        while self._process.poll() is None:
            time.sleep(0.05)
        for child in self._children:
            child.poll()

    def _tell(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()


def members(session: int) -> list[int]:
    """The living processes of a session; Airflow's tasks lead groups of their own in their scheduler's."""
    return [pid for pid in _pids() if _session_of(pid) == session and not _is_zombie(pid)]


def _pids() -> list[int]:
    if (PROCESSES / "self").exists():
        return [int(folder.name) for folder in PROCESSES.iterdir() if folder.name.isdigit()]
    command = ["ps", "-A", "-o", "pid="]
    return [int(pid) for pid in subprocess.run(command, capture_output=True, check=False).stdout.split()]


def _session_of(pid: int) -> int | None:
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(pid)
    return None


def _is_zombie(pid: int) -> bool:
    """Whether it has ended, and only its parent has not asked how."""
    if (PROCESSES / "self").exists():
        try:
            return (PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except (FileNotFoundError, ProcessLookupError):
            return True
    command = ["ps", "-o", "state=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, check=False).stdout.strip()
    return not state or state.startswith(b"Z")


def _group_lives(group: int) -> bool:
    return bool(members(group))


def _signal_groups(groups: Sequence[int], number: signal.Signals) -> None:
    for group in groups:
        for process in members(group):
            with suppress(ProcessLookupError, PermissionError):  # it has ended already: go on with the next one
                os.kill(process, number)


def stop_groups(groups: Sequence[int]) -> None:
    """Ask the processes of each session to end; kill what is left after `GRACE_SECONDS`."""
    _signal_groups(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    while any(map(_group_lives, groups)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _signal_groups(groups, signal.SIGKILL)


def postmaster_pid(data: Path) -> int | None:
    """The process that serves this data folder, or None: a pid file may outlive its server, and its pid be reused."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):  # absent, unreadable, half written or empty
        return None
    return pid if _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    """Whether the process lives and its command line names the data folder (a zombie has no command line)."""
    if (PROCESSES / "self" / "cmdline").exists():
        try:
            words = (PROCESSES / str(pid) / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return False
    else:
        command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
        words = subprocess.run(command, capture_output=True, check=False).stdout
    return os.fsencode(data) in words


def stop_postgres(data: Path, users_lock: int) -> None:
    """Stop the server (SIGINT is its fast shutdown) if nobody else holds the shared lock on `users_lock`."""
    try:
        fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        pid = postmaster_pid(data)
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
    except (BlockingIOError, ProcessLookupError):
        return  # somebody uses it, or it has just ended
    deadline = time.monotonic() + GRACE_SECONDS
    while _serves(pid, data) and time.monotonic() < deadline:
        time.sleep(0.05)


def main() -> None:
    """Wait for the pipe to close, then stop everything."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    orders = [json.loads(line) for line in sys.stdin]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    groups = [order for order in reversed(orders) if "group" in order]
    for first in (True, False):
        stop_groups([order["group"] for order in groups if order["first"] is first])
    for order in reversed(orders):
        if "postgres" in order:
            stop_postgres(Path(order["postgres"]), order["lock"])


if __name__ == "__main__":
    main()

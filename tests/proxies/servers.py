"""Starts a HAProxy, an nginx, a PgBouncer or a server that misbehaves on free loopback ports, and stops it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from daily_runs.store.embedded import free_port
from tests.architecture.project import PROJECT

START_SECONDS = 10.0
STOP_SECONDS = 5.0
_PLACES = (*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin", str(PROJECT / ".venv" / "proxies" / "bin"))


def program(name: str) -> str:
    """Where `haproxy`, `nginx` or `pgbouncer` is: the machine's own, else the one that `make test` fetched."""
    found = shutil.which(name, path=os.pathsep.join(_PLACES))
    assert found, f"no {name} here: run `make proxies`"
    return found


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    found = set[int]()
    while len(found) < count:
        found.add(free_port())
    return sorted(found)


@contextmanager
def running(command: Sequence[str], ports: Sequence[int], folder: Path) -> Iterator[None]:
    """A server in the foreground that listens on these ports; its words go to a file in the folder."""
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)
    try:
        _wait_until_listening(process, ports, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], ports: Sequence[int], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    for port in ports:
        while True:
            assert process.poll() is None, f"it ended before it listened: {log.read_text()}"
            assert time.monotonic() < deadline, f"it does not listen on {port}: {log.read_text()}"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)


@contextmanager
def backend(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections all meet one behaviour."""

    def serve() -> None:
        with suppress(OSError):  # the listener was closed: the test is over
            while True:
                behave(listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()

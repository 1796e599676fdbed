"""A whole Daily Runs on one machine: Postgres from a wheel, a real Airflow, and the sandbox.

Every process leads a group of its own that the guard knows (`daily_runs.guard`), so that nothing stays behind however
this process ends. What must be known to use it stands in `.daily_runs/local.json`, readable by its owner only.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from daily_runs import airflow_api
from daily_runs.airflow_api import AirflowApi
from daily_runs.catalogue.pools import pools
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import DailyRunsError, ParameterError
from daily_runs.local.settings import USER, airflow_settings, kept_password, notes_connection, write_overlay
from daily_runs.store import logins
from daily_runs.store.database import DATABASE, migrate
from daily_runs.store.embedded import EmbeddedPostgres, free_port, private_file, private_folder, state_root

COMPONENTS = {
    "api-server": (),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
    "scheduler": ("--skip-serve-logs",),
}
"""Airflow's processes in the order of their start, with their options. Its log servers would listen on every interface,
whatever is configured (`airflow.utils.serve_logs`); the API server reads the same files from the folder."""
START_TIMEOUT_SECONDS = 180


@dataclass(frozen=True)
class Stack:
    """A running stack: where its parts are, and the login."""

    airflow: str
    sandbox: str
    user: str
    store: str
    overlay: str
    time_scale: float
    password: str = field(repr=False)
    processes: Mapping[str, int] = field(default_factory=dict)

    def api(self) -> AirflowApi:
        """Airflow's API, logged in."""
        return AirflowApi(self.airflow, self.user, self.password)


def described() -> Stack | None:
    """The stack that runs with this state folder, if one does: a file that outlived its processes describes none."""
    try:
        stack = Stack(**json.loads((state_root() / "local.json").read_text()))
    except (OSError, ValueError, TypeError):  # absent, another user's, half written, or of another version
        return None
    return stack if all(map(_lives, stack.processes.values())) else None


@contextmanager
def running(
    *, port: int, time_scale: float, schedules: bool, extra_environment: Mapping[str, str] | None = None
) -> Iterator[Stack]:
    """Start everything, yield when all of it is healthy and the pools are there, stop everything at the end.

    Args:
        port: of Airflow's page; 0 takes a free one.
        time_scale: domain seconds that pass in one second of the sandbox.
        schedules: whether DAGs run by their schedules, or only when triggered.
        extra_environment: variables for the Airflow processes.

    Raises:
        ParameterError: a stack runs with this state folder already, or the port is taken.
        DailyRunsError: a part did not start; its last words are in the message.
    """
    root = state_root()
    with _only_stack(root), EmbeddedPostgres(root / "postgres") as server:
        port = _free(port)
        migrate(server.url(DATABASE))
        settings = {"DAILY_RUNS_SCHEDULES": "on" if schedules else "off", **(extra_environment or {})}
        stack = _started(root, server, port, time_scale, settings)
        with stack.api() as api:
            api.write_pools(pools(catalogue_files.load(overlay=stack.overlay)))
        note = root / "local.json"
        with os.fdopen(private_file(note, empty=True), "w") as written:
            written.write(json.dumps(asdict(stack)))
        try:
            yield stack
        finally:
            note.unlink(missing_ok=True)


@contextmanager
def _only_stack(root: Path) -> Iterator[None]:
    """Hold the state folder: two stacks would share one Airflow database. A crash gives it back (no child holds it)."""
    with ExitStack() as held:
        try:
            root.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = held.enter_context(os.fdopen(private_file(root / "stack.lock"), "w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            remedy = "Stop it, or set DAILY_RUNS_STATE."
            raise ParameterError(str(root), "a stack runs there already", remedy) from None
        except OSError as error:
            raise ParameterError(str(root), f"cannot hold a stack ({error})", "Set DAILY_RUNS_STATE.") from error
        yield


def _started(root: Path, server: EmbeddedPostgres, port: int, time_scale: float, settings: Mapping[str, str]) -> Stack:
    """The sandbox and Airflow over a running Postgres, once they are healthy."""
    parts = _Parts(root / "logs", server)
    store, airflow = logins.writer_url(server, DATABASE), f"http://127.0.0.1:{port}"
    sandbox_port = str(free_port())
    sandbox = f"http://127.0.0.1:{sandbox_port}"
    overlay = str(write_overlay(root, sandbox, time_scale))
    environment = {
        **os.environ,
        **airflow_settings(root, port, airflow, logins.airflow_url(server)),
        "AIRFLOW_CONN_DAILY_RUNS_STORE": store,
        "AIRFLOW_CONN_DAILY_RUNS_AIRFLOW": notes_connection(root, airflow),
        "DAILY_RUNS_OVERLAY": overlay,
        **settings,
    }
    options = ["--port", sandbox_port, "--time-scale", str(time_scale)]
    parts.start("sandbox", [sys.executable, "-m", "daily_runs.cli", "sandbox", *options], environment)
    parts.finish("db migrate", [sys.executable, "-m", "airflow", "db", "migrate"], environment)
    for component, words in COMPONENTS.items():
        works = component == "scheduler"
        if works:  # it takes up at once what an earlier stack left, and a task that meets no API server loses a try
            parts.wait_until(lambda: airflow_api.serves(airflow), "serving its API")
        parts.start(component, [sys.executable, "-m", "airflow", component, *words], environment, works=works)
    parts.wait_until(lambda: airflow_api.healthy(airflow), "healthy")
    return Stack(
        airflow=airflow,
        sandbox=sandbox,
        user=USER,
        store=store,
        overlay=overlay,
        time_scale=time_scale,
        password=kept_password(root),
        processes=parts.pids(),
    )


def up(*, port: int, time_scale: float, console: Console) -> None:
    """Keep a stack open until Ctrl-C, or until one of its parts dies."""
    with console.status("starting Postgres, Airflow and the sandbox ..."):
        manager = running(port=port, time_scale=time_scale, schedules=True)
        stack = manager.__enter__()
    try:
        console.print(f"Airflow   {stack.airflow}   user {stack.user}   password {stack.password}")
        console.print(f"sandbox   {stack.sandbox}   one second is {time_scale:g} of its seconds")
        console.print(f"store     in {state_root()}; DAGs are paused: unpause one, or trigger it by its form")
        console.print("Ctrl-C stops everything.")
        wait_for_end(stack)
    finally:
        with console.status("stopping ..."):
            manager.__exit__(None, None, None)


def wait_for_end(stack: Stack) -> NoReturn:
    """Wait until a part of the stack ends by itself (Ctrl-C ends the waiting).

    Raises:
        DailyRunsError: always, in the end: names what ended.
    """
    while True:
        dead = [name for name, pid in stack.processes.items() if not _lives(pid)]
        if dead:
            raise DailyRunsError(
                f"{', '.join(dead)} ended by itself; see {state_root() / 'logs'}. Tasks are told to send nothing more,"
                " and the rest is stopped. The next daily-runs up goes on by itself with the runs that were under way."
            )
        time.sleep(1)


class _Parts:
    """The processes of a stack, each with its log file."""

    def __init__(self, logs: Path, server: EmbeddedPostgres) -> None:
        private_folder(logs)
        self._logs, self._guard = logs, server.guard
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str], environment: Mapping[str, str], *, works: bool = False) -> None:
        with os.fdopen(private_file(self._logs / f"{name}.log", empty=True), "wb") as log:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        self._guard.watch_group(process, first=works)
        self._processes[name] = process

    def finish(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.start(name, command, environment)
        if self._processes.pop(name).wait() != 0:
            raise DailyRunsError(f"{name} failed: {self._last_words(name)}")

    def wait_until(self, condition: Callable[[], bool], state: str) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not condition():
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise DailyRunsError(f"{name} ended while starting: {self._last_words(name)}")
            if time.monotonic() > deadline:
                raise DailyRunsError(f"Airflow is not {state} after {START_TIMEOUT_SECONDS} s; see {self._logs}.")
            time.sleep(0.25)

    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def _last_words(self, name: str) -> str:
        file = self._logs / f"{name}.log"
        return f"{file.read_text(errors='replace')[-600:].strip()} (all of it: {file})"


def _lives(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:  # another process's child, or one that was waited for already
        with suppress(OSError):
            os.kill(pid, 0)
            return True
        return False


def _free(port: int) -> int:
    if port == 0:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = error.strerror or "not allowed"
            raise ParameterError("--port", f"{port} cannot be used ({reason})", "Give another, or 0.") from error
    return port

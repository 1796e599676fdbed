"""The embedded server: shared by whoever needs it, gone with the last of them, however that one ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from daily_runs.errors import UserError
from daily_runs.store.embedded import EmbeddedPostgres

USER = """
import sys
from pathlib import Path
from daily_runs.store.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.url("shared"), flush=True)
    sys.stdin.readline()
"""
ENDS_SECONDS = 20.0


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder for one server; pytest's own are closed to the system user that runs it."""
    folder = Path(tempfile.mkdtemp(prefix="daily-runs-embedded-"))
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def start(root: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that a test starts; whatever it leaves is killed."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        with suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def use(root: Path, processes: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """Start a process that uses the server until a line comes in."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", USER, str(root)], stdin=pipe, stdout=pipe, text=True)
    processes.append(process)
    return process


def url_of(process: subprocess.Popen[str]) -> str:
    """What the process prints once its server is up."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    """Let the process leave its server in order."""
    process.communicate("\n", timeout=ENDS_SECONDS)
    assert process.returncode == 0


def answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def server_pid(root: Path) -> int:
    return int((root / "data" / "postmaster.pid").read_text().splitlines()[0])


def is_gone(pid: int) -> bool:
    """Whether the process ends within `ENDS_SECONDS`."""
    deadline = time.monotonic() + ENDS_SECONDS
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_processes_that_start_at_once_share_one_server_and_the_last_stops_it(
    root: Path, start: list[subprocess.Popen[str]]
) -> None:
    first, second = use(root, start), use(root, start)
    url = url_of(first)
    assert url_of(second) == url
    pid = server_pid(root)
    end(first)
    assert answers(url)
    assert server_pid(root) == pid
    end(second)
    assert is_gone(pid)
    assert not answers(url)


def test_a_killed_owner_leaves_no_server(root: Path, start: list[subprocess.Popen[str]]) -> None:
    owner = use(root, start)
    assert answers(url_of(owner))
    pid = server_pid(root)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert is_gone(pid)


def test_a_killed_owner_takes_no_server_from_another_user(root: Path, start: list[subprocess.Popen[str]]) -> None:
    owner, other = use(root, start), use(root, start)
    url = url_of(other)
    assert url_of(owner) == url
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    time.sleep(0.5)  # what the owner's guard needs to look and leave
    assert answers(url)
    pid = server_pid(root)
    end(other)
    assert is_gone(pid)


def test_rows_outlive_the_server_and_are_nobody_elses(root: Path) -> None:
    with EmbeddedPostgres(root) as server:
        with psycopg.connect(server.url("kept")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        assert (root / "password").stat().st_mode & 0o077 == 0
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.url("kept").replace("postgres:", "postgres:x", 1))
    with EmbeddedPostgres(root) as server, psycopg.connect(server.url("kept")) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/postgres: cannot hold a Postgres .*Set DAILY_RUNS_STATE\."):
        EmbeddedPostgres(tmp_path / "file" / "postgres").__enter__()


def test_a_server_that_does_not_start_is_one_line_and_leaves_nothing(root: Path) -> None:
    with EmbeddedPostgres(root):
        pass
    control = root / "data" / "global" / "pg_control"
    control.write_bytes(b"broken")
    with pytest.raises(UserError, match=r"embedded Postgres in .*: pg_ctl failed: .*server\.log") as caught:
        EmbeddedPostgres(root).__enter__()
    assert "\n" not in str(caught.value)
    assert is_gone(server_pid(root))

"""The embedded server: shared by whoever needs it, gone with the last of them, however that one ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from daily_runs.errors import UserError
from daily_runs.store import embedded
from daily_runs.store.embedded import EmbeddedPostgres, free_port, kept_secret

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


def test_what_was_committed_survives_a_killed_server(root: Path) -> None:
    with EmbeddedPostgres(root) as server:
        with psycopg.connect(server.url("kept"), autocommit=True) as connection:
            connection.execute("CREATE TABLE intent (number integer)")
            for number in range(5):
                connection.execute("INSERT INTO intent VALUES (%s)", [number])
            pid = server_pid(root)
            family = [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
            os.kill(pid, signal.SIGKILL)
        assert all(map(is_gone, family))
    with EmbeddedPostgres(root) as server, psycopg.connect(server.url("kept")) as connection:
        assert connection.execute("SELECT count(*) FROM intent").fetchone() == (5,)


def test_a_pid_file_of_a_reused_pid_neither_stops_the_start_nor_harms_that_process(root: Path) -> None:
    with EmbeddedPostgres(root):
        stale = (root / "data" / "postmaster.pid").read_text().splitlines()
    innocent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        (root / "data" / "postmaster.pid").write_text("\n".join([str(innocent.pid), *stale[1:], ""]))
        with EmbeddedPostgres(root) as server:
            assert answers(server.url("postgres"))
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_two_names_of_one_folder_are_one_server(root: Path) -> None:
    other = root.parent / "other"
    other.symlink_to(root)
    with EmbeddedPostgres(root) as first, EmbeddedPostgres(other) as second:
        assert second.url("shared") == first.url("shared")


def test_a_secret_is_its_owners_and_stays_the_first_one(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert kept_secret(file, "first") == "first"
    assert kept_secret(file, "second") == "first"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_crash_while_a_secret_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", crash)
        with pytest.raises(KeyboardInterrupt):
            kept_secret(tmp_path / "secret", "first")
    assert list(tmp_path.iterdir()) == []
    assert kept_secret(tmp_path / "secret", "second") == "second"


def test_of_many_who_make_a_secret_at_once_all_read_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: kept_secret(tmp_path / "secret", f"secret {number}"), range(40)))
    assert len(found) == 1


@pytest.fixture
def as_another_user(root: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPostgres:
    """A server that a root login would run as the system user `nobody`."""
    monkeypatch.setattr(embedded, "SERVER_USER", "nobody")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    root.mkdir()
    return EmbeddedPostgres(root)


def test_a_server_user_that_cannot_be_made_is_one_line_and_leaves_nothing(
    as_another_user: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_another_user, "_user", "daily-runs-none")
    monkeypatch.setenv("PATH", "")  # without useradd
    with pytest.raises(UserError, match=r"user daily-runs-none cannot be made .*set DAILY_RUNS_STORE") as caught:
        as_another_user.__enter__()
    assert "\n" not in str(caught.value)
    assert as_another_user.guard._process.poll() is not None


def test_only_closed_folders_are_opened_and_named_and_only_once(
    as_another_user: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        as_another_user, "_may_search", lambda folder: bool(folder.stat().st_mode & stat.S_IXOTH)
    )  # what a user that is neither owner nor of the group may do
    folder = as_another_user.root
    folder.chmod(0o755)
    folder.parent.chmod(0o1740)
    as_another_user._open_the_way()
    assert capfd.readouterr().out == ""
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o1740  # the folder itself looked reachable
    folder.chmod(0o700)
    as_another_user._open_the_way()
    assert capfd.readouterr().err == (
        f"daily-runs: every user may now pass through (chmod o+x): {folder.parent}, {folder}\n"
    )
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder)] == [0o1741, 0o701]
    as_another_user._open_the_way()
    assert capfd.readouterr().err == ""


def test_a_free_port_is_none_that_the_kernel_gives_to_a_connection_before_it_is_used() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    found = {free_port() for _ in range(50)}
    assert len(found) > 40, "two stacks that start at once want different ones"
    assert not [port for port in found if first <= port <= last]


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as listener:
        taken = free_port()
        listener.bind(("127.0.0.1", taken))
        listener.listen()
        monkeypatch.setattr(embedded, "FREE_PORTS", range(taken, taken + 1))
        with pytest.raises(UserError, match=f"no port from {taken} to {taken} is free"):
            free_port()

"""The guard stops what its owner started, in order and whatever becomes of the owner."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daily_runs import guard as module
from daily_runs.guard import Guard, postmaster_pid, stop_groups, stop_postgres

CHILD = "import sys, time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
FAMILY = (
    "import subprocess, sys, time; c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    " print(c.pid, flush=True); time.sleep(600)"
)
OWNER = """
import subprocess, sys, time
from daily_runs.guard import Guard
guard = Guard()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
guard.watch_group(child)
print(child.pid, flush=True)
time.sleep(600)
"""


def start(code: str) -> tuple[subprocess.Popen[bytes], str]:
    """A child that leads a group of its own, and its first line."""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout is not None
    line = child.stdout.readline().decode().strip()
    child.stdout.close()
    return child, line


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def ignores(pid: int, number: signal.Signals) -> bool:
    """Whether a process is deaf to a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def is_gone(pid: int, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while lives(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not lives(pid)


def test_released_it_stops_a_whole_group_and_returns_when_all_have_ended() -> None:
    guard = Guard()
    child, grandchild = start(FAMILY)
    guard.watch_group(child)
    guard.release()
    assert child.returncode == -signal.SIGTERM
    assert is_gone(int(grandchild), seconds=1)


TASKS = """
import os, signal, subprocess, sys, time
task = "import os, time; os.setpgid(0, 0); print(os.getpid(), flush=True); time.sleep(600)"
children = [subprocess.Popen([sys.executable, "-c", task], stdout=subprocess.PIPE) for _ in range(2)]
print(*[child.stdout.readline().decode().strip() for child in children], flush=True)
{then}
"""
LIVES, DIES = "time.sleep(600)", "os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize("process_folder", ["/proc", "/nowhere"], ids=["by /proc", "by ps"])
@pytest.mark.parametrize("then", [LIVES, DIES], ids=["their starter lives", "their starter was killed"])
def test_processes_that_lead_groups_of_their_own_are_stopped_with_the_session_that_they_are_of(
    then: str, process_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESSES", Path(process_folder))
    scheduler, line = start(TASKS.format(then=then))
    tasks = [int(word) for word in line.split()]
    assert len(tasks) == 2
    assert set(tasks) <= set(module.members(scheduler.pid))
    stop_groups([scheduler.pid])
    scheduler.wait(60)
    assert all(is_gone(pid, seconds=1) for pid in tasks)


SLOW = """
import signal, sys, time
def end(*_):
    time.sleep(0.5)
    open(sys.argv[1], "a").write(sys.argv[2] + chr(10))
    sys.exit()
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("first", ["a", "b", "c"])
def test_what_is_to_stop_first_has_ended_before_anything_else_is_asked_to(first: str, tmp_path: Path) -> None:
    guard, told = Guard(), tmp_path / "told"
    for name in "abc":
        code = SLOW.replace("0.5", "0.5" if name == first else "0.0")
        command = [sys.executable, "-c", code, str(told), name]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout is not None
        child.stdout.readline()
        child.stdout.close()
        guard.watch_group(child, first=name == first)
    guard.release()
    ended = told.read_text().split()
    assert ended[0] == first
    assert sorted(ended) == ["a", "b", "c"]


def test_a_group_that_ended_by_itself_is_no_trouble() -> None:
    guard = Guard()
    child, _ = start("print('up')")
    guard.watch_group(child)
    child.wait()
    guard.release()
    guard.release()
    assert child.returncode == 0


def test_what_does_not_heed_the_request_is_killed_after_the_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    child, _ = start(DEAF)
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.3)
    stop_groups([child.pid])
    assert child.wait(60) == -signal.SIGKILL


def test_a_group_that_ends_before_its_signal_does_not_save_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_group_lives", lambda _: True)  # as it was when it was looked at
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.1)
    ended, _ = start("print('up')")
    ended.wait()
    child, _ = start(CHILD)
    stop_groups([ended.pid, child.pid])
    assert child.wait(60) == -signal.SIGTERM


def test_a_pid_that_another_process_has_now_is_no_server_and_gets_no_signal(tmp_path: Path) -> None:
    innocent, _ = start(CHILD)
    try:
        (tmp_path / "postmaster.pid").write_text(f"{innocent.pid}\n{tmp_path}\n")
        with (tmp_path / "users.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            stop_postgres(tmp_path, lock.fileno())
        assert postmaster_pid(tmp_path) is None
        with pytest.raises(subprocess.TimeoutExpired):
            innocent.wait(0.3)
    finally:
        innocent.kill()
        innocent.wait()


@pytest.mark.parametrize("content", ["", "\n", "x\n", "99999999\n"])
def test_a_pid_file_that_names_no_process_names_no_server(content: str, tmp_path: Path) -> None:
    assert postmaster_pid(tmp_path) is None
    (tmp_path / "postmaster.pid").write_text(content)
    assert postmaster_pid(tmp_path) is None


@pytest.mark.parametrize("process_folder", ["/proc", "/nowhere"], ids=["by /proc", "by ps"])
def test_a_process_whose_command_line_names_the_folder_serves_it_until_it_is_a_zombie(
    process_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROCESSES", Path(process_folder))
    server, _ = start(f"{CHILD}  # -D {tmp_path}")
    (tmp_path / "postmaster.pid").write_text(f"{server.pid}\n")
    assert postmaster_pid(tmp_path) == server.pid
    server.kill()
    os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)  # dead, and not reaped
    assert postmaster_pid(tmp_path) is None
    server.wait()


def test_ctrl_c_in_the_terminal_does_not_reach_the_guard() -> None:
    guard = Guard()
    child, _ = start(CHILD)
    guard.watch_group(child)
    while not ignores(guard._process.pid, signal.SIGTERM):
        time.sleep(0.01)
    os.kill(guard._process.pid, signal.SIGINT)
    os.kill(guard._process.pid, signal.SIGTERM)
    time.sleep(0.1)
    assert lives(child.pid)
    guard.release()
    assert child.returncode == -signal.SIGTERM


def test_a_killed_owner_leaves_no_child() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.stdout.close()
    owner.kill()
    owner.wait()
    assert is_gone(child)

"""What a stack writes into its state folder is its owner's, and goes through no link."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daily_runs.errors import UserError
from daily_runs.local import settings, stack
from daily_runs.store.embedded import EmbeddedPostgres, private_file


class NoGuard:
    """Stands for the guard: the processes here end by themselves."""

    def watch_group(self, process: object, *, first: bool = False) -> None:
        """Look after nothing."""


SERVER = cast(EmbeddedPostgres, SimpleNamespace(guard=NoGuard()))


def start_a_part(root: Path) -> None:
    """A part that says a word and leaves a file behind, as Airflow leaves its own."""
    made = root / "airflow" / "made by a part"
    made.parent.mkdir(parents=True, exist_ok=True)
    parts = stack._Parts(root / "logs", SERVER)
    parts.finish("part", [sys.executable, "-c", f"print('a word'); open({str(made)!r}, 'w')"], os.environ)


def hold(root: Path) -> None:
    with stack._only_stack(root):
        pass


def write_settings(root: Path) -> None:
    settings.airflow_settings(root, 8080, "http://127.0.0.1:8080", "postgresql://here")


def write_overlay(root: Path) -> None:
    settings.write_overlay(root, "http://127.0.0.1:8390", 60)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "stack.lock": hold,
    "overlay.yaml": write_overlay,
    "logs/part.log": start_a_part,
    "local.json": lambda root: os.close(private_file(root / "local.json", empty=True)),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_in_the_state_folder_is_refused_and_what_it_leads_to_stays_whole(name: str, tmp_path: Path) -> None:
    precious, root = tmp_path / "precious", tmp_path / "state"
    precious.write_text("kept")
    (root / name).parent.mkdir(parents=True)
    (root / name).symlink_to(precious)
    with pytest.raises(UserError, match=rf"{name}: is a link\. Remove it") as caught:
        WRITERS[name](root)
    assert "\n" not in str(caught.value)
    assert precious.read_text() == "kept"


@pytest.mark.parametrize("name", WRITERS)
def test_a_link_to_nowhere_makes_no_file_there(name: str, tmp_path: Path) -> None:
    root = tmp_path / "state"
    (root / name).parent.mkdir(parents=True)
    (root / name).symlink_to(tmp_path / "made")
    with pytest.raises(UserError, match="is a link"):
        WRITERS[name](root)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("before", ["nothing", "an older version's files"])
def test_what_a_stack_writes_is_readable_by_its_owner_only(before: str, tmp_path: Path) -> None:
    root = tmp_path / "state"
    previous = os.umask(0o000)
    try:
        if before != "nothing":
            for name in WRITERS:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).touch()
        for write in (*WRITERS.values(), write_settings):
            write(root)
    finally:
        os.umask(previous)
    (root / "logs" / "part.log").read_text().index("a word")
    entries = list(root.rglob("*"))
    assert {path.name for path in entries} >= {"stack.lock", "overlay.yaml", "part.log", "logs", "airflow", "password"}
    open_to_others = {str(path.relative_to(root)) for path in entries if stat.S_IMODE(path.stat().st_mode) & 0o077}
    assert open_to_others == set()


def test_a_file_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "overlay.yaml").mkdir()
    with pytest.raises(UserError, match=r"overlay\.yaml: cannot be written \(Is a directory\)\. Remove it"):
        write_overlay(tmp_path)


def test_airflow_is_told_to_write_its_tasks_logs_for_their_owner_only(tmp_path: Path) -> None:
    told = settings.airflow_settings(tmp_path, 8080, "http://127.0.0.1:8080", "postgresql://here")
    assert told["AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS"] == "0o600"
    assert told["AIRFLOW__LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS"] == "0o700"

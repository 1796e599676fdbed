"""What a newcomer runs exists, and what is installed is pinned."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from daily_runs.cli.main import app
from tests.architecture.project import PROJECT

HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


class Pin(NamedTuple):
    """One requirement of the lock: exactly one version, the hashes of its files."""

    requirement: Requirement
    hashes: tuple[str, ...]

    @property
    def version(self) -> Version:
        """The version that is pinned."""
        (only,) = self.requirement.specifier
        assert only.operator == "=="
        return Version(only.version)


def read(name: str) -> str:
    """A file of the project's root."""
    return (PROJECT / name).read_text(encoding="utf-8")


@cache
def pins() -> tuple[Pin, ...]:
    """Every requirement of the lock; never none."""
    text = re.sub(r"^\s*#.*$", "", read("requirements.lock"), flags=re.MULTILINE)
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]
    found = tuple(Pin(Requirement(entry.partition("--hash")[0]), tuple(HASH.findall(entry))) for entry in entries)
    assert found
    return found


def project() -> dict[str, Any]:
    """The `[project]` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
    return table


def declared() -> Iterator[Requirement]:
    """What pyproject.toml asks for, to run and to develop."""
    yield from map(Requirement, project()["dependencies"] + project()["optional-dependencies"]["dev"])


def test_every_locked_requirement_is_one_version_with_hashes() -> None:
    assert [str(pin.requirement) for pin in pins() if not pin.hashes] == []
    assert all(pin.version for pin in pins())


def test_the_lock_names_no_index_and_no_address() -> None:
    lock = read("requirements.lock")
    assert re.findall(r"https?://\S+|--(?:extra-)?index-url|--find-links|--trusted-host", lock) == []
    assert [str(pin.requirement) for pin in pins() if pin.requirement.url] == []


def test_the_lock_covers_what_the_project_asks_for() -> None:
    locked = {canonicalize_name(pin.requirement.name): pin for pin in pins()}
    for requirement in declared():
        pin = locked.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not locked: make lock"
        assert requirement.specifier.contains(pin.version, prereleases=True), f"{pin.requirement} is not {requirement}"


def targets() -> dict[str, str]:
    """The Makefile's targets for people, with their help."""
    makefile = read("Makefile")
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    helps = dict(re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, re.MULTILINE))
    return {name: helps.get(name, "") for name in phony.split()}


def test_every_make_target_has_a_help_text() -> None:
    assert [name for name, text in targets().items() if not text.strip()] == []


@pytest.mark.parametrize("document", ["README.md", ".ci/run"])
def test_the_make_commands_that_are_named_exist(document: str) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", read(document)))
    assert named
    assert named - set(targets()) == set()


def test_the_readme_gives_a_newcomer_two_commands() -> None:
    section = re.search(r"^## Two commands$(.*?)^## ", read("README.md"), re.MULTILINE | re.DOTALL)
    assert section is not None
    assert set(re.findall(r"`make ([a-z-]+)`", section[1])) == {"demo", "test"}


def test_the_readme_names_no_command_that_the_command_line_lacks() -> None:
    named = set(re.findall(r"\bdaily-runs ([a-z]+)", read("README.md")))
    assert named
    assert named - set(typer.main.get_group(app).commands) == set()


STAND_IN = """#!/bin/sh
# A stand-in for python and uv: it notes what it was asked and takes its time, as an installation does.
case "$*" in
"-c import fcntl"*) exec python3 "$@" ;;
"-m venv "*)
    mkdir -p "$3/bin"
    for name in python uv ruff mypy lint-imports daily-runs; do cp "$0" "$3/bin/$name"; done ;;
esac
echo "begins $*" >>"$LOG"; sleep 0.2; echo "ends $*" >>"$LOG"
case "$*" in *"$FAILS"*) exit 1 ;; esac
"""


class Clone:
    """A fresh clone whose python and uv are stand-ins that note what they do."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        for name in ("Makefile", "requirements.lock", "pyproject.toml"):
            shutil.copy(PROJECT / name, folder)
        (folder / "python").write_text(STAND_IN)
        (folder / "python").chmod(0o755)

    def make(self, target: str, fails: str = "(nothing)") -> subprocess.Popen[str]:
        """Begin `make TARGET`; what is called with `fails` among its words fails."""
        environment = {**os.environ, "LOG": str(self.log), "FAILS": fails}
        command = ["make", target, f"PYTHON={self.folder}/python"]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def events(self) -> list[str]:
        """Begin and end of every step of an installation, in their order; not the look at python's version."""
        return [line for line in self.log.read_text().splitlines() if " -c import sys" not in line]


def ended(makes: list[subprocess.Popen[str]]) -> list[int]:
    """The exit codes of commands, once all have ended."""
    for process in makes:
        process.communicate()
    return [process.returncode for process in makes]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize("targets", [("install", "install"), ("install", "check"), ("format", "check", "install")])
def test_commands_that_install_at_once_on_a_fresh_clone_do_it_once_and_one_step_at_a_time(
    clone: Clone, targets: tuple[str, ...]
) -> None:
    assert ended([clone.make(target) for target in targets]) == [0] * len(targets)
    steps = [event for event in clone.events() if "pip" in event or "venv" in event]
    assert len([step for step in steps if step.startswith("begins -m venv")]) == 1
    assert len([step for step in steps if step.startswith("begins pip sync")]) == 1
    assert [step.replace("begins", "ends") for step in steps[::2]] == steps[1::2]


def test_an_installation_that_failed_leaves_the_next_one_free_to_begin(clone: Clone) -> None:
    assert ended([clone.make("install", fails="pip sync")]) == [2]
    assert ended([clone.make("install")]) == [0]
    assert clone.events()[-1].startswith("ends pip install")


def test_one_that_waits_for_an_installation_that_fails_does_it_itself(clone: Clone) -> None:
    first = clone.make("install", fails="pip sync")
    while not (clone.log.exists() and "venv" in clone.log.read_text()):  # it holds the lock from here on
        assert first.poll() is None
    assert ended([first, clone.make("install")]) == [2, 0]
    assert clone.events()[-1].startswith("ends pip install")


def test_what_is_installed_already_is_not_installed_again(clone: Clone) -> None:
    ended([clone.make("install")])
    before = clone.events()
    assert ended([clone.make("install")]) == [0]
    assert clone.events() == before


def test_packages_are_compiled_as_they_are_installed_not_by_the_first_task_that_imports_them(clone: Clone) -> None:
    ended([clone.make("install")])
    (sync,) = [event for event in clone.events() if event.startswith("begins pip sync")]
    assert "--compile-bytecode" in sync


def test_the_wheel_ships_what_runs_read_beside_code() -> None:
    """Data sets with their cards and frozen answers, rubrics, the catalogue: whole folders, where the library looks.

    The documents, too, since the pages in Airflow show the runbooks.
    """
    wheel = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    shipped = {f"include/{name}": f"daily_runs/include/{name}" for name in ("catalogue", "datasets", "rubrics")}

    assert wheel["force-include"] == {**shipped, "docs": "daily_runs/docs"}
    assert {"include/daily_runs", *shipped} <= {
        str(path.relative_to(PROJECT)) for path in (PROJECT / "include").iterdir()
    }

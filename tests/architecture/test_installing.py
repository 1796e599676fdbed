"""What a newcomer runs exists, and what is installed is pinned."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
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

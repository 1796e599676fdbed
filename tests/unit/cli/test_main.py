"""The list of commands: it costs nothing to show, and every command in it is there."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any, NamedTuple

import pytest
import typer
from tests.architecture.project import PROJECT
from typer.testing import CliRunner

from daily_runs.cli import main
from daily_runs.errors import Blame, CallError, Hop

HEAVY = ("airflow", "anthropic", "graphql", "httpx", "pandas", "psycopg", "pydantic", "rich.console", "yaml")

SAYS_WHAT_IS_LOADED = f"""
import sys
from daily_runs.cli.main import main
try:
    main()
finally:
    loaded = [name for name in sys.modules if name.startswith("daily_runs.cli.") or name in {HEAVY!r}]
    sys.stderr.write("\\nLOADED " + " ".join(sorted(loaded)))
"""


class Typed(NamedTuple):
    """What is typed, and a word of what it answers."""

    words: tuple[str, ...]
    answer: str


NO_COMMAND = (
    Typed((), "Missing command"),
    Typed(("statsu",), "Did you mean 'status'?"),
    Typed(("main",), "No such command 'main'"),
    Typed(("options", "--help"), "No such command 'options'"),
    Typed(("--bogus",), "No such option: --bogus"),
)


def ran(*words: str) -> tuple[str, set[str]]:
    """What `daily-runs` says in a process of its own, and which modules of its own or heavy ones it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SAYS_WHAT_IS_LOADED, *words], capture_output=True, text=True, timeout=60, check=False
    )
    said, _, loaded = (done.stdout + done.stderr).partition("\nLOADED ")
    return said, set(loaded.split())


def test_the_help_imports_no_command_and_nothing_heavy() -> None:
    said, loaded = ran("--help")
    assert "Say whether the planned runs fit, and what they cost." in said
    assert loaded == {"daily_runs.cli.main"}


@pytest.mark.parametrize("typed", NO_COMMAND, ids=lambda typed: " ".join(typed.words) or "nothing")
def test_what_names_no_command_imports_none(typed: Typed) -> None:
    said, loaded = ran(*typed.words)
    assert typed.answer in said
    assert loaded <= {"daily_runs.cli.main", "pydantic"}  # typer's own reading of options takes pydantic


def test_a_command_imports_its_own_module_and_no_other_commands() -> None:
    said, loaded = ran("quota", "--help")
    assert "--watch" in said
    assert {name for name in loaded if name.startswith("daily_runs.")} == {
        "daily_runs.cli.main",
        "daily_runs.cli.options",
        "daily_runs.cli.quota",
    }
    assert "psycopg" in loaded, "what this looks for would be seen"


def leaves(group: Any, *before: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command with the words before it, those of groups too."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for name in group.commands:
        command = group.commands[name]
        found += leaves(command, *before, name) if hasattr(command, "commands") else [((*before, name), command)]
    return found


def test_every_command_of_the_list_shows_its_purpose_and_all_its_options() -> None:
    commands = leaves(typer.main.get_group(main.app))
    assert {words[0] for words, _ in commands} == set(main.COMMANDS)
    for words, command in commands:
        shown = CliRunner().invoke(main.app, [*words, "--help"], env={"COLUMNS": "200"}).stdout
        assert shown.startswith(f"Usage: root {' '.join(words)} ") or f" {' '.join(words)} " in shown.splitlines()[0]
        assert " ".join((command.help or "no help").split()) in " ".join(shown.split())
        options = {name for one in command.params if not one.hidden for name in one.opts if name.startswith("--")}
        assert options - set(re.findall(r"--[a-z-]+", shown)) == set()


def test_the_list_says_one_short_line_of_every_command() -> None:
    longest = max(map(len, main.COMMANDS))
    lines = CliRunner().invoke(main.app, ["--help"], env={"COLUMNS": "80"}).stdout.partition("Commands:\n")[2].rstrip()
    assert lines.splitlines() == [f"  {name:<{longest}}  {said}" for name, said in main.COMMANDS.items()]


def test_a_failed_call_ends_in_one_line_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(**_: bool) -> None:
        raise CallError(Hop.UNKNOWN, "connect", blame=Blame.PROVIDER, retryable=True, evidence="ConnectionRefusedError")

    monkeypatch.setattr(main, "app", refused)
    with pytest.raises(SystemExit) as ended:
        main.main()
    said = capsys.readouterr().err
    assert (ended.value.code, len(said.splitlines())) == (1, 1)
    assert said.startswith("daily-runs: connect at unknown (ConnectionRefusedError). See whether both sides answer")
    assert "daily-runs doctor" in said
    assert (PROJECT / said.split()[-1]).is_file()

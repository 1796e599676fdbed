"""`daily-runs`: everything that is done outside the Airflow UI. This module only lists the commands.

A command's options and body stand in the module of its name beside this one, or in `FOLDERS`, which is imported when it
is called: so `daily-runs --help` answers at once. Bad input ends with one line on stderr and exit code 2.
"""

from __future__ import annotations

import codecs
import importlib
import io
import shlex
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from daily_runs.errors import EXIT_BAD_INPUT, EXIT_FAILED, CallError, DailyRunsError, UserError
from daily_runs.input_files import printable

COMMANDS = {
    "sandbox": "Run the stand-in for GitLab and for Anthropic, until Ctrl-C.",
    "run": "Run one feature's six stages here, without Airflow.",
    "up": "Run Postgres, Airflow and the sandbox here, until Ctrl-C.",
    "demo": "Run one day through a real Airflow against the sandbox.",
    "plan": "Say whether the planned runs fit, and what they cost.",
    "status": "Say what runs where and when, and whether it can.",
    "alarms": "Show alarms over quality, and say what one was.",
    "report": "Show one run, as text, JSON or HTML.",
    "compare": "Show two published runs side by side.",
    "gate": "Say whether a change may be merged, by its run.",
    "seeds": "Say which seeds of a feature are there.",
    "probe": "Say which limits a run meets, and whether it fits.",
    "doctor": "Check everything that a run needs.",
    "quota": "Show which feature uses how much of the accounts.",
    "pools": "Show, write or compare the Airflow pools.",
    "catalogue": "The catalogue of features, accounts and environments.",
    "feature": "Begin a new feature.",
    "dataset": "Check a data set, look at it, import one.",
    "rubric": "Check a rubric.",
    "export": "Write rows of the data contract as CSV.",
    "store": "The Postgres that every row lands in.",
}
"""Every command and what `daily-runs --help` says of it. Each is `app` of the module of its name."""
FOLDERS = {
    "results": frozenset({"alarms", "compare", "export", "gate", "report"}),
    "authoring": frozenset({"dataset", "feature", "rubric"}),
}
"""Those whose module stands in a folder, by the folder."""


class _Commands(Mapping[str, Any]):
    """The commands by name. Their names cost nothing; taking one out imports its module."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        folder = next((f".{folder}" for folder, names in FOLDERS.items() if name in names), "")
        return typer.main.get_command(importlib.import_module(f"daily_runs.cli{folder}.{name}").app)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandList(TyperGroup):
    """The group of `COMMANDS`. Typer's own would import all of them to list them."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands()})

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - Typer's signature
        """Every name, in the order of the help."""
        return list(COMMANDS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """The help's list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)


@app.callback(cls=CommandList)
def daily_runs() -> None:
    """Evaluates AI features every day. These commands do all that is done outside the Airflow UI."""


_PLAIN = {
    **dict(zip("▁▂▃▄▅▆▇█", "12345678", strict=True)),
    **dict(zip("✓✗–—‑·…×÷≠≤≥→←▶│─━╸╺", "+x---..x/#<>><>|----", strict=True)),
    **dict(zip("“”‘’", "\"\"''", strict=True)),
}
"""What stands for a sign, one for one so that columns stay, where a terminal has no place for it."""


def _plainer(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(sign, "?") for sign in error.object[error.start : error.end]), error.end


def write_anywhere() -> None:
    """Let standard output and standard error take every text, whatever their encoding is."""
    codecs.register_error("daily_runs_plainer", _plainer)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="daily_runs_plainer")


_AFTER_A_FAILED_CALL = (
    ". See whether both sides answer (daily-runs doctor; of the sandbox: does daily-runs sandbox run?), then give the"
    " same command again. docs/runbooks/calls.md"
)
"""A call's failure says what happened, at which hop; this says what to do."""


def main() -> None:
    """Run the command line; the one boundary where an expected error becomes a line and an exit code."""
    write_anywhere()
    try:
        code = app(standalone_mode=False)  # 130 after Ctrl-C
    except DailyRunsError as error:
        more = _AFTER_A_FAILED_CALL if isinstance(error, CallError) else ""
        print(f"daily-runs: {printable(str(error), lines=True)}{more}", file=sys.stderr)
        code = EXIT_BAD_INPUT if isinstance(error, UserError) else EXIT_FAILED
    except typer.TyperException as error:  # bad usage; its own words name the option, but not always the value
        said = error.format_message() if hasattr(error, "format_message") else str(error)
        words = printable(said.rstrip("."), lines=True)
        given = shlex.join(sys.argv[1:])
        print(
            f"daily-runs: {words}. Given: {given!r}. Try: daily-runs --help",
            file=sys.stderr,
        )
        code = EXIT_BAD_INPUT
    sys.exit(code)


if __name__ == "__main__":
    main()

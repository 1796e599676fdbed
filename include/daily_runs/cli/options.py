"""What the commands share: options, the overlay of the catalogue that a command uses, and how it prints."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from daily_runs.local import stack

OVERLAY_VARIABLE = "DAILY_RUNS_OVERLAY"

Overlay = Annotated[
    str | None,
    typer.Option("--overlay", envvar=OVERLAY_VARIABLE, help="Overlay of the catalogue, such as sandbox."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for a script instead of a table.")]


def command_line() -> typer.Typer:
    """The `app` of a command's module, which `main` lists."""
    return typer.Typer(pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)


def in_use(overlay: str | None) -> str | None:
    """The overlay that was given (an empty one stands for none), else that of the local stack that runs here.

    Its store needs no such word: every command that is not given another one shares the state folder's.
    """
    if overlay is not None or OVERLAY_VARIABLE in os.environ or (running := stack.described()) is None:
        return overlay
    print(f"daily-runs: with the local stack's sandbox, overlay {running.overlay}", file=sys.stderr)
    return running.overlay


def terminal(*, markup: bool = False) -> Console:
    """Standard output for people; 120 columns wide where there is no terminal. `markup`: of texts that are all ours."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=markup)


def print_json(data: Any) -> None:
    """Standard output for scripts."""
    print(json.dumps(data, indent=2, default=str))

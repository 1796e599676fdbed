"""What the commands share: options, the overlay of the catalogue that a command uses, and how it prints."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.errors import ParameterError
from daily_runs.input_files import printable
from daily_runs.local import stack

OVERLAY_VARIABLE = "DAILY_RUNS_OVERLAY"

Overlay = Annotated[
    str | None,
    typer.Option("--overlay", envvar=OVERLAY_VARIABLE, help="Overlay of the catalogue, such as sandbox."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for a script instead of a table.")]


PORT_MAX = 65535
TIME_SCALE_MIN, TIME_SCALE_MAX = 0.01, 100_000.0
"""Slower than that, nothing would ever end; faster, no timeout could be kept."""


def time_scale_of(value: float) -> float:
    """The option `--time-scale`, as it is given to Typer (whose own bounds let `nan` pass).

    Raises:
        ParameterError: no number, or out of bounds.
    """
    if not TIME_SCALE_MIN <= value <= TIME_SCALE_MAX:
        problem = f"{value:g} domain seconds cannot pass in a second"
        raise ParameterError("--time-scale", problem, f"Give {TIME_SCALE_MIN:g} to {TIME_SCALE_MAX:,.0f}.")
    return value


TimeScale = Annotated[
    float, typer.Option(help="Domain seconds that pass in one second of the sandbox.", callback=time_scale_of)
]


def must_be_writable(option: str, file: Path) -> None:
    """See that a file can be written, before the work starts whose outcome it is for; nothing is written.

    Raises:
        ParameterError: it is a folder, or it or its folder cannot be written.
    """
    reason = 0
    if file.is_dir():
        reason = errno.EISDIR
    elif not file.parent.is_dir():
        reason = errno.ENOENT
    elif not os.access(file if file.exists() else file.parent, os.W_OK):
        reason = errno.EACCES
    if reason:
        raise ParameterError(option, f"cannot write {file} ({os.strerror(reason)})", "Give a file in a folder.")


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


def tell_left_out(catalogue: Catalogue) -> None:
    """Say on standard error which features a command over all of them does not show, and why."""
    for line in told_left_out(catalogue):
        print(f"daily-runs: {printable(line)}", file=sys.stderr)


def terminal(*, markup: bool = False) -> Console:
    """Standard output for people; 120 columns wide where there is no terminal. `markup`: of texts that are all ours."""
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=markup)


def print_json(data: Any) -> None:
    """Standard output for scripts."""
    print(json.dumps(data, indent=2, default=str))

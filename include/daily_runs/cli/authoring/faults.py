"""How the commands of this folder tell faults: a line each with place, value and remedy, or data for a script."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from daily_runs.errors import EXIT_BAD_INPUT, Fault
from daily_runs.input_files import printable, shortened


def tell(faults: Sequence[Fault], summary: str, *, as_json: bool, data: dict[str, Any], prints: Any) -> None:
    """Print every fault, or the summary if there is none.

    Args:
        summary: one line about a sound file.
        as_json: print data instead.
        data: what a script is told beside the faults.
        prints: prints data as JSON.

    Raises:
        typer.Exit: with 2, if there are faults.
    """
    if as_json:
        prints({**data, "sound": not faults, "faults": [as_data(fault) for fault in faults]})
    elif faults:
        for fault in faults:
            print(f"{printable(fault.place)}: {shortened(fault.problem)}. {shortened(fault.remedy)}", file=sys.stderr)
        print(f"daily-runs: {counted(len(faults), 'fault')}", file=sys.stderr)
    else:
        print(summary)
    if faults:
        raise typer.Exit(EXIT_BAD_INPUT)


def as_data(fault: Fault) -> dict[str, Any]:
    """A fault for a script; `line` is null where it is about the whole file."""
    file, _, line = fault.place.rpartition(":")
    found = line.isdigit() and bool(file)
    return {
        "file": file if found else fault.place,
        "line": int(line) if found else None,
        "problem": fault.problem,
        "remedy": fault.remedy,
    }


def counted(number: int, thing: str) -> str:
    """`1 fault`, `3 faults`, `2 classes`."""
    plural = {"criterion": "criteria", "class": "classes"}.get(thing, f"{thing}s")
    return f"{number:,} {thing if number == 1 else plural}"

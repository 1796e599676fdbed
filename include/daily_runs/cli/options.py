"""Options that many commands have, and the catalogue's overlay that a command uses."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

OVERLAY_VARIABLE = "DAILY_RUNS_OVERLAY"

Overlay = Annotated[
    str | None,
    typer.Option("--overlay", envvar=OVERLAY_VARIABLE, help="Overlay of the catalogue, such as sandbox."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print data for a script instead of a table.")]


def in_use(overlay: str | None) -> str | None:
    """The overlay that was given (an empty one stands for none), else that of the local stack that runs here.

    Its store needs no such word: every command that is not given another one shares the state folder's.
    """
    from daily_runs.local import stack as local

    if overlay is not None or OVERLAY_VARIABLE in os.environ or (stack := local.described()) is None:
        return overlay
    print(f"daily-runs: with the local stack's sandbox, overlay {stack.overlay}", file=sys.stderr)
    return stack.overlay

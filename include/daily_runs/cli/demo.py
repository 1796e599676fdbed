"""`daily-runs demo`: one day through a real Airflow, against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daily_runs.cli.options import TimeScale, command_line, must_be_writable, terminal
from daily_runs.errors import EXIT_FAILED
from daily_runs.local import demo

app = command_line()


@app.command()
def command(
    prompts: Annotated[int, typer.Option(help="Prompts to ask.", min=1)] = 900,
    time_scale: TimeScale = 60.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the outcome as data to this file.")] = None,
    keep: Annotated[bool, typer.Option(help="Keep everything running afterwards, until Ctrl-C.")] = False,
) -> None:
    """One day of root cause analysis through a real Airflow against the sandbox; stops everything at the end."""
    if json_file:
        must_be_writable("--json", json_file)
    passed = demo.run(prompts, time_scale, json_file=json_file, keep=keep, console=terminal(markup=True))
    raise typer.Exit(0 if passed else EXIT_FAILED)

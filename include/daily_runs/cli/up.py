"""`daily-runs up`: everything on this machine, kept open."""

from __future__ import annotations

from typing import Annotated

import typer

from daily_runs.cli.options import PORT_MAX, TimeScale, command_line, terminal
from daily_runs.local import stack

app = command_line()


@app.command()
def command(
    port: Annotated[int, typer.Option(help="Port of Airflow's page; 0 takes a free one.", min=0, max=PORT_MAX)] = 8080,
    time_scale: TimeScale = 60.0,
) -> None:
    """Run Postgres, Airflow and the sandbox on this machine until Ctrl-C; prints the address and the login."""
    stack.up(port=port, time_scale=time_scale, console=terminal(markup=True))

"""`daily-runs sandbox`: the stand-in for GitLab and Anthropic, alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daily_runs.cli.options import PORT_MAX, TimeScale, command_line
from daily_runs.sandbox import server

app = command_line()


@app.command()
def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=PORT_MAX)] = 8390,
    time_scale: TimeScale = 60.0,
    scenario: Annotated[Path | None, typer.Option(help="File of faults to begin with (JSON).")] = None,
) -> None:
    """Run the stand-in for GitLab's staging and production and for Anthropic, until Ctrl-C."""
    server.run(host=host, port=port, time_scale=time_scale, scenario=scenario)

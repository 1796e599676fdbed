"""`daily-runs doctor`: looks at everything that a run needs."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.doctor import examination
from daily_runs.errors import EXIT_BAD_INPUT

app = command_line()


@app.command()
def command(
    environment: Annotated[str | None, typer.Option(help="Only this environment; all by default.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
    verdict: Annotated[
        bool, typer.Option(help="Have the judge give one tiny verdict, the one call that is paid (under 0.01 USD).")
    ] = True,
) -> None:
    """Check store, catalogue, pools, connections, scopes, clocks, limits, and that the judge gives a verdict."""
    overlay = in_use(overlay)
    with Console(stderr=True).status("looking ...") as status:
        findings = examination.examine(
            environment, overlay, tell=lambda what: status.update(f"looking at: {what} ..."), paid=verdict
        )
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        terminal(markup=True).print(examination.render(findings))
    raise typer.Exit(0 if all(finding.ok for finding in findings) else EXIT_BAD_INPUT)

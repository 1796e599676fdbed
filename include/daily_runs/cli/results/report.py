"""`daily-runs report`: what one published run says, in the terminal, as JSON, or as an HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from daily_runs.cli.options import AsJson, command_line, must_be_writable, print_json, terminal
from daily_runs.input_files import printable
from daily_runs.results.run_report import page, report_rows
from daily_runs.store import database

app = command_line()


@app.command()
def command(
    run: Annotated[str, typer.Argument(help="A run key, or the id of a published attempt.")],
    file: Annotated[Path | None, typer.Option("--html", help="Write a page that loads nothing from anywhere.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show a published run: its verdict, figures, classes and criteria, failures and worst items."""
    if file is not None:
        must_be_writable("--html", file)
    with database.local_url() as url, database.open_store(url) as store:
        found = report_rows.read(store, run)
    if file is not None:
        file.write_text(page.page(found), encoding="utf-8")
    if as_json:
        print_json(found)
        return
    terminal().print(printable(page.headline(found)))
    for title, header, rows in page.sections(found):
        table = Table(*header, title=title, title_justify="left", box=None)
        for row in rows:
            table.add_row(*map(printable, row))
        terminal().print(table)
    terminal().print(f"To ask again what has no answer: {printable(found['rerun'])}")

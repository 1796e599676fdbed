"""`daily-runs compare`: two published runs side by side, in the terminal, as JSON, or as an HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, must_be_writable, print_json, terminal
from daily_runs.cli.results.tables import shown
from daily_runs.input_files import printable
from daily_runs.results.run_compare import compare_rows, page
from daily_runs.results.run_compare.treatment import Treatment
from daily_runs.results.run_report import questions
from daily_runs.store import database

app = command_line()


@app.command()
def command(
    first: Annotated[str, typer.Argument(metavar="A", help="Run key, attempt id, last-good[@ENVIRONMENT], reference.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The same of the run to hold against A; no reference.")],
    treatment: Annotated[
        Treatment | None, typer.Option(help="What is meant to differ; default: environment, build or date.")
    ] = None,
    file: Annotated[Path | None, typer.Option("--html", help="Write a page that loads nothing from anywhere.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show how run B differs from run A, by class, criterion and item. Ends with 0 whatever it finds: see gate."""
    if file is not None:
        must_be_writable("--html", file)
    catalogue = catalogue_files.load(overlay=in_use(overlay))
    with database.local_url() as url, database.open_store(url) as store:
        asked = questions.of_catalogue(catalogue)
        found = compare_rows.compare(store, catalogue, first, second, treatment, asked)
    if file is not None:
        file.write_text(page.page(found), encoding="utf-8")
    if as_json:
        print_json(found)
        return
    lines = [page.title(found), found["headline"], page.treatment(found)]
    terminal().print(*map(printable, lines), *shown(page.in_text(found)), sep="\n")

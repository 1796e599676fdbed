"""`daily-runs report`: what one run says, in the terminal, as JSON, or as an HTML file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import (
    AsJson,
    Overlay,
    command_line,
    in_use,
    must_be_writable,
    print_json,
    tell_left_out,
    terminal,
)
from daily_runs.cli.results.tables import shown
from daily_runs.errors import CatalogueError
from daily_runs.input_files import printable
from daily_runs.results.run_report import markup, page, questions, report_rows, ruler_rows, sections
from daily_runs.results.run_report.questions import Questions
from daily_runs.results.run_report.ruler_rows import TermsOf
from daily_runs.store import database

app = command_line()


@app.command()
def command(
    run: Annotated[str, typer.Argument(help="A run key, or the id of an attempt, published or not.")],
    file: Annotated[Path | None, typer.Option("--html", help="Write a page that loads nothing from anywhere.")] = None,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: verdict, figures, classes and criteria, series, failures, cost, items side by side, and the ruler."""
    if file is not None:
        must_be_writable("--html", file)
    asked, terms_of = _of_catalogue(overlay)
    with database.local_url() as url, database.open_store(url) as store:
        found = report_rows.read(store, run, asked, terms_of)
    if file is not None:
        file.write_text(page.page(found), encoding="utf-8")
    if as_json:
        print_json(found)
        return
    lines = [page.title(found), found["headline"]]
    if found["run"]["provenance"] == "sandbox":
        lines.append(markup.SANDBOX)
    again = f"\nTo ask again what has no answer: {printable(found['rerun'])}"
    terminal().print(*map(printable, lines), *shown(sections.in_text(found)), again, sep="\n")


def _of_catalogue(overlay: str | None) -> tuple[Questions, TermsOf]:
    """Questions and rubrics; a report of what is stored must not wait until somebody mends the catalogue."""
    try:
        catalogue = catalogue_files.load(overlay=in_use(overlay))
    except CatalogueError as error:
        told = printable(str(error), lines=True)
        print(f"daily-runs: without the questions and the ruler's shifts: {told}", file=sys.stderr)
        return questions.none_known, ruler_rows.none_known
    tell_left_out(catalogue)
    return questions.of_catalogue(catalogue), ruler_rows.of_catalogue(catalogue)

"""`daily-runs quota`: which feature uses how much of the accounts, how fast, and what holds calls back."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.live import Live
from rich.table import Table

from daily_runs.capacity.quota_status import NOTHING_YET, QuotaStatus, QuotaTable, read_quota, tables
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.errors import ParameterError
from daily_runs.store import database

LOOK_EVERY_SECONDS = 1.0

app = command_line()


@app.command()
def command(
    watch: Annotated[bool, typer.Option("--watch", help="Look again every second, until Ctrl-C.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Show the accounts' limits, which feature uses how much, evaluation users, pushbacks and circuit breakers."""
    if watch and as_json:
        raise ParameterError("--watch", "does not go with --json", "Give one of the two.")
    catalogue = catalogue_files.load(overlay=in_use(overlay))
    found = show(catalogue, watch=watch, console=terminal())
    if as_json:
        print_json(found.as_json())
    elif not watch:
        terminal().print(rendered(found))


def rendered(found: QuotaStatus) -> RenderableType:
    """A look for people."""
    if found.is_empty:
        return NOTHING_YET
    parts = [_table(table) if table.rows else f"{table.title}: none" for table in tables(found)]
    return Group(*(line for part in parts for line in (part, "")))


def show(catalogue: Catalogue, *, watch: bool, console: Console) -> QuotaStatus:
    """Look once, or look on until Ctrl-C; the last look.

    Raises:
        AccessError: the store does not answer or is not migrated.
    """
    with database.local_url() as url, database.open_store(url) as store:
        quota = read_quota(store, catalogue)
        if watch:
            with Live(rendered(quota), console=console, auto_refresh=False) as live:
                try:
                    while True:
                        time.sleep(LOOK_EVERY_SECONDS)
                        quota = read_quota(store, catalogue)
                        live.update(rendered(quota), refresh=True)
                except KeyboardInterrupt:
                    pass
    return quota


def _table(shown: QuotaTable) -> Table:
    """The first column, of names, is never broken."""
    table = Table(title=shown.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for column in shown.columns:
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        table.add_column(column.lstrip(">"), justify=justify, no_wrap=column == shown.columns[0])
    for row in shown.rows:
        table.add_row(*row)
    return table

"""`daily-runs status`: what runs where, when, and why not yet; one line a feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from daily_runs import connections, feature_files
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.errors import ParameterError
from daily_runs.readiness import board_reading, check
from daily_runs.readiness.board import STAGING
from daily_runs.readiness.board_cells import HEADINGS, cells
from daily_runs.readiness.board_reading import Board
from daily_runs.store import database

app = command_line()


@app.command()
def command(
    look: Annotated[bool, typer.Option("--look", help="Look at staging first; free calls only.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a tracking issue.")] = False,
    overlay: Overlay = None,
    as_json: AsJson = False,
) -> None:
    """Say of each feature what runs where and when, whether staging is ready for it, and how its last run went."""
    if markdown and as_json:
        raise ParameterError("--markdown", "does not go with --json", "Give one of them.")
    found = show(in_use(overlay), look_first=look, console=Console(stderr=True))
    if as_json:
        print_json(found.as_json())
    elif markdown:
        print(as_markdown(found))
    else:
        terminal().print(*render(found), sep="\n")


def render(found: Board) -> Sequence[RenderableType]:
    """For a terminal."""
    table = Table(*HEADINGS, box=box.SIMPLE_HEAD, show_lines=True, padding=(0, 1), show_edge=False)
    for line in found.lines:
        table.add_row(*cells(line))
    return [found.heading, table, *found.reasons]


def as_markdown(found: Board) -> str:
    """For a tracking issue."""
    table = [HEADINGS, ("---",) * len(HEADINGS), *(cells(line) for line in found.lines)]
    shown = ["| " + " | ".join(map(_cell, row)) + " |" for row in table]
    reasons = [f"- {_escaped(reason)}" for reason in found.reasons]
    return "\n".join([found.heading, "", *shown, *(["", *reasons] if reasons else [])])


def show(overlay: str | None, *, look_first: bool, console: Console) -> Board:
    """Read the board from the local store, after a look at staging if one is asked for.

    Raises:
        AccessError: the store does not answer or is not migrated; or a login is missing.
    """
    catalogue = feature_files.load(overlay=overlay)
    with database.local_url() as url, database.open_store(url) as store:
        if look_first:
            with console.status("looking at staging ..."):
                check.refresh(store, catalogue, STAGING, connections.find, older_than_seconds=0)
        return board_reading.read(store, catalogue)


def _cell(text: str) -> str:
    return _escaped(text).replace("\n", "<br>")


def _escaped(text: str) -> str:
    """Nothing of a text ends its cell or is taken for markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")

"""`daily-runs status`: what runs where, when, and why not yet; one line a feature."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

from daily_runs import connections, feature_files
from daily_runs.catalogue.catalogue import Catalogue, told_left_out
from daily_runs.cli.options import AsJson, Overlay, command_line, in_use, print_json, terminal
from daily_runs.clock import Clock
from daily_runs.errors import ParameterError
from daily_runs.readiness import board_rows, check, check_rows
from daily_runs.readiness.board import STAGING, BoardLine, BoardRows, board
from daily_runs.readiness.board_cells import HEADINGS, NEVER_LOOKED, cells
from daily_runs.records import unfinished
from daily_runs.records.unfinished import StrandedAttempt
from daily_runs.store import database
from daily_runs.store.database import Store

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
        print(found.as_markdown())
    else:
        terminal().print(*found.render(), sep="\n")


class Board(NamedTuple):
    """The board at a moment.

    `looked_at`: when somebody last looked at staging (None: never); `error`: why that look did not see all.
    `left_out`: a line for each fault that leaves a feature out.
    """

    at: dt.datetime
    looked_at: dt.datetime | None
    error: str | None
    lines: list[BoardLine]
    stranded: Sequence[StrandedAttempt] = ()
    left_out: Sequence[str] = ()

    @property
    def heading(self) -> str:
        """When it was made, and how old its looks are."""
        if self.looked_at is None:
            looked = f"staging: {NEVER_LOOKED} (daily-runs status --look does)"
        else:
            minutes = (self.at - self.looked_at).total_seconds() / 60
            looked = f"staging was looked at {minutes:,.0f} min ago"
            looked += ", and not all of it could be seen" if self.error else ""
        return f"Daily runs at {self.at:%Y-%m-%d %H:%M} UTC; {looked}"

    @property
    def reasons(self) -> list[str]:
        """What is in the way, for each feature that something is in the way of."""
        found = [*self.left_out, *([f"staging: {self.error}"] if self.error else [])]
        for line in self.lines:
            if not line.phase.approved:
                remedy = f"set `approved` in its file once it is; owner: {line.feature.owner.dri}"
                found.append(f"{line.feature.title}, approval: its phase of today is not approved yet: {remedy}")
            for name, aspect in (("seeds", line.seeds), ("limits", line.limits)):
                told_above = self.error is not None and aspect is not None and aspect["state"] == "unknown"
                if aspect and aspect["state"] != "ready" and not told_above:
                    found.append(f"{line.feature.title}, {name}: {aspect['reason']}")
        return [*found, *(f"{attempt.problem}. {attempt.remedy}" for attempt in self.stranded)]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        looked = {"looked_at": self.looked_at, "look_error": self.error}
        stranded = [attempt._asdict() for attempt in self.stranded]
        features = [line.as_json() for line in self.lines]
        return {"at": self.at, **looked, "features": features, "stranded": stranded, "left_out": list(self.left_out)}

    def render(self) -> Sequence[RenderableType]:
        """For a terminal."""
        table = Table(*HEADINGS, box=box.SIMPLE_HEAD, show_lines=True, padding=(0, 1), show_edge=False)
        for line in self.lines:
            table.add_row(*cells(line))
        return [self.heading, table, *self.reasons]

    def as_markdown(self) -> str:
        """For a tracking issue."""
        table = [HEADINGS, ("---",) * len(HEADINGS), *(cells(line) for line in self.lines)]
        shown = ["| " + " | ".join(map(_cell, row)) + " |" for row in table]
        reasons = [f"- {_escaped(reason)}" for reason in self.reasons]
        return "\n".join([self.heading, "", *shown, *(["", *reasons] if reasons else [])])


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
        return read(store, catalogue)


def read(store: Store, catalogue: Catalogue) -> Board:
    """Read the store's newest rows; nobody else is asked."""
    aspects = board_rows.aspects(store, STAGING)
    seen = BoardRows(aspects, board_rows.last_runs(store), board_rows.last_gates(store), board_rows.last_routes(store))
    now, newest = Clock.now(), check_rows.newest(store, STAGING)
    at, error = (newest.ended_at, newest.error) if newest else (None, None)
    stranded = unfinished.stranded(store, [*catalogue.features, *catalogue.left_out], catalogue.environments)
    return Board(now, at, error, board(catalogue, seen, now), stranded, told_left_out(catalogue))


def _cell(text: str) -> str:
    return _escaped(text).replace("\n", "<br>")


def _escaped(text: str) -> str:
    """Nothing of a text ends its cell or is taken for markup."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")

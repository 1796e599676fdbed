"""`daily-runs store`: the Postgres that every row lands in."""

from __future__ import annotations

from daily_runs.cli.options import command_line
from daily_runs.store import database

app = command_line()


@app.callback()  # so that `migrate` is a command of it, and not all of it
def store() -> None:
    """The Postgres that every row lands in."""


@app.command()
def migrate() -> None:
    """Bring the store to this version: DAILY_RUNS_STORE, or the embedded Postgres in .daily_runs."""
    with database.local_url() as url:
        print(f"{database.place_of(url)}: at revision {database.migrate(url)}")

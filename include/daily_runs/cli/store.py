"""`daily-runs store`: the Postgres that every row lands in."""

from __future__ import annotations

import os
import sys

from daily_runs.cli.options import command_line
from daily_runs.store import database, odcs, roles, schema

app = command_line()


@app.callback()  # so that `migrate` is a command of it, and not all of it
def store() -> None:
    """The Postgres that every row lands in."""


@app.command("migrate")
def migrate() -> None:
    """Bring the store to this version: DAILY_RUNS_STORE, or the embedded Postgres in .daily_runs."""
    with database.local_url() as url:
        if os.environ.get(database.STORE_VARIABLE):  # the embedded one is migrated by its own administrator
            database.migrate(url)
        with database.connect(url) as connection:
            remedy = roles.remedy(connection) if roles.lacking(connection) else ""
        print(f"{database.place_of(url)}: at revision {database.newest_revision()}")
    if remedy:
        print(f"daily-runs: the login may not make the store's roles. {remedy}", file=sys.stderr)


@app.command("schema")
def show_schema() -> None:
    """Print the store's schema as it stands: tables, views, functions and rights, as SQL."""
    with database.local_url() as url:
        sys.stdout.write(schema.dump(url))


@app.command("contract")
def show_contract() -> None:
    """Print what readers may rely on: the contract's views, by the Open Data Contract Standard, as YAML."""
    with database.local_url() as url:
        sys.stdout.write(odcs.describe(url))

"""`daily-runs store`: the Postgres that every row lands in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import Annotated

import psycopg
import typer

from daily_runs.cli.options import command_line
from daily_runs.errors import EXIT_FAILED, AccessError, UserError
from daily_runs.store import database, logins, odcs, roles, schema
from daily_runs.store.embedded import EmbeddedPostgres, binaries, state_root
from daily_runs.store.session import in_our_terms

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
            missing = any(step.kind != roles.REVOKE for step in roles.steps(connection))
            remedy = roles.remedy(connection) if missing else ""
        print(f"{database.place_of(url)}: at revision {database.newest_revision()}")
    if remedy:
        print(f"daily-runs: the store's roles are missing, or lack rights. {remedy}", file=sys.stderr)


@app.command("roles")
def settle_roles(
    apply: Annotated[bool, typer.Option("--apply", help="Mend it, as a login that may make roles.")] = False,
) -> None:
    """Say what is wrong with the roles owner, writer and reader, as SQL, with exit code 1; --apply mends it."""
    with database.local_url() as url, in_our_terms(), database.connect(url) as connection:
        place, verb = database.place_of(url), "done" if apply else "to do"
        try:
            found = roles.apply(connection) if apply else roles.steps(connection)
        except psycopg.errors.InsufficientPrivilege as error:
            problem = f"the login may not mend its roles ({str(error).splitlines()[0]})"
            remedy = "Let an administrator run what this prints: daily-runs store roles"
            raise AccessError(place, problem, remedy) from None
        for step in found:
            print(f"-- {verb}: {step.wrong}\n{step.statement};")
        left = roles.steps(connection)
    print(f"-- {place}: {len(left) or 'no'} fault{'' if len(left) == 1 else 's'} of its roles")
    raise typer.Exit(EXIT_FAILED if left else 0)


@app.command("reader")
def show_reader() -> None:
    """Print the psql line that reads the contract, with a login that the local store gets; else how to make one."""
    if url := os.environ.get(database.STORE_VARIABLE):
        sys.stdout.write(logins.reader_sql(url))
        return
    root = state_root() / "postgres"
    if database.running_url(root) is None:
        problem = "does not run, so nobody can read it"
        raise UserError(f"store in {root}", problem, "Start `daily-runs up` in this folder, and ask again meanwhile.")
    with EmbeddedPostgres(root) as server:
        database.migrate(server.url(database.DATABASE))
        url = logins.reader_url(server, database.DATABASE)
    print(shlex.join([shutil.which("psql") or str(binaries() / "psql"), url]))


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

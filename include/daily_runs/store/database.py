"""Reaching the store: which Postgres, a pool of connections to it, and its migrations.

The URL comes from the Airflow connection `daily_runs_store` in tasks (the plugin hands it in), from `DAILY_RUNS_STORE`
in the command line, and from the embedded server otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from daily_runs.errors import AccessError
from daily_runs.guard import postmaster_pid
from daily_runs.store import logins, pooler, roles
from daily_runs.store.embedded import EmbeddedPostgres, state_root
from daily_runs.store.pool import Connection, LastingPool, Row
from daily_runs.store.session import connect, in_our_terms, place_of
from daily_runs.store.url import STORE_VARIABLE

__all__ = [
    "STORE_VARIABLE",
    "Connection",
    "Row",
    "Store",
    "check",
    "connect",
    "migrate",
    "open_store",
    "place_of",
]

DATABASE = "daily_runs"
_PORT_LINE, _STATUS_LINE = 3, 7  # of postmaster.pid, counted from 0

T = TypeVar("T")


class Store:
    """A pool of connections to a migrated store; safe to use from several threads.

    A server that goes away is waited for (see `store.pool`): statements then run again, transactions do not.

    Args:
        url: `postgresql://user:password@host:port/database`.
        connections: how many connections the pool may open.
    """

    def __init__(self, url: str, connections: int = 4) -> None:
        self.url = url
        self._pool = LastingPool(url, connections)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A connection inside one transaction: committed at the end, rolled back on an error.

        Raises:
            StageError: Postgres refused a statement, or went away. It names the kind of refusal only: Postgres's own
                message quotes the row, and rows hold answers.
        """
        with in_our_terms(), self._pool.connection() as connection:
            yield connection

    def retrying(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction, and run it again if the server goes away within it: so it must be harmless
        when done twice. If only the commit's answer is lost, the work was done, and is done again.

        Raises:
            StageError: as above; or the server stays away for `pool.OUTAGE_SECONDS_MAX`.
        """
        with in_our_terms():
            return self._pool.run(work)

    def when_back(self, act: Callable[[], None]) -> AbstractContextManager[None]:
        """After an outage, have this done before anybody's next statement (see `LastingPool.when_back`)."""
        return self._pool.when_back(act)

    def rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[Row]:
        """Run one statement in a transaction of its own and return its rows (none if it has none); see `retrying`."""

        def run(connection: Connection) -> list[Row]:
            cursor = connection.execute(query.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

        return self.retrying(run)

    def row(self, query: str, parameters: dict[str, Any] | None = None) -> Row:
        """Run a statement that returns exactly one row."""
        (row,) = self.rows(query, parameters)
        return row

    def open(self) -> Store:
        """Connect and see that the store is migrated.

        Raises:
            AccessError: the server is away, refuses the login, or the store is not migrated.
        """
        check(self.url)
        self._pool.open()
        return self

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


def check(url: str) -> None:
    """See that the store answers, keeps sessions apart and is migrated to this version (see `Store.open`)."""
    with in_our_terms(), connect(url) as connection:
        pooler.must_keep_sessions(url, connection)
        found = _revision(url, connection)
    if found != newest_revision():
        state = "was never migrated" if found is None else f"stands at revision {found}"
        known = found is None or found in _revisions()
        raise AccessError(
            place_of(url),
            f"{state}; this version needs {newest_revision()}",
            "Run: daily-runs store migrate" if known else "It was made by another version: use that one.",
        )


def _revision(url: str, connection: Connection) -> str | None:
    """At which revision the store stands; None = it was never migrated."""
    try:
        if connection.execute("SELECT to_regclass('daily_runs.alembic_version') AS t").fetchone() == {"t": None}:
            return None
        row = connection.execute("SELECT version_num FROM daily_runs.alembic_version").fetchone()
    except psycopg.errors.InsufficientPrivilege as error:
        remedy = f"Let an administrator run: GRANT {roles.WRITER} TO {connection.info.user}."
        raise AccessError(place_of(url), f"may not be read ({error.diag.message_primary})", remedy) from None
    return None if row is None else str(row["version_num"])


def _alembic(url: str | None = None) -> Any:
    from alembic.config import Config  # noqa: PLC0415 - SQLAlchemy's import is half a second

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    return config


def newest_revision() -> str:
    """The revision that this version of the code needs."""
    return max(_revisions())


def _revisions() -> set[str]:
    versions = Path(__file__).parent / "migrations" / "versions"
    return {path.name.split("_", 1)[0] for path in versions.glob("0*.py")}


def migrate(url: str) -> str:
    """Bring the store to this version, in one transaction, and grant its roles their rights; returns the revision.

    Where the roles are missing, or the login may not grant, it migrates all the same: `roles.steps` tells.

    Raises:
        AccessError: see `connect`; or the login may not make schemas, or the store was made by another version, or a
            pooler in between gives out a session a transaction.
        StoreAwayError: the server is away, or somebody holds a lock for long. Nothing was changed.
    """
    from alembic import command  # noqa: PLC0415 - see _alembic
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError, ProgrammingError  # noqa: PLC0415

    with connect(url) as connection:
        pooler.must_keep_sessions(url, connection)
    try:
        command.upgrade(_alembic(url), "head")
    except CommandError as error:
        raise AccessError(place_of(url), f"cannot be migrated ({error})", "Use the version that made it.") from None
    except ProgrammingError as error:
        reason = str(error.orig).splitlines()[0]
        raise AccessError(
            place_of(url), f"cannot be migrated ({reason})", "Give the login CREATE on the database."
        ) from None
    except DBAPIError as error:
        with in_our_terms():
            raise error.orig if isinstance(error.orig, psycopg.Error) else error from None
    with in_our_terms(), connect(url) as connection:
        roles.grant(connection)
    return newest_revision()


def running_url(root: Path) -> str | None:
    """The store of an embedded Postgres that runs already in this folder; None = none does. It is not started."""
    root = root.resolve()  # one folder has one name: the server's command line is compared with it
    data = root / "data"
    if postmaster_pid(data) is None:
        return None
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:  # stopped a moment ago, or another user's
        return None
    if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
        return None
    return logins.kept_url(root, int(lines[_PORT_LINE]), DATABASE)


@contextmanager
def local_url() -> Iterator[str]:
    """The store of the command line: `DAILY_RUNS_STORE`, or the embedded server, running and migrated, meanwhile."""
    if url := os.environ.get(STORE_VARIABLE):
        yield url
        return
    with EmbeddedPostgres(state_root() / "postgres") as server:
        migrate(server.url(DATABASE))
        yield logins.writer_url(server, DATABASE)


@contextmanager
def open_store(url: str, connections: int = 4) -> Iterator[Store]:
    """An open store that is closed at the end."""
    store = Store(url, connections).open()
    try:
        yield store
    finally:
        store.close()

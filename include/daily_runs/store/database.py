"""Reaching the store: which Postgres, a pool of connections to it, and its migrations.

The URL comes from the Airflow connection `daily_runs_store` in tasks (the plugin hands it in), from `DAILY_RUNS_STORE`
in the command line, and from the embedded server otherwise.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import psycopg
from psycopg.rows import dict_row

from daily_runs.errors import AccessError, StageError
from daily_runs.guard import postmaster_pid
from daily_runs.store.embedded import EmbeddedPostgres, state_root
from daily_runs.store.pool import CONNECT_TIMEOUT_SECONDS, Connection, ConnectionLostError, LastingPool, Row, configure

_PORT_LINE, _STATUS_LINE = 3, 7  # of postmaster.pid, counted from 0


def running_url(root: Path) -> str | None:
    """The store of an embedded Postgres that runs already in this folder; None = none does. It is not started."""
    root = root.resolve()  # one folder has one name: the server's command line is compared with it
    data = root / "data"
    if postmaster_pid(data) is None:
        return None
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        password = (root / "password").read_text().strip()
    except OSError:  # stopped a moment ago, or another user's
        return None
    if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
        return None
    return f"postgresql://postgres:{quote(password)}@127.0.0.1:{lines[_PORT_LINE]}/{DATABASE}"


DATABASE = "daily_runs"
STORE_VARIABLE = "DAILY_RUNS_STORE"

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
        with _in_our_terms(), self._pool.connection() as connection:
            yield connection

    def retrying(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction, again if the server goes away within it: it must be harmless when done twice.

        The commit's own answer may be lost: then the work was done, and is done again.

        Raises:
            StageError: as above; or the server stays away for `pool.OUTAGE_SECONDS_MAX`.
        """
        with _in_our_terms():
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


@contextmanager
def _in_our_terms() -> Iterator[None]:
    try:
        yield
    except ConnectionLostError:
        raise StageError(
            "store: the server went away within a transaction, which was not begun again. What was stored before is"
            " kept; clear this task to go on."
        ) from None
    except psycopg.Error as error:
        raise StageError(_refusal(error)) from None


def _refusal(error: psycopg.Error) -> str:
    facts = {"sqlstate": error.sqlstate, "constraint": error.diag.constraint_name, "table": error.diag.table_name}
    known = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    kind = type(error).__name__ + (f" ({known})" if known else "")
    return f"store: {kind}. This transaction was rolled back. See the server's log, then clear this task to try again."


def place_of(url: str) -> str:
    """The URL without its password, for people."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return f"store {parts.get('user')}@{parts.get('host')}:{parts.get('port', 5432)}/{parts.get('dbname')}"


def connect(url: str) -> Connection:
    """One connection outside any pool.

    Raises:
        AccessError: the URL is none, the server is away, or it refuses the login.
    """
    if not _is_url(url):
        remedy = "Give postgresql://user:password@host/db, with a password's special characters percent-encoded."
        raise AccessError(STORE_VARIABLE, "is no Postgres URL", remedy)
    try:
        connection = psycopg.Connection[Row].connect(url, row_factory=dict_row, connect_timeout=CONNECT_TIMEOUT_SECONDS)
        configure(connection)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        raise AccessError(
            place_of(url), f"does not answer ({reason})", "Check that it runs, its address and its login."
        ) from None  # a traceback above this one would show what libpq made of the URL
    return connection


def _is_url(url: str) -> bool:
    """Whether libpq can read it, and finds no part of a password where host and port should be."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        return False
    return "@" not in str(parts.get("host", "")) and re.fullmatch(r"[\d,]*", str(parts.get("port", ""))) is not None


def check(url: str) -> None:
    """See that the store answers and is migrated to this version (see `Store.open`)."""
    with connect(url) as connection:
        found = None
        if connection.execute("SELECT to_regclass('daily_runs.alembic_version') AS t").fetchone() != {"t": None}:
            found = connection.execute("SELECT version_num FROM daily_runs.alembic_version").fetchone()
    if found is None or found["version_num"] != newest_revision():
        state = "was never migrated" if found is None else f"stands at revision {found['version_num']}"
        known = found is None or found["version_num"] in _revisions()
        raise AccessError(
            place_of(url),
            f"{state}; this version needs {newest_revision()}",
            "Run: daily-runs store migrate" if known else "It was made by another version: use that one.",
        )


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
    """Bring the store to this version, in one transaction; returns the revision.

    Raises:
        AccessError: see `connect`; or the login may not make schemas, or the store was made by another version.
    """
    from alembic import command  # noqa: PLC0415 - see _alembic
    from alembic.util import CommandError  # noqa: PLC0415
    from sqlalchemy.exc import ProgrammingError  # noqa: PLC0415

    connect(url).close()
    try:
        command.upgrade(_alembic(url), "head")
    except CommandError as error:
        raise AccessError(place_of(url), f"cannot be migrated ({error})", "Use the version that made it.") from None
    except ProgrammingError as error:
        reason = str(error.orig).splitlines()[0]
        raise AccessError(
            place_of(url), f"cannot be migrated ({reason})", "Give the login CREATE on the database."
        ) from None
    return newest_revision()


@contextmanager
def local_url() -> Iterator[str]:
    """The store of the command line: `DAILY_RUNS_STORE`, or the embedded server, running and migrated, meanwhile."""
    if url := os.environ.get(STORE_VARIABLE):
        yield url
        return
    with EmbeddedPostgres(state_root() / "postgres") as server:
        url = server.url(DATABASE)
        migrate(url)
        yield url


@contextmanager
def open_store(url: str, connections: int = 4) -> Iterator[Store]:
    """An open store that is closed at the end."""
    store = Store(url, connections).open()
    try:
        yield store
    finally:
        store.close()

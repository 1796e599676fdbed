"""One session with the store: how it is begun, and which failures pass by themselves and which somebody must mend.

A server that is away, starts up or has no connection left comes back (`StoreAwayError`). A wrong password, a database
that does not exist or a certificate that is not trusted does not (`AccessError`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import PoolTimeout

from daily_runs.errors import AccessError, StageError, StoreAwayError
from daily_runs.store.pool import Connection, ConnectionLostError, Row, configure, with_defaults
from daily_runs.store.url import parts_of

_AWAY_STATES = ("08", "53", "55P03", "57P01", "57P02", "57P03")
"""SQLSTATEs, or their classes, of what passes: a broken connection, no connection or memory left, a lock not got, a
server that stops, crashed or starts (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_MUST_BE_MENDED = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|does not exist|not permitted to log in"
    r"|permission denied|certificate|does not support SSL|SSL error: (tls|sslv3|wrong|unsupported|no protocols)"
    r"|invalid .*(value|number|option|parameter)|unsupported (startup|frontend)|no such (user|database)"
    r"|statement pooling|definition of service|could not (open|load|read) ",
    re.IGNORECASE,
)
"""What Postgres, PgBouncer and libpq say of a login, a name or a setting that is wrong. libpq tells no SQLSTATE of a
failed connect, so there is only the text. All else counts as an outage, other languages' texts too: trying once more
costs minutes, giving up costs the day's run."""


def place_of(url: str) -> str:
    """The URL without its password, for people."""
    parts = parts_of(url)
    return f"store {parts.get('user')}@{parts.get('host')}:{parts.get('port', 5432)}/{parts.get('dbname')}"


def connect(url: str) -> Connection:
    """One connection outside any pool, its times in UTC.

    Raises:
        AccessError: the URL is none, the server refuses the login, or the database is not kept in UTF-8.
        StoreAwayError: the server is away, starts up, or has no connection left.
    """
    try:
        connection = psycopg.Connection[Row].connect(with_defaults(url), row_factory=dict_row)
        configure(connection)
    except psycopg.OperationalError as error:
        raise _unreachable(url, error) from None  # a traceback above this one would show what libpq made of the URL
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        problem = f"is kept in {encoding}, which cannot hold every answer"
        remedy = "Use a database made with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
        raise AccessError(place_of(url), problem, remedy)
    return connection


@contextmanager
def in_our_terms() -> Iterator[None]:
    """Turn what Postgres refuses into one line that names its kind only: its own message quotes the row.

    Raises:
        StoreAwayError: it passes by itself.
        StageError: anything else.
    """
    try:
        yield
    except ConnectionLostError:
        raise StoreAwayError(
            "store: the server went away within a transaction, which was not begun again. What was stored before is"
            " kept; clear this task to go on."
        ) from None
    except PoolTimeout:
        raise StoreAwayError("store: no connection came free within 30 s. Clear this task to go on.") from None
    except psycopg.Error as error:
        passes = (error.sqlstate or "").startswith(_AWAY_STATES)
        raise (StoreAwayError if passes else StageError)(_refusal(error)) from None


def _refusal(error: psycopg.Error) -> str:
    facts = {"sqlstate": error.sqlstate, "constraint": error.diag.constraint_name, "table": error.diag.table_name}
    known = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
    kind = type(error).__name__ + (f" ({known})" if known else "")
    return f"store: {kind}. This transaction was rolled back. See the server's log, then clear this task to try again."


def _unreachable(url: str, error: psycopg.OperationalError) -> AccessError | StoreAwayError:
    reason = " ".join(str(error).split())
    if _MUST_BE_MENDED.search(reason):
        remedy = "Check its address, its login and its options."
        return AccessError(place_of(url), f"does not answer ({reason})", remedy)
    return StoreAwayError(
        f"{place_of(url)}: does not answer now ({reason}). Nothing was begun: try again when it is back. If it stays"
        " away, check that it runs, its address and how many connections it allows."
    )

"""Logins of the embedded server, so that nothing runs as its administrator: for runs, for Airflow's rows, for readers.

Of another server, how its administrator makes a login that reads.
"""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from urllib.parse import quote

from psycopg import sql
from psycopg.conninfo import make_conninfo

from daily_runs.store import roles
from daily_runs.store.embedded import EmbeddedPostgres, kept_secret
from daily_runs.store.pool import Connection
from daily_runs.store.session import connect, in_our_terms
from daily_runs.store.url import parts_of

RUNS, AIRFLOW, ANALYST = "daily_runs", "airflow", "analyst"
_PLACE = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert")
"""What a reader's login takes over of the address of runs; the rest, such as a password or a key, is theirs."""

_HAND_OVER = """
DO $$
DECLARE given text;
BEGIN
    FOR given IN
        SELECT format('TABLE %s', oid::regclass) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relowner <> 'airflow'::regrole
        UNION ALL
        SELECT format('TYPE %s', oid::regtype) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e' AND typowner <> 'airflow'::regrole
    LOOP
        EXECUTE format('ALTER %s OWNER TO airflow', given);
    END LOOP;
END
$$
"""


def writer_url(server: EmbeddedPostgres, database: str) -> str:
    """How runs reach the store, which is migrated: as a member of `daily_runs_writer`."""
    admin_url = server.url(database)
    password = kept_secret(_password_file(server.root), secrets.token_hex(24))
    with in_our_terms(), connect(admin_url) as connection:
        roles.apply(connection)
        _make(connection, RUNS, password)
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(roles.WRITER), sql.Identifier(RUNS)))
    return _url(RUNS, password, server.port, database)


def reader_url(server: EmbeddedPostgres, database: str) -> str:
    """How people read the contract of the store, which is migrated: as a member of `daily_runs_reader`.

    The password is not in it: it stands in a file that only this user may read, which libpq looks into.
    """
    file = server.root / "analyst.pgpass"
    password = kept_secret(file, f"*:*:*:{ANALYST}:{secrets.token_hex(24)}").rpartition(":")[2]
    with in_our_terms(), connect(server.url(database)) as connection:
        roles.apply(connection)
        _make(connection, ANALYST, password)
        connection.execute(sql.SQL("GRANT {} TO {}").format(sql.Identifier(roles.READER), sql.Identifier(ANALYST)))
    return f"postgresql://{ANALYST}@127.0.0.1:{server.port}/{database}?passfile={quote(str(file))}"


def reader_sql(url: str) -> str:
    """What an administrator types into psql so that there is a login that reads, and the line by which it reads.

    No password is in it: psql asks for one, so that it stands in no history and in no log of the server.

    Raises:
        AccessError: libpq cannot read the store's URL.
    """
    place = {name: str(value) for name, value in parts_of(url).items() if name in _PLACE}
    address = make_conninfo(**place, user=ANALYST)
    return (
        f"-- In psql, as a login that may make roles:\n"
        f"CREATE ROLE {ANALYST} LOGIN;\n"
        f"GRANT {roles.READER} TO {ANALYST};\n"
        f"\\password {ANALYST}\n"
        f"-- Who has that password reads with: psql {shlex.quote(address)}\n"
    )


def airflow_url(server: EmbeddedPostgres) -> str:
    """How Airflow reaches its database, whose owner it is; tables that an older version made become its own, too."""
    admin_url = server.url(AIRFLOW)
    password = kept_secret(server.root / "airflow_password", secrets.token_hex(24))
    with in_our_terms(), connect(admin_url) as connection:
        _make(connection, AIRFLOW, password)
        connection.execute("ALTER DATABASE airflow OWNER TO airflow")
        connection.execute(_HAND_OVER.encode())
    return _url(AIRFLOW, password, server.port, AIRFLOW)


def kept_url(root: Path, port: int, database: str) -> str | None:
    """As `writer_url`, of a server that another process started; None = no run ever used it."""
    try:
        return _url(RUNS, _password_file(root).read_text(), port, database)
    except OSError:
        return None


def _make(connection: Connection, login: str, password: str) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(7240116)")  # two commands at once make it once
    if connection.execute("SELECT to_regrole(%s) AS found", [login]).fetchone() == {"found": None}:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(login)))
    words = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(login), sql.Literal(password))
    connection.execute(words)


def _password_file(root: Path) -> Path:
    return root / "daily_runs_password"


def _url(login: str, password: str, port: int, database: str) -> str:
    return f"postgresql://{login}:{quote(password)}@127.0.0.1:{port}/{database}"

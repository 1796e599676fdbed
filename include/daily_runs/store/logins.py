"""Logins of the embedded server, so that nothing runs as its administrator: one for runs, one for Airflow's rows."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from daily_runs.store import roles
from daily_runs.store.embedded import EmbeddedPostgres, kept_secret
from daily_runs.store.pool import Connection
from daily_runs.store.session import connect, in_our_terms

RUNS, AIRFLOW = "daily_runs", "airflow"

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

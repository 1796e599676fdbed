"""Who may do what in the store: three roles without a login, which logins are made members of.

`daily_runs_owner` owns schemas and tables, `daily_runs_writer` is what runs need, `daily_runs_reader` sees the contract
views only. They belong to the whole server, as Postgres's roles do; what they may do is granted database by database.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from daily_runs.store.pool import Connection

OWNER, WRITER, READER = "daily_runs_owner", "daily_runs_writer", "daily_runs_reader"

_SETTLE = """
DO $$
DECLARE
    wanted text;
    former text;
    given  text;
BEGIN
    PERFORM pg_advisory_xact_lock(7240115);     -- as a migration: two at once wait for each other
    FOREACH wanted IN ARRAY ARRAY['daily_runs_owner', 'daily_runs_writer', 'daily_runs_reader'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN EXECUTE format('CREATE ROLE %I', wanted); END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;    -- made meanwhile for another database
        END;
    END LOOP;
    IF NOT pg_has_role(current_user, 'daily_runs_owner', 'USAGE') THEN
        EXECUTE format('GRANT daily_runs_owner TO %I', current_user);
    END IF;
    IF NOT has_database_privilege('daily_runs_owner', current_database(), 'CREATE') THEN
        EXECUTE format('GRANT CREATE ON DATABASE %I TO daily_runs_owner', current_database());
    END IF;
    FOR former IN    -- runs of an older store may go on by the login that owned it, and must lose nothing meanwhile
        SELECT DISTINCT pg_get_userbyid(owned.by) FROM (
            SELECT nspowner FROM pg_namespace WHERE nspname IN ('daily_runs', 'contract')
            UNION ALL
            SELECT relowner FROM pg_class
            WHERE relnamespace IN ('daily_runs'::regnamespace, 'contract'::regnamespace) AND relkind IN ('r', 'v')
            UNION ALL
            SELECT proowner FROM pg_proc WHERE pronamespace = 'daily_runs'::regnamespace
        ) AS owned (by)
        WHERE NOT pg_has_role(owned.by, 'daily_runs_owner', 'USAGE')    -- as an administrator has by itself
    LOOP
        EXECUTE format('GRANT daily_runs_owner TO %I', former);
    END LOOP;
    FOR given IN
        SELECT format('SCHEMA %I', nspname) FROM pg_namespace
        WHERE nspname IN ('daily_runs', 'contract') AND nspowner <> 'daily_runs_owner'::regrole
        UNION ALL
        SELECT format('%s %s', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, oid::regclass) FROM pg_class
        WHERE relnamespace IN ('daily_runs'::regnamespace, 'contract'::regnamespace) AND relkind IN ('r', 'v')
              AND relowner <> 'daily_runs_owner'::regrole
        UNION ALL
        SELECT format('FUNCTION %s', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'daily_runs'::regnamespace AND proowner <> 'daily_runs_owner'::regrole
    LOOP
        EXECUTE format('ALTER %s OWNER TO daily_runs_owner', given);
    END LOOP;
    GRANT USAGE ON SCHEMA daily_runs, contract TO daily_runs_writer;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA daily_runs TO daily_runs_writer;
    REVOKE INSERT, UPDATE, DELETE ON daily_runs.alembic_version FROM daily_runs_writer;
    GRANT SELECT ON ALL TABLES IN SCHEMA contract TO daily_runs_writer;
    GRANT USAGE ON SCHEMA contract TO daily_runs_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA contract TO daily_runs_reader;
END
$$
"""
_ROLES = """
SELECT to_regrole('daily_runs_owner') IS NULL OR to_regrole('daily_runs_writer') IS NULL
       OR to_regrole('daily_runs_reader') IS NULL AS lacking
"""
_RIGHTS = """
SELECT (SELECT bool_or(nspowner <> 'daily_runs_owner'::regrole) FROM pg_namespace
        WHERE nspname IN ('daily_runs', 'contract'))
    OR (SELECT bool_or(NOT has_table_privilege('daily_runs_writer', oid, 'SELECT')) FROM pg_class
        WHERE relnamespace IN ('daily_runs'::regnamespace, 'contract'::regnamespace) AND relkind IN ('r', 'v'))
    OR (SELECT bool_or(NOT has_table_privilege('daily_runs_reader', oid, 'SELECT')) FROM pg_class
        WHERE relnamespace = 'contract'::regnamespace AND relkind = 'v') AS lacking
"""


def settle(connection: Connection) -> bool:
    """Make the roles that are missing, and give each its rights in this database; all of it or nothing.

    Returns:
        Whether it was done. A login that may not make roles (as on many managed servers) leaves all as it was.
    """
    try:
        with connection.transaction():
            connection.execute(_SETTLE.encode())
    except psycopg.errors.InsufficientPrivilege:
        return False
    return not lacking(connection)


def lacking(connection: Connection) -> bool:
    """Whether a role is missing, or lacks a right of its own in this database."""
    for question in (_ROLES, _RIGHTS):
        row = connection.execute(question.encode()).fetchone()
        if row is None or row["lacking"]:
            return True
    return False


def remedy(connection: Connection) -> str:
    """What an administrator must run, in one line, for the login of this connection to settle the roles."""
    info = connection.info
    words = sql.SQL(
        "Runs work without them. To have them, let an administrator run: CREATE ROLE {owner}; CREATE ROLE {writer};"
        " CREATE ROLE {reader}; GRANT {owner} TO {login}; GRANT CREATE ON DATABASE {database} TO {owner}; and then run"
        " daily-runs store migrate again."
    )
    names = {"owner": OWNER, "writer": WRITER, "reader": READER, "login": info.user, "database": info.dbname}
    return words.format(**{word: sql.Identifier(name) for word, name in names.items()}).as_string(connection)

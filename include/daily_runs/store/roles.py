"""Who may do what in the store: three roles without a login, which logins are made members of.

`daily_runs_owner` owns schemas and tables, `daily_runs_writer` is what runs need, `daily_runs_reader` sees the contract
views only. They belong to the whole server, as Postgres's roles do; what they may do is granted database by database.
`daily-runs store roles` makes them; a migration only grants, to roles that are there.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import psycopg
from psycopg import sql

from daily_runs.store.pool import Connection

OWNER, WRITER, READER = "daily_runs_owner", "daily_runs_writer", "daily_runs_reader"
ROLE, GRANT, REVOKE = "role", "grant", "revoke"
"""What a step changes: a role of the server, a right too few in this database, a right too many."""


class Step(NamedTuple):
    """Something that is not as it should be, and the SQL that mends it; `kind`: one of the three above."""

    kind: str
    wrong: str
    statement: str


_STEPS = """
WITH name (owner, writer, reader) AS (VALUES ('daily_runs_owner', 'daily_runs_writer', 'daily_runs_reader')),
ours (role, id) AS (
    SELECT n, to_regrole(n)::oid FROM name, unnest(ARRAY[owner, writer, reader]) AS n
), object (kind, schema, name, words, owner, acl) AS (
    SELECT 'SCHEMA', nspname, nspname, quote_ident(nspname), nspowner, nspacl FROM pg_namespace
    WHERE nspname IN ('daily_runs', 'contract')
    UNION ALL
    SELECT 'TABLE', nspname, relname, c.oid::regclass::text, relowner, relacl
    FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
    WHERE nspname IN ('daily_runs', 'contract') AND relkind IN ('r', 'v')
), owned (id, words) AS (
    SELECT owner, kind || ' ' || words FROM object
    UNION ALL
    SELECT proowner, 'FUNCTION ' || p.oid::regprocedure
    FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace WHERE nspname = 'daily_runs'
), wanted (kind, words, role, privilege) AS (
    SELECT kind, words, role, 'USAGE' FROM object, name, unnest(ARRAY[writer, reader]) AS role
    WHERE kind = 'SCHEMA' AND (schema = 'contract' OR role = writer)
    UNION ALL
    SELECT kind, words, role, 'SELECT' FROM object, name, unnest(ARRAY[writer, reader]) AS role
    WHERE kind = 'TABLE' AND (schema = 'contract' OR role = writer)
    UNION ALL
    SELECT kind, words, writer, privilege FROM object, name, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE kind = 'TABLE' AND schema = 'daily_runs' AND object.name <> 'alembic_version'
), actual (kind, words, role, privilege) AS (
    SELECT kind, words, coalesce(role, 'PUBLIC'), privilege_type
    FROM object CROSS JOIN LATERAL aclexplode(acl) AS given LEFT JOIN ours ON id = grantee, name
    WHERE (grantee = 0 OR role IN (writer, reader)) AND grantee <> object.owner
), missing AS (
    SELECT kind, role, words, string_agg(privilege, ', ' ORDER BY privilege) AS privileges
    FROM (SELECT * FROM wanted EXCEPT SELECT * FROM actual) AS w GROUP BY kind, role, words
), surplus AS (
    SELECT kind, role, words, string_agg(privilege, ', ' ORDER BY privilege) AS privileges
    FROM (SELECT * FROM actual EXCEPT SELECT * FROM wanted) AS a GROUP BY kind, role, words
)
SELECT 1 AS place, 'role' AS kind, role || ' is missing' AS wrong, 'CREATE ROLE ' || role AS statement
FROM ours WHERE id IS NULL
UNION ALL
SELECT 2, 'role', role || ' may do more than a role of ours: log in, make roles or databases, or all',
       'ALTER ROLE ' || role || ' NOLOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS'
FROM ours JOIN pg_roles r ON r.oid = id
WHERE rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
UNION ALL
SELECT 3, 'role', role || ' is a member of ' || m.roleid::regrole, format('REVOKE %s FROM %s', m.roleid::regrole, role)
FROM ours JOIN pg_auth_members m ON m.member = id, name WHERE role <> owner
UNION ALL
SELECT 4, 'grant', 'the login that migrates is no member of ' || owner, format('GRANT %s TO %I', owner, current_user)
FROM name, pg_roles me WHERE me.rolname = current_user AND NOT me.rolsuper AND NOT EXISTS (
    SELECT FROM ours WHERE pg_has_role(current_user, id, 'MEMBER'))
UNION ALL
SELECT 5, 'grant', owner || ' may not make schemas in this database',
       format('GRANT CREATE ON DATABASE %I TO %s', current_database(), owner)
FROM name JOIN ours ON role = owner WHERE has_database_privilege(id, current_database(), 'CREATE') IS NOT TRUE
UNION ALL    -- runs of an older store may go on by the login that owned it, and must lose nothing meanwhile
SELECT DISTINCT 6, 'grant', pg_get_userbyid(o.id) || ' owned what ' || owner || ' is to own, and is no member of it',
       format('GRANT %s TO %I', owner, pg_get_userbyid(o.id))
FROM owned o, name JOIN ours ON role = owner JOIN pg_roles r ON true
WHERE r.oid = o.id AND o.id IS DISTINCT FROM ours.id AND NOT r.rolsuper
      AND pg_has_role(o.id, ours.id, 'USAGE') IS NOT TRUE
UNION ALL    -- schemas first: who is to own a function must be allowed to make one there
SELECT CASE WHEN o.words LIKE 'SCHEMA %' THEN 7 ELSE 8 END, 'grant', o.words || ' does not belong to ' || role,
       format('ALTER %s OWNER TO %s', o.words, role)
FROM owned o, name JOIN ours ON role = owner WHERE o.id IS DISTINCT FROM ours.id
UNION ALL
SELECT CASE role WHEN 'daily_runs_writer' THEN 9 ELSE 10 END, 'grant',
       role || ' lacks ' || privileges || ' on ' || string_agg(words, ', ' ORDER BY words),
       format('GRANT %s ON %s %s TO %s', privileges, kind, string_agg(words, ', ' ORDER BY words), role)
FROM missing GROUP BY kind, role, privileges
UNION ALL
SELECT 11, 'revoke', role || ' has ' || privileges || ' on ' || string_agg(words, ', ' ORDER BY words),
       format('REVOKE %s ON %s %s FROM %s', privileges, kind, string_agg(words, ', ' ORDER BY words), role)
FROM surplus GROUP BY kind, role, privileges
ORDER BY place, statement
"""


def steps(connection: Connection) -> list[Step]:
    """What is wrong with the roles and their rights in this database, in the order in which it must be mended."""
    rows = connection.execute(_STEPS.encode()).fetchall()
    return [Step(row["kind"], row["wrong"], row["statement"]) for row in rows]


def apply(connection: Connection) -> list[Step]:
    """Mend all that is wrong, or nothing; returns what was done.

    Raises:
        psycopg.errors.InsufficientPrivilege: the login may not.
    """
    with connection.transaction():
        done = _run(connection, (ROLE, GRANT, REVOKE))
        if left := steps(connection):  # a GRANT that the login may not give is a warning, and no error, to Postgres
            raise psycopg.errors.InsufficientPrivilege(f"{left[0].wrong} still")
    return done


def grant(connection: Connection) -> None:
    """Give the roles that are there what they lack in this database; all of it or nothing.

    Where a role is missing, or the login may not grant, all stays as it was: `steps` tells.
    """
    with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
        if not any(step.statement.startswith("CREATE ROLE") for step in steps(connection)):
            _run(connection, (GRANT,))


def _run(connection: Connection, kinds: Iterable[str]) -> list[Step]:
    connection.execute("SELECT pg_advisory_xact_lock(7240115)")  # as a migration: two at once wait for each other
    done = [step for step in steps(connection) if step.kind in kinds]
    made_meanwhile = (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation)  # for another database
    for step in done:
        with suppress(*made_meanwhile), connection.transaction():
            connection.execute(step.statement.encode())
    return done


def remedy(connection: Connection) -> str:
    """What an administrator must run, in one line, for the login of this connection to grant the roles their rights."""
    info = connection.info
    words = sql.SQL(
        "Runs work without them. To have them, let an administrator run: CREATE ROLE {owner}; CREATE ROLE {writer};"
        " CREATE ROLE {reader}; GRANT {owner} TO {login}; GRANT CREATE ON DATABASE {database} TO {owner}; and then run"
        " daily-runs store migrate again. What is wrong in full: daily-runs store roles."
    )
    names = {"owner": OWNER, "writer": WRITER, "reader": READER, "login": info.user, "database": info.dbname}
    return words.format(**{word: sql.Identifier(name) for word, name in names.items()}).as_string(connection)

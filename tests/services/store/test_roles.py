"""Owner, writer, reader: what each may do, also where the migrating login may not make roles."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from alembic import command
from psycopg import sql

from daily_runs.clock import Clock
from daily_runs.doctor import own
from daily_runs.doctor.finding import State
from daily_runs.errors import AccessError
from daily_runs.store import database, logins, roles
from daily_runs.store.embedded import EmbeddedPostgres


def login(url: str, *, member_of: str | None = None, words: str = "") -> str:
    """The URL of a new login, a member of a role or of none."""
    name = f"login_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' {words}".encode())
        if member_of:
            connection.execute(f"GRANT {member_of} TO {name}".encode())
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return f"postgresql://{name}:x@127.0.0.1:{parts['port']}/{parts['dbname']}"


class Right(NamedTuple):
    """A statement, and who may run it."""

    statement: str
    may: frozenset[str]


BOTH, WRITER, NOBODY = frozenset({"writer", "reader"}), frozenset({"writer"}), frozenset[str]()
RIGHTS = (
    Right("SELECT * FROM contract.runs_v1", BOTH),
    Right("SELECT * FROM contract.failures_v1", BOTH),
    Right("SELECT * FROM daily_runs.answer", WRITER),
    Right("SELECT * FROM daily_runs.published_run", WRITER),
    Right("INSERT INTO daily_runs.store_provenance (provenance) VALUES ('sandbox') ON CONFLICT DO NOTHING", WRITER),
    Right("INSERT INTO daily_runs.look (environment) VALUES ('staging')", WRITER),
    Right("DELETE FROM daily_runs.quota_asker", WRITER),
    Right("SELECT version_num FROM daily_runs.alembic_version", WRITER),
    Right("UPDATE daily_runs.alembic_version SET version_num = '9999'", NOBODY),
    Right("DELETE FROM contract.runs_v1", NOBODY),
    Right("DROP TABLE daily_runs.answer", NOBODY),
    Right("CREATE TABLE daily_runs.mine ()", NOBODY),
    Right("CREATE VIEW contract.mine AS SELECT 1", NOBODY),
    Right("TRUNCATE daily_runs.verdict", NOBODY),
    Right("CREATE ROLE another", NOBODY),
)


@pytest.fixture(scope="module")
def logged_in(store_url: str) -> dict[str, str]:
    """A writer's and a reader's URL."""
    return {
        "writer": login(store_url, member_of=roles.WRITER),
        "reader": login(store_url, member_of=roles.READER),
    }


@pytest.mark.parametrize("who", ["writer", "reader"])
@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.statement[:50])
def test_each_may_do_what_it_is_for(right: Right, who: str, logged_in: dict[str, str]) -> None:
    with psycopg.connect(logged_in[who]) as connection:
        if who in right.may:
            connection.execute(right.statement.encode())
            connection.rollback()
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(right.statement.encode())


def test_the_owner_owns_all_of_it(store_url: str) -> None:
    with psycopg.connect(store_url) as connection:
        owners = connection.execute(
            "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace IN"
            " ('daily_runs'::regnamespace, 'contract'::regnamespace)"
            " UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = 'daily_runs'::regnamespace"
            " UNION SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname IN ('daily_runs', 'contract')"
        ).fetchall()
        assert owners == [(roles.OWNER,)]


def test_a_writer_opens_the_store_and_a_reader_is_told_what_it_lacks(logged_in: dict[str, str]) -> None:
    with database.open_store(logged_in["writer"]) as store:
        assert store.row("SELECT count(*) AS n FROM daily_runs.run") == {"n": 0}
    with pytest.raises(AccessError, match=rf"may not be read .*GRANT {roles.WRITER} TO"):
        database.Store(logged_in["reader"]).open()


def test_a_table_of_a_later_migration_is_granted_by_the_next_migrate(store_url: str) -> None:
    with psycopg.connect(store_url) as connection:
        connection.execute("CREATE TABLE daily_runs.later ()")
    with database.connect(store_url) as connection:
        assert roles.lacking(connection)
    database.migrate(store_url)
    with database.connect(store_url) as connection:
        assert not roles.lacking(connection)
        connection.execute("DROP TABLE daily_runs.later")


@pytest.fixture
def bare_server(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database of a server that has no roles of ours, whose owner may not make any: as on many managed ones."""
    name = f"managed_{uuid.uuid4().hex[:8]}"
    admin = postgres.url(name)
    names = (roles.OWNER, roles.WRITER, roles.READER)
    with psycopg.connect(admin, autocommit=True) as connection:
        for role in names:
            connection.execute(
                sql.SQL("ALTER ROLE {} RENAME TO {}").format(*map(sql.Identifier, (role, f"old_{role}")))
            )
        url = login(admin)
        user = psycopg.conninfo.conninfo_to_dict(url)["user"]
        connection.execute(f"GRANT CREATE ON DATABASE {name} TO {user}".encode())
        yield url
        for role in names:
            if connection.execute("SELECT to_regrole(%s) IS NOT NULL", [role]).fetchone() == (True,):
                connection.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("ALTER ROLE {} RENAME TO {}").format(*map(sql.Identifier, (f"old_{role}", role)))
            )


def migrate_by_command(url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daily_runs.cli", "store", "migrate"]
    variables = {**os.environ, "DAILY_RUNS_STORE": url}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_a_login_that_may_not_make_roles_migrates_and_is_told_the_line_for_an_administrator(
    bare_server: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = migrate_by_command(bare_server)
    assert done.returncode == 0
    assert done.stdout.endswith(f"at revision {database.newest_revision()}\n")
    assert done.stderr.count("\n") == 1
    database.check(bare_server)
    monkeypatch.setenv("DAILY_RUNS_STORE", bare_server)
    (found,) = [one for one in own.store(Clock.now, None) if one.check == "roles"]
    assert found.state is State.NOTICE

    told = done.stderr.partition("let an administrator run: ")[2].partition(" and then run")[0]
    assert told in found.remedy
    parts = psycopg.conninfo.conninfo_to_dict(bare_server)
    with psycopg.connect(postgres.url(str(parts["dbname"])), autocommit=True) as administrator:
        administrator.execute(told.encode())
    again = migrate_by_command(bare_server)
    assert (again.returncode, again.stderr) == (0, "")
    with database.connect(bare_server) as connection:
        assert not roles.lacking(connection)
    database.check(bare_server)


class Former(NamedTuple):
    """Who owned what of a store before the migration; `of_a_group`: the login is a member of the owner only."""

    name: str
    functions_of_another: bool = False
    of_a_group: bool = False


FORMER = (
    Former("a login that runs use"),
    Former("two logins", functions_of_another=True),
    Former("a group without a login", of_a_group=True),
)


@pytest.mark.parametrize("former", FORMER, ids=lambda former: former.name)
def test_who_owned_an_older_store_loses_nothing_by_an_administrators_migration(
    former: Former, postgres: EmbeddedPostgres
) -> None:
    admin = postgres.url(f"older_{uuid.uuid4().hex[:8]}")
    urls = [login(admin), login(admin)]
    names = [psycopg.conninfo.conninfo_to_dict(url)["user"] for url in urls]
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"GRANT CREATE ON DATABASE {admin.rpartition('/')[2]} TO {names[0]}".encode())
    command.upgrade(database._alembic(urls[0]), "0004")
    with psycopg.connect(admin, autocommit=True) as connection:
        if former.functions_of_another:
            connection.execute(f"GRANT USAGE ON SCHEMA daily_runs TO {names[1]}".encode())
            for (function,) in connection.execute(
                "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'daily_runs'::regnamespace"
            ).fetchall():
                connection.execute(f"ALTER FUNCTION {function} OWNER TO {names[1]}".encode())
        if former.of_a_group:
            connection.execute(f"CREATE ROLE group_of_{names[0]} ROLE {names[1]}".encode())
            connection.execute(f"REASSIGN OWNED BY {names[0]} TO group_of_{names[0]}".encode())
    database.migrate(admin)
    with database.connect(admin) as connection:
        assert not roles.lacking(connection)
    for url in urls if former.functions_of_another else urls[former.of_a_group :][:1]:
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO daily_runs.look (environment) VALUES ('staging')")
            connection.execute("SELECT * FROM contract.runs_v1")
            connection.execute("ALTER TABLE daily_runs.look ADD COLUMN mine int")
            connection.rollback()
        assert database.migrate(url) == database.newest_revision()


def test_an_administrator_who_owned_an_older_store_is_made_a_member_of_nothing(postgres: EmbeddedPostgres) -> None:
    admin = postgres.url(f"older_{uuid.uuid4().hex[:8]}")
    other = login(admin, words="SUPERUSER")
    command.upgrade(database._alembic(other), "0004")
    database.migrate(admin)
    with psycopg.connect(admin) as connection:
        member = connection.execute(
            "SELECT 1 FROM pg_auth_members WHERE member = %s::regrole",
            [psycopg.conninfo.conninfo_to_dict(other)["user"]],
        )
        assert member.fetchall() == []


def test_the_embedded_servers_runs_are_no_administrators(postgres: EmbeddedPostgres) -> None:
    database.migrate(postgres.url("of_runs"))
    with psycopg.connect(logins.writer_url(postgres, "of_runs")) as connection:
        (powers,) = connection.execute(
            "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchall()
        assert powers == (False,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE daily_runs.answer")


def test_airflows_database_is_its_own_also_where_an_older_version_made_its_tables(postgres: EmbeddedPostgres) -> None:
    with psycopg.connect(postgres.url("airflow")) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('fine'); CREATE TABLE task (id serial, mood mood)")
    for _ in range(2):
        with psycopg.connect(logins.airflow_url(postgres)) as connection:
            connection.execute("ALTER TABLE task ADD COLUMN IF NOT EXISTS more int")
            connection.execute("INSERT INTO task (mood) VALUES ('fine')")
            connection.execute("ALTER TYPE mood ADD VALUE IF NOT EXISTS 'tired'")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("CREATE ROLE another")
    database.migrate(postgres.url("of_airflow"))
    there = psycopg.connect(logins.airflow_url(postgres).rpartition("/")[0] + "/of_airflow")
    with there as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SELECT * FROM daily_runs.answer")

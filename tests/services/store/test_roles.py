"""Owner, writer, reader: what each may do, what is told and mended of them, also where a login may make no roles."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import psycopg
import pytest
from alembic import command
from psycopg import sql
from tests.conftest import Kit

from daily_runs.clock import Clock
from daily_runs.doctor import own
from daily_runs.doctor.finding import State
from daily_runs.errors import AccessError
from daily_runs.stages import pipeline
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


def relations(url: str, schema: str, kinds: str) -> list[str]:
    """Every table or view of a schema."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = ANY(%s)",
            [schema, list(kinds)],
        ).fetchall()
    assert rows
    return [name for (name,) in rows]


def test_a_reader_reads_every_view_of_the_contract_and_nothing_else(store_url: str, logged_in: dict[str, str]) -> None:
    with psycopg.connect(logged_in["reader"], autocommit=True) as connection:
        for view in relations(store_url, "contract", "v"):
            connection.execute(f"SELECT * FROM {view}".encode())
            with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)):
                connection.execute(
                    f"DELETE FROM {view}".encode()
                )  # what is summed up cannot be deleted from by anybody
        for table in relations(store_url, "daily_runs", "rvS"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM {table}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT daily_runs.quota_introduce('{}'::jsonb)")


def test_a_writer_runs_the_product(logged_in: dict[str, str], kit: Kit) -> None:
    with database.open_store(logged_in["writer"], connections=16) as store:
        of_writer = replace(kit, store=store)
        of_writer.run(of_writer.work("duo_chat", 6), *pipeline.STAGES)
        assert store.row("SELECT count(*) AS n FROM contract.attempts_v1 WHERE outcome = 'published'") == {"n": 1}
        assert store.row("SELECT count(*) AS n FROM contract.features_v1")["n"] == len(kit.catalogue.features)


class Fault(NamedTuple):
    """Something that an administrator did to the roles, by SQL, and how it is told."""

    statement: str
    told: str


FAULTS = (
    Fault("GRANT SELECT ON daily_runs.answer TO {reader}", "{reader} has SELECT on daily_runs.answer"),
    Fault("GRANT USAGE ON SCHEMA daily_runs TO {reader}", "{reader} has USAGE on daily_runs"),
    Fault("GRANT SELECT ON daily_runs.verdict TO PUBLIC", "PUBLIC has SELECT on daily_runs.verdict"),
    Fault("GRANT CREATE ON SCHEMA contract TO {writer}", "{writer} has CREATE on contract"),
    Fault("GRANT TRUNCATE ON daily_runs.run TO {writer}", "{writer} has TRUNCATE on daily_runs.run"),
    Fault(
        "GRANT UPDATE ON daily_runs.alembic_version TO {writer}", "{writer} has UPDATE on daily_runs.alembic_version"
    ),
    Fault("GRANT {writer} TO {reader}", "{reader} is a member of {writer}"),
    Fault("ALTER ROLE {writer} CREATEDB LOGIN", "{writer} may do more than a role of ours"),
    Fault("REVOKE SELECT ON contract.runs_v1 FROM {reader}", "{reader} lacks SELECT on contract.runs_v1"),
    Fault("REVOKE INSERT ON daily_runs.run FROM {writer}", "{writer} lacks INSERT on daily_runs.run"),
    Fault("ALTER TABLE daily_runs.look OWNER TO CURRENT_USER", "TABLE daily_runs.look does not belong to {owner}"),
)
NAMES = {"owner": roles.OWNER, "writer": roles.WRITER, "reader": roles.READER}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.statement[:40])
def test_a_right_too_many_or_too_few_is_told_and_mended(fault: Fault, store_url: str) -> None:
    with database.connect(store_url) as connection:
        assert roles.steps(connection) == []
        try:
            connection.execute(fault.statement.format(**NAMES).encode())
            connection.commit()
            (found,) = roles.steps(connection)
            assert found.wrong.startswith(fault.told.format(**NAMES))
            connection.commit()
        finally:
            connection.rollback()
            done = roles.apply(connection)
        assert done == [found]
        assert roles.steps(connection) == []


def test_the_command_says_what_it_would_do_and_does_it_when_told_to(store_url: str) -> None:
    sound = by_command(store_url, "roles")
    assert (sound.returncode, sound.stderr) == (0, "")
    assert sound.stdout.endswith(": no faults of its roles\n")
    with psycopg.connect(store_url) as connection:
        connection.execute(f"GRANT SELECT ON daily_runs.answer TO {roles.READER}".encode())
    told = by_command(store_url, "roles")
    assert (told.returncode, told.stderr) == (1, "")
    assert f"REVOKE SELECT ON TABLE daily_runs.answer FROM {roles.READER};" in told.stdout
    assert told.stdout.endswith(": 1 fault of its roles\n")
    done = by_command(store_url, "roles", "--apply")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"-- done: {roles.READER} has SELECT on daily_runs.answer" in done.stdout
    assert by_command(store_url, "roles").stdout == sound.stdout


def test_a_login_that_may_not_mend_is_told_so_in_one_line(store_url: str, logged_in: dict[str, str]) -> None:
    with psycopg.connect(store_url) as connection:
        connection.execute(f"REVOKE SELECT ON contract.runs_v1 FROM {roles.READER}".encode())
    refused = by_command(logged_in["writer"], "roles", "--apply")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "may not mend its roles" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert by_command(store_url, "roles", "--apply").returncode == 0


def test_what_the_command_prints_makes_the_roles_of_a_fresh_server(
    bare_server: str, postgres: EmbeddedPostgres
) -> None:
    """A migration makes none: it grants to those that are there."""
    admin = postgres.url(bare_server.rpartition("/")[2])
    assert by_command(bare_server, "migrate").returncode == 0
    told = by_command(admin, "roles")
    assert told.returncode == 1
    assert all(f"CREATE ROLE {name};" in told.stdout for name in NAMES.values())
    with psycopg.connect(admin, autocommit=True) as administrator:
        administrator.execute(told.stdout.encode())
    assert by_command(admin, "roles").returncode == 0
    with psycopg.connect(bare_server) as connection:
        connection.execute("SELECT * FROM daily_runs.answer")  # whose it was before


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
        assert store.rows("SELECT run_key FROM daily_runs.run WHERE run_key = 'none'") == []
    with pytest.raises(AccessError, match=rf"may not be read .*GRANT {roles.WRITER} TO"):
        database.Store(logged_in["reader"]).open()


def test_a_table_of_a_later_migration_is_granted_by_the_next_migrate(store_url: str) -> None:
    with psycopg.connect(store_url) as connection:
        connection.execute("CREATE TABLE daily_runs.later ()")
    with database.connect(store_url) as connection:
        assert {step.kind for step in roles.steps(connection)} == {roles.GRANT}
    database.migrate(store_url)
    with database.connect(store_url) as connection:
        assert roles.steps(connection) == []
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


def by_command(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "daily_runs.cli", "store", *words]
    variables = {**os.environ, "DAILY_RUNS_STORE": url}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_a_login_that_may_not_make_roles_migrates_and_is_told_the_line_for_an_administrator(
    bare_server: str, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = by_command(bare_server, "migrate")
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
    again = by_command(bare_server, "migrate")
    assert (again.returncode, again.stderr) == (0, ""), by_command(bare_server, "roles").stdout
    with database.connect(bare_server) as connection:
        assert roles.steps(connection) == []
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
        assert roles.steps(connection) == []
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

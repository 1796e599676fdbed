"""A store is migrated, or says in one line why it cannot be used."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import NamedTuple

import psycopg
import pytest

from daily_runs.errors import AccessError, DailyRunsError, StoreAwayError
from daily_runs.store import database
from daily_runs.store.embedded import EmbeddedPostgres, free_port


def tables(url: str) -> set[str]:
    with database.connect(url) as connection:
        rows = connection.execute("SELECT schemaname || '.' || tablename AS name FROM pg_tables").fetchall()
    return {row["name"] for row in rows if row["name"].startswith("daily_runs.")}


def test_a_fresh_database_is_brought_to_this_version(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("fresh")
    assert database.migrate(url) == database.newest_revision()
    assert {"daily_runs.attempt", "daily_runs.answer", "daily_runs.published_run"} <= tables(url)
    database.check(url)


def test_migrating_again_changes_nothing(store_url: str) -> None:
    with database.connect(store_url) as connection:
        connection.execute("INSERT INTO daily_runs.run VALUES ('key', 'feature', 'staging', now())")
    before = tables(store_url)
    assert database.migrate(store_url) == database.newest_revision()
    assert tables(store_url) == before
    with database.connect(store_url) as connection:
        assert connection.execute("SELECT count(*) AS n FROM daily_runs.run").fetchone() == {"n": 1}


def test_two_migrations_at_once_wait_for_each_other(postgres: EmbeddedPostgres) -> None:
    environment = {**os.environ, "DAILY_RUNS_STORE": postgres.url("at_once")}
    command = [sys.executable, "-m", "daily_runs.cli", "store", "migrate"]
    both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] == said[1]
    assert said[0].endswith(f"at revision {database.newest_revision()}\n")


class Case(NamedTuple):
    name: str
    url: Callable[[str], str]
    problem: str
    error: type[DailyRunsError] = AccessError


def other_port(url: str) -> str:
    parts = psycopg.conninfo.conninfo_to_dict(url)
    return url.replace(f":{parts['port']}/", f":{free_port()}/")


UNREACHABLE = (
    Case("wrong password", lambda url: url.replace("postgres:", "postgres:not-", 1), "password authentication failed"),
    Case("nobody listens", other_port, "Connection refused", StoreAwayError),
    Case("no such database", lambda url: f"{url}_none", "does not exist"),
    Case("no such user", lambda url: url.replace("//postgres:", "//nobody:"), "password authentication failed"),
)


@pytest.mark.parametrize("case", UNREACHABLE, ids=lambda case: case.name)
@pytest.mark.parametrize("use", [database.check, database.migrate], ids=["check", "migrate"])
def test_a_store_that_cannot_be_reached_is_one_line(
    case: Case, use: Callable[[str], object], store_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    url = case.url(store_url)
    with pytest.raises(case.error, match=case.problem) as caught:
        use(url)
    text = str(caught.value)
    assert text.startswith("store ")
    assert "does not answer" in text
    assert "\n" not in text
    assert str(psycopg.conninfo.conninfo_to_dict(url)["password"]) not in text
    assert capfd.readouterr() == ("", "")


MALFORMED = {
    "no URL at all": "my pass-word store",
    "an unknown option": "postgresql://user@127.0.0.1/db?passwort=pass-word",
    "a slash in the password": "postgresql://user:pass-word/x@127.0.0.1/db",
    "an at sign in the password": "postgresql://user:x@pass-word@127.0.0.1/db",
    "a broken escape": "postgresql://user:pass-word%zz@127.0.0.1/db",
    "a port that is none": "postgresql://user:x@127.0.0.1:pass-word/db",
}


@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED.keys())
@pytest.mark.parametrize("use", [database.connect, database.Store, database.place_of])
def test_what_is_no_url_is_blamed_on_the_variable_and_shown_in_no_traceback(
    use: Callable[[str], object], url: str
) -> None:
    with pytest.raises(AccessError, match="DAILY_RUNS_STORE: is no Postgres URL") as caught:
        use(url)
    *_, message = traceback.format_exception_only(caught.value)
    assert "pass-word" not in message
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_login_that_is_refused_shows_no_password_in_its_traceback(store_url: str) -> None:
    with pytest.raises(AccessError) as caught:
        database.connect(store_url.replace("postgres:", "postgres:not-", 1))
    assert caught.value.__suppress_context__
    assert "not-" not in str(caught.value)


def test_an_empty_database_was_never_migrated(empty_url: str) -> None:
    with pytest.raises(
        AccessError, match=r"was never migrated; this version needs \d+\. Run: daily-runs store migrate"
    ):
        database.Store(empty_url).open()


@pytest.fixture
def of_another_version(postgres: EmbeddedPostgres) -> str:
    url = postgres.url("of_another_version")
    database.migrate(url)
    with database.connect(url) as connection:
        connection.execute("UPDATE daily_runs.alembic_version SET version_num = '9999'")
    return url


def test_a_store_of_another_version_is_not_to_be_migrated_but_left_to_it(of_another_version: str) -> None:
    with pytest.raises(AccessError, match=r"stands at revision 9999; this version needs \d+\. It was made by another"):
        database.check(of_another_version)
    with database.connect(of_another_version) as connection:
        connection.execute("UPDATE daily_runs.alembic_version SET version_num = '9999'")
    with pytest.raises(AccessError, match=r"cannot be migrated \(.*'9999'\)\. Use the version that made it\."):
        database.migrate(of_another_version)


def test_a_login_that_may_not_make_schemas_is_told_so(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("guarded")
    with database.connect(url) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reads'")
    secret = psycopg.conninfo.conninfo_to_dict(url)["password"]
    with pytest.raises(AccessError, match=r"permission denied for database guarded\)\. Give the login CREATE"):
        database.migrate(url.replace(f"postgres:{secret}", "reader:reads"))
    assert tables(url) == set()

"""`daily-runs store reader`: a login that reads the contract, of the local store and of a server."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests import five_questions
from tests.services.store.test_roles import login

from daily_runs.store import database, logins, roles
from daily_runs.store.embedded import EmbeddedPostgres, binaries


def said(**variables: str) -> subprocess.CompletedProcess[str]:
    """The command, with nothing of ours in its environment but what is given; psql is the one of the local stack."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAILY_RUNS", "PG"))}
    kept["PATH"] = f"{binaries()}{os.pathsep}{kept['PATH']}"
    command = [sys.executable, "-m", "daily_runs.cli", "store", "reader"]
    return subprocess.run(command, env={**kept, **variables}, capture_output=True, text=True, check=False)


def typed(line: str, statement: str) -> subprocess.CompletedProcess[str]:
    """A line for psql as a person types it, and one statement."""
    command = [*shlex.split(line), "--no-psqlrc", "-At", "-c", statement]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def local(postgres: EmbeddedPostgres) -> Path:
    """The state folder of a store that runs."""
    database.migrate(postgres.url(database.DATABASE))
    logins.writer_url(postgres, database.DATABASE)
    return postgres.root.parent


def test_the_local_store_gets_a_login_that_reads_the_contract_and_nothing_else(local: Path) -> None:
    first, again = said(DAILY_RUNS_STATE=str(local)), said(DAILY_RUNS_STATE=str(local))
    assert (first.returncode, first.stderr) == (0, "")
    assert again.stdout == first.stdout
    read = typed(first.stdout, "SELECT current_user, count(*) FROM contract.runs_v1")
    assert (read.stdout, read.stderr) == ("analyst|0\n", "")
    for statement in ("SELECT FROM daily_runs.answer", "DELETE FROM contract.runs_v1", "CREATE ROLE mine"):
        assert "permission denied" in typed(first.stdout, statement).stderr


def test_the_password_stands_in_a_file_of_its_owner_and_is_not_printed(local: Path) -> None:
    line = said(DAILY_RUNS_STATE=str(local)).stdout
    file = local / "postgres" / "analyst.pgpass"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = file.read_text().rpartition(":")[2]
    assert len(password) == 48
    assert password not in line


def test_a_local_store_that_does_not_run_is_an_error_of_one_line_with_the_remedy(tmp_path: Path) -> None:
    refused = said(DAILY_RUNS_STATE=str(tmp_path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "does not run" in refused.stderr
    assert "daily-runs up" in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def no_analyst(postgres: EmbeddedPostgres) -> Iterator[None]:
    """A server without that login, before and after."""

    def drop() -> None:
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("DROP ROLE IF EXISTS analyst")

    drop()
    yield
    drop()


@pytest.mark.usefixtures("no_analyst")
def test_what_is_printed_for_a_server_makes_the_login_and_its_line_reads(store_url: str) -> None:
    printed = said(DAILY_RUNS_STORE=store_url)
    assert (printed.returncode, printed.stderr) == (0, "")
    parts = psycopg.conninfo.conninfo_to_dict(store_url)
    assert str(parts["password"]) not in printed.stdout
    with psycopg.connect(store_url) as connection:
        assert connection.execute("SELECT to_regrole('analyst')").fetchone() == (None,)
    asks_for_the_password = "\\password analyst\n"
    assert asks_for_the_password in printed.stdout
    by_hand = printed.stdout.replace(asks_for_the_password, "ALTER ROLE analyst PASSWORD 'told';\n")
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(by_hand.encode())
    line = printed.stdout.splitlines()[-1].partition(" reads with: psql ")[2]
    (address,) = shlex.split(line)
    with psycopg.connect(address, password="told") as reader:
        assert reader.execute("SELECT count(*) FROM contract.runs_v1").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT FROM daily_runs.answer")


def test_the_page_has_the_statements_that_the_command_prints(store_url: str) -> None:
    statements = [line for line in logins.reader_sql(store_url).splitlines() if not line.startswith("--")]
    assert "\n".join(statements) in five_questions.PAGE.read_text(encoding="utf-8")


def test_a_line_for_a_server_keeps_its_hosts_and_how_it_is_trusted_and_no_secret_of_runs() -> None:
    url = "postgresql://runs:secret@a:5432,b:5433/store?sslmode=verify-full&sslrootcert=/ca.pem&sslkey=/key&options=-cx%3D1"
    address = psycopg.conninfo.conninfo_to_dict(shlex.split(logins.reader_sql(url).splitlines()[-1])[-1])
    assert address == {
        "user": "analyst",
        "dbname": "store",
        "host": "a,b",
        "port": "5432,5433",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
    }


def test_a_login_that_is_given_views_by_name_sees_no_reasons_and_is_no_fault_of_the_roles(store_url: str) -> None:
    url = login(store_url)
    name = str(psycopg.conninfo.conninfo_to_dict(url)["user"])
    page = five_questions.PAGE.read_text(encoding="utf-8")
    statements = re.findall(r"GRANT (?:USAGE|SELECT) ON [\w. ]+ TO dashboard;", page)
    assert len(statements) == 2
    with psycopg.connect(store_url) as connection:
        for statement in statements:
            connection.execute(statement.replace("dashboard", name).encode())
    with psycopg.connect(url, autocommit=True) as dashboard:
        dashboard.execute("SELECT * FROM contract.runs_v2")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            dashboard.execute("SELECT * FROM contract.reasons_v1")
    with database.connect(store_url) as connection:
        assert roles.steps(connection) == []

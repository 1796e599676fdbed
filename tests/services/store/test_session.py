"""What a session with the store is, whatever surrounds it, and what becomes of one that cannot be had."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import psycopg
import pytest

from daily_runs.errors import StageError, StoreAwayError
from daily_runs.store import database, exclusive, pool
from daily_runs.store.embedded import EmbeddedPostgres
from daily_runs.store.pool import LastingPool

ASKS_FOR_TLS, ASKS_FOR_GSS = 80_877_103, 80_877_104
OUTAGE_SECONDS, LOOK_SECONDS = 0.4, 0.1


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[str, list[int]]]:
    """A port that answers each connection with this and hangs up; its URL, and how many came."""
    came: list[int] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            came.append(1)
            with connection:
                while int.from_bytes(connection.recv(1024)[4:8], "big") in (ASKS_FOR_TLS, ASKS_FOR_GSS):
                    connection.sendall(b"N")
                connection.sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"postgresql://u:p@127.0.0.1:{listener.getsockname()[1]}/d", came
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def error_response(sqlstate: str, words: str) -> bytes:
    """As a server refuses before any login (protocol 3, ErrorResponse)."""
    fields = b"".join(key + value.encode() + b"\0" for key, value in ((b"S", "FATAL"), (b"C", sqlstate), (b"M", words)))
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"


STARTING = error_response("57P03", "the database system is starting up")


def take_lock(url: str) -> None:
    with exclusive.exclusive(database.Store(url), "shard", 0):
        pass


USES: dict[str, Callable[[str], object]] = {
    "check": database.check,
    "migrate": database.migrate,
    "a run's start": lambda url: database.Store(url).open(),
    "a shard's lock": take_lock,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_server_that_starts_up_is_an_outage_wherever_it_is_met(use: Callable[[str], object]) -> None:
    with answering(STARTING) as (url, came):
        with pytest.raises(StoreAwayError, match="starting up") as caught:
            use(url)
        assert came
    assert "\n" not in str(caught.value)


def test_a_server_that_is_gone_for_good_is_asked_by_many_callers_at_once_as_by_one_and_then_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sixteen threads wait, and one tidies up afterwards: had each a patience of its own, a command would not end."""
    monkeypatch.setattr(pool, "OUTAGE_SECONDS_MAX", OUTAGE_SECONDS)
    monkeypatch.setattr(pool, "LOOK_EVERY_SECONDS", LOOK_SECONDS)
    with answering(STARTING) as (url, came):
        lasting = LastingPool(url, 4)
        lasting._pool.open()
        lasting._pool.close(timeout=LOOK_SECONDS)
        before = len(came)
        given_up: list[int] = []

        def ask() -> None:
            with pytest.raises(StoreAwayError, match=r"away for 0\.4 s"), lasting.connection():
                pass
            given_up.append(len(came))

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        together = len(came) - before
        for _ in range(5):
            ask()
        later = len(came) - before - together
    assert len(given_up) == 21
    assert 1 < together <= OUTAGE_SECONDS / LOOK_SECONDS + 2
    assert later == 5


@pytest.fixture
def crowded(store_url: str) -> Iterator[str]:
    """The store by a login that may open two connections, both of which are taken."""
    name = f"crowded_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(store_url, autocommit=True) as connection:
        words = f"CREATE ROLE {name} LOGIN PASSWORD 'x' CONNECTION LIMIT 2 IN ROLE daily_runs_writer"
        connection.execute(words.encode())
    secret = psycopg.conninfo.conninfo_to_dict(store_url)["password"]
    url = store_url.replace(f"postgres:{secret}", f"{name}:x")
    with ExitStack() as taken:
        for _ in range(2):
            taken.enter_context(psycopg.connect(url))
        yield url


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_store_without_a_connection_left_is_an_outage(use: Callable[[str], object], crowded: str) -> None:
    with pytest.raises(StoreAwayError, match="too many connections for role"):
        use(crowded)


@pytest.mark.parametrize("use", [database.check, database.migrate], ids=["check", "migrate"])
def test_a_lock_that_is_not_got_in_time_is_an_outage_and_no_traceback(
    use: Callable[[str], object], store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SETTINGS", pool.SETTINGS.replace("lock_timeout = '30s'", "lock_timeout = '50ms'"))
    with psycopg.connect(store_url) as holder:
        holder.execute("LOCK daily_runs.alembic_version")
        with pytest.raises(StoreAwayError, match="LockNotAvailable") as caught:
            use(store_url)
    assert "\n" not in str(caught.value)


def test_an_embedded_server_without_a_connection_left_is_one_line(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(error_response("53300", "sorry, too many clients already")) as (url, _):
        monkeypatch.setattr(postgres, "_port", psycopg.conninfo.conninfo_to_dict(url)["port"])
        with pytest.raises(StoreAwayError, match="too many clients") as caught:
            postgres.url("another")
    assert "\n" not in str(caught.value)


def set_for_login(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE postgres IN DATABASE {name} SET TimeZone = 'Asia/Kolkata'".encode())


def set_for_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET TimeZone = 'America/Los_Angeles'".encode())


def set_nothing(url: str, name: str) -> None:
    assert name in url


class Zone(NamedTuple):
    """How a session comes to be in another zone than UTC."""

    name: str
    prepare: Callable[[str, str], None]
    pgtz: str = ""
    options: str = ""


ZONES = (
    Zone("PGTZ", set_nothing, pgtz="America/Los_Angeles"),
    Zone("the login's setting", set_for_login),
    Zone("the database's setting", set_for_database),
    Zone("the URL's options", set_nothing, options="?options=-c%20TimeZone%3DAustralia/Lord_Howe"),
    Zone("all of them", set_for_database, "Pacific/Kiritimati", "?options=-c%20TimeZone%3DAsia/Tehran"),
)
MOMENT = "2026-08-15T20:00:00+00:00"  # in the east it is the next day already


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.name)
def test_every_session_is_in_utc(zone: Zone, postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"zone_{uuid.uuid4().hex[:8]}"
    url = postgres.url(name)
    if zone.pgtz:
        monkeypatch.setenv("PGTZ", zone.pgtz)
    zone.prepare(url, name)
    url += zone.options
    database.migrate(url)
    asked = f"SELECT at, at::date AS day, at::text AS t FROM (VALUES (timestamptz '{MOMENT}')) AS m (at)"
    with database.open_store(url, connections=3) as store:
        rows = [store.row(asked), store.row(asked)]
    with database.connect(url) as connection:
        rows += connection.execute(asked.encode()).fetchall()
    for row in rows:
        assert row["at"].isoformat() == MOMENT
        assert row["at"].utcoffset() == dt.timedelta()
        assert (row["day"], row["t"]) == (dt.date(2026, 8, 15), "2026-08-15 20:00:00+00")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_a_store_that_is_not_utf_8_is_refused_in_one_line(encoding: str, postgres: EmbeddedPostgres) -> None:
    name = f"in_{encoding.lower()}"
    url = postgres.url("postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        words = f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        connection.execute(words.encode())
    variables = {**os.environ, "DAILY_RUNS_STORE": url.rpartition("/")[0] + f"/{name}"}
    command = [sys.executable, "-m", "daily_runs.cli", "store", "migrate"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"is kept in {encoding}" in done.stderr
    assert "ENCODING 'UTF8'" in done.stderr
    with psycopg.connect(variables["DAILY_RUNS_STORE"]) as connection:
        assert connection.execute("SELECT to_regnamespace('daily_runs') IS NULL").fetchone() == (True,)


def test_a_client_encoding_of_the_surroundings_does_not_break_texts(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    text = "Désolé, 申し訳ございません"
    with database.open_store(store_url) as store:
        assert store.row("SELECT %(text)s::text AS text", {"text": text})["text"] == text


def test_the_urls_own_patience_holds(store_url: str) -> None:
    given = psycopg.conninfo.conninfo_to_dict(pool.with_defaults(f"{store_url}?connect_timeout=3"))
    assert (given["connect_timeout"], given["tcp_user_timeout"]) == ("3", "30000")


def test_an_outage_is_a_stage_error_so_that_whoever_catches_these_still_does() -> None:
    assert issubclass(StoreAwayError, StageError)

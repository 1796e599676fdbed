"""One worker at a time on a shard; the lock ends with its holder."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import psycopg
import pytest

from daily_runs.errors import StageError
from daily_runs.store import exclusive as locks
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive

if TYPE_CHECKING:
    from daily_runs.store.embedded import EmbeddedPostgres


HOLDER = """
import sys, time
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive
with exclusive(Store(sys.argv[1]), "inference of attempt x", 0):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 0.3)


def test_parts_are_worked_on_side_by_side(store: Store) -> None:
    with exclusive(store, "a", 0), exclusive(store, "a", 1), exclusive(store, "b", None):
        pass


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, None), (None, 0), (None, None)])
def test_the_same_part_or_the_whole_is_refused_to_a_second_worker(
    store: Store, first: int | None, second: int | None
) -> None:
    refused = pytest.raises(StageError, match="another task works on this now")
    with exclusive(store, "a", first), refused, exclusive(store, "a", second):
        pass


def test_what_is_let_go_can_be_taken_again(store: Store) -> None:
    for _ in range(2):
        with exclusive(store, "a", None):
            pass


def test_a_holder_that_was_killed_holds_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "WAIT_SECONDS", 10.0)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, store.url], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with exclusive(store, "inference of attempt x", 0):
        pass


def by_the_url(url: str) -> str:
    return f"{url}?options=-c%20idle_session_timeout%3D200ms"


def by_the_database(url: str) -> str:
    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET idle_session_timeout = '200ms'".encode())
    return url


def by_the_login(url: str) -> str:
    with psycopg.connect(url) as connection:
        database = connection.info.dbname
        connection.execute(f"ALTER ROLE postgres IN DATABASE {database} SET idle_session_timeout = '200ms'".encode())
    return url


@pytest.mark.parametrize("set_by", [by_the_url, by_the_database, by_the_login], ids=lambda set_by: set_by.__name__)
def test_a_lock_is_held_however_soon_the_server_ends_idle_sessions(
    set_by: Callable[[str], str], postgres: EmbeddedPostgres
) -> None:
    holder = Store(set_by(postgres.url(f"idle_{set_by.__name__}")))
    refused = pytest.raises(StageError, match="another task works on this now")
    with exclusive(holder, "a", 0):
        time.sleep(0.6)
        with refused, exclusive(holder, "a", 0):
            pass

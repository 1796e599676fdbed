"""The store behind a real PgBouncer: one that keeps a session for its client serves, one that does not is refused."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from daily_runs.clock import Clock
from daily_runs.doctor import own
from daily_runs.doctor.finding import Diagnosis, State
from daily_runs.errors import AccessError, StageError
from daily_runs.store import database, exclusive
from tests.proxies.servers import free_ports, program, running

REFUSED = "behind a pooler that gives each transaction another session"


class Pooling(NamedTuple):
    """How a PgBouncer gives out its sessions."""

    mode: str
    size: int
    in_turn: bool = False

    @property
    def word(self) -> str:
        """A name for it."""
        return f"{self.mode} {self.size}{' in turn' if self.in_turn else ''}"


BY_TRANSACTION = [Pooling("transaction", size, turn) for size in (1, 2, 3, 4, 20) for turn in (False, True)]


@contextmanager
def pooled(url: str, pooling: Pooling, folder: Path) -> Iterator[str]:
    """The same database through a PgBouncer of this kind."""
    parts, (port,) = psycopg.conninfo.conninfo_to_dict(url), free_ports(1)
    users = folder / "users.txt"
    users.write_text(f'"{parts["user"]}" "{parts["password"]}"\n')
    configuration = folder / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n{parts['dbname']} = host=127.0.0.1 port={parts['port']} dbname={parts['dbname']}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\n"
        f"auth_file = {users}\npool_mode = {pooling.mode}\ndefault_pool_size = {pooling.size}\n"
        f"server_round_robin = {int(pooling.in_turn)}\n"
    )
    command = [program("pgbouncer"), str(configuration)]
    if os.geteuid() == 0:  # it refuses to run as root
        os.chmod(folder.parent, 0o755)
        os.chmod(folder, 0o755)
        command[1:1] = ["-u", pwd.getpwuid(65534).pw_name]
    with running(command, [port], folder):
        yield f"postgresql://{parts['user']}:{parts['password']}@127.0.0.1:{port}/{parts['dbname']}"


def fill(url: str, count: int) -> None:
    """Have the pooler open so many sessions with the server, by as many transactions at once."""
    with ExitStack() as held:
        for _ in range(count):
            connection = held.enter_context(psycopg.connect(url, prepare_threshold=None))
            connection.execute("SELECT 1")


USES: dict[str, Callable[[str], object]] = {
    "check": database.check,
    "migrate": database.migrate,
    "a run's start": lambda url: database.Store(url).open(),
}


@pytest.mark.parametrize("pooling", BY_TRANSACTION, ids=lambda pooling: pooling.word)
def test_a_pooler_that_changes_sessions_is_refused_however_it_gives_them_out(
    pooling: Pooling, store_url: str, tmp_path: Path
) -> None:
    with pooled(store_url, pooling, tmp_path) as url:
        fill(url, pooling.size)
        for use in USES.values():
            with pytest.raises(AccessError, match=REFUSED) as caught:
                use(url)
            assert "pool_mode = session" in str(caught.value)
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_pooler_that_knows_no_transactions_is_refused(
    use: Callable[[str], object], store_url: str, tmp_path: Path
) -> None:
    refused = pytest.raises(AccessError, match="not allowed in statement pooling mode")
    with pooled(store_url, Pooling("statement", 5), tmp_path) as url, refused as caught:
        use(url)
    assert "\n" not in str(caught.value)


def test_a_pooler_that_keeps_sessions_serves_and_its_locks_keep_others_out(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exclusive, "WAIT_SECONDS", 0.2)
    with pooled(store_url, Pooling("session", 20), tmp_path) as url:
        for use in USES.values():
            use(url)
        with (
            database.open_store(url, 1) as one,
            database.open_store(url, 1) as other,
            exclusive.exclusive(one, "shard", 0),
        ):
            assert one.row("SHOW TimeZone") == {"TimeZone": "UTC"}
            with (
                pytest.raises(StageError, match="another task works on this now"),
                exclusive.exclusive(other, "shard", 0),
            ):
                pass


def diagnosed(url: str, monkeypatch: pytest.MonkeyPatch) -> list[Diagnosis]:
    monkeypatch.setenv("DAILY_RUNS_STORE", url)
    return list(own.store(Clock.now, None))


def test_doctor_and_the_command_say_so_in_one_line(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pooled(store_url, Pooling("transaction", 20), tmp_path) as url:
        found = {one.check: one for one in diagnosed(url, monkeypatch)}
        command = [sys.executable, "-m", "daily_runs.cli", "store", "migrate"]
        done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert found["migrated"].state is State.FAULT
    assert REFUSED in found["migrated"].detail
    assert "pool_mode = session" in found["migrated"].remedy
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert REFUSED in done.stderr

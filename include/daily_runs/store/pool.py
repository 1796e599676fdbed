"""A pool of connections that outlasts its server: when Postgres is away, callers wait, and go on once it is back.

psycopg's own pool reconnects with a backoff that doubles from a second, so after an outage of 20 s it may sleep another
10. Here whoever meets a lost connection closes the whole pool, so that nobody gets another dead one; the first caller
then asks the server every `LOOK_EVERY_SECONDS`, and opens a fresh pool for all.
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolClosed

from daily_runs.errors import AccessError, StageError, StoreAwayError
from daily_runs.store.url import parts_of

CONNECT_TIMEOUT_SECONDS = 10
SHORTEST_TIMEOUT_SECONDS = 2
"""libpq waits no less, whatever it is told."""
CLIENT_OPTIONS = {
    "connect_timeout": CONNECT_TIMEOUT_SECONDS,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Of libpq, where the URL says nothing: a server that is cut off without a word counts as lost after half a minute.
By itself TCP would wait for a quarter of an hour, or for ever."""
OUTAGE_SECONDS_MAX = 120.0
"""Wall clock. A crashed server is back within seconds, a failed-over one within two minutes; after that Airflow's own
retry of the task is the better way to wait. All callers of a process share it."""
LOOK_EVERY_SECONDS = 0.2
REPLAYS_MAX = 5
"""How many connections in a row one piece of work may lose: a statement that kills the server is not run for ever."""
CLOSE_SECONDS = 0.1
"""How long each thread of a lost pool may take to end; one that still tries to connect ends by itself."""
LOST_STATES = ("57P01", "57P02", "57P03", "08")
"""SQLSTATEs, or their classes, of a server that stops, crashed, or still starts, and of a broken connection."""

SETTINGS = (
    "SET TIME ZONE 'UTC'; SET client_encoding = 'UTF8';"
    " SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '30s';"
    " SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    " SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)
"""Of each connection. Its times are UTC, whatever PGTZ, the login, the database and the server say: a session's own SET
counts for more than all of these. A worker that is frozen or cut off holds no row for longer, and its locks end with
it. A session that is idle is never ended for it (Postgres 14 and later could): a stage's lock is one."""

Row = dict[str, Any]
Connection = psycopg.Connection[Row]
T = TypeVar("T")


def with_defaults(url: str, **options: int) -> str:
    """What libpq connects by: these options, else the URL's, else `CLIENT_OPTIONS`.

    Raises:
        AccessError: the URL is none.
    """
    return make_conninfo("", **{**CLIENT_OPTIONS, **parts_of(url), **options})


def configure(connection: Connection) -> None:
    """Give a new connection its `SETTINGS`."""
    connection.execute(SETTINGS.encode())
    connection.commit()


class ConnectionLostError(psycopg.OperationalError):
    """The server went away within a transaction; if that was at its commit, nobody knows whether it was kept."""


class LastingPool:
    """Connections to one Postgres, for many threads.

    Args:
        url: `postgresql://user:password@host:port/database`.
        connections: how many the pool may open.

    Raises:
        AccessError: the URL is none.
    """

    def __init__(self, url: str, connections: int) -> None:
        self._url, self._connections = url, connections
        self._pool = self._new_pool()
        self._mending = threading.Lock()
        self._ended = False
        self._stopped_by = ""
        self._away_since: float | None = None
        self._gave_up_at = -math.inf
        self._returning: list[Callable[[], None]] = []

    def open(self) -> None:
        """Start connecting."""
        self._pool.open()

    def close(self) -> None:
        """Close every connection."""
        self._ended = True
        self._pool.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A live connection inside one transaction: committed at the end, rolled back on an error.

        A server that is away is waited for before the transaction begins, not within it.

        Raises:
            ConnectionLostError: the server went away meanwhile.
            StageError: it stays away.
            psycopg.Error: what else Postgres refuses.
        """
        pool, connection = self._alive()
        try:
            with connection:
                yield connection
        except psycopg.Error as error:
            if _is_lost(error, connection):
                pool.close(timeout=CLOSE_SECONDS)
                raise ConnectionLostError(str(type(error))) from error
            raise
        finally:
            pool.putconn(connection)

    def run(self, work: Callable[[Connection], T]) -> T:
        """Do some work in one transaction, again from its start when the server goes away within it or ends a deadlock.

        Raises:
            StageError: the server stays away.
            psycopg.Error: what Postgres refuses; `ConnectionLostError` when it went away again and again.
        """
        for _ in range(REPLAYS_MAX - 1):
            with suppress(ConnectionLostError, psycopg.errors.DeadlockDetected), self.connection() as connection:
                return work(connection)
        with self.connection() as connection:
            return work(connection)

    @contextmanager
    def when_back(self, act: Callable[[], None]) -> Iterator[None]:
        """After an outage, have this done before anybody goes on; a `StageError` of it stops everybody for good."""
        self._returning.append(act)
        try:
            yield
        finally:
            self._returning.remove(act)

    def _new_pool(self) -> ConnectionPool[Connection]:
        return ConnectionPool(
            with_defaults(self._url),
            min_size=1,
            max_size=self._connections,
            kwargs={"row_factory": dict_row},
            connection_class=psycopg.Connection[Row],
            configure=configure,
            open=False,
        )

    def _alive(self) -> tuple[ConnectionPool[Connection], Connection]:
        """A connection that the server has not hung up, and the pool it goes back to."""
        while True:
            pool = self._pool
            try:
                connection = pool.getconn()
            except PoolClosed:
                if self._ended or not pool.closed:  # closed for good, or never opened
                    raise
            else:
                if not _hung_up(connection):
                    return pool, connection
                pool.close(timeout=CLOSE_SECONDS)
                pool.putconn(connection)
            self._replace(pool)

    def _replace(self, lost: ConnectionPool[Connection]) -> None:
        """Wait for the server and open a fresh pool, unless another thread has done so for this lost one.

        Raises:
            StoreAwayError: it stays away. A thread that waited for another one's last question takes its answer; one
            that comes later asks once, so that a command with many threads and some tidying up still ends in time.
        """
        came = time.monotonic()
        with self._mending:
            if self._pool is not lost or self._ended:
                return
            if self._stopped_by:
                raise StageError(self._stopped_by)
            if self._away_since is None:
                self._away_since = came
            if came < self._gave_up_at:
                raise StoreAwayError(_gone())
            self._wait(self._away_since + OUTAGE_SECONDS_MAX)
            self._away_since = None
            fresh = self._new_pool()
            fresh.open()
            self._pool = fresh

    def _wait(self, deadline: float) -> None:
        while not self._is_back(deadline):
            if time.monotonic() > deadline:
                self._gave_up_at = time.monotonic()
                raise StoreAwayError(_gone())
            time.sleep(LOOK_EVERY_SECONDS)

    def _is_back(self, deadline: float) -> bool:
        left = min(CONNECT_TIMEOUT_SECONDS, int(deadline - time.monotonic()))
        with suppress(psycopg.OperationalError, AccessError, StoreAwayError):
            conninfo = with_defaults(self._url, connect_timeout=max(SHORTEST_TIMEOUT_SECONDS, left))
            psycopg.connect(conninfo).close()
            self._act()
            return True
        return False

    def _act(self) -> None:
        try:
            for act in self._returning:
                act()
        except StoreAwayError:
            raise  # it went away again
        except StageError as error:
            self._stopped_by = str(error)
            raise


def _gone() -> str:
    return (
        f"store: away for {OUTAGE_SECONDS_MAX:g} s. What was stored is kept; clear this task to go on when the server"
        " is back."
    )


def _is_lost(error: psycopg.Error, connection: Connection) -> bool:
    return connection.closed or (error.sqlstate or "").startswith(LOST_STATES)


def _hung_up(connection: Connection) -> bool:
    """Whether the server closed an idle connection, told without a round trip: then there is something to read."""
    poll = select.poll()
    with suppress(psycopg.Error):
        poll.register(connection.fileno(), select.POLLIN)
        if poll.poll(0):  # or a notice, so ask
            ConnectionPool.check_connection(connection)
        return False
    return True

"""One worker at a time: a stage's shard is worked on by one task, however many believe that it is theirs.

A task that Airflow gave up may still live while its retry starts; two people may start one run. The lock is a session's
advisory lock in Postgres, so it ends with its holder, `kill -9` included.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from daily_runs.errors import StageError
from daily_runs.store.database import Connection, Store, connect

WAIT_SECONDS = 10.0
"""Wall clock. A holder that was killed is gone within milliseconds; one that works on is not waited for."""
LOOK_EVERY_SECONDS = 0.2


@contextmanager
def exclusive(store: Store, whole: str, part: int | None) -> Iterator[None]:
    """Hold all of `whole` (part None), or one part of it beside other parts.

    Raises:
        StageError: another worker holds it.
    """
    with connect(store.url) as connection:
        connection.autocommit = True
        _take(connection, whole, shared=part is not None)
        if part is not None:
            _take(connection, f"{whole}/{part}", shared=False)
        yield


def _take(connection: Connection, name: str, *, shared: bool) -> None:
    function = "pg_try_advisory_lock_shared" if shared else "pg_try_advisory_lock"
    deadline = time.monotonic() + WAIT_SECONDS
    query = f"SELECT {function}(hashtextextended(%s, 1)) AS taken".encode()
    while not (connection.execute(query, [name]).fetchone() or {}).get("taken"):
        if time.monotonic() > deadline:
            raise StageError(f"{name}: another task works on this now. It goes on there; nothing was done here.")
        time.sleep(LOOK_EVERY_SECONDS)

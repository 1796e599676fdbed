"""Rows of checks of an environment, and who may check it now: one process at a time. Postgres' clock decides.

The lock is a session's advisory lock: it ends with its holder, `kill -9` included.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, NamedTuple

import psycopg

from daily_runs.errors import StageError
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store.database import Store, connect
from daily_runs.store.pool import Connection
from daily_runs.store.text import storable

ASK_EVERY_SECONDS = 0.2
_KEPT_ALIVE = b"SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3"
"""The lock of a machine that vanished ends within a minute, not after the hours that a kernel waits."""
KEEP_DAYS = 30
"""When a check ends, checks that are older than this are forgotten."""


class AspectVerdict(NamedTuple):
    """What is known of one aspect of an environment's readiness for a feature.

    `reason` is for people: what is so, or what is in the way; `owner` can lift it. `details` are plain figures.
    """

    aspect: ReadinessAspect
    state: ReadinessState
    reason: str
    owner: str
    details: Mapping[str, Any]


class EndedCheck(NamedTuple):
    """A check that ended. `error`: why nothing, or not everything, could be looked at (None: it could be)."""

    check_id: int
    ended_at: dt.datetime
    age_seconds: float
    calls: int
    error: str | None


@contextmanager
def sole_checker(store: Store, environment: str, wait_seconds: float) -> Iterator[bool]:
    """Be the one that checks an environment; False when another process still did after `wait_seconds` (wall clock).

    Raises:
        AccessError: the store is away.
        StageError: it went away meanwhile.
    """
    with closing(connect(store.url)) as connection:
        connection.autocommit = True
        yield _taken(connection, f"look at {environment}", time.monotonic() + wait_seconds)


def _taken(connection: Connection, name: str, deadline: float) -> bool:
    query = b"SELECT pg_try_advisory_lock(hashtextextended(%s, 1)) AS taken"
    try:
        connection.execute(_KEPT_ALIVE)
        while not (connection.execute(query, [name]).fetchone() or {}).get("taken"):
            if time.monotonic() > deadline:
                return False
            time.sleep(ASK_EVERY_SECONDS)
    except psycopg.OperationalError as error:
        raise StageError(f"{name}: the store went away ({type(error).__name__}). Nothing was done.") from None
    return True


def begin(store: Store, environment: str) -> int:
    """Store that a check begins; returns its id. A check whose process dies never ends, and counts for nothing."""
    query = "INSERT INTO daily_runs.look (environment) VALUES (%(environment)s) RETURNING look_id"
    return int(store.row(query, {"environment": environment})["look_id"])


def end(
    store: Store, check_id: int, calls: int, error: str | None, found: Mapping[str, Sequence[AspectVerdict]]
) -> None:
    """Store what a check found, by feature, and that it ended.

    Args:
        calls: requests that it sent.
        error: why it could not look at all, or not to the end; what it did not see is `unknown` then.
    """

    def write(connection: Connection) -> None:
        connection.cursor().executemany(
            """
            INSERT INTO daily_runs.readiness (look_id, feature, aspect, state, reason, owner, details)
            VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
            """,
            [
                (check_id, feature, v.aspect, v.state, storable(v.reason), v.owner, json.dumps(dict(v.details)))
                for feature, verdicts in found.items()
                for v in verdicts
            ],
        )
        connection.execute(
            b"DELETE FROM daily_runs.look WHERE begun_at < now() - make_interval(days => %s)", [KEEP_DAYS]
        )
        connection.execute(
            b"UPDATE daily_runs.look SET ended_at = clock_timestamp(), calls = %s, error = %s WHERE look_id = %s",
            [calls, error and storable(error), check_id],
        )

    store.retrying(write)


def newest(store: Store, environment: str) -> EndedCheck | None:
    """The newest check of an environment that ended, with its age by the store's clock."""
    rows = store.rows(
        """
        SELECT look_id AS check_id, ended_at, calls, error,
               extract(epoch FROM clock_timestamp() - ended_at)::float8 AS age_seconds
        FROM daily_runs.look WHERE environment = %(environment)s AND ended_at IS NOT NULL
        ORDER BY look_id DESC LIMIT 1
        """,
        {"environment": environment},
    )
    return EndedCheck(**rows[0]) if rows else None


def verdicts(store: Store, check_id: int, feature: str) -> tuple[AspectVerdict, ...]:
    """What a check found of a feature: seeds and limits; nothing when it was not for that feature."""
    rows = store.rows(
        """
        SELECT aspect, state, reason, owner, details FROM daily_runs.readiness
        WHERE look_id = %(check_id)s AND feature = %(feature)s ORDER BY aspect DESC
        """,
        {"check_id": check_id, "feature": feature},
    )
    return tuple(
        AspectVerdict(ReadinessAspect(r["aspect"]), ReadinessState(r["state"]), r["reason"], r["owner"], r["details"])
        for r in rows
    )

"""A pooler that gives a client another server session for each transaction: found by asking, and refused.

Behind PgBouncer's `pool_mode = transaction` a session's advisory lock, which keeps a shard to one worker, stays with
whichever server session took it: two workers hold one shard, and prompts are paid twice. Nothing fails, so nobody
would notice (https://www.pgbouncer.org/features.html, "SQL feature map for pooling modes").
"""

from __future__ import annotations

from contextlib import ExitStack, closing

from daily_runs.errors import AccessError
from daily_runs.store.pool import Connection
from daily_runs.store.session import connect, in_our_terms, place_of

SESSIONS = 4
"""How many sessions are compared behind a pooler. Two of up to three poolers behind one address then share one."""


def must_keep_sessions(url: str, connection: Connection) -> None:
    """See that a client keeps its server session from one transaction to the next; costs one question without a pooler.

    Args:
        connection: an open one of that URL.

    Raises:
        AccessError: a pooler in between gives out a session a transaction.
        StoreAwayError: the server has no room for `SESSIONS` sessions now.
    """
    if _server_process(connection) == connection.info.backend_pid:
        return  # the process that greeted us is the one that answers: a pooler greets by a number of its own
    with ExitStack() as opened:
        sessions = [connection]
        sessions += [opened.enter_context(closing(connect(url))) for _ in range(SESSIONS - 1)]
        first = [_server_process(session) for session in sessions]
        # Backwards: a pooler that hands out as many sessions in turn would come round to the same ones.
        again = [_server_process(session) for session in reversed(sessions)][::-1]
    if len(set(first)) < len(first) or first != again:
        problem = "stands behind a pooler that gives each transaction another session, so two workers could hold a lock"
        remedy = "Go to the server itself, or through a pooler with pool_mode = session."
        raise AccessError(place_of(url), problem, remedy)


def _server_process(connection: Connection) -> int:
    """Which process of the server answers in a transaction of its own."""
    with in_our_terms():
        row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
        connection.commit()
    assert row is not None
    return int(row["pid"])

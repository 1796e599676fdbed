"""Whether a store that cannot be reached comes back by itself, as far as its words tell."""

from __future__ import annotations

from typing import NamedTuple

import psycopg
import pytest

from daily_runs.errors import AccessError, DailyRunsError, StoreAwayError
from daily_runs.store import session


class Said(NamedTuple):
    """What libpq, Postgres or PgBouncer say where a connection cannot be had, and whether that passes."""

    words: str
    passes: bool


AT = 'connection failed: connection to server at "10.0.0.7", port 5432 failed: '
SAID = (
    Said(f"{AT}Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?", True),
    Said("connection timeout expired", True),
    Said(f"{AT}No route to host", True),
    Said(f"{AT}server closed the connection unexpectedly", True),
    Said(f"{AT}SSL SYSCALL error: EOF detected", True),
    Said(f"{AT}SSL error: unexpected eof while reading", True),
    Said(f"{AT}FATAL:  the database system is starting up", True),
    Said(f"{AT}FATAL:  the database system is shutting down", True),
    Said(f"{AT}FATAL:  the database system is in recovery mode", True),
    Said(f"{AT}FATAL:  sorry, too many clients already", True),
    Said(f'{AT}FATAL:  too many connections for role "runs"', True),
    Said(f"{AT}FATAL:  remaining connection slots are reserved for roles with the SUPERUSER attribute", True),
    Said(f"{AT}FATAL:  no more connections allowed (max_client_conn)", True),
    Said(f"{AT}FATAL:  query_wait_timeout", True),
    Said(f"{AT}session is read-only", True),
    Said('could not translate host name "db" to address: Temporary failure in name resolution', True),
    Said(f"{AT}FATAL:  das Datenbanksystem startet", True),
    Said(f'{AT}FATAL:  password authentication failed for user "runs"', False),
    Said(f"{AT}fe_sendauth: no password supplied", False),
    Said(f'{AT}FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "runs", database "d", no encryption', False),
    Said(f'{AT}FATAL:  database "dairy_runs" does not exist', False),
    Said(f'{AT}FATAL:  role "nobody" does not exist', False),
    Said(f'{AT}FATAL:  role "daily_runs_writer" is not permitted to log in', False),
    Said(f'{AT}FATAL:  permission denied for database "d"', False),
    Said(f"{AT}server does not support SSL, but SSL was required", False),
    Said(f"{AT}SSL error: certificate verify failed", False),
    Said(f'{AT}server certificate for "db" does not match host name "10.0.0.7"', False),
    Said(f'{AT}root certificate file "/etc/ca.pem" does not exist', False),
    Said('invalid sslmode value: "verify-ful"', False),
    Said(f"{AT}FATAL:  no such database: d", False),
    Said("transaction blocks not allowed in statement pooling mode", False),
)


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.words.removeprefix(AT)[:40])
def test_what_passes_is_told_from_what_somebody_must_mend(said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError(said.words)

    monkeypatch.setattr(psycopg.Connection, "connect", refuse)
    with pytest.raises(DailyRunsError) as caught:
        session.connect("postgresql://u:hidden@db/d")
    assert type(caught.value) is (StoreAwayError if said.passes else AccessError)
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)

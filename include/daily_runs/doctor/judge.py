"""The judge and the accounts: key, model, clock, and the limits that free calls show. Never `/v1/messages`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import anthropic

from daily_runs import connections
from daily_runs.catalogue import Account, Catalogue
from daily_runs.connections import Connection
from daily_runs.doctor.finding import Asked, Finding, Now, Subject, date_in
from daily_runs.errors import AccessError
from daily_runs.judging.judge import attribute

JUDGE = Subject("judge")
TIMEOUT_SECONDS = 15.0
_KEY_REFUSED = {"unauthorized", "forbidden"}
_LATER = ("model", "clock")
_CONSOLE = "Read its rates in the vendor's console and set verified: true with them in accounts.yaml."
_TOKENS = ("input-tokens", "output-tokens")
_DIMENSIONS = ("requests", *_TOKENS)


class _UnknownModelError(Exception):
    """The server lists models, and the judge's is not among them; holds what it lists."""


def judge(catalogue: Catalogue, now: Now, *, sandbox: bool) -> Iterator[Finding]:
    """The judge, then each account's limits.

    Args:
        sandbox: whether the sandbox answers; it knows every account's key, and its limits are the catalogue's.
    """
    headers: Mapping[str, str] = {}
    settings = catalogue.judge
    try:
        connection = _connection(catalogue, settings.account, sandbox=sandbox)
    except AccessError as error:
        yield JUDGE.refused("connection", error)
        for check in ("answers", *_LATER):
            yield JUDGE.not_checked(check, "the connection is not usable")
    else:
        yield JUDGE.ok("connection", f"{connection.address}, key of account {settings.account}")
        headers = yield from _look(catalogue, connection, now)
    for name, account in catalogue.accounts.items():
        if name != settings.account:
            headers = _headers_of(catalogue, name) if sandbox else {}
        yield _limits(name, account, headers, sandbox=sandbox)


def _connection(catalogue: Catalogue, account: str, *, sandbox: bool) -> Connection:
    settings = catalogue.judge
    return connections.find(settings.connection, default_address=settings.address, users=[account], sandbox=sandbox)

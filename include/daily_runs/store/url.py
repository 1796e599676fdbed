"""The store's URL from its parts, libpq's own options included (TLS, failover, timeouts)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlencode

from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

from daily_runs.errors import AccessError

STORE_VARIABLE = "DAILY_RUNS_STORE"

OPTIONS = {option.keyword.decode(): option.dispchar for option in pq.Conninfo.get_defaults()}
"""Every option that this machine's libpq takes, with a mark where its value is a secret.

Source: https://www.postgresql.org/docs/current/libpq-connect.html, 32.1.2."""
SECRET_OPTIONS = frozenset(name for name, mark in OPTIONS.items() if mark)
_IN_FIELDS = frozenset({"host", "port", "user", "password", "dbname", "replication"})
"""Options that have a field of their own, or that would make a session which takes no queries."""

_TORN = re.compile(r"postgres(ql)?://[^/?]*/[^?]*@")
"""A URL whose login was torn apart: libpq ends host and port at the first slash, so a password that holds one stands
partly in the database's name, with the `@` behind it. A name that really holds an `@` has it encoded."""


class StoreAddress(NamedTuple):
    """Where a store is and who asks; an empty part is libpq's default. `host` may list several, for a failover."""

    host: str
    port: int | None
    login: str
    password: str
    database: str


def url_of(address: StoreAddress, options: Mapping[str, object], place: str) -> str:
    """The URL that libpq takes.

    Args:
        options: libpq's, by its names: `sslmode`, `sslrootcert`, `target_session_attrs`, …
        place: where they were found, for the error's text.

    Raises:
        AccessError: an option that libpq does not have or that has a field of its own, or a value that is no text or
            number.
    """
    unknown = sorted(set(options) - (OPTIONS.keys() - _IN_FIELDS))
    if unknown:
        problem = f"has options that the store cannot take: {', '.join(map(repr, unknown))}"
        remedy = (
            "Use libpq's names, such as sslmode; host, port, login, password and database have fields of their own."
        )
        raise AccessError(place, problem, remedy)
    odd = sorted(name for name, value in options.items() if isinstance(value, bool) or not isinstance(value, str | int))
    if odd:
        raise AccessError(place, f"has no text or number for {', '.join(odd)}", "Give each option as libpq takes it.")
    login = f"{quote(address.login, safe='')}:{quote(address.password, safe='')}@" if address.login else ""
    port = f":{address.port}" if address.port else ""
    hosts = ",".join(f"{_in_url(host)}{port}" for host in address.host.split(","))
    query = f"?{urlencode(options, quote_via=quote)}" if options else ""
    return f"postgresql://{login}{hosts}/{quote(address.database, safe='')}{query}"


def parts_of(url: str) -> dict[str, str | int]:
    """What libpq reads in a store's URL, by libpq's names.

    Raises:
        AccessError: libpq cannot read it, or a part of the password stands where host, port and database should be.
            The text never quotes the URL, which may hold a password.
    """
    parts = _as_libpq_reads(url)  # apart, so that the error below carries none of libpq's, which quotes the URL
    if parts is None or _TORN.match(url) or not _is_place(parts):
        remedy = "Give postgresql://user:password@host/db, with a password's special characters percent-encoded."
        raise AccessError(STORE_VARIABLE, "is no Postgres URL", remedy)
    return parts


def _is_place(parts: Mapping[str, str | int]) -> bool:
    return "@" not in str(parts.get("host", "")) and re.fullmatch(r"[\d,]*", str(parts.get("port", ""))) is not None


def _as_libpq_reads(url: str) -> dict[str, str | int] | None:
    """None if libpq cannot read it."""
    try:
        return {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except ProgrammingError:
        return None


def _in_url(host: str) -> str:
    """A host's name, its IPv6 address, or the folder of its socket."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else quote(host, safe="[]:")

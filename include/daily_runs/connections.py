"""Connections from the environment, for everything that runs outside Airflow (docs/operations/connect.md).

The variable is the connection's id in capitals and holds `{"address": "https://…", "keys": {"<user>": "<secret>"}}`;
`address` may be left out where the catalogue has one. No secret is ever shown, not even a broken one.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from daily_runs.errors import AccessError


class Connect(Protocol):
    """Finds a connection: `daily_runs.connections.find`, or the Airflow one of the plugin."""

    def __call__(
        self, connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool
    ) -> Connection: ...


PROMPT_HEADER = "X-Daily-Runs-Prompt"
"""Names the prompt on a paid call, so that what was sent can be counted; a real server ignores it."""

_FIELDS = ("address", "keys")
_SHAPE = 'Set it to {"address": "https://…", "keys": {"<user>": "<secret>"}}.'


@dataclass(frozen=True)
class Connection:
    """An address (no slash at its end) and a key per user or account."""

    address: str
    keys: Mapping[str, str] = field(repr=False)


def find(
    connection_id: str,
    *,
    default_address: str,
    users: Sequence[str],
    sandbox: bool,
    environ: Mapping[str, str] = os.environ,
) -> Connection:
    """The connection of that id, with a key for each of `users`.

    Args:
        default_address: the catalogue's address, used where the connection names none.
        users: evaluation users of a GitLab, or accounts of Anthropic.
        sandbox: whether the sandbox stands at the other end; it knows its users without any setting.
        environ: where to look.

    Raises:
        AccessError: not set (and no sandbox), or not in the form above; the first fault found.
    """
    name = connection_id.upper()
    text = environ.get(name, "")
    if text.strip():
        return parse(text, f"environment variable {name}", default_address=default_address, users=users)
    if sandbox:
        return Connection(_checked_address(default_address, "the catalogue"), {u: f"sandbox-{u}" for u in users})
    raise AccessError(f"environment variable {name}", "is not set", _SHAPE)


def parse(text: str, place: str, *, default_address: str, users: Sequence[str]) -> Connection:
    """Read a connection from its JSON.

    Args:
        place: where it was found, for the error's text.

    Raises:
        AccessError: see `find`.
    """
    value = _object(text, place)
    keys = value.get("keys")
    if not isinstance(keys, dict):
        raise AccessError(place, "has no object 'keys'", _SHAPE)
    missing = [user for user in users if user not in keys]
    if missing:
        raise AccessError(place, f"has no key for {', '.join(missing)}", "Add them under 'keys'.")
    for user in users:
        _check_key(user, keys[user], place)
    address = value.get("address", default_address)
    return Connection(_checked_address(address, place), {user: keys[user] for user in users})


def _object(text: str, place: str) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
        # The decoder's own message is not passed on as a cause: it holds the whole text, secrets included.
    if not isinstance(value, dict):
        raise AccessError(place, "is not a JSON object", _SHAPE)
    unknown = sorted(set(value) - set(_FIELDS))
    if unknown:
        raise AccessError(place, f"has unknown fields {', '.join(map(repr, unknown))}", _SHAPE)
    return value


def _check_key(user: str, key: object, place: str) -> None:
    """A key goes into a header: a line break (keys from files end in one) would break it and show up in an error."""
    if not isinstance(key, str) or not re.fullmatch(r"[!-~]+", key):
        problem = f"the key of {user} is empty, or not plain visible characters without spaces or line breaks"
        raise AccessError(place, problem, "Give the bare key.")


def _checked_address(address: object, place: str) -> str:
    if not isinstance(address, str):
        raise AccessError(place, "has an 'address' that is not a text", _SHAPE)
    parts = _split(address)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        shown = "" if "@" in address else f" {address!r}"
        raise AccessError(place, f"has an address{shown} that is not an http or https URL", _SHAPE)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise AccessError(place, "has an address with a login, a query or a fragment", "Give the bare address.")
    return address.rstrip("/")


def _split(address: str) -> SplitResult | None:
    """The parts of a URL, or None if it has none that can be used."""
    try:
        parts = urlsplit(address)
        port_is_usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if port_is_usable and not re.search(r"\s", address) else None

"""Connections from the environment, for everything that runs outside Airflow (docs/operations/connect.md).

The variable is the connection's id in capitals and holds `{"address": "https://…", "keys": {"<user>": "<secret>"}}`;
`address` may be left out where the catalogue has one. No secret is ever shown, not even a broken one.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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
RUN_HEADER = "X-Daily-Runs-Run"
"""Names the run on every call of a stage, likewise: runs of other dates ask the same prompts."""

SANDBOX_HEADER = "x-daily-runs-sandbox"
"""Every answer of the sandbox bears it, so that nothing of it passes for real."""

_LOOPBACK_NAMES = re.compile(r"(?i)(.*\.)?localhost(\.localdomain)?|ip6-(localhost|loopback)")
"""RFC 6761 §6.3: `localhost` and all below it; the others are names that Linux distributions give it."""
_HOSTS_FILE = Path("/etc/hosts")

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
        AccessError: not set (and no sandbox), not in the form above, or live and on this machine; the first fault
            found.
    """
    name = connection_id.upper()
    text = environ.get(name, "")
    if text.strip():
        place = f"environment variable {name}"
        return parse(text, place, default_address=default_address, users=users, sandbox=sandbox)
    if sandbox:
        address = _checked_address(default_address, "the catalogue", sandbox=True)
        return Connection(address, {u: f"sandbox-{u}" for u in users})
    raise AccessError(f"environment variable {name}", "is not set", _SHAPE)


def parse(text: str, place: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
    """Read a connection from its JSON.

    Args:
        place: where it was found, for the error's text.
        sandbox: whether the sandbox is meant; only it may be on this machine.

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
    return Connection(_checked_address(address, place, sandbox=sandbox), {user: keys[user] for user in users})


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


def is_loopback(address: str) -> bool:
    """Whether an http address names this machine: a loopback or unspecified IP in any notation, or `localhost`.

    Pure; it looks up no name.
    """
    parts = _split(address)
    host = (parts.hostname or "") if parts else ""
    return _is_loopback_host(host.rstrip("."))


def _is_loopback_host(host: str) -> bool:
    if _LOOPBACK_NAMES.fullmatch(host):
        return True
    try:
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        try:
            ip = ipaddress.ip_address(socket.inet_aton(host))  # 127.1, 0x7f000001 and 2130706433 are 127.0.0.1, too
        except (OSError, ValueError):
            return False
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _hosts_file_says_loopback(address: str) -> bool:
    """Whether this machine's own list of names gives a loopback IP; no server is asked."""
    parts = _split(address)
    host = (parts.hostname or "").rstrip(".") if parts else ""
    try:
        lines = _HOSTS_FILE.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    entries = [line.partition("#")[0].split() for line in lines]
    return any(_is_loopback_host(entry[0]) for entry in entries if host in map(str.lower, entry[1:]))


def must_not_be_the_sandbox(headers: Mapping[str, str], who: str) -> None:
    """See that an answer to a live run is real; to be called before anything of it is stored.

    Args:
        headers: the answer's; names in lower case, or a mapping that does not tell cases apart.
        who: whose answer it is, for the error's text.

    Raises:
        AccessError: the answer bears `SANDBOX_HEADER`.
    """
    if SANDBOX_HEADER in headers:
        problem = f"answers with the header {SANDBOX_HEADER}, and its provenance in the catalogue is live"
        raise AccessError(who, problem, "Correct the address, or set provenance: sandbox (overlay sandbox).")


def _checked_address(address: object, place: str, *, sandbox: bool) -> str:
    if not isinstance(address, str):
        raise AccessError(place, "has an 'address' that is not a text", _SHAPE)
    parts = _split(address)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        shown = "" if "@" in address else f" {address!r}"
        raise AccessError(place, f"has an address{shown} that is not an http or https URL", _SHAPE)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise AccessError(place, "has an address with a login, a query or a fragment", "Give the bare address.")
    if not sandbox and (is_loopback(address) or _hosts_file_says_loopback(address)):
        problem = f"has the address {address!r}, which is this machine, and the catalogue's provenance is live"
        raise AccessError(place, problem, "Give the real address, or set provenance: sandbox (overlay sandbox).")
    return address.rstrip("/")


def _split(address: str) -> SplitResult | None:
    """The parts of a URL, or None if it has none that can be used."""
    try:
        parts = urlsplit(address)
        port_is_usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    return parts if port_is_usable and not re.search(r"\s", address) else None

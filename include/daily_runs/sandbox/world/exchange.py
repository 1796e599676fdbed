"""One HTTP request on its way through the GitLab path, and the reply that comes back."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

OK = "ok"
JSON_TYPE = "application/json"


class HopReply(NamedTuple):
    """What a hop answers. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def adding(self, headers: Mapping[str, str]) -> HopReply:
        """The same reply with more headers, as each hop on the way back adds its own."""
        return self._replace(headers={**self.headers, **headers})


class Login(NamedTuple):
    """Who a token belongs to and what it may do."""

    user: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class SandboxExchange:
    """A request, and what the ledger will say of it. `path` is relative to the instance; header names lower case."""

    side: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    operation: str = "other"
    login: Login | None = None
    fault: str | None = None
    outcome: str = OK
    account: str | None = None
    paid: bool = False
    input_tokens: int = 0
    output_tokens: int = 0

    @property
    def key(self) -> str | None:
        """The prompt this request is for, as our client names it; a real GitLab ignores the header."""
        return self.headers.get("x-daily-runs-prompt")

    @property
    def run(self) -> str | None:
        """The run this request is of, named likewise."""
        return self.headers.get("x-daily-runs-run")

    @property
    def user(self) -> str | None:
        """The user's name, if the token is known."""
        return self.login.user if self.login else None


Handler = Callable[[SandboxExchange], Awaitable[HopReply]]


def json_reply(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HopReply:
    """A JSON body."""
    return HopReply(status, {"content-type": JSON_TYPE, **(headers or {})}, json.dumps(data).encode())


def text_reply(status: int, text: str, headers: Mapping[str, str] | None = None, kind: str = "text/plain") -> HopReply:
    """A text or HTML body."""
    return HopReply(status, {"content-type": kind, **(headers or {})}, text.encode())

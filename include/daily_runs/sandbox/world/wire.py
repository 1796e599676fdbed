"""The client's end of the line: from ASGI to an `SandboxExchange` and back, where connections drop and bodies break.

uvicorn gives an application no way to drop a connection, so `DroppableProtocol` hands it the socket's transport.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from daily_runs.sandbox.world.exchange import JSON_TYPE, HopReply, SandboxExchange

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TRANSPORT = "daily_runs.transport"
SANDBOX_HEADER = (b"x-daily-runs-sandbox", b"1")
"""On every answer, so that nobody mistakes a stand-in for the real thing."""


class DroppableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol, with the connection's transport in `scope["extensions"]`."""

    def on_headers_complete(self) -> None:
        """Called by the parser before the application's task runs."""
        super().on_headers_complete()
        self.scope.setdefault("extensions", {})[_TRANSPORT] = {"transport": self.transport}


async def drop(scope: Scope) -> None:
    """Reset the client's connection. Nothing may be sent afterwards.

    Raises:
        ConnectionResetError: served without sockets (in-process), where raising is the only way to answer nothing.
    """
    extension = scope.get("extensions", {}).get(_TRANSPORT)
    if extension is None:
        raise ConnectionResetError("dropped by the scenario")
    extension["transport"].abort()
    # Let the event loop tell the protocol that its connection is lost, else uvicorn answers 500 into the void.
    await asyncio.sleep(0.001)


async def read_body(receive: Receive) -> bytes:
    """The whole request body."""
    chunks = []
    more = True
    while more:
        message = await receive()
        chunks.append(message.get("body", b""))
        more = message.get("more_body", False) and message["type"] == "http.request"
    return b"".join(chunks)


async def respond(send: Send, reply: HopReply, *, cut_short: bool = False) -> None:
    """Send a reply; `cut_short` promises the whole body and closes the connection after half of it."""
    headers = [(name.encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers += [(b"content-length", str(len(reply.body)).encode()), SANDBOX_HEADER]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body[: len(reply.body) // 2] if cut_short else reply.body
    # An application that returns with a body still promised makes uvicorn close the connection.
    await send({"type": "http.response.body", "body": body, "more_body": cut_short})


def exchange_from(scope: Scope, side: str, body: bytes) -> SandboxExchange:
    """Read an ASGI scope mounted at the side's prefix."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return SandboxExchange(side, scope["method"], path, headers, body)


def malformed(reply: HopReply) -> HopReply:
    """A JSON answer of 200 that is no JSON; other replies pass unharmed."""
    if reply.status != 200 or reply.headers.get("content-type") != JSON_TYPE:
        return reply
    return reply._replace(body=reply.body[: len(reply.body) // 2])

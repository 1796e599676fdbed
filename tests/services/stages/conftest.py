"""A server whose every answer a test writes, for what the sandbox does not do."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import pytest


class Request(NamedTuple):
    """What came in; the names of headers are in lower case."""

    method: str
    path: str
    body: bytes
    headers: Mapping[str, str]


Script = Callable[[Request], tuple[int, bytes]]
"""Gives status and body; status 0 hangs up without a word. A body that is HTML is declared so."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Hands each request to the server's script."""

    protocol_version = "HTTP/1.1"
    script: Script

    def do_GET(self) -> None:
        """Answer by the script."""
        length = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, body = type(self).script(Request(self.command, self.path, self.rfile.read(length), headers))
        if status == 0:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("content-type", "text/html" if body.startswith(b"<") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """Say nothing."""


@pytest.fixture
def serve_script() -> Iterator[Callable[[Script], str]]:
    """Serve a script over loopback; returns its address."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(script: Script) -> str:
        handler = type("Scripted", (Handler,), {"script": staticmethod(script)})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()

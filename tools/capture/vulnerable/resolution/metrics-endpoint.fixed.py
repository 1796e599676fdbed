"""Serves the worker's counters to the monitoring agent on the same machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
PORT = 9464
_counters: dict[str, int] = {}
_lock = threading.Lock()


def count(name: str, by: int = 1) -> None:
    """Add to a counter."""
    with _lock:
        _counters[name] = _counters.get(name, 0) + by


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with all counters."""

    def do_GET(self) -> None:
        with _lock:
            body = json.dumps(_counters).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve() -> ThreadingHTTPServer:
    """Start the endpoint in a thread of its own."""
    server = ThreadingHTTPServer((HOST, PORT), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server

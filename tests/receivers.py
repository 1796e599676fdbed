"""Receivers of messages at real addresses of this machine: an incoming webhook and a mail server, and what they got."""

from __future__ import annotations

import email
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """`answers`: the status that it answers with; `texts`: what was posted to it, by path."""

    address: str = ""
    answers: int = 200
    texts: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def a_webhook() -> Iterator[Webhook]:
    """An incoming webhook in Slack's form."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if hook.answers == 200:
                hook.texts.append((self.path, body["text"]))
            self.send_response(hook.answers)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with _served(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook.address = f"http://127.0.0.1:{port}"
        yield hook


@dataclass
class MailServer:
    """`refuses`: it takes no message. `mails`: those that it took, each with the receivers of its envelope."""

    port: int = 0
    refuses: bool = False
    mails: list[tuple[list[str], Message]] = field(default_factory=list)


@contextmanager
def a_mail_server() -> Iterator[MailServer]:
    """As much of SMTP (RFC 5321) as a client without a login needs."""
    server = MailServer()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            receivers: list[str] = []
            self._say(b"220 here")
            while line := self.rfile.readline().strip():
                command = line[:4].upper()
                if command == b"RCPT":
                    receivers.append(line.partition(b"<")[2].partition(b">")[0].decode())
                if command == b"DATA":
                    self._say(b"354 go on")
                    lines = iter(self.rfile.readline, b".\r\n")
                    text = b"".join(one.removeprefix(b".") for one in lines)
                    if not server.refuses:
                        server.mails.append((receivers, email.message_from_bytes(text)))
                if command == b"QUIT":
                    return
                self._say(b"554 no" if command == b"MAIL" and server.refuses else b"250 fine")

        def _say(self, text: bytes) -> None:
            self.wfile.write(text + b"\r\n")

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with _served(Server(("127.0.0.1", 0), Handler)) as port:
        server.port = port
        yield server


@contextmanager
def _served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

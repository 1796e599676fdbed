"""Messages that workers exchange over a TCP socket."""

from __future__ import annotations

import marshal
import socket
import struct

HEADER = struct.Struct("!I")
MAX_MESSAGE_BYTES = 1_000_000


class MessageTooLarge(Exception):
    """The other side announced more than we accept."""


def send_message(connection: socket.socket, message: dict[str, object]) -> None:
    """Send one message, preceded by its length."""
    body = marshal.dumps(message)
    connection.sendall(HEADER.pack(len(body)) + body)


def receive_message(connection: socket.socket) -> dict[str, object]:
    """Wait for one message.

    Raises:
        EOFError: the other side closed the connection.
        MessageTooLarge: it announced more than a megabyte.
    """
    (length,) = HEADER.unpack(_read(connection, HEADER.size))
    if length > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"{length} bytes")
    return marshal.loads(_read(connection, length))


def _read(connection: socket.socket, length: int) -> bytes:
    chunks = b""
    while len(chunks) < length:
        chunk = connection.recv(length - len(chunks))
        if not chunk:
            raise EOFError("the connection was closed in mid-message")
        chunks += chunk
    return chunks

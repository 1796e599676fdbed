"""Attribution of requests that brought no answer, as httpx raises them over real sockets."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops.attribution import Attribution, Certainty
from daily_runs.gitlab.hops.failures import attribution_of_failure
from tests.proxies.servers import backend

PATIENCE_SECONDS = 0.3


def reset(connection: socket.socket) -> None:
    """Closes with RST in place of FIN, once the request is there."""
    connection.recv(65_536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def hang_up(connection: socket.socket) -> None:
    """Closes without an answer."""
    with connection:
        connection.recv(65_536)


def cut_off(connection: socket.socket) -> None:
    """Announces more than it sends."""
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nhalf")


def speak_plainly(connection: socket.socket) -> None:
    """Answers a TLS greeting in plain HTTP."""
    with connection:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


class Failing(NamedTuple):
    """How a server fails, and what is made of it: at an unknown hop, for the wire does not say which one hung up."""

    behave: Callable[[socket.socket], None]
    scheme: str
    kind: str
    blame: Blame
    retryable: bool
    seen: tuple[str, ...]


FAILING = (
    Failing(reset, "http", "dropped_connection", Blame.PROVIDER, True, ("ReadError", "ConnectionResetError")),
    Failing(hang_up, "http", "dropped_connection", Blame.PROVIDER, True, ("RemoteProtocolError",)),
    Failing(cut_off, "http", "dropped_connection", Blame.PROVIDER, True, ("RemoteProtocolError",)),
    Failing(speak_plainly, "https", "tls", Blame.OWN_SYSTEM, False, ("ConnectError", "SSLError WRONG_VERSION_NUMBER")),
    # No certificate was refused: the other side went away, which may pass.
    Failing(hang_up, "https", "connect", Blame.PROVIDER, True, ("ConnectError",)),
    Failing(reset, "https", "connect", Blame.PROVIDER, True, ("ConnectError",)),
)


def asked(address: str, trusted: ssl.SSLContext | bool = True) -> Attribution:
    """What becomes of a request to this address, which trusts a certificate of the test's or the usual ones."""

    async def send() -> None:
        async with httpx.AsyncClient(timeout=PATIENCE_SECONDS, trust_env=False, verify=trusted) as http:
            await http.get(address)  # one segment: a server that closed on an unread rest would send RST

    with pytest.raises(httpx.TransportError) as caught:
        asyncio.run(send())
    return attribution_of_failure(caught.value)


@pytest.mark.parametrize("failing", FAILING, ids=lambda failing: f"{failing.behave.__name__} over {failing.scheme}")
def test_a_server_that_fails_is_shown_and_no_hop_is_named(failing: Failing) -> None:
    with backend(failing.behave) as port:
        found = asked(f"{failing.scheme}://127.0.0.1:{port}/")
    assert (found.hop, found.certainty, found.evidence) == (Hop.UNKNOWN, Certainty.UNKNOWN, ())
    assert (found.kind, found.blame, found.retryable) == (failing.kind, failing.blame, failing.retryable)
    assert set(failing.seen) <= set(found.seen)


def test_a_server_that_never_answers_is_a_timeout() -> None:
    held: list[socket.socket] = []
    with backend(held.append) as port:
        found = asked(f"http://127.0.0.1:{port}/")
    assert held
    held[0].close()
    assert (found.hop, found.kind, found.retryable) == (Hop.UNKNOWN, "timeout", True)
    assert found.seen[0] == "ReadTimeout"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken, but where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_port_where_nobody_listens_refuses_the_connection(closed_port: int) -> None:
    found = asked(f"http://127.0.0.1:{closed_port}/")
    assert (found.hop, found.kind, found.retryable) == (Hop.UNKNOWN, "connect", True)
    assert {"ConnectError", "ConnectionRefusedError"} <= set(found.seen)


def test_a_name_that_is_not_known_is_this_sides_failure_with_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_known(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_known)
    found = asked("http://gitlab.invalid/")
    assert (found.hop, found.kind, found.certainty) == (Hop.CLIENT, "dns", Certainty.CERTAIN)
    assert found.evidence == ("ConnectError", "gaierror EAI_NONAME")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gitlab")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(hours=1))
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(signed.public_bytes(pem) + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    return path


@pytest.fixture
def secret_port(certificate: Path) -> Iterator[int]:
    """A port that speaks TLS and then never answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    held: list[socket.socket] = []
    with backend(lambda connection: held.append(context.wrap_socket(connection, server_side=True))) as port:
        yield port
    for connection in held:
        connection.close()


def test_a_certificate_that_is_not_trusted_is_a_tls_failure(secret_port: int) -> None:
    found = asked(f"https://127.0.0.1:{secret_port}/")
    assert (found.hop, found.kind, found.retryable) == (Hop.UNKNOWN, "tls", False)
    assert "SSLCertVerificationError CERTIFICATE_VERIFY_FAILED" in found.seen


def test_an_answer_that_does_not_come_over_tls_is_a_timeout_and_no_tls_failure(
    certificate: Path, secret_port: int
) -> None:
    found = asked(f"https://127.0.0.1:{secret_port}/", ssl.create_default_context(cafile=str(certificate)))
    assert (found.hop, found.kind, found.blame, found.retryable) == (Hop.UNKNOWN, "timeout", Blame.PROVIDER, True)
    assert found.seen[0] == "ReadTimeout"

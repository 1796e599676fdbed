"""The client on the wire: it follows nobody elsewhere, waits for nobody for ever, reads no body without end."""

from __future__ import annotations

import asyncio
import gzip
import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest

from daily_runs import dataset
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.connections import Connection
from daily_runs.errors import CallError
from daily_runs.judging import judge as client
from daily_runs.judging import rubric_versions
from daily_runs.judging.judge import Judge
from daily_runs.judging.prompt import build
from daily_runs.judging.reply import BODY_BYTES_MAX
from daily_runs.judging.verdict import Verdict

CATALOGUE = catalogue_files.load(overlay="sandbox")
FEATURE = CATALOGUE.features["duo_chat"]
RUBRIC = rubric_versions.current(FEATURE)
PROMPT = build(RUBRIC, dataset.load(folders.dataset_path(FEATURE))[0], "An answer.")
VERDICT = {"reasons": "Fits.", "scores": {criterion.name: 3 for criterion in RUBRIC.criteria}}


@dataclass(frozen=True)
class Sent:
    """What a server is to say; its body in pieces, with a pause before each after the first."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    pause_seconds: float = 0.0


class Host(NamedTuple):
    """A server of a test: where it is, and the paths that it was asked for."""

    address: str
    asked: list[str]


Serve = Callable[[Sent], Host]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers on loopback, each with one answer to everything."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(sent: Sent) -> Host:
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                asked.append(self.path)
                self.send_response(sent.status)
                for name, value in {"content-type": "application/json", **sent.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                for number, piece in enumerate(sent.pieces):
                    time.sleep(sent.pause_seconds if number else 0)
                    try:
                        self.wfile.write(piece)
                        self.wfile.flush()
                    except OSError:  # the client has gone
                        return

            do_GET = do_POST  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
                """Say nothing."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return Host(f"http://127.0.0.1:{server.server_address[1]}", asked)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def body(**changes: Any) -> bytes:
    """A sound message."""
    content = [{"type": "text", "text": json.dumps(VERDICT)}]
    usage = {"input_tokens": 10, "output_tokens": 5}
    whole = {"type": "message", "model": CATALOGUE.judge.model, "content": content, "stop_reason": "end_turn"}
    return json.dumps({**whole, "usage": usage, **changes}).encode()


def ask(host: Host) -> Verdict:
    async def once() -> Verdict:
        connection = Connection(host.address, {CATALOGUE.judge.account: "key"})
        async with Judge(CATALOGUE.judge, connection, Clock(60)) as judge:
            return await judge.judge(PROMPT, RUBRIC, "a#1")

    return asyncio.run(once())


def refused(host: Host) -> CallError:
    with pytest.raises(CallError) as caught:
        ask(host)
    return caught.value


def test_a_sound_answer_is_read_also_where_it_is_compressed(serve: Serve) -> None:
    assert ask(serve(Sent(pieces=(body(),)))).points == VERDICT["scores"]
    compressed = Sent(headers={"content-encoding": "gzip"}, pieces=(gzip.compress(body()),))
    assert ask(serve(compressed)).points == VERDICT["scores"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_so_nobody_else_gets_the_answer_or_gives_a_verdict(
    serve: Serve, status: int
) -> None:
    elsewhere = serve(Sent(pieces=(body(),)))
    error = refused(serve(Sent(status, {"location": f"{elsewhere.address}/v1/messages"})))
    assert (error.kind, error.retryable) == ("redirected", False)
    assert elsewhere.asked == []


def test_a_redirect_on_the_same_host_is_not_followed_either(serve: Serve) -> None:
    host = serve(Sent(308, {"location": "/v1/messages"}))
    assert refused(host).kind == "redirected"
    assert host.asked == ["/v1/messages"]


def test_a_body_that_is_too_long_is_not_read_to_its_end(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "BODY_BYTES_MAX", 100_000)
    for status in (200, 400, 500):
        error = refused(serve(Sent(status, pieces=(b" " * 60_000,) * 40)))
        assert (error.kind, error.retryable) == ("malformed_body", True)
        assert error.evidence == f"status {status}, over 100,000 bytes"


def test_a_small_body_that_unpacks_to_a_long_one_is_not_unpacked_to_its_end(serve: Serve) -> None:
    bomb = gzip.compress(b" " * (BODY_BYTES_MAX * 8))
    assert len(bomb) < BODY_BYTES_MAX / 10
    assert refused(serve(Sent(headers={"content-encoding": "gzip"}, pieces=(bomb,)))).kind == "malformed_body"


def test_an_answer_that_trickles_in_is_over_at_the_deadline(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes long before a read would time out, so only a deadline for the whole ends it."""
    monkeypatch.setattr(client, "wall_timeout", lambda *_: 0.5)
    trickle = Sent(pieces=tuple(bytes([byte]) for byte in body()), pause_seconds=0.05)
    assert refused(serve(trickle)).kind == "timeout"


def test_a_body_that_is_deeper_than_any_reader_is_a_malformed_one(serve: Serve) -> None:
    deep = b"[" * 200_000 + b"]" * 200_000
    assert refused(serve(Sent(pieces=(deep,)))).kind == "malformed_body"
    assert refused(serve(Sent(400, pieces=(deep,)))).kind == "invalid_request"


def test_a_call_in_flight_when_the_process_stands_still_hears_the_verdict_that_lies_ready(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call's time is a second, and the process stands still for two: the verdict was paid and must not be lost."""
    monkeypatch.setattr(client, "wall_timeout", lambda *_: 1.0)
    slow = serve(Sent(pieces=(body()[:10], body()[10:]), pause_seconds=0.5))

    async def scenario() -> Verdict:
        connection = Connection(slow.address, {CATALOGUE.judge.account: "key"})
        async with Judge(CATALOGUE.judge, connection, Clock(60)) as judge:
            call = asyncio.create_task(judge.judge(PROMPT, RUBRIC, "a#1"))
            await asyncio.sleep(0.2)  # it is on its way
            assert slow.asked
            time.sleep(2.0)  # noqa: ASYNC251 - the whole loop, as if the process were stopped
            return await call

    assert asyncio.run(scenario()).points == VERDICT["scores"]

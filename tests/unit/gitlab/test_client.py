"""The client: what it sends, and that everything which is not a whole, good answer becomes a typed failure."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.environments import GraphqlLimits
from daily_runs.errors import AccessError, Blame, CallError, Hop
from daily_runs.gitlab.client import ANSWER_BYTES_MAX, EMPTY_PAGES_IN_ROW_MAX, PAGES_MAX, READ_BYTES_MAX, GitLab, walk
from daily_runs.gitlab.hops.failures import attribute_failure

Connect = Callable[[Callable[[httpx.Request], httpx.Response]], GitLab]

USER = "evaluation-1"
PATH = ("project", "jobs")


def answer(data: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, json=data)


def sent(request: httpx.Request) -> Any:
    return json.loads(request.content)


def page(*names: str, following: str | None) -> dict[str, object]:
    info = {"hasNextPage": following is not None, "endCursor": following}
    return {"data": {"project": {"jobs": {"nodes": [{"name": name} for name in names], "pageInfo": info}}}}


async def failure_of(call: Awaitable[object]) -> CallError:
    with pytest.raises(CallError) as caught:
        await call
    return caught.value


def test_a_query_goes_out_with_the_users_key_and_the_prompts_id(connect: Connect) -> None:
    seen: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer({"data": {"currentUser": {"username": USER}}})

    client = connect(server)
    data = asyncio.run(client.graphql("evaluation-2", "query q { a }", {"n": 1}, prompt="rca-7"))
    assert data == {"currentUser": {"username": USER}}
    assert str(seen[0].url) == "https://gitlab.example.com/staging/api/graphql"
    assert seen[0].headers["authorization"] == "Bearer key-two"
    assert seen[0].headers["x-daily-runs-prompt"] == "rca-7"
    assert sent(seen[0]) == {"query": "query q { a }", "variables": {"n": 1}}


def test_a_call_that_is_for_no_prompt_carries_no_prompts_id(connect: Connect) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=str("x-daily-runs-prompt" in request.headers))

    response = asyncio.run(connect(server).rest("GET", "/api/v4/projects/1/jobs/2/trace", USER))
    assert response.text == "False"


def test_the_session_of_one_user_is_never_sent_for_another(connect: Connect) -> None:
    cookies: list[str | None] = []

    def server(request: httpx.Request) -> httpx.Response:
        cookies.append(request.headers.get("cookie"))
        return httpx.Response(200, json={"data": {}}, headers={"set-cookie": "_gitlab_session=one; path=/"})

    async def both(client: GitLab) -> None:
        await client.graphql("evaluation-1", "query q { a }")
        await client.graphql("evaluation-2", "query q { a }")

    asyncio.run(both(connect(server)))
    assert cookies == [None, None]


def test_a_redirect_is_not_followed_so_the_key_goes_nowhere_else(connect: Connect) -> None:
    hosts: list[str] = []

    def server(request: httpx.Request) -> httpx.Response:
        hosts.append(request.url.host)
        return httpx.Response(302, headers={"location": "https://elsewhere.example.com/"})

    error = asyncio.run(failure_of(connect(server).rest("GET", "/api/v4/user", USER)))
    assert (error.kind, error.hop) == ("http_302", Hop.UNKNOWN)
    assert hosts == ["gitlab.example.com"]


def test_a_user_without_a_key_is_an_error_of_access_that_shows_no_key(connect: Connect) -> None:
    client = connect(lambda _: answer({"data": {}}))
    with pytest.raises(AccessError, match="holds no key for user 'evaluation-9'") as caught:
        asyncio.run(client.graphql("evaluation-9", "query q { a }"))
    assert "key-one" not in str(caught.value)


def test_a_query_longer_than_gitlab_takes_is_not_sent(connect: Connect) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        raise AssertionError("sent")

    error = asyncio.run(failure_of(connect(server).graphql(USER, "q" * 10_001)))
    assert (error.kind, error.hop, error.retryable) == ("query_too_large", Hop.CLIENT, False)


MALFORMED = {
    "cut JSON": '{"data": {"project": ',
    "no JSON": "hello",
    "nothing": "",
    "null": "null",
    "a list": "[1]",
    "no data": "{}",
    "null data": '{"data": null}',
    "data of another kind": '{"data": "yes"}',
    "errors that are none": '{"data": {}, "errors": "yes"}',
    "too deep": "[" * 100_000,
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_success_that_cannot_be_read_is_a_malformed_body(connect: Connect, body: str) -> None:
    client = connect(lambda _: httpx.Response(200, text=body, headers={"content-type": "application/json"}))
    error = asyncio.run(failure_of(client.graphql(USER, "query q { a }")))
    assert (error.kind, error.hop, error.blame, error.retryable) == (
        "malformed_body",
        Hop.UNKNOWN,
        Blame.PROVIDER,
        True,
    )


def test_a_body_whose_encoding_lies_is_a_malformed_body(connect: Connect) -> None:
    class Raw(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"no gzip at all"

    client = connect(lambda _: httpx.Response(200, stream=Raw(), headers={"content-encoding": "gzip"}))
    error = asyncio.run(failure_of(client.rest("GET", "/api/v4/user", USER)))
    assert error.kind == "malformed_body"


PIECE = 1024 * 1024


class Pieces(httpx.AsyncByteStream):
    """A body of so many pieces of a mebibyte, perhaps packed; counts what is taken of it."""

    def __init__(self, count: int, *, packed: bool = False) -> None:
        self.count, self.packed, self.taken = count, packed, 0
        self._packer = zlib.compressobj(wbits=31) if packed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.count):
            self.taken += 1
            piece = b"[" * PIECE
            if self._packer:
                piece = self._packer.compress(piece) + self._packer.flush(zlib.Z_SYNC_FLUSH)
            yield piece


TOO_LONG = {
    "a query's answer": (Pieces(60), "POST", 200, "malformed_body"),
    "a query's answer, packed": (Pieces(60, packed=True), "POST", 200, "malformed_body"),
    "a log": (Pieces(60), "GET", 200, "malformed_body"),
    "a log, packed": (Pieces(60, packed=True), "GET", 200, "malformed_body"),
    "a refusal": (Pieces(60), "POST", 503, "gitlab_error"),
    "a refusal, packed": (Pieces(60, packed=True), "GET", 503, "gitlab_error"),
}


@pytest.mark.parametrize(("stream", "method", "status", "kind"), TOO_LONG.values(), ids=TOO_LONG.keys())
def test_a_body_without_end_is_read_up_to_its_bound_and_a_refusal_keeps_its_name(
    connect: Connect, stream: Pieces, method: str, status: int, kind: str
) -> None:
    headers = {**({"content-encoding": "gzip"} if stream.packed else {}), "x-request-id": "1", "x-runtime": "0.1"}
    client = connect(lambda _: httpx.Response(status, stream=stream, headers=headers))
    error = asyncio.run(failure_of(client.rest(method, "/api/v4/x", USER)))
    assert error.kind == kind
    bytes_max = READ_BYTES_MAX if method == "GET" else ANSWER_BYTES_MAX
    assert stream.taken == bytes_max // PIECE + 1


@pytest.mark.parametrize("packed", [False, True])
def test_a_long_log_is_read_in_full(connect: Connect, packed: bool) -> None:
    headers = {"content-encoding": "gzip"} if packed else {}
    client = connect(lambda _: httpx.Response(200, stream=Pieces(30, packed=packed), headers=headers))
    assert len(asyncio.run(client.rest("GET", "/api/v4/x", USER)).content) == 30 * PIECE


@pytest.mark.parametrize("charset", ["rot13", "hex", "zlib", "base64", "idna", "undefined", "none-at-all"])
def test_a_charset_that_is_none_breaks_no_call(connect: Connect, charset: str) -> None:
    def server(_: httpx.Request) -> httpx.Response:
        headers = {"content-type": f"text/html; charset={charset}", "x-runtime": "0.1"}
        return httpx.Response(503, headers=headers, content="<html><title>büsy</title></html>".encode())

    client = connect(server)
    for call in (client.graphql("evaluation-1", "query q { a }"), client.rest("GET", "/api/v4/x", "evaluation-1")):
        error = asyncio.run(failure_of(call))
        assert error.kind == "gitlab_error"
        assert "html page" in error.evidence


def test_part_of_the_data_beside_an_error_is_a_failure(connect: Connect) -> None:
    body = {"data": {"a": 1, "b": None}, "errors": [{"message": "Internal server error", "path": ["b"]}]}
    error = asyncio.run(failure_of(connect(lambda _: answer(body)).graphql(USER, "query q { a b }")))
    assert (error.kind, error.hop) == ("gitlab_error", Hop.GITLAB)


def test_errors_behind_a_large_part_of_the_data_are_still_seen(connect: Connect) -> None:
    complexity = "Query has complexity of 300, which exceeds max complexity of 250"
    body = {"data": {"a": "x" * 200_000}, "errors": [{"message": complexity}]}
    error = asyncio.run(failure_of(connect(lambda _: answer(body)).graphql(USER, "query q { a }")))
    assert error.kind == "query_complexity"


def nodes(client: GitLab) -> AsyncIterator[dict[str, Any]]:
    """A connection, page by page."""
    return walk(lambda after: client.graphql(USER, "query q { a }", {"first": 2, "after": after}), PATH)


def test_pages_walk_by_cursor_to_the_end(connect: Connect) -> None:
    cursors: list[object] = []
    pages = {None: page("a", "b", following="2"), "2": page(following="3"), "3": page("c", following=None)}

    def server(request: httpx.Request) -> httpx.Response:
        cursor = sent(request)["variables"]["after"]
        cursors.append(cursor)
        return answer(pages[cursor])

    async def names(client: GitLab) -> list[object]:
        return [node["name"] async for node in nodes(client)]

    assert asyncio.run(names(connect(server))) == ["a", "b", "c"]
    assert cursors == [None, "2", "3"]


BROKEN_PAGES = {
    "the project is null": ({"data": {"project": None}}, "resource_not_available"),
    "the connection is null": ({"data": {"project": {"jobs": None}}}, "resource_not_available"),
    "no nodes": ({"data": {"project": {"jobs": {"pageInfo": {"hasNextPage": False}}}}}, "malformed_body"),
    "null nodes": ({"data": {"project": {"jobs": {"nodes": None, "pageInfo": {"hasNextPage": False}}}}},
                   "malformed_body"),
    "a node that is null": (
        {"data": {"project": {"jobs": {"nodes": [{"name": "a"}, None], "pageInfo": {"hasNextPage": False}}}}},
        "malformed_body",
    ),
    "no pageInfo": ({"data": {"project": {"jobs": {"nodes": []}}}}, "malformed_body"),
    "a next page without cursor": (
        {"data": {"project": {"jobs": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}}}},
        "malformed_body",
    ),
    "a cursor that is none": (
        {"data": {"project": {"jobs": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": ["2"]}}}}},
        "malformed_body",
    ),
    "the same cursor for ever": (page("a", following="2"), "malformed_body"),
}  # fmt: skip


# What a page's cursor leads to, by the number of the page; all pages say that there is a next one.
ENDLESS_PAGES: dict[str, Callable[[int], dict[str, object]]] = {
    "A, B, A, B": lambda number: page("a", following="AB"[number % 2]),
    "back to the first cursor after five": lambda number: page("a", following=str(number % 5)),
    "empty pages that go round": lambda number: page(following="AB"[number % 2]),
    "ever new empty pages": lambda number: page(following=str(number)),
    "a node, and then ever new empty pages": lambda number: page(*["a"][number:], following=str(number)),
    "ever new pages with the same node": lambda number: page("a", following=str(number)),
}


@pytest.mark.parametrize("nth_page", ENDLESS_PAGES.values(), ids=ENDLESS_PAGES.keys())
@pytest.mark.timeout(60)
def test_pages_without_an_end_are_a_failure_of_gitlab(
    connect: Connect, nth_page: Callable[[int], dict[str, object]]
) -> None:
    asked: list[object] = []

    def server(request: httpx.Request) -> httpx.Response:
        asked.append(sent(request)["variables"]["after"])
        return answer(nth_page(len(asked) - 1))

    async def everything(client: GitLab) -> list[object]:
        return [node async for node in nodes(client)]

    error = asyncio.run(failure_of(everything(connect(server))))
    assert (error.kind, error.hop, error.blame) == ("malformed_body", Hop.GITLAB, Blame.PROVIDER)
    assert "'project.jobs'" in error.evidence
    assert len(asked) == len(set(asked)) <= PAGES_MAX  # no page is read twice


def test_a_few_empty_pages_are_no_end_and_no_failure(connect: Connect) -> None:
    """GitLab leaves out what a user may not see, so a page may be empty before the last one."""
    pages: dict[str | None, dict[str, object]] = {None: page("a", following="0")}
    pages |= {str(n): page(following=str(n + 1)) for n in range(EMPTY_PAGES_IN_ROW_MAX)}
    pages |= {str(EMPTY_PAGES_IN_ROW_MAX): page("b", following=None)}

    async def names(client: GitLab) -> list[object]:
        return [node["name"] async for node in nodes(client)]

    client = connect(lambda request: answer(pages[sent(request)["variables"]["after"]]))
    assert asyncio.run(names(client)) == ["a", "b"]


@pytest.mark.parametrize(("body", "kind"), BROKEN_PAGES.values(), ids=BROKEN_PAGES.keys())
@pytest.mark.timeout(10)
def test_a_page_that_cannot_be_read_is_never_an_empty_list(connect: Connect, body: object, kind: str) -> None:
    async def everything(client: GitLab) -> list[object]:
        return [node async for node in nodes(client)]

    error = asyncio.run(failure_of(everything(connect(lambda _: answer(body)))))
    assert error.kind == kind


def test_an_answer_that_lacks_the_balancers_name_is_the_edges_once_another_had_it(connect: Connect) -> None:
    edge = {"server": "cloudflare", "cf-ray": "8f2b1c0e9d3a4b5c-FRA"}
    refusal = httpx.Response(403, text="Not from here.", headers=edge)
    signed = httpx.Response(200, json={"data": {}}, headers={**edge, "gitlab-lb": "haproxy-main-01-lb-gstg"})
    replies = iter([refusal, signed, refusal])

    async def scenario(client: GitLab) -> list[Hop]:
        first = await failure_of(client.graphql(USER, "query q { a }"))
        await client.graphql(USER, "query q { a }")
        return [first.hop, (await failure_of(client.graphql(USER, "query q { a }"))).hop]

    assert asyncio.run(scenario(connect(lambda _: next(replies)))) == [Hop.UNKNOWN, Hop.CLOUDFLARE]


def test_no_log_line_carries_a_body_a_key_or_a_variable(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(lambda _: answer({"data": {"text": "the answer"}}))
    asyncio.run(client.graphql(USER, "query q { a }", {"content": "the question"}))
    assert not [word for word in ("the answer", "the question", "key-one") if word in caplog.text]


FAILURES = (
    (httpx.ConnectTimeout("x"), "connect", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.ConnectError("refused"), "connect", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.ReadTimeout("x"), "timeout", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.WriteTimeout("x"), "timeout", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.PoolTimeout("x"), "client_busy", Hop.CLIENT, Blame.OWN_SYSTEM, True),
    (httpx.ReadError("x"), "dropped_connection", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.WriteError("x"), "dropped_connection", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.CloseError("x"), "dropped_connection", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.RemoteProtocolError("x"), "dropped_connection", Hop.UNKNOWN, Blame.PROVIDER, True),
    (httpx.ProxyError("x"), "proxy", Hop.CLIENT, Blame.OWN_SYSTEM, True),
    (httpx.LocalProtocolError("x"), "request_fault", Hop.CLIENT, Blame.OWN_SYSTEM, False),
    (httpx.UnsupportedProtocol("x"), "request_fault", Hop.CLIENT, Blame.OWN_SYSTEM, False),
)


@pytest.mark.parametrize(
    ("error", "kind", "hop", "blame", "retryable"), FAILURES, ids=[type(f[0]).__name__ for f in FAILURES]
)
def test_each_transport_error_has_its_kind(
    error: httpx.TransportError, kind: str, hop: Hop, blame: Blame, retryable: bool
) -> None:
    failure = attribute_failure(error)
    assert (failure.kind, failure.hop, failure.blame, failure.retryable) == (kind, hop, blame, retryable)


def test_every_transport_error_that_httpx_has_stands_in_the_table() -> None:
    def leaves(kind: type[BaseException]) -> set[type[BaseException]]:
        return set().union(*map(leaves, kind.__subclasses__())) if kind.__subclasses__() else {kind}

    assert leaves(httpx.TransportError) == {type(f[0]) for f in FAILURES}


def test_a_certificate_that_is_not_trusted_is_ours_to_mend() -> None:
    error = httpx.ConnectError("x")
    error.__cause__ = ExceptionGroup("all attempts", [ssl.SSLCertVerificationError(1, "unable to get local issuer")])
    failure = attribute_failure(error)
    assert (failure.kind, failure.retryable, failure.blame) == ("tls", False, Blame.OWN_SYSTEM)


def test_the_text_of_a_transport_error_is_left_out() -> None:
    assert "Bearer" not in str(attribute_failure(httpx.LocalProtocolError("Illegal header value b'Bearer key-one'")))


# Over real sockets: what httpx makes of a server that misbehaves.

Misbehaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(misbehave: Misbehaviour) -> AsyncIterator[str]:
    handlers: list[asyncio.Task[object] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        await misbehave(writer)
        await closed(writer)

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*(task for task in handlers if task))


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError, ssl.SSLError):
        await writer.wait_closed()


async def drop(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def cut_body(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"data": {"a"')


async def cut_json(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{"data": {"a"')


async def no_http(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")


async def say_nothing(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.6)


def trickle(head: bytes, body: bytes) -> Misbehaviour:
    """Every byte of the body arrives well before a read's timeout, and the last one long after the call's."""

    async def byte_by_byte(writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(head)
            for number in range(len(body)):
                await asyncio.sleep(0.05)
                writer.write(body[number : number + 1])
                await writer.drain()

    return byte_by_byte


WHOLE_BODY = json.dumps({"data": {"a": "b" * 20}}).encode()
TRICKLES = {
    "the body": trickle(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(WHOLE_BODY), WHOLE_BODY),
    "head and body": trickle(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"),
    "chunks": trickle(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 10 + b"2\r\n{}\r\n0\r\n\r\n"
    ),
    "a refusal": trickle(b"HTTP/1.1 503 Busy\r\ncontent-length: 40\r\n\r\n", b"x" * 40),
}


@pytest.mark.parametrize("misbehave", TRICKLES.values(), ids=TRICKLES.keys())
def test_an_answer_that_trickles_in_is_cut_off_when_the_calls_time_is_over(ask: Ask, misbehave: Misbehaviour) -> None:
    async def scenario() -> CallError:
        async with serving(misbehave) as address:
            return await failure_of(ask(address))

    error = asyncio.run(scenario())
    assert (error.kind, error.hop, error.blame, error.retryable) == ("timeout", Hop.UNKNOWN, Blame.PROVIDER, True)
    assert error.evidence == "no whole answer in 0.3 s"


async def whole(writer: asyncio.StreamWriter) -> None:
    body = json.dumps({"data": {"a": 1}}).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


Ask = Callable[[str], Awaitable[object]]


@pytest.fixture
def ask(limits: GraphqlLimits) -> Ask:
    """Asks once over the network, with little patience."""

    async def once(address: str) -> object:
        async with httpx.AsyncClient(timeout=httpx.Timeout(0.3), trust_env=False) as http:
            return await GitLab(http, address, {USER: "key-one"}, limits).graphql(USER, "query q { a }")

    return once


@pytest.mark.parametrize(
    ("misbehave", "kind"),
    [
        (drop, "dropped_connection"),
        (hang_up, "dropped_connection"),
        (cut_body, "dropped_connection"),
        (cut_json, "malformed_body"),
        (no_http, "dropped_connection"),
        (say_nothing, "timeout"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_a_server_that_breaks_off_is_told_apart_by_how(ask: Ask, misbehave: Misbehaviour, kind: str) -> None:
    async def scenario() -> CallError:
        async with serving(misbehave) as address:
            return await failure_of(ask(address))

    error = asyncio.run(scenario())
    assert (error.kind, error.hop, error.retryable) == (kind, Hop.UNKNOWN, True)


def test_a_server_that_behaves_is_answered_by_its_data(ask: Ask) -> None:
    async def scenario() -> object:
        async with serving(whole) as address:
            return await ask(address)

    assert asyncio.run(scenario()) == {"a": 1}


def test_a_port_where_nobody_listens_is_a_failure_to_connect(ask: Ask) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert asyncio.run(failure_of(ask(address))).kind == "connect"


def test_plain_http_behind_an_https_address_is_a_tls_failure(ask: Ask) -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await closed(writer)
        done.set()

    async def scenario() -> CallError:
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        async with server:
            error = await failure_of(ask(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
            await done.wait()
            return error

    done = asyncio.Event()
    assert asyncio.run(scenario()).kind == "tls"


def test_a_name_that_does_not_resolve_never_left_this_machine(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = asyncio.run(failure_of(ask("http://gitlab.invalid")))
    assert (error.kind, error.hop, error.blame) == ("dns", Hop.CLIENT, Blame.OWN_SYSTEM)

"""Attribution of what a real HAProxy and a real nginx answer, in front of the sandbox or of a broken backend.

HAProxy is set up as GitLab's is: it leaves its name on every answer, its own included. The same server without that
name, and an nginx that is no hop of the path, must not be taken for one.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from daily_runs.errors import Hop
from daily_runs.gitlab.hops.attribution import ANSWERED, Attribution, Certainty
from daily_runs.gitlab.hops.exchange import Exchange
from daily_runs.gitlab.hops.refusal import attribution_of
from daily_runs.sandbox.process import Sandbox
from tests.conftest import SandboxView
from tests.proxies.servers import backend, free_ports, program, running

NAME = "haproxy-main-01-lb-gstg"
PATIENCE_MS = {"silent": 200}
"""What both servers grant a backend; the others get `PATIENCE_ELSE_MS`, since this machine may be busy."""
PATIENCE_ELSE_MS = 20_000
BACKENDS = ("sandbox", "dead", "silent", "rude")
STRIPPED = (
    *("gitlab-lb", "gitlab-sv", "cf-ray", "cf-cache-status", "x-request-id", "x-runtime", "x-gitlab-meta"),
    *("ratelimit-name", "ratelimit-limit", "ratelimit-observed", "ratelimit-remaining", "ratelimit-reset"),
)


class Way(NamedTuple):
    """One port of a server: to which backend, under GitLab's name or none, and with which status it limits, if so."""

    to: str
    named: bool = False
    limit: str = ""

    @property
    def word(self) -> str:
        """A name for it that configurations accept."""
        return f"{self.to}_{'named' if self.named else 'bare'}_{self.limit or 'unlimited'}"


Ports = Mapping[Way, int]
UNLIMITED_WAYS = tuple(Way(to, named) for to in BACKENDS for named in (True, False))
HAPROXY_WAYS = (*UNLIMITED_WAYS, Way("sandbox", True, "429"), Way("sandbox", False, "429"))
NGINX_WAYS = (
    *UNLIMITED_WAYS,
    *(Way("sandbox", named, limit) for named in (True, False) for limit in ("429", "503")),
    Way("stripped"),
)


@pytest.fixture(scope="module")
def backends(_sandbox_process: Sandbox) -> Iterator[dict[str, int]]:
    """Ports of the sandbox, of one that refuses, of one that never answers, and of one that hangs up."""
    held: list[socket.socket] = []

    def hang_up(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)

    with backend(held.append) as silent, backend(hang_up) as rude, socket.socket() as dead:
        dead.bind(("127.0.0.1", 0))  # taken, but nobody listens
        sandbox = int(_sandbox_process.address.rpartition(":")[2])
        yield {"sandbox": sandbox, "dead": dead.getsockname()[1], "silent": silent, "rude": rude}
        for connection in held:
            connection.close()


def haproxy_configuration(ports: Ports, backends: Mapping[str, int]) -> str:
    """One frontend a way."""
    lines = [
        "global",
        "  maxconn 64",
        "defaults",
        "  mode http",
        "  retries 0",
        *(f"  timeout {of} {PATIENCE_ELSE_MS}ms" for of in ("connect", "client")),
    ]
    for to in BACKENDS:
        patience_ms = PATIENCE_MS.get(to, PATIENCE_ELSE_MS)
        lines += [f"backend {to}", f"  timeout server {patience_ms}ms", f"  server one 127.0.0.1:{backends[to]}"]
    for way, port in ports.items():
        lines += [f"frontend {way.word}", f"  bind 127.0.0.1:{port}", f"  default_backend {way.to}"]
        lines += [f"  http-after-response set-header gitlab-lb {NAME}"] if way.named else []
        if way.limit:
            lines += [
                "  stick-table type ip size 10 expire 1m store http_req_rate(1m)",
                "  http-request track-sc0 src",
                "  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1 }",
            ]
    return "\n".join([*lines, ""])


def nginx_configuration(ports: Ports, backends: Mapping[str, int], folder: Path) -> str:
    """One server a way; the zone counts by port, so each limits for itself."""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    lines = [
        f"daemon off; master_process off; error_log stderr; pid {folder}/pid;",
        "events { worker_connections 64; }",
        "http {",
        "access_log off; limit_req_zone $server_port zone=strict:64k rate=1r/m;",
        *(f"{kind}_temp_path {folder}/{kind};" for kind in kinds),
    ]
    for way, port in ports.items():
        hidden = STRIPPED if way.to == "stripped" else ("gitlab-lb",) if way.named else ()
        to = "sandbox" if way.to == "stripped" else way.to
        lines += [
            f"server {{ listen 127.0.0.1:{port}; proxy_read_timeout {PATIENCE_MS.get(to, PATIENCE_ELSE_MS)}ms;",
            *(f"proxy_hide_header {name};" for name in hidden),
            f"add_header gitlab-lb {NAME} always;" if way.named else "",
            "limit_req zone=strict;" if way.limit else "",
            "limit_req_status 429;" if way.limit == "429" else "",  # nginx's own default is 503
            f"location / {{ proxy_pass http://127.0.0.1:{backends[to]}; }} }}",
        ]
    return "\n".join([*lines, "}", ""])


@pytest.fixture(scope="module")
def haproxy(backends: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """HAProxy's ports by way."""
    folder = tmp_path_factory.mktemp("haproxy")
    ports = dict(zip(HAPROXY_WAYS, free_ports(len(HAPROXY_WAYS)), strict=True))
    (folder / "conf").write_text(haproxy_configuration(ports, backends))
    with running([program("haproxy"), "-db", "-f", str(folder / "conf")], [*ports.values()], folder):
        yield ports


@pytest.fixture(scope="module")
def nginx(backends: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """nginx's ports by way."""
    folder = tmp_path_factory.mktemp("nginx")
    ports = dict(zip(NGINX_WAYS, free_ports(len(NGINX_WAYS)), strict=True))
    (folder / "conf").write_text(nginx_configuration(ports, backends, folder))
    command = [program("nginx"), "-p", str(folder), "-c", str(folder / "conf")]
    with running(command, [*ports.values()], folder):
        yield ports


def asked(port: int) -> Attribution:
    """Who answered the health query at this port of the path to staging."""
    with httpx.Client(timeout=60, trust_env=False) as http:
        started = time.monotonic()
        response = http.post(
            f"http://127.0.0.1:{port}/staging/api/graphql", json={"query": "{ currentUser { username } }"}
        )
    return attribution_of(Exchange.of(response, time.monotonic() - started))


class Told(NamedTuple):
    """What an attribution must say: the hop, the kind, how sure."""

    hop: Hop
    kind: str
    certainty: Certainty


def told(found: Attribution) -> Told:
    """The part that is compared."""
    return Told(found.hop, found.kind, found.certainty)


def of_balancer(kind: str) -> Told:
    """By its name and its own page."""
    return Told(Hop.LOAD_BALANCER, kind, Certainty.CERTAIN)


def unknown(kind: str) -> Told:
    """By nothing."""
    return Told(Hop.UNKNOWN, kind, Certainty.UNKNOWN)


class Broken(NamedTuple):
    """A backend, and what each server says in its stead."""

    backend: str
    haproxy: int
    haproxy_title: str
    nginx: int
    nginx_title: str


BROKEN = (
    Broken("dead", 503, "503 Service Unavailable", 502, "502 Bad Gateway"),
    Broken("silent", 504, "504 Gateway Time-out", 504, "504 Gateway Time-out"),
    Broken("rude", 502, "502 Bad Gateway", 502, "502 Bad Gateway"),
)
GITLAB_ANSWERED = Told(Hop.GITLAB, ANSWERED, Certainty.CERTAIN)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.backend)
def test_haproxy_under_gitlabs_name_is_the_load_balancer(haproxy: Ports, broken: Broken) -> None:
    found = asked(haproxy[Way(broken.backend, True)])
    assert told(found) == of_balancer("load_balancer_unavailable")
    assert {f"status {broken.haproxy}", f"gitlab-lb has '{NAME}'", "no x-request-id"} <= set(found.evidence)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.backend)
def test_haproxy_without_the_name_is_not_guessed_but_shown(haproxy: Ports, broken: Broken) -> None:
    found = asked(haproxy[Way(broken.backend)])
    assert told(found) == unknown(f"http_{broken.haproxy}")
    assert {"headers tell nothing", "no server header"} <= set(found.seen)
    assert f"title '{broken.haproxy_title}'" in str(found)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.backend)
def test_an_nginx_that_is_no_hop_is_not_guessed_but_shown(nginx: Ports, broken: Broken) -> None:
    found = asked(nginx[Way(broken.backend)])
    assert told(found) == unknown(f"http_{broken.nginx}")
    assert found.evidence == ()
    assert "server nginx/" in str(found)
    assert f"title '{broken.nginx_title}'" in str(found)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.backend)
def test_an_nginx_under_the_balancers_name_is_likely_the_balancer(nginx: Ports, broken: Broken) -> None:
    found = asked(nginx[Way(broken.backend, True)])
    assert told(found) == Told(Hop.LOAD_BALANCER, "load_balancer_unavailable", Certainty.LIKELY)
    assert {"gitlab-lb present", "html page", "said 'nginx'"} <= set(found.evidence)


def first_and_second(port: int) -> tuple[Told, Attribution]:
    """Two questions within a minute; both servers allow one."""
    return told(asked(port)), asked(port)


def test_haproxys_own_rate_limit_is_the_load_balancers(haproxy: Ports, sandbox: SandboxView) -> None:
    first, second = first_and_second(haproxy[Way("sandbox", True, "429")])
    assert first == GITLAB_ANSWERED
    assert told(second) == of_balancer("load_balancer_rate_limit")
    assert "title '429 Too Many Requests'" in str(second.seen)
    assert len(sandbox.entries()) == 1


def test_the_rate_limit_of_a_haproxy_without_the_name_is_anybodys(haproxy: Ports, sandbox: SandboxView) -> None:
    first, second = first_and_second(haproxy[Way("sandbox", False, "429")])
    assert (first, told(second)) == (GITLAB_ANSWERED, unknown("http_429"))
    assert "title '429 Too Many Requests'" in str(second)
    assert len(sandbox.entries()) == 1


NGINX_LIMITS = (
    (Way("sandbox", False, "429"), unknown("http_429")),
    (Way("sandbox", False, "503"), unknown("http_503")),
    (Way("sandbox", True, "429"), Told(Hop.LOAD_BALANCER, "load_balancer_rate_limit", Certainty.LIKELY)),
    # nginx's default status says nothing of a limit, so nothing may be said of one.
    (Way("sandbox", True, "503"), Told(Hop.LOAD_BALANCER, "load_balancer_unavailable", Certainty.LIKELY)),
)


@pytest.mark.parametrize(("way", "expected"), NGINX_LIMITS, ids=[way.word for way, _ in NGINX_LIMITS])
def test_nginxs_own_rate_limit_is_told_by_its_status(
    nginx: Ports, sandbox: SandboxView, way: Way, expected: Told
) -> None:
    first, second = first_and_second(nginx[way])
    assert (first, told(second)) == (GITLAB_ANSWERED, expected)
    assert len(sandbox.entries()) == 1


@pytest.mark.parametrize("named", [True, False], ids=["named", "bare"])
@pytest.mark.parametrize("server", ["haproxy", "nginx"])
def test_what_passes_through_is_gitlabs(
    request: pytest.FixtureRequest, sandbox: SandboxView, server: str, named: bool
) -> None:
    port = request.getfixturevalue(server)[Way("sandbox", named)]
    found = asked(port)
    assert told(found) == GITLAB_ANSWERED
    assert {"x-request-id present", "x-runtime present"} <= set(found.evidence)
    sandbox.change(refuse={"gitlab": 1.0})
    refused = asked(port)
    assert told(refused) == Told(Hop.GITLAB, "rack_attack", Certainty.CERTAIN)
    assert refused.retry_after_seconds
    assert len(sandbox.entries()) == 2


def test_what_passes_a_proxy_that_strips_headers_is_no_hops(nginx: Ports, sandbox: SandboxView) -> None:
    port = nginx[Way("stripped")]
    assert told(asked(port)) == unknown(ANSWERED)
    sandbox.change(refuse={"gitlab": 1.0})
    refused = asked(port)
    assert told(refused) == unknown("http_429")
    assert "server nginx/" in str(refused)
    assert len(sandbox.entries()) == 2

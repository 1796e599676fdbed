"""The client of Airflow's API: what comes of an API server that does not answer as it should is one line."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest

from daily_runs.airflow_api import AirflowApi
from daily_runs.errors import AccessError

LOGIN = json.dumps({"access_token": "token"}).encode()


class Broken(NamedTuple):
    """What an API server sends after the login, byte for byte, before it hangs up; and what must be said of it."""

    name: str
    sent: bytes
    says: str


BROKEN = (
    Broken("nothing", b"", "broke off its answer to GET /pools (RemoteProtocolError)"),
    Broken(
        "half", b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{", "broke off its answer to GET /pools (RemoteProtocol"
    ),
    Broken(
        "a_page", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n<p>", "broke off its answer to GET /pools (JSONDecodeE"
    ),
    Broken(
        "bytes", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{\xff}", "broke off its answer to GET /pools (Unicode"
    ),
    Broken("refusal", b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", "answers GET /pools with 403: no"),
)


@contextmanager
def served(sent: bytes) -> Iterator[str]:
    """An API server that lets anybody log in; returns its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(201)
            self.send_header("Content-Length", str(len(LOGIN)))
            self.end_headers()
            self.wfile.write(LOGIN)

        def do_GET(self) -> None:
            self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("case", BROKEN, ids=[case.name for case in BROKEN])
def test_an_answer_that_is_not_whole_is_one_line_that_names_server_and_request(case: Broken) -> None:
    with (
        served(case.sent) as address,
        AirflowApi(address, "admin", "right") as api,
        pytest.raises(AccessError) as caught,
    ):
        api.pools()
    assert caught.value.place == f"Airflow at {address}"
    assert case.says in caught.value.problem
    assert caught.value.remedy


def test_a_server_that_went_away_after_the_login_is_one_line_too() -> None:
    with served(b"") as address:
        api = AirflowApi(address, "admin", "right")
    with api, pytest.raises(AccessError, match=r"broke off its answer to GET /dags/a/dagRuns/b \(ConnectError\)"):
        api.run_state("a", "b")

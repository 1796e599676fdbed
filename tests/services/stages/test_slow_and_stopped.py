"""A stage whose answers come slowly, or that is stopped for a while: what the sandbox received tells what was paid."""

from __future__ import annotations

import asyncio
import http.client
import http.server
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from daily_runs.clock import WALL_SECONDS_MIN
from daily_runs.connections import Connection
from daily_runs.gitlab.client import GitLab

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Request, Script

    from daily_runs.stages.work import Work

PROMPTS = 12
# Time runs slower than in other tests here, so that a prompt whose time is over could still be asked again.
SLOWER = {"environments": {"staging": {"time_scale": 30}}}


class Trickling(http.server.BaseHTTPRequestHandler):
    """Passes on what it is asked; the replies that `slow` picks go out at one byte in a third of a second."""

    protocol_version = "HTTP/1.1"
    target: str
    slow: Callable[[bytes], bool]

    def do_POST(self) -> None:
        """Ask the server behind."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        behind = http.client.HTTPConnection(str(urlsplit(self.target).netloc))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        behind.request(self.command, urlsplit(self.target).path + self.path, body, headers)
        reply = behind.getresponse()
        content = reply.read()
        behind.close()
        self.send_response(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        step = 1 if type(self).slow(body) else len(content)
        try:
            for start in range(0, len(content), max(1, step)):
                self.wfile.write(content[start : start + step])
                if step == 1:
                    time.sleep(0.33)
        except OSError:  # whoever asked has hung up
            self.close_connection = True

    do_GET = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """Say nothing."""


@pytest.fixture
def trickle() -> Iterator[Callable[[str, Callable[[bytes], bool]], str]]:
    """Put a slow line before an address; returns the line's."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def serve(target: str, slow: Callable[[bytes], bool]) -> str:
        handler = type("Line", (Trickling,), {"target": target, "slow": staticmethod(slow)})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def over(kit: Kit, address: str) -> Work:
    """The work of the test's day, with GitLab behind another address."""

    def connect(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> Connection:
        return Connection(address, {user: f"sandbox-{user}" for user in users})

    return kit.work("duo_chat", PROMPTS, connect=connect)


def assert_each_paid_once(kit: Kit, work: Work) -> None:
    rows = kit.answers(work)
    assert Counter((row["status"], row["tries"]) for row in rows) == {("answered", 1): PROMPTS}
    assert kit.sandbox.paid_keys("aiAction") == sorted(row["prompt_id"] for row in rows)


def test_a_look_that_trickles_in_costs_no_prompt_its_answer_and_none_is_paid_twice(
    kit: Kit, trickle: Callable[[str, Callable[[bytes], bool]], str]
) -> None:
    """The first reply to a look would take minutes: it is cut off, and the other users' looks do not wait for it."""
    looks: list[float] = []

    def first_look(body: bytes) -> bool:
        if b"aiMessages" in body:
            looks.append(time.monotonic())
        return b"aiMessages" in body and len(looks) == 1

    kit = kit.changed(SLOWER)
    kit.run(kit.work("duo_chat", PROMPTS), "seed_check")
    work = over(kit, trickle(f"{kit.sandbox.address}/staging", first_look))
    (report,) = kit.run(work, "inference")
    assert report.answered == PROMPTS
    assert_each_paid_once(kit, work)
    between = [later - earlier for earlier, later in itertools.pairwise(looks)]
    assert len(looks) > 2
    assert min(between) < WALL_SECONDS_MIN / 2  # others were looked for while the first look was under way


STAGE = """
import datetime as dt, json, sys
from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.stages import pipeline
from daily_runs.store import database

told = json.load(sys.stdin)
catalogue = Catalogue.model_validate(told["catalogue"])
with database.open_store(told["store"]) as store:
    key = RunKey("duo_chat", "staging", dt.datetime.fromisoformat(told["day"]))
    attempt = opening.plan(store, catalogue, key, limit=told["prompts"])
    report = pipeline.run_stage("inference", pipeline.work_for(store, catalogue, attempt, connections.find))
    print(json.dumps([report.answered, report.failed]))
"""


def begin_stage(kit: Kit, work: Work, store_url: str) -> subprocess.Popen[str]:
    """Run inference in a process of its own."""
    told: dict[str, Any] = {
        "catalogue": kit.catalogue.model_dump(mode="json"),
        "store": store_url,
        "day": work.attempt.key.logical_date.isoformat(),
        "prompts": PROMPTS,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", STAGE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(told))
    process.stdin.close()
    process.stdin = None
    return process


def wait_until(true: Callable[[], bool]) -> None:
    """Look every few milliseconds, for a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def test_a_worker_that_was_stopped_collects_the_answers_that_lie_ready_and_pays_for_none_again(
    kit: Kit, store_url: str
) -> None:
    """It stands still for longer than any ticket is waited for, while the model goes on answering."""
    kit = kit.changed(SLOWER)
    work = kit.work("duo_chat", PROMPTS)
    kit.run(work, "seed_check")
    kit.sandbox.change(latency_seconds={"median": 900, "p95": 910})  # 3 s on the wall clock
    process = begin_stage(kit, work, store_url)
    try:
        tickets = "SELECT count(*) AS n FROM daily_runs.answer WHERE ticket IS NOT NULL"
        wait_until(lambda: kit.store.row(tickets)["n"] == PROMPTS)
        assert Counter(row["status"] for row in kit.answers(work)) == {"sent": PROMPTS}
        os.kill(process.pid, signal.SIGSTOP)
        time.sleep(WALL_SECONDS_MIN + 1)
        os.kill(process.pid, signal.SIGCONT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert json.loads(output) == [PROMPTS, 0]
    assert_each_paid_once(kit, work)


def test_a_call_in_flight_when_the_process_stands_still_hears_the_answer_that_lies_ready(
    serve_script: Callable[[Script], str], kit: Kit
) -> None:
    """The call's time is a second, and the process stands still for two: the ticket must not be lost, it was paid."""

    def after_a_moment(_: Request) -> tuple[int, bytes]:
        time.sleep(0.3)
        return 200, b'{"data": {"a": 1}}'

    graphql = kit.catalogue.environments["staging"].limits.graphql

    async def scenario() -> dict[str, Any]:
        async with httpx.AsyncClient(timeout=httpx.Timeout(1.0), trust_env=False) as http:
            gitlab = GitLab(http, serve_script(after_a_moment), {"user": "key"}, graphql)
            call = asyncio.create_task(gitlab.graphql("user", "query q { a }"))
            await asyncio.sleep(0.1)  # it is on its way
            time.sleep(2.0)  # noqa: ASYNC251 - the whole loop, as if the process were stopped
            return await call

    assert asyncio.run(scenario()) == {"a": 1}

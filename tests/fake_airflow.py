"""An Airflow API at a real address: everything as the shipped catalogue has it, until a test changes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from daily_runs.airflow_api import HEALTHY_PARTS
from daily_runs.catalogue.pools import Pool, pools
from daily_runs.catalogue.reading import files as catalogue_files


@dataclass
class FakeAirflow:
    """What it answers. `page_max`: rows of one answer."""

    address: str = ""
    password: str = "right"
    pools: dict[str, Pool] = field(default_factory=dict)
    dags: list[str] = field(default_factory=list)
    import_errors: list[dict[str, str]] = field(default_factory=list)
    ill: str | None = None
    page_max: int = 100

    @property
    def login(self) -> str:
        """What `DAILY_RUNS_AIRFLOW` is set to."""
        return json.dumps({"address": self.address, "user": "admin", "password": "right"})

    def body(self, path: str, offset: int) -> Any:
        """The answer to a GET, in the shape of Airflow 3's API."""
        health = {part: {"status": "unhealthy" if part == self.ill else "healthy"} for part in HEALTHY_PARTS}
        page = [{"name": name, **pool} for name, pool in self.pools.items()][offset : offset + self.page_max]
        return {
            "/api/v2/monitor/health": health,
            "/api/v2/pools": {"pools": page, "total_entries": len(self.pools)},
            "/api/v2/importErrors": {"import_errors": self.import_errors},
            "/api/v2/dags": {"dags": [{"dag_id": dag} for dag in self.dags]},
        }.get(path)


@contextmanager
def fake_airflow() -> Iterator[FakeAirflow]:
    """One that answers until the end."""
    shipped = catalogue_files.load()
    fake = FakeAirflow(pools=pools(shipped), dags=[f"daily_runs_{feature}" for feature in shipped.features])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/auth/token":
                self._reply(404, {"detail": "Not Found"})
            elif given["password"] == fake.password:
                self._reply(201, {"access_token": "token"})
            else:
                self._reply(401, {"detail": "Invalid credentials"})

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            body = fake.body(url.path, int(parse_qs(url.query).get("offset", ["0"])[0]))
            self._reply(200 if body else 404, body or {"detail": "Not Found"})

        def _reply(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fake.address = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()

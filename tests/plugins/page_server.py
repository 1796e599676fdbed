"""The pages inside Airflow's own application, as a browser sees them, and a stand-in for its REST API."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest import mock

import pytest
from airflow.api_fastapi.app import create_app, get_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models import import_all_models
from airflow.models.base import Base
from starlette.testclient import TestClient

from airflow import settings
from daily_runs_airflow.pages.mounted import MOUNTED

ROLES = ("viewer", "user", "op", "admin")


class PageReader:
    """A browser at Airflow's application; each role of the simple auth manager has a user of that name."""

    def __init__(self, http: TestClient, tokens: dict[str, str]) -> None:
        self._http, self.tokens = http, tokens

    def get(self, address: str, role: str = "", **query: str) -> Any:
        """A page; no role: nobody is logged in."""
        return self._http.get(address, params=query or None, headers=self._cookie(role), follow_redirects=False)

    def post(self, address: str, form: dict[str, str], role: str = "", **headers: str) -> Any:
        """Send a form, with what a browser says of where it came from (`sec_fetch_site`, `origin`)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.post(address, data=form, headers={**self._cookie(role), **named}, follow_redirects=False)

    def _cookie(self, role: str) -> dict[str, str]:
        return {"cookie": f"_token={self.tokens[role]}"} if role else {}


@contextmanager
def pages_in_airflow() -> Iterator[PageReader]:
    """Airflow's real application over an empty database of its own, with our pages mounted as the plugin has them."""
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(settings.engine)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(32))
        with mock.patch("airflow.plugins_manager.get_fastapi_plugins", return_value=(MOUNTED, [])):
            app = create_app(apps="core")
        users = [SimpleAuthManagerUser(username=role, role=role) for role in ROLES]
        tokens = {user.username: get_auth_manager().generate_jwt(user) for user in users}
        yield PageReader(TestClient(app, raise_server_exceptions=False), tokens)
    purge_cached_app()


class AirflowHeard:
    """Stands in for Airflow's REST API: what it was sent, and the status with which it answers."""

    def __init__(self) -> None:
        self.status, self.requests, self.address = 200, list[dict[str, Any]](), ""


@contextmanager
def airflow_rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowHeard]:
    """A server at the address that Airflow's configuration gives."""
    heard = AirflowHeard()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.requests.append({"path": self.path, "token": self.headers["authorization"], "body": json.loads(body)})
            self.send_response(heard.status)
            self.end_headers()
            self.wfile.write(b'{"detail": "because"}')

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", f"{heard.address}/")
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield heard
    finally:
        server.shutdown()
        serving.join()
        server.server_close()

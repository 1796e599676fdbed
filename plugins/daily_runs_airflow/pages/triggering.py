"""Starting a DAG run as the user who is logged in: through Airflow's own REST API, with that user's own token.

So Airflow's rights, its audit log and the run's `triggering_user_name` are those of that user, and nothing here has
rights of its own. Airflow looks at no `Origin`, and its cookie is sent with whatever a page of the same site sends, so
whoever uses this checks that first (`is_ours`).
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.configuration import conf
from fastapi import Request

from daily_runs.errors import AccessError

TIMEOUT_SECONDS = 20.0
SAYS_MAX = 500
"""Characters of what Airflow says of a request that it refuses."""


def base_url() -> str:
    """Where this api-server is, by Airflow's configuration and never by what a request says: a token goes there."""
    given: str = conf.get("api", "base_url", fallback="")
    return (given or f"http://localhost:{conf.getint('api', 'port', fallback=8080)}").rstrip("/")


def is_ours(request: Request) -> bool:
    """Whether a browser says that a page of this very address sent the request."""
    if request.headers.get("sec-fetch-site") == "same-origin":
        return True
    own = urlsplit(base_url())
    return request.headers.get("origin") == f"{own.scheme}://{own.netloc}"


def start(request: Request, dag_id: str, run_id: str, conf_of_run: Mapping[str, Any], note: str) -> None:
    """Start a DAG run; one with this id that is there already is left as it is.

    Raises:
        AccessError: Airflow refuses it, or does not answer; its own words are told.
    """
    body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf_of_run), "note": note}
    place = f"Airflow at {base_url()}"
    try:
        status, text = _post(f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns", body, _token(request))
    except (OSError, http.client.HTTPException) as error:
        problem = f"does not answer ({type(error).__name__}); whether the run started is not known"
        raise AccessError(place, problem, "Look at the DAG's runs, and set [api] base_url to this server.") from error
    if status not in (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.CONFLICT):
        raise AccessError(place, f"answers {status}: {text[:SAYS_MAX]}", "Nothing was started.")


def _token(request: Request) -> str:
    """What the request itself is let in by."""
    given = request.headers.get("authorization", "")
    kind, _, token = given.partition(" ")
    return token if kind.lower() == "bearer" and token else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")


def _post(path: str, body: Mapping[str, Any], token: str) -> tuple[int, str]:
    own = urlsplit(base_url())
    kind = http.client.HTTPSConnection if own.scheme == "https" else http.client.HTTPConnection
    connection = kind(own.netloc, timeout=TIMEOUT_SECONDS)
    try:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        connection.request("POST", f"{own.path}{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()

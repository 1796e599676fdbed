"""Connections of tasks: Airflow's, in the shapes that the library asks for (docs/operations/connect.md)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

from daily_runs import connections
from daily_runs.errors import AccessError
from daily_runs.store.database import STORE_VARIABLE
from daily_runs.store.url import SECRET_OPTIONS, StoreAddress, url_of

STORE_CONNECTION = "daily_runs_store"
AIRFLOW_CONNECTION = "daily_runs_airflow"


class AirflowLogin(NamedTuple):
    """A user of Airflow's REST API. `address`: empty = Airflow's own `api.base_url`."""

    address: str
    user: str
    password: str


def airflow_connection(connection_id: str) -> Connection | None:
    """A connection of Airflow's; None if there is none of that id."""
    try:
        return BaseHook.get_connection(connection_id)
    except AirflowNotFoundException:
        return None


def extra_of(found: Connection, place: str) -> dict[str, Any]:
    """A connection's extra; Airflow itself takes one that is broken for none, and would drop an `sslmode` with it.

    Raises:
        AccessError: it is no JSON object. The text never quotes it, since it may hold a secret.
    """
    text = (found.extra or "").strip()
    if text and not _is_object(text):
        remedy = 'Give it as JSON, such as {"sslmode": "require"} or {"keys": {"<user>": "…"}}, or leave it empty.'
        raise AccessError(place, "has an extra that is not a JSON object", remedy)
    return found.extra_dejson if text else {}  # Airflow's own reading masks what it knows as secret


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def store_url() -> str:
    """The store's URL: Airflow connection `daily_runs_store` (type Postgres), else `DAILY_RUNS_STORE`.

    The connection's extra holds libpq's options, such as `sslmode`.

    Raises:
        AccessError: neither is set, or the extra holds something else or is no JSON object.
    """
    found, place = airflow_connection(STORE_CONNECTION), f"connection {STORE_CONNECTION}"
    if found is not None:
        options = extra_of(found, place)
        mask_secret([value for name, value in options.items() if name in SECRET_OPTIONS])
        login, password = found.login or "", found.password or ""
        address = StoreAddress(found.host or "", found.port, login, password, found.schema or "")
        return url_of(address, options, place)
    if url_given := os.environ.get(STORE_VARIABLE):
        return url_given
    raise AccessError(place, "is not set", "Add it in Airflow (type Postgres).")


def airflow_login() -> AirflowLogin | None:
    """The user who writes notes: Airflow connection `daily_runs_airflow` (type HTTP), host a whole URL or empty.

    None: there is no such connection.
    """
    found = airflow_connection(AIRFLOW_CONNECTION)
    if found is None:
        return None
    return AirflowLogin((found.host or "").rstrip("/"), found.login or "", found.password or "")


def find(connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool) -> connections.Connection:
    """The Airflow connection of that id: host (a whole URL) and extra `{"keys": {user: secret}}`; see `Connect`.

    Without one, the sandbox's own keys or the environment variable, as for the command line.

    Raises:
        AccessError: it is not set, or lacks what is needed.
    """
    found = airflow_connection(connection_id)
    if found is None:
        return connections.find(connection_id, default_address=default_address, users=users, sandbox=sandbox)
    place = f"connection {connection_id}"
    keys = extra_of(found, place).get("keys", {})
    mask_secret(keys)  # Airflow masks passwords by itself, but not what stands in an extra
    given = {"keys": keys}
    if found.host:
        given["address"] = found.host
    return connections.parse(json.dumps(given), place, default_address=default_address, users=users, sandbox=sandbox)

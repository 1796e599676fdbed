"""A small client of Airflow's REST API (v2): what commands, tests and notes ask of a running Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

import httpx

from daily_runs.catalogue.pools import Pool
from daily_runs.errors import AccessError

HEALTHY_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
TIMEOUT_SECONDS = 30.0
LOOK_AT_ITS_LOG = "Look at its api-server's log."


class AirflowApi:
    """Logged in as one user; a context manager that closes its connections.

    Raises:
        AccessError: nobody answers at the address, or the login is refused; each call: it is refused, or gets no whole
            answer within `timeout_seconds`.
    """

    def __init__(self, address: str, user: str, password: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self.address = address
        self._http = httpx.Client(base_url=address, timeout=timeout_seconds)
        try:
            response = self._http.post("/auth/token", json={"username": user, "password": password})
        except (httpx.TransportError, httpx.InvalidURL) as error:
            self.close()
            raise AccessError(f"Airflow at {address}", "does not answer", "Start it with: daily-runs up") from error
        if response.status_code not in (200, 201):
            self.close()
            raise AccessError(f"Airflow at {address}", f"refuses the login of {user!r}", "Check user and password.")
        self._http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Any:
        """GET below `/api/v2`."""
        return self._call("GET", path, params=query)

    def post(self, path: str, body: object) -> Any:
        """POST below `/api/v2`."""
        return self._call("POST", path, json=body)

    def patch(self, path: str, body: object, **query: Any) -> Any:
        """PATCH below `/api/v2`."""
        return self._call("PATCH", path, json=body, params=query)

    def _call(self, method: str, path: str, **options: Any) -> Any:
        place = f"Airflow at {self.address}"
        try:
            response = self._http.request(method, f"/api/v2{path}", **options)
            if not response.is_error:
                return response.json() if response.content else None
        except (httpx.HTTPError, ValueError) as error:  # it went away, was too slow, or what came is no JSON
            problem = f"broke off its answer to {method} {path} ({type(error).__name__})"
            raise AccessError(place, problem, LOOK_AT_ITS_LOG) from error
        problem = f"answers {method} {path} with {response.status_code}: {response.text[:300]}"
        raise AccessError(place, problem, "Check the request and the user's rights.")

    def pools(self) -> dict[str, dict[str, Any]]:
        """Every pool by name."""
        found: dict[str, dict[str, Any]] = {}
        while True:  # an Airflow may give less at once than is asked for
            answer = self.get("/pools", limit=100, offset=len(found))
            found |= {pool["name"]: pool for pool in answer["pools"]}
            if not answer["pools"] or len(found) >= answer["total_entries"]:
                return found

    def write_pools(self, wanted: Mapping[str, Pool]) -> None:
        """Make or change the pools that the catalogue asks for."""
        there = self.pools()
        for name, pool in wanted.items():
            if name in there:
                self.patch(f"/pools/{name}", {"pool": name, **pool})
            else:
                self.post("/pools", {"name": name, **pool})

    def unpause(self, dag_id: str) -> None:
        """Let a DAG's runs start."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let no further run of a DAG start."""
        self.patch(f"/dags/{dag_id}", {"is_paused": True})

    def trigger(self, dag_id: str, conf: Mapping[str, Any], logical_date: str | None = None) -> str:
        """Start a run; returns its id."""
        body = {"logical_date": logical_date, "conf": dict(conf)}
        return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self.get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def run_note(self, dag_id: str, run_id: str) -> str | None:
        """What stands in a run's note."""
        note: str | None = self.get(_path(dag_id, run_id))["note"]
        return note

    def write_run_note(self, dag_id: str, run_id: str, note: str) -> None:
        """Replace a run's note; Airflow's page shows its first line."""
        self.patch(_path(dag_id, run_id), {"note": note}, update_mask="note")

    def task_note(self, dag_id: str, run_id: str, task_id: str, map_index: int) -> str | None:
        """What stands in the note of a task instance; `map_index`: -1 if it is not mapped."""
        note: str | None = self.get(_path(dag_id, run_id, task_id, map_index))["note"]
        return note

    def write_task_note(self, dag_id: str, run_id: str, task_id: str, map_index: int, note: str) -> None:
        """Replace it."""
        self.patch(_path(dag_id, run_id, task_id, map_index), {"note": note}, update_mask="note")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Every task instance of a run, mapped ones one by one."""
        found = self.get(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", limit=1000)["task_instances"]
        return list(found)

    def log_text(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> str:
        """The log of a task instance's last try, as one text."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
        return str(self.get(path, map_index=task["map_index"])["content"])


def _path(dag_id: str, run_id: str, task_id: str = "", map_index: int = -1) -> str:
    run = f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
    mapped = f"/{map_index}" if map_index >= 0 else ""
    return f"{run}/taskInstances/{quote(task_id, safe='')}{mapped}" if task_id else run


def serves(address: str) -> bool:
    """Whether an API server answers at this address."""
    return bool(_health(address))


def healthy(address: str) -> bool:
    """Whether every part of the Airflow at this address says it is well."""
    health = _health(address)
    return all((health.get(part) or {}).get("status") == "healthy" for part in HEALTHY_PARTS)


def _health(address: str) -> dict[str, Any]:
    """What it says of its parts; nothing while nobody answers."""
    try:
        said: dict[str, Any] = httpx.get(f"{address}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return said

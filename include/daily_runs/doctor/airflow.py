"""Airflow: does it answer, are its parts well, are pools and DAGs as the catalogue has them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import httpx

from daily_runs.airflow_api import HEALTHY_PARTS, LOOK_AT_ITS_LOG, AirflowApi
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.pools import differences, pools
from daily_runs.doctor.finding import Diagnosis, Subject
from daily_runs.errors import AccessError, UserError
from daily_runs.local.stack import described

AIRFLOW = Subject("airflow")
VARIABLE = "DAILY_RUNS_AIRFLOW"
_FIELDS = ("address", "user", "password")
_FORM = '{"address": "https://…", "user": "…", "password": "…"}'
SHAPE = f"Set it to {_FORM}."
_DAGS_MAX = 1000


def airflow(catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    """All of it; without an address to look at, that is said and is no fault: `daily-runs run` needs no Airflow."""
    try:
        api = logged_in()
        if api is None:
            remedy = f"Needed only where Airflow runs the DAGs: set {VARIABLE} to {_FORM}."
            yield AIRFLOW.not_checked("answers", f"no local stack runs and {VARIABLE} is not set", remedy)
            return
    except UserError as error:
        yield AIRFLOW.refused("answers", error)
        yield AIRFLOW.not_checked("pools, DAGs", "Airflow is not reached")
        return
    with api:
        yield from _look(api, catalogue)


def logged_in() -> AirflowApi | None:
    """The Airflow to look at: by the login in `DAILY_RUNS_AIRFLOW`, or the local stack that runs; None without either.

    Raises:
        AccessError: the variable is not in its form, nobody answers, or the login is refused.
    """
    if text := os.environ.get(VARIABLE, "").strip():
        return _login(text)
    stack = described()
    return stack.api() if stack else None


def _login(text: str) -> AirflowApi:
    place = f"environment variable {VARIABLE}"
    try:
        given = json.loads(text)
    except ValueError:
        given = None  # the decoder's own message would show the password
    if not isinstance(given, dict) or set(given) != set(_FIELDS) or not all(isinstance(v, str) for v in given.values()):
        raise AccessError(place, "is no JSON object of address, user and password", SHAPE)
    try:
        return AirflowApi(given["address"].rstrip("/"), given["user"], given["password"])
    except (httpx.InvalidURL, ValueError, KeyError) as error:
        raise AccessError(
            place, f"names {given['address']!r}, where no Airflow answers", "Give its address."
        ) from error


def _look(api: AirflowApi, catalogue: Catalogue | None) -> Iterator[Diagnosis]:
    check = "answers"
    try:
        yield _health(api)
        if catalogue is None:
            yield AIRFLOW.not_checked("pools, DAGs", "the catalogue is not sound")
            return
        check = "pools"
        yield from _pools(api, catalogue)
        check = "DAGs"
        yield from _dags(api, catalogue)
    except AccessError as error:
        yield AIRFLOW.refused(check, error)
    except KeyError as error:
        yield AIRFLOW.fault(check, f"{api.address} left {error} out of its answer", LOOK_AT_ITS_LOG)


def _health(api: AirflowApi) -> Diagnosis:
    health = api.get("/monitor/health")
    ill = [part for part in HEALTHY_PARTS if (health.get(part) or {}).get("status") != "healthy"]
    if ill:
        return AIRFLOW.fault("answers", f"{api.address}: {', '.join(ill)} not healthy", "Start it; see its log.")
    return AIRFLOW.ok("answers", f"{api.address}: {', '.join(HEALTHY_PARTS)} healthy")


def _pools(api: AirflowApi, catalogue: Catalogue) -> Iterator[Diagnosis]:
    wanted = pools(catalogue)
    found = list(differences(wanted, api.pools()))
    for name, problem in found:
        remedy = f"airflow pools set {name} {wanted[name]['slots']} '{wanted[name]['description']}'"
        yield AIRFLOW.fault("pools", problem, remedy)
    if not found:
        listed = ", ".join(f"{name} {pool['slots']}" for name, pool in wanted.items())
        yield AIRFLOW.ok("pools", f"as in the catalogue: {listed}")


def _dags(api: AirflowApi, catalogue: Catalogue) -> Iterator[Diagnosis]:
    errors = api.get("/importErrors", limit=_DAGS_MAX)["import_errors"]
    for error in errors:
        last = (str(error.get("stack_trace") or "").strip().splitlines() or ["no reason given"])[-1]
        yield AIRFLOW.fault(
            "DAGs", f"{error.get('filename')} does not import: {last[:200]}", "Mend it, then parse again."
        )
    there = {dag["dag_id"] for dag in api.get("/dags", limit=_DAGS_MAX)["dags"]}
    missing = sorted(feature for feature in catalogue.features if f"daily_runs_{feature}" not in there)
    if missing:
        remedy = "Check that its dags folder is this project's and that the DAG processor has parsed it."
        yield AIRFLOW.fault("DAGs", f"no DAG of {', '.join(missing)}", remedy)
    elif not errors:
        yield AIRFLOW.ok("DAGs", f"{len(catalogue.features)} features have theirs, no import errors")

"""`daily-runs pools --check` against a real Airflow: the stack's pools are the catalogue's, and drift is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner, Result

from daily_runs.cli import main
from tests.airflow.conftest import Airflow

Check = Callable[[], Result]


@pytest.fixture
def check(airflow: Airflow, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command against the stack."""
    stack = airflow.stack
    login = {"address": stack.airflow, "user": stack.user, "password": stack.password}
    monkeypatch.setenv("DAILY_RUNS_AIRFLOW", json.dumps(login))
    return lambda: CliRunner().invoke(main.app, ["pools", "--check", "--overlay", stack.overlay])


def test_a_started_stack_has_every_pool_of_the_catalogue(check: Check) -> None:
    found = check()
    assert found.exit_code == 0, found.output
    assert "EVAL 20, PROD 40, readiness_sensors 8" in found.stdout


def test_a_pool_that_somebody_changed_by_hand_is_found(airflow: Airflow, check: Check) -> None:
    pool = airflow.api.pools()["readiness_sensors"]
    wanted = {"pool": pool["name"], **{key: pool[key] for key in ("slots", "description", "include_deferred")}}
    airflow.api.patch("/pools/readiness_sensors", {**wanted, "slots": 1, "include_deferred": True})
    try:
        found = check()
    finally:
        airflow.api.patch("/pools/readiness_sensors", wanted)
    assert found.exit_code == 1
    assert found.stdout.splitlines()[:2] == [
        "pool readiness_sensors has 1 slots, the catalogue says 8",
        "pool readiness_sensors counts deferred tasks, the catalogue says the opposite",
    ]
    assert check().exit_code == 0

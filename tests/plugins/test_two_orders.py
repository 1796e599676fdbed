"""Two orders of one date: task `plan` refuses the second one before it pays, however its date was named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from tests.conftest import DAY

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.store.database import Store
from daily_runs_airflow import task_bodies

HOUR = dt.timedelta(hours=1)
Plan = Callable[..., dict[str, Any]]


@pytest.fixture
def plan(store: Store, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The task of a DAG run of the test's day, ordered an hour before now unless the test says otherwise."""
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "sandbox")
    monkeypatch.setattr(task_bodies, "_store", lambda: nullcontext(store))

    def run(kind: str = "manual", ordered: dt.timedelta = -HOUR, run_id: str = "second", **conf: Any) -> dict[str, Any]:
        given = SimpleNamespace(conf=conf, run_type=kind, run_id=run_id, run_after=dt.datetime.now(dt.UTC) + ordered)
        context = {"dag_run": given, "params": conf, "logical_date": None if "run" in conf else DAY}
        monkeypatch.setattr(task_bodies, "get_current_context", lambda: context)
        return task_bodies.plan("duo_chat")

    return run


@pytest.fixture
def first(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of four prompts of that day, published just now."""
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "sandbox")
    key = RunKey("duo_chat", "staging", DAY)
    opening.plan(store, catalogue_files.load(), key, limit=4, airflow_run_id="first")
    store.rows("UPDATE daily_runs.attempt SET status = 'published', ended_at = now()")


@pytest.mark.parametrize("order", [{"run": DAY.isoformat()}, {}], ids=["by the form", "by Airflow's logical date"])
def test_an_order_that_was_given_before_the_other_ended_is_refused(
    plan: Plan, first: None, order: dict[str, Any]
) -> None:
    with pytest.raises(ParameterError, match="was asked by first after this order was given .*a second time"):
        plan(prompts=4, environment="staging", **order)


def test_a_scheduled_run_that_waited_behind_an_order_of_its_date_is_refused(plan: Plan, first: None) -> None:
    with pytest.raises(ParameterError, match="a second time"):
        plan("scheduled", prompts=4)


@pytest.mark.parametrize("order", [{"run": DAY.isoformat()}, {}], ids=["by the form", "by Airflow's logical date"])
def test_somebody_who_orders_after_the_others_end_wants_it(plan: Plan, first: None, order: dict[str, Any]) -> None:
    assert plan(ordered=HOUR, prompts=4, environment="staging", **order)["prompts"] == 4


def test_a_backfill_asks_again_and_a_dag_run_is_no_second_order_of_itself(plan: Plan, first: None) -> None:
    assert plan("backfill", prompts=4)["prompts"] == 4
    assert plan(run_id="first", prompts=4)["prompts"] == 4

"""Routing decisions: one a DAG run, the last one it made."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from daily_runs.records import routes
from daily_runs.records.routes import Routed
from daily_runs.statuses import ReadinessState

if TYPE_CHECKING:
    from daily_runs.store.database import Store


RUN = "scheduled__2026-08-17T06:00:00+00:00"
DECISION = Routed(
    feature="duo_chat",
    airflow_run_id=RUN,
    logical_date=dt.datetime(2026, 8, 17, 6, tzinfo=dt.UTC),
    planned=("staging",),
    chosen=(),
    forced=False,
    readiness=ReadinessState.NOT_READY,
    reason="no seeds",
)


def test_a_decision_comes_back_as_it_was_stored(store: Store) -> None:
    routes.save(store, DECISION)
    row = routes.of_run(store, "duo_chat", RUN)
    assert row is not None
    assert row.pop("decided_at") is not None
    assert row == {**DECISION._asdict(), "planned": ["staging"], "chosen": []}


def test_nobody_asked_is_null(store: Store) -> None:
    routes.save(store, DECISION._replace(readiness=None, forced=True))
    row = routes.of_run(store, "duo_chat", RUN)
    assert row is not None
    assert (row["readiness"], row["forced"]) == (None, True)


def test_a_dag_run_that_decides_again_replaces_its_own_decision_only(store: Store) -> None:
    for decision in (DECISION, DECISION._replace(feature="root_cause_analysis")):
        routes.save(store, decision)  # a backfill's run id is the same in all features
    routes.save(store, DECISION._replace(chosen=("staging",), readiness=ReadinessState.READY, reason="ready"))
    found = {name: routes.of_run(store, name, RUN) for name in ("duo_chat", "root_cause_analysis", "code_suggestions")}
    assert {name: row and row["reason"] for name, row in found.items()} == {
        "duo_chat": "ready",
        "root_cause_analysis": "no seeds",
        "code_suggestions": None,
    }

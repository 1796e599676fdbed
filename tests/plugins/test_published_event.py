"""The event of a published run: what its `extra` says is what readers see in the contract."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import nullcontext

import pytest
from airflow.sdk.execution_time.context import OutletEventAccessors
from tests.published_runs import Day, publish

from daily_runs.store.database import Store
from daily_runs_airflow import task_bodies
from daily_runs_airflow.assets import EVENT, published_runs

CHAT = published_runs("duo_chat")


@pytest.fixture
def told(store: Store, monkeypatch: pytest.MonkeyPatch) -> OutletEventAccessors:
    """The events of a task that writes to chat's asset; the stages themselves have run already."""
    events = OutletEventAccessors()
    monkeypatch.setattr(task_bodies, "get_current_context", lambda: {"outlets": [CHAT], "outlet_events": events})
    monkeypatch.setattr(task_bodies, "_store", lambda: nullcontext(store))
    monkeypatch.setattr(task_bodies, "_run", lambda *_words: {"stage": "done"})
    return events


def test_publishing_tells_run_counts_verdict_and_checksum_as_the_contract_has_them(
    store: Store, told: OutletEventAccessors
) -> None:
    publish(store, Day(0))
    run = publish(store, Day(1, fell={"class-3": 0.3}, failed=6))
    row = store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(run.key)})
    assert task_bodies.run_stage("publish", [{"attempt_id": str(row["attempt_id"])}]) == {"stage": "done"}
    extra = told[CHAT].extra
    assert json.loads(json.dumps(extra)) == extra, "Airflow keeps it as JSON"
    assert tuple(extra) == EVENT
    assert extra["logical_date"] == "2026-08-02T06:00:00+00:00"
    assert extra["attempt_id"] == str(row["attempt_id"])
    assert (extra["verdict"], extra["asked"], extra["failed"], extra["kind"]) == ("regressed", 160, 6, "full")
    others = set(EVENT) - {"logical_date", "attempt_id"}
    assert {name: extra[name] for name in others} == {name: row[name] for name in others}
    assert dt.datetime.fromisoformat(str(extra["logical_date"])) == row["logical_date"]


def test_no_other_stage_tells_anything(store: Store, told: OutletEventAccessors) -> None:
    publish(store, Day(0))
    attempt = store.row("SELECT attempt_id FROM contract.runs_v2")["attempt_id"]
    task_bodies.run_stage("validation", [{"attempt_id": str(attempt)}])
    assert len(told) == 0

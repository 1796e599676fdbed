"""Boards for tests: the shipped catalogue with what rows and Airflow say of one feature."""

from __future__ import annotations

import datetime as dt
from typing import Any

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.readiness import today
from daily_runs.readiness.board import BoardRows, board
from daily_runs.readiness.board_reading import Board
from daily_runs.readiness.health_rows import BoardHealth, EnvironmentHealth
from daily_runs.readiness.today import DagRunSeen, RunToday, TaskSeen
from daily_runs.statuses import ReadinessAspect

CATALOGUE = catalogue_files.load()
NOW = dt.datetime(2026, 8, 12, 12, tzinfo=dt.UTC)
CHAT = "duo_chat"
RUN_ID = "scheduled__2026-08-12T06:00:00+00:00"


def attempt(**more: Any) -> dict[str, Any]:
    """A row of an attempt, published this morning."""
    stages = {
        name: {
            "asked": 10,
            "answered": 9,
            "failed": 1,
            "missing": 0,
            "tasks": 1,
            "longest_seconds": 60.0,
            "ended_at": f"2026-08-12T06:{minute:02}:00+00:00",
        }
        for minute, name in enumerate(today.STAGE_ORDER)
    }
    row = {
        "attempt_id": "5f1c1d5e-0000-4000-8000-000000000001",
        "feature": CHAT,
        "environment": "staging",
        "kind": "full",
        "logical_date": NOW,
        "provenance": "sandbox",
        "outcome": "published",
        "reason": None,
        "dag_run_id": RUN_ID,
        "asked": 10,
        "answered": 9,
        "failed": 1,
        "scored": 9,
        "unscored": 0,
        "stages": stages,
        "started_at": NOW - dt.timedelta(hours=6),
        "ended_at": NOW - dt.timedelta(hours=5),
        "item_mean": 0.812,
        "item_mean_low": 0.79,
        "item_mean_high": 0.83,
        "populations": [{"provider": "unknown"}],
        "verdict": "regressed",
        "verdict_reason": "regressed: fell",
    }
    return row | more


def route(*chosen: str, reason: str = "staging was not ready") -> dict[str, Any]:
    """Where this morning's run was sent."""
    return {
        "feature": CHAT,
        "airflow_run_id": RUN_ID,
        "logical_date": NOW,
        "planned": ["staging"],
        "chosen": list(chosen),
        "forced": False,
        "readiness": "not_ready",
        "reason": reason,
        "decided_at": NOW - dt.timedelta(hours=6),
    }


def seen(state: str, *tasks: tuple[str, str], **more: Any) -> DagRunSeen:
    """The run as Airflow has it; tasks as (id, state)."""
    began = NOW - dt.timedelta(hours=6)
    found = [TaskSeen(name, -1, task_state, began, None, 1) for name, task_state in tasks]
    return DagRunSeen(CHAT, RUN_ID, state, began, None, found, **more)


def runs(attempts: list[dict[str, Any]], routes: list[dict[str, Any]], *dag_runs: DagRunSeen) -> list[RunToday]:
    """Today's runs of the feature."""
    return today.of_feature(CATALOGUE.features[CHAT], NOW, attempts, routes, dag_runs)


def whole_board(of_chat: list[RunToday], text: str = "why") -> Board:
    """The board of every feature; whatever may come from elsewhere in it is the text."""
    looked = {"state": "not_ready", "reason": text, "owner": text, "details": {}, "looked_at": NOW}
    aspects = {(CHAT, str(aspect)): looked for aspect in (ReadinessAspect.SEEDS, ReadinessAspect.LIMITS)}
    breaker = {"provider": text, "state": "open", "open_until": NOW, "reason": text}
    environments = [
        EnvironmentHealth(text, "sandbox", text, NOW, text),
        EnvironmentHealth("b", "live", "x", None, None),
    ]
    health = BoardHealth(f"store {text}", "0023", 0.003, True, environments, [breaker])
    return Board(NOW, NOW, text, board(CATALOGUE, BoardRows(aspects, {}, {}, {}, {CHAT: of_chat}), NOW), (), health)

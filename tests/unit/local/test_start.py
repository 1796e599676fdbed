"""The order in which a stack's parts are started."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from daily_runs import airflow_api
from daily_runs.local import stack
from daily_runs.store import logins
from daily_runs.store.embedded import EmbeddedPostgres

ALL_WELL = {part: {"status": "healthy"} for part in airflow_api.HEALTHY_PARTS}


class Recorded:
    """Stands for the parts: an API server that answers at the third look, and all of them well at the sixth."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.looks = 0

    def start(self, name: str, command: list[str], environment: Mapping[str, str], *, works: bool = False) -> None:
        """Note what is started."""
        self.events.append(f"start {name}{', told to stop first' if works else ''}")

    def finish(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        """Note what was run to its end."""
        self.events.append(f"finish {name}")

    def wait_until(self, condition: Callable[[], bool], state: str) -> None:
        """Look until it is so."""
        while not condition():
            self.looks += 1
        self.events.append(state)

    def pids(self) -> dict[str, int]:
        """None is running."""
        return {}

    def health(self, address: str) -> dict[str, Any]:
        """What the API server says by now."""
        return {} if self.looks < 3 else {"scheduler": {"status": None}} if self.looks < 6 else ALL_WELL


def test_the_scheduler_begins_when_its_tasks_find_an_api_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = Recorded()
    monkeypatch.setattr(stack, "_Parts", lambda *_: parts)
    monkeypatch.setattr(logins, "writer_url", lambda *_: "postgresql://store")
    monkeypatch.setattr(logins, "airflow_url", lambda *_: "postgresql://airflow")
    monkeypatch.setattr(airflow_api, "_health", parts.health)
    server = cast(EmbeddedPostgres, SimpleNamespace())
    started = stack._started(tmp_path, server, 8080, 60.0, {})
    assert parts.events == [
        "start sandbox",
        "finish db migrate",
        "start api-server",
        "start dag-processor",
        "start triggerer",
        "serving its API",
        "start scheduler, told to stop first",
        "healthy",
    ]
    assert parts.looks == 6
    assert started.airflow == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "answer", [{}, {"scheduler": None}, {**ALL_WELL, "triggerer": {"status": "unhealthy"}}], ids=str
)
def test_an_airflow_of_which_a_part_is_missing_or_ill_is_not_well(
    answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(airflow_api, "_health", lambda _: answer)
    assert airflow_api.serves("http://127.0.0.1:1") is bool(answer)
    assert not airflow_api.healthy("http://127.0.0.1:1")


def test_where_nobody_listens_nothing_serves_and_nothing_is_well() -> None:
    assert not airflow_api.serves("http://127.0.0.1:1")
    assert not airflow_api.healthy("http://127.0.0.1:1")

"""The stack of the kill cells, whose scheduler notices a dead worker soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.airflow.conftest import OF_TESTS, Airflow, airflow
from tests.kill_cells.cell import Restarts

__all__ = ["airflow", "restarts"]

OF_TESTS |= {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
}
"""As shipped, Airflow takes a task for dead after 300 s without a heartbeat."""


@pytest.fixture(scope="session")
def restarts(airflow: Airflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restarts]:
    """Starts parts of the stack again, and ends them with the tests."""
    found = Restarts(airflow, tmp_path_factory.mktemp("restarted"))
    yield found
    found.stop()

"""The stack itself: nobody on the network reaches it, and nobody else on the machine reads what it writes."""

from __future__ import annotations

import os
import socket
import stat

import pytest

from daily_runs.guard import postmaster_pid
from daily_runs.store.embedded import state_root
from tests.airflow.conftest import Airflow
from tests.airflow.listening import Listening, listening

pytestmark = pytest.mark.timeout(1800)
ANYWHERE = [("0.0.0.0", socket.AF_INET), *([("::", socket.AF_INET6)] if socket.has_dualstack_ipv6() else [])]


@pytest.fixture(scope="module")
def found(airflow: Airflow) -> set[Listening]:
    """All on which the stack listens, while a run is under way and after it."""
    run = airflow.trigger("duo_chat", environment="staging", prompts=4)
    airflow.until(lambda: any(task["state"] == "running" for task in airflow.api.task_instances(*run)), "a task")
    postgres = postmaster_pid(state_root() / "postgres" / "data")
    assert postgres is not None
    sessions = [*airflow.stack.processes.values(), os.getsid(postgres)]
    during = listening(sessions)
    assert airflow.wait(run) == "success"
    return during | listening(sessions)


def test_every_part_that_serves_is_found_and_none_listens_to_other_machines(found: set[Listening]) -> None:
    commands = " ".join(one.command for one in found)
    assert [part for part in ("api_server", "sandbox", "postgres") if part not in commands.replace("-", "_")] == []
    assert {one for one in found if one.open_to_others} == set()


@pytest.mark.parametrize(("address", "family"), ANYWHERE, ids=str)
def test_a_socket_that_is_open_to_other_machines_is_found(address: str, family: socket.AddressFamily) -> None:
    with socket.socket(family) as server:
        server.bind((address, 0))
        server.listen()
        mine = {one for one in listening([os.getsid(0)]) if one.port == server.getsockname()[1]}
    assert [(one.address, one.open_to_others) for one in mine] == [(address, True)]


def test_logs_overlay_and_login_are_readable_by_their_owner_only(airflow: Airflow, found: set[Listening]) -> None:
    root = state_root()
    postgres = root / "postgres"  # the server sees to its own
    written = [path for path in root.rglob("*") if postgres not in (path, *path.parents) and not path.is_symlink()]
    assert {"local.json", "overlay.yaml", "scheduler.log", "task_logs"} <= {path.name for path in written}
    assert [path for path in written if path.suffix == ".log" and "task_logs" in str(path)] != []
    assert [str(path) for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_the_log_of_a_task_is_shown_without_a_log_server(airflow: Airflow, found: set[Listening]) -> None:
    run = airflow.trigger("duo_chat", environment="staging", prompts=4)
    airflow.until(lambda: airflow.tasks(run, "staging.seed_check")[:1], "a seed check")
    airflow.until(lambda: "attempt" in airflow.log(run, "staging.seed_check"), "its log")
    assert airflow.wait(run) == "success"

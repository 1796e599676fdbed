"""One thing at a time dies or interferes while a run works: nothing is lost, and what is paid twice was in flight.

What on-call has to do about each is in docs/runbooks/outages.md, by the cell's name; a test holds the list complete.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from daily_runs import airflow_api
from daily_runs.statuses import AnswerStatus
from daily_runs.store.database import Store
from tests.airflow.conftest import DAYS_OF_STAGING, Airflow, DagRun
from tests.kill_cells.cell import DAG_ID, FEATURE, PROMPTS, Cell, Part, Restarts, within

pytestmark = pytest.mark.timeout(1800)

PROJECT = Path(__file__).parents[2]
RUNBOOK = PROJECT / "docs" / "runbooks" / "outages.md"
FAKETIME = PROJECT / ".venv" / "faketime"
A_DAY = 24 * 3600


def is_healthy(airflow: Airflow) -> bool:
    """Whether every part of Airflow says that it is well."""
    return airflow_api.healthy(airflow.stack.airflow)


def test_dag_processor_dies(airflow: Airflow, restarts: Restarts) -> None:
    cell = Cell.begun(airflow)
    part = Part.of(airflow, "dag-processor")
    part.kill(with_children=True)
    cell.ends_well(set())
    restarts.start("dag-processor", part)
    within(120, lambda: is_healthy(airflow), "the DAG processor")


@pytest.mark.parametrize("seconds", [5, 60], ids=["short", "a_minute"])
def test_api_server_is_away(airflow: Airflow, restarts: Restarts, seconds: int) -> None:
    cell = Cell.begun(airflow)
    part = Part.of(airflow, "api-server")
    in_flight = cell.open_calls()
    part.kill(with_children=True)
    time.sleep(seconds)
    in_flight |= cell.open_calls()
    restarts.start("api-server", part)
    within(120, lambda: is_healthy(airflow), "the API server")
    cell.ends_well(in_flight)


def test_sandbox_dies(airflow: Airflow, restarts: Restarts) -> None:
    cell = Cell.begun(airflow)
    part = Part.of(airflow, "sandbox")
    workers = list(descendants(Part.of(airflow, "scheduler").pid))
    for pid in workers:  # so that what the sandbox received does not grow while it is read
        os.kill(pid, signal.SIGSTOP)
    time.sleep(1)
    cell.keep_the_sandboxs_memory()
    part.kill(with_children=True)
    for pid in workers:
        os.kill(pid, signal.SIGCONT)
    time.sleep(10)
    lost = unsettled(airflow, cell.run)
    restarts.start("sandbox", part)
    cell.ends_with_reasons(lost)


def test_judging_worker_dies(airflow: Airflow) -> None:
    cell = Cell.triggered(airflow)
    airflow.until(lambda: verdicts(airflow.store, cell.run) >= PROMPTS // 8, "an eighth of the verdicts")
    victim = cell.tasks("judging")[0]
    os.kill(victim["pid"], signal.SIGKILL)
    cell.ends_well(set())
    assert cell.tasks("judging")[0]["try_number"] == 2


def test_scheduler_alone_dies(airflow: Airflow, restarts: Restarts) -> None:
    cell = Cell.begun(airflow)
    part = Part.of(airflow, "scheduler")
    in_flight = cell.open_calls()
    part.kill(with_children=False)
    time.sleep(5)
    in_flight |= cell.open_calls()
    restarts.start("scheduler", part)
    cell.ends_well(in_flight)


def test_scheduler_and_its_workers_die(airflow: Airflow, restarts: Restarts) -> None:
    cell = Cell.begun(airflow)
    part = Part.of(airflow, "scheduler")
    workers = list(descendants(part.pid))
    os.kill(part.pid, signal.SIGKILL)
    for pid in workers:
        kill(pid)
    unasked, in_flight = cell.counted(AnswerStatus.PLANNED), cell.open_calls()
    restarts.start("scheduler", part)
    assert unasked > 0, "prompts are still unasked"
    cell.ends_well(in_flight)


def test_a_dag_is_paused_and_unpaused(airflow: Airflow) -> None:
    cell = Cell.begun(airflow)
    airflow.api.pause(DAG_ID)
    airflow.until(lambda: not [t for t in cell.tasks("inference") if t["state"] == "running"], "inference to end")
    time.sleep(5)
    airflow.api.unpause(DAG_ID)
    cell.ends_well(set())


def test_a_running_index_is_cleared(airflow: Airflow) -> None:
    cell = Cell.begun(airflow)
    in_flight = cell.open_calls()
    order = {
        "dry_run": False,
        "dag_run_id": cell.run.run_id,
        "task_ids": [["staging.inference", 1]],
        "only_failed": False,
        "include_downstream": False,
    }
    airflow.api.post(f"/dags/{DAG_ID}/clearTaskInstances", order)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        in_flight |= cell.open_calls()
        time.sleep(0.1)
    cell.ends_well(in_flight)


def test_a_backfill_runs_beside_a_manual_run(airflow: Airflow) -> None:
    cell = Cell.begun(airflow)
    day = DAYS_OF_STAGING[1]
    order = {
        "dag_id": DAG_ID,
        "from_date": f"{day}T00:00:00Z",
        "to_date": f"{day}T23:59:59Z",
        "dag_run_conf": {"prompts": PROMPTS, "note": "backfill beside a manual run"},
        "max_active_runs": 1,
        "reprocess_behavior": "completed",
    }
    airflow.api.post("/backfills", order)
    airflow.until(lambda: backfills(airflow, day), "the backfill's run")
    (other,) = backfills(airflow, day)
    assert airflow.wait(other) == "success"
    assert airflow.wait(cell.run) == "success"
    paid = cell.paid()
    assert len(set(paid)) == PROMPTS, "both dates ask the same items"
    assert {paid.count(prompt) for prompt in paid} == {2}, "each run pays for each of its prompts once"


def test_the_command_line_runs_the_same_key(airflow: Airflow, tmp_path: Path) -> None:
    day = DAYS_OF_STAGING[0]
    cell = Cell.begun(airflow, f"{day}T00:00:00Z")  # the moment that `--date` stands for
    done = command_line(airflow, tmp_path, "--date", day, "--environment", "staging", "--limit", str(PROMPTS))
    sys.stdout.write(f"the command line, exit code {done.returncode}: {done.stderr.strip()[-300:]}\n")
    assert "Traceback" not in done.stderr
    query = "SELECT DISTINCT run_key FROM daily_runs.attempt WHERE run_key LIKE %(day)s"
    keys = airflow.store.rows(query, {"day": f"%{day}%"})
    assert len(keys) == 1, "both work on one key"
    cell.ends_well(set())


@pytest.mark.parametrize("offset", [A_DAY, -A_DAY], ids=["ahead", "behind"])
def test_a_workers_clock_is_off_by_a_day(airflow: Airflow, tmp_path: Path, offset: int) -> None:
    since = len(airflow.sent())
    (library,) = FAKETIME.rglob("libfaketimeMT.so.1")
    fake = {"LD_PRELOAD": str(library), "FAKETIME": f"{offset:+d}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    date = "2026-01-06" if offset > 0 else "2026-01-07"
    words = ["--date", date, "--environment", "staging", "--limit", str(PROMPTS), "--json"]
    done = command_line(airflow, tmp_path, *words, variables=fake)
    assert done.returncode == 0, done.stderr
    published = json.loads(done.stdout)["published"]
    assert (published["asked"], published["answered"], published["failed"]) == (PROMPTS, PROMPTS, 0)
    paid = [entry for entry in airflow.sent(since) if entry["paid"] and entry["operation"] == "aiAction"]
    assert len(paid) == len({entry["key"] for entry in paid}) == PROMPTS
    at = sorted(entry["at_seconds"] for entry in paid)
    rate = (PROMPTS - 1) / (at[-1] - at[0]) * 60
    sys.stdout.write(f"{rate:.1f} prompts a minute of 20 allowed\n")
    assert rate < 20 * 1.05, "the store's clock paces, not the worker's"


def test_every_cell_says_what_on_call_does() -> None:
    cells = set(re.findall(r"^def test_(\w+)\(airflow", Path(__file__).read_text(encoding="utf-8"), re.MULTILINE))
    rows = set(re.findall(r"^\| `(\w+)` \|", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE))
    assert cells <= rows


def unsettled(airflow: Airflow, run: DagRun) -> set[str]:
    """Prompts that were sent and have no answer: their tickets died with the far end."""
    query = """
        SELECT prompt_id FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
        WHERE airflow_run_id = %(run)s AND answer.status = 'sent'
    """
    return {row["prompt_id"] for row in airflow.store.rows(query, {"run": run.run_id})}


def verdicts(store: Store, run: DagRun) -> int:
    """Verdicts of a run that are stored."""
    query = """
        SELECT count(*)::int AS n FROM daily_runs.judgement JOIN daily_runs.attempt USING (attempt_id)
        WHERE airflow_run_id = %(run)s AND judgement.status = 'scored'
    """
    return int(store.row(query, {"run": run.run_id})["n"])


def descendants(pid: int) -> Iterator[int]:
    """Every process below one."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    for word in found.stdout.split():
        yield int(word)
        yield from descendants(int(word))


def kill(pid: int) -> None:
    """End a process with -9, if it is still there."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def backfills(airflow: Airflow, day: str) -> list[DagRun]:
    """The runs of a day that a backfill made."""
    found = airflow.api.get(f"/dags/{DAG_ID}/dagRuns", logical_date_gte=f"{day}T00:00:00Z", limit=100)["dag_runs"]
    return [
        DagRun(DAG_ID, run["dag_run_id"])
        for run in found
        if run["run_type"] == "backfill" and str(run["logical_date"]).startswith(day)
    ]


def command_line(
    airflow: Airflow, folder: Path, *words: str, variables: dict[str, Any] | None = None
) -> subprocess.CompletedProcess[str]:
    """`daily-runs run` beside the stack: the same store, catalogue and sandbox."""
    scheduler = Part.of(airflow, "scheduler").environment
    known = ("DAILY_RUNS_INCLUDE", "DAILY_RUNS_OVERLAY", "PATH", "HOME")
    environment = {name: scheduler[name] for name in known if name in scheduler}
    environment |= {"DAILY_RUNS_STORE": airflow.stack.store, "DAILY_RUNS_STATE": str(folder), **(variables or {})}
    command = [sys.executable, "-m", "daily_runs.cli", "run", FEATURE, *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)

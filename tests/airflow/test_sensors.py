"""Sensors on the real scheduler and triggerer: they hold no worker, share their looks, and nothing loses a wait.

`DAILY_RUNS_WAIT_ROUNDS=5` has all ten DAGs wait five times in a row; the triggerer is killed in the first round.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from daily_runs.guard import Guard
from tests.airflow.conftest import LOOK_EVERY_MINUTES, TIME_SCALE, Airflow, DagRun, moment

pytestmark = pytest.mark.timeout(1800)

WAITING = [f"waits_{number}" for number in range(10)]
ROUNDS = int(os.environ.get("DAILY_RUNS_WAIT_ROUNDS", "1"))
LOOK_EVERY_SECONDS = LOOK_EVERY_MINUTES * 60 / TIME_SCALE
XCOM = "/dags/readiness/dagRuns/{}/taskInstances/look_at_{}/xcomEntries/return_value"


class Round(NamedTuple):
    """Ten waits: what was seen while they waited, and when the seeds came (by the store's clock).

    Beside them, one run gives up, one is skipped, and the hourly look runs; `sent` is what the sandbox got of it all.
    """

    runs: list[DagRun]
    gave_up: DagRun
    skipped: DagRun
    hourly: DagRun
    sent: list[dict[str, Any]]
    pool: Mapping[str, int]
    shown: list[Mapping[str, Any]]
    watched: tuple[dt.datetime, dt.datetime]
    came: tuple[dt.datetime, dt.datetime]


@pytest.fixture(scope="session")
def guard(airflow: Airflow) -> Iterator[Guard]:
    """Stops what a test started again, before the stack stops."""
    guard = Guard()
    yield guard
    guard.release()


def kill_and_start_again(airflow: Airflow, guard: Guard, component: str) -> None:
    """What a supervisor of processes does after a `kill -9` of a component and all its children."""
    pid = airflow.stack.processes[component]
    variables, command = (Path(f"/proc/{pid}/{name}").read_text().split("\0")[:-1] for name in ("environ", "cmdline"))
    os.killpg(pid, signal.SIGKILL)
    again = subprocess.Popen(
        command,
        env=dict(variable.split("=", 1) for variable in variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    guard.watch_group(again)
    dict.update(airflow.stack.processes, {component: again.pid})


def seeds(airflow: Airflow, **order: Any) -> None:
    """Move the seeds of staging."""
    order["environment"] = "staging"
    httpx.post(f"{airflow.stack.sandbox}/_sandbox/seeds", json=order, timeout=30).raise_for_status()


def now(airflow: Airflow) -> dt.datetime:
    """The moment by the store's clock."""
    found: dt.datetime = airflow.store.row("SELECT clock_timestamp() AS now")["now"]
    return found


def task(airflow: Airflow, run: DagRun) -> Mapping[str, Any]:
    """The one task of a run."""
    (found,) = airflow.api.task_instances(*run)
    return found


def xcom(airflow: Airflow, run: DagRun, key: str) -> Any:
    """An XCom of a run's one task; None if there is none."""
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task(airflow, run)['task_id']}/xcomEntries"
    keys = [entry["key"] for entry in airflow.api.get(path)["xcom_entries"]]
    return airflow.api.get(f"{path}/{key}")["value"] if key in keys else None


def looks(airflow: Airflow) -> list[Mapping[str, Any]]:
    """Every look at staging that ended."""
    query = "SELECT * FROM daily_runs.look WHERE environment = 'staging' AND ended_at IS NOT NULL ORDER BY look_id"
    return list(airflow.store.rows(query))


def start(airflow: Airflow, *dag_ids: str) -> list[DagRun]:
    """A run of each."""
    for dag_id in dag_ids:
        airflow.api.unpause(dag_id)
    return [DagRun(dag_id, airflow.api.trigger(dag_id, {})) for dag_id in dag_ids]


def one_round(airflow: Airflow, guard: Guard, *, kill: bool) -> Round:
    """Ten DAGs wait for seeds that are missing, and then come."""
    sent_before = len(airflow.sent())
    seeds(airflow, missing_share=0.5)
    gave_up, skipped, *runs = start(airflow, "gives_up", "is_skipped", *WAITING)
    for short in (gave_up, skipped):
        airflow.wait(short)
    airflow.until(lambda: all(xcom(airflow, run, "waiting_for") for run in runs), "ten to say what they wait for")
    (hourly,) = start(airflow, "readiness")  # before the watch begins: by hand, it looks however young the newest is
    airflow.wait(hourly)
    airflow.api.pause("readiness")
    since, pool = now(airflow), airflow.api.pools()["readiness_sensors"]
    if kill:
        kill_and_start_again(airflow, guard, "triggerer")
    before = len(looks(airflow))
    airflow.until(lambda: len(looks(airflow)) >= before + 2, "two looks of those who wait")
    shown = [xcom(airflow, run, "waiting_for") for run in runs]
    assert {task(airflow, run)["state"] for run in runs} == {"deferred"}
    sent, watched = airflow.sent(sent_before), (since, now(airflow))
    seeds(airflow, complete=True)
    came = watched[1], now(airflow)
    for run in runs:
        airflow.wait(run)
    return Round(runs, gave_up, skipped, hourly, sent, pool, shown, watched, came)


@pytest.fixture(scope="module")
def rounds(airflow: Airflow, guard: Guard) -> Iterator[list[Round]]:
    """All of it, the triggerer killed in the first round."""
    try:
        started = time.monotonic()
        done = [one_round(airflow, guard, kill=number == 0) for number in range(ROUNDS)]
        sys.stdout.write(f"\n{ROUNDS} rounds took {time.monotonic() - started:.0f} s\n")
        yield done
    finally:
        seeds(airflow, complete=True)


def test_no_wait_is_lost_or_tried_again_though_the_triggerer_is_killed(airflow: Airflow, rounds: list[Round]) -> None:
    tasks = [task(airflow, run) for one in rounds for run in one.runs]
    states, tries = ([found[field] for found in tasks] for field in ("state", "try_number"))
    sys.stdout.write(f"\n{len(states)} waits: {states.count('success')} ready, tries {sorted(set(tries))}\n")
    assert states == ["success"] * 10 * ROUNDS
    assert tries == [1] * 10 * ROUNDS


def test_those_who_wait_hold_no_worker_and_no_slot(rounds: list[Round]) -> None:
    for one in rounds:
        slots = {name: one.pool[f"{name}_slots"] for name in ("running", "queued", "occupied", "deferred")}
        assert slots == {"running": 0, "queued": 0, "occupied": 0, "deferred": 10}


def test_the_page_of_a_waiting_task_says_what_it_waits_for(rounds: list[Round]) -> None:
    for shown in (shown for one in rounds for shown in one.shown):
        assert "seeds bound, 95% required" in shown["seeds"]
        assert "owner: " in shown["seeds"]
        assert {"looked_at", "next_look", "waits_until"} <= set(shown)


def test_its_log_says_it_while_it_waits_and_when_it_ended(airflow: Airflow, rounds: list[Round]) -> None:
    log = airflow.log(rounds[0].runs[0], "wait_for_staging")
    assert "waiting for staging (not_ready): seeds: " in log
    assert "next look" in log
    assert "is ready: " in log


def test_a_wait_is_over_by_the_first_look_after_the_seeds_came(airflow: Airflow, rounds: list[Round]) -> None:
    delays = []
    for one in rounds:
        ends = [row["ended_at"] for row in looks(airflow) if row["begun_at"] > one.came[1]]
        first_after = ends[0] if ends else now(airflow)
        for run in one.runs:
            verdict = xcom(airflow, run, "return_value")
            looked = dt.datetime.fromisoformat(verdict["looked_at"])
            assert (verdict["state"], one.came[0] < looked <= first_after) == ("ready", True), run
            ended = moment(task(airflow, run)["end_date"])
            delays.append((looked.timestamp() - one.came[1].timestamp(), ended - one.came[1].timestamp()))
    seen, done = (sorted(column) for column in zip(*delays, strict=True))
    told = (
        f"seeds came: seen after {seen[0]:.1f} to {seen[-1]:.1f} s; task done after {done[0]:.1f} to {done[-1]:.1f} s\n"
    )
    sys.stdout.write(told)


def test_ten_who_wait_cause_no_more_looks_than_one(airflow: Airflow, rounds: list[Round]) -> None:
    gaps = []
    for one in rounds:
        during = [row for row in looks(airflow) if one.watched[0] < row["begun_at"] <= one.watched[1]]
        seconds, calls = (one.watched[1] - one.watched[0]).total_seconds(), sum(row["calls"] for row in during)
        sys.stdout.write(f"\n10 waiting for {seconds:.1f} s: {len(during)} looks, {calls} calls\n")
        assert 2 <= len(during) <= seconds / LOOK_EVERY_SECONDS + 1
        gaps += [(b["begun_at"] - a["ended_at"]).total_seconds() for a, b in itertools.pairwise(during)]
    assert min(gaps) >= LOOK_EVERY_SECONDS


def test_whoever_waits_or_looks_spends_nothing_and_counts_its_calls(airflow: Airflow, rounds: list[Round]) -> None:
    for one in rounds:
        assert {entry["side"] for entry in one.sent} >= {"staging"}
        assert [entry for entry in one.sent if entry["paid"] or entry["operation"] == "aiAction"] == []


def test_not_ready_by_the_deadline_fails_once_with_the_reason(airflow: Airflow, rounds: list[Round]) -> None:
    for one in rounds:
        ended = task(airflow, one.gave_up)
        assert (ended["state"], ended["try_number"]) == ("failed", 1)
        log = airflow.log(one.gave_up, "wait_for_seeds")
        assert "StagingNotReadyError" in log
        assert "owner: Duo Chat feature team" in log


def test_not_ready_by_the_deadline_is_skipped_where_it_may_be(airflow: Airflow, rounds: list[Round]) -> None:
    for one in rounds:
        ended = task(airflow, one.skipped)
        assert (ended["state"], ended["try_number"]) == ("skipped", 1)


def test_the_hourly_look_looks_at_once_by_hand_and_else_where_nobody_has_just_looked(
    airflow: Airflow, rounds: list[Round]
) -> None:
    assert airflow.api.run_state(*rounds[0].hourly) == "success"
    assert "production" in {entry["side"] for entry in rounds[0].sent}
    log = airflow.log(rounds[0].hourly, "look_at_staging")
    assert "duo_chat in staging is not_ready: seeds: " in log
    for name in ("staging", "production"):
        assert airflow.api.get(XCOM.format(rounds[0].hourly.run_id, name))["value"]["looked"]
    runs = airflow.api.get("/dags/readiness/dagRuns")["dag_runs"]  # unpausing starts the last hour's, too
    by_date = [run["dag_run_id"] for run in runs if run["run_type"] != "manual"]
    assert not any(airflow.api.get(XCOM.format(run, "staging"))["value"]["looked"] for run in by_date)

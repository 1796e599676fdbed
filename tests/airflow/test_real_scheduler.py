"""The DAGs on a real scheduler, against the sandbox: rows are found, a killed task pays nothing twice, errors help."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from tests.airflow.conftest import Airflow, DagRun, moment

pytestmark = pytest.mark.timeout(1800)

PROMPTS = 16
"""Enough for four tasks."""
RESUMED_SECONDS = 2.0
"""From the start of a task's process, its imports included, to its first prompt, where the machine is idle."""
SLOWER = 1.5
"""A next try may take so much longer for it than the slowest first try of the same run, on a machine that is not idle,
and its prompts so much longer than those before. A share that a dead task still had would double their time; a machine
that stands still for a tenth of a second adds a tenth to it."""
LEASE_SECONDS = 11.0
"""Of a grant of root cause analysis here, on the wall clock: so long would a dead task's grants hold up the others."""
FEATURES = sorted(catalogue_files.load(overlay="sandbox").features)


@pytest.fixture(scope="module")
def runs(airflow: Airflow) -> dict[str, DagRun]:
    """A run of every feature, all at once."""
    return {feature: airflow.trigger(feature, environment="staging", prompts=PROMPTS) for feature in FEATURES}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_run_of_each_feature_publishes_its_rows(airflow: Airflow, runs: dict[str, DagRun], feature: str) -> None:
    assert airflow.wait(runs[feature]) == "success"
    attempt = airflow.attempt(runs[feature])
    row = airflow.store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": attempt["run_key"]})
    results = airflow.store.rows(
        "SELECT * FROM daily_runs.published_result WHERE run_key = %(key)s", {"key": attempt["run_key"]}
    )
    assert (row["feature"], row["environment"], row["provenance"]) == (feature, "staging", "sandbox")
    assert row["asked"] == PROMPTS == row["answered"] + row["failed"]
    assert len(results) == row["answered"] == row["scored"] + row["unscored"]
    assert attempt["status"] == "published"


def test_the_arm_that_was_not_chosen_is_skipped(airflow: Airflow, runs: dict[str, DagRun]) -> None:
    run = runs["root_cause_analysis"]
    airflow.wait(run)
    assert [task["state"] for task in airflow.tasks(run, "production.seed_check")] == ["skipped"]


def test_inference_is_mapped_over_the_shards_and_stands_in_its_accounts_pool(
    airflow: Airflow, runs: dict[str, DagRun]
) -> None:
    run = runs["root_cause_analysis"]
    airflow.wait(run)
    tasks = airflow.tasks(run, "staging.inference")
    assert [task["map_index"] for task in tasks] == [0, 1, 2, 3]
    assert {(task["pool"], task["pool_slots"]) for task in tasks} == {("EVAL", 1)}


def test_each_inference_task_shows_and_logs_its_part_of_the_rate(airflow: Airflow, runs: dict[str, DagRun]) -> None:
    run = runs["root_cause_analysis"]
    airflow.wait(run)
    tasks = airflow.tasks(run, "staging.inference")
    assert [task["rendered_map_index"] for task in tasks] == [f"shard {n} (5/min)" for n in range(4)]
    assert "shard 2 may ask 5 prompts a minute" in airflow.api.log_text(*run, tasks[2])
    assert [task["rendered_map_index"] for task in airflow.tasks(run, "staging.judging")] == [
        f"shard {n}" for n in range(4)
    ]


def test_a_killed_inference_task_is_retried_and_pays_nothing_twice_but_what_was_in_flight(airflow: Airflow) -> None:
    prompts = 160
    before = _ledger(airflow)["next"]
    run = airflow.trigger("root_cause_analysis", environment="staging", prompts=prompts)
    airflow.until(lambda: _answered(airflow, run) >= prompts // 4, "a quarter of the answers")
    victim = airflow.tasks(run, "staging.inference")[1]
    os.kill(victim["pid"], signal.SIGKILL)
    killed = time.time()
    in_flight = _in_flight(airflow, run, shard=1)

    assert airflow.wait(run) == "success"
    assert airflow.tasks(run, "staging.inference")[1]["try_number"] == 2
    paid = [entry["key"] for entry in _ledger(airflow, since=before)["entries"] if _is_paid_action(entry)]
    twice = {key for key in paid if paid.count(key) > 1}
    assert len(set(paid)) == prompts
    assert twice <= in_flight
    _went_on_at_once(airflow, run, _ledger(airflow, since=before)["entries"], killed)
    row = airflow.store.row(
        "SELECT asked, answered, failed FROM contract.runs_v2 WHERE run_key = %(key)s",
        {"key": airflow.attempt(run)["run_key"]},
    )
    assert row == {"asked": prompts, "answered": prompts, "failed": 0}


def test_a_feature_on_hold_is_refused_with_the_remedy(airflow: Airflow) -> None:
    run = airflow.trigger("code_suggestions")
    assert airflow.wait(run) == "failed"
    log = airflow.log(run, "plan")
    assert "code_suggestions is on hold" in log
    assert "Choose staging or production in the form" in log
    assert airflow.tasks(run, "plan")[0]["try_number"] == 1


def test_an_unknown_parameter_is_refused_with_the_known_ones(airflow: Airflow) -> None:
    run = airflow.trigger("duo_chat", enviroment="staging")
    assert airflow.wait(run) == "failed"
    log = airflow.log(run, "plan")
    assert "unknown parameter enviroment" in log
    assert "Known: environment, note, only, override_gate, prompts, rerun, rubric_version, run" in log


@pytest.fixture(scope="module")
def blocked(airflow: Airflow) -> DagRun:
    """A run of which more prompts failed than the gate lets pass."""
    sandbox = f"{airflow.stack.sandbox}/_sandbox/scenario"
    httpx.post(sandbox, json={"worse_model": 1.0, "error_code_share": 0.8}).raise_for_status()
    try:
        run = airflow.trigger("duo_chat", environment="staging", prompts=16)
        assert airflow.wait(run) == "failed"
    finally:
        httpx.post(sandbox, json={"worse_model": 0.0, "error_code_share": 0.0}).raise_for_status()
    return run


def test_a_failing_gate_quarantines_and_is_not_retried(airflow: Airflow, blocked: DagRun) -> None:
    (validation,) = airflow.tasks(blocked, "staging.validation")
    attempt = airflow.attempt(blocked)
    assert (validation["state"], validation["try_number"]) == ("failed", 1)
    assert "is quarantined, not published" in airflow.log(blocked, "staging.validation")
    assert attempt["status"] == "quarantined"
    assert airflow.store.rows("SELECT 1 FROM contract.runs_v2 WHERE run_key = %(k)s", {"k": attempt["run_key"]}) == []


def test_the_gate_is_overridden_by_the_form_and_whoever_did_it_is_named(airflow: Airflow, blocked: DagRun) -> None:
    run_key = airflow.attempt(blocked)["run_key"]
    order = {"rerun": "gate_and_publish", "run": run_key.split("/", 2)[2], "override_gate": "the hop was repaired"}
    run = airflow.trigger("duo_chat", **order)
    assert airflow.wait(run) == "success"
    row = airflow.store.row(
        "SELECT outcome, reason, ordered_by, verdict_reason FROM contract.gate_overrides_v1"
        " JOIN contract.runs_v2 USING (run_key, attempt_id) WHERE run_key = %(key)s",
        {"key": run_key},
    )
    user = airflow.stack.user
    assert (row["outcome"], row["reason"], row["ordered_by"]) == ("published", "the hop was repaired", user)
    assert row["verdict_reason"].startswith(f"no valid measurement: {user} overrode the gate (the hop was repaired); ")


def _answered(airflow: Airflow, run: DagRun) -> int:
    rows = airflow.store.rows(
        """
        SELECT count(*)::int AS n FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
        WHERE airflow_run_id = %(run)s AND answer.status = 'answered'
        """,
        {"run": run.run_id},
    )
    return int(rows[0]["n"])


def _went_on_at_once(airflow: Airflow, run: DagRun, entries: Sequence[dict[str, Any]], killed: float) -> None:
    """What a dead task had been granted holds up neither the others nor its next try.

    Both are judged beside what the same run did before the kill: a busy machine is slow in both.
    """
    shards = _shards(airflow, run)
    paid = [entry for entry in entries if _is_paid_action(entry)]
    sent = sorted(zip(airflow.unix_seconds(paid), (shards[entry["key"]] for entry in paid), strict=True))
    before = [at for at, _ in sent if at <= killed]
    others = [at - killed for at, shard in sent if shard != 1 and at > killed]
    own = [at for at, shard in sent if shard == 1 and at > killed + 1]
    started = [moment(task["start_date"]) for task in airflow.tasks(run, "staging.inference")]
    first_tries = [min(at for at, of in sent if of == shard) - started[shard] for shard in set(shards.values()) - {1}]
    widest = max(later - earlier for earlier, later in pairwise(before))
    resumed, pace, pace_before = own[0] - started[1], _pace(own), _pace(before)
    told = (
        f"others sent {others[0]:.2f} s after the kill (widest gap before it {widest:.2f} s); the next try"
        f" {resumed:.2f} s after its start (first tries {max(first_tries):.2f} s), its {len(own)} prompts at {pace:.3f}"
        f" of the floor (before the kill {pace_before:.3f})"
    )
    sys.stdout.write(told + "\n")
    assert others[0] < max(LEASE_SECONDS / 2, SLOWER * widest), told
    assert resumed < max(RESUMED_SECONDS, SLOWER * max(first_tries)), told
    assert pace < SLOWER * max(1.0, pace_before), told


def _shards(airflow: Airflow, run: DagRun) -> dict[str, int]:
    """Each prompt's shard."""
    rows = airflow.store.rows(
        "SELECT prompt_id, shard FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)"
        " WHERE airflow_run_id = %(run)s",
        {"run": run.run_id},
    )
    return {row["prompt_id"]: row["shard"] for row in rows}


def _pace(moments: Sequence[float]) -> float:
    """How long sends took, over the least that their rate allows: 20 a second here."""
    return (moments[-1] - moments[0]) * 20 / (len(moments) - 1)


def _in_flight(airflow: Airflow, run: DagRun, shard: int) -> set[str]:
    """Prompts of a dead task whose call was begun, but whose acceptance had not been stored."""
    rows = airflow.store.rows(
        """
        SELECT prompt_id FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
        WHERE airflow_run_id = %(run)s AND shard = %(shard)s AND answer.status = 'sent' AND ticket IS NULL
        """,
        {"run": run.run_id, "shard": shard},
    )
    return {row["prompt_id"] for row in rows}


def _ledger(airflow: Airflow, since: int = 0) -> dict[str, Any]:
    response = httpx.get(f"{airflow.stack.sandbox}/_sandbox/ledger", params={"since": since}, timeout=30)
    ledger: dict[str, Any] = response.json()
    return ledger


def _is_paid_action(entry: dict[str, Any]) -> bool:
    return bool(entry["paid"]) and entry["operation"] == "aiAction"

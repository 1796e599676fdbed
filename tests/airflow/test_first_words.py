"""What the page of a failed task's log shows without scrolling: the block, and nothing after it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.incidents.block import LINE_CHARACTERS_MAX
from daily_runs.incidents.run_line import MARK
from daily_runs.readiness import board_rows
from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

CHATTER = ("great_expectations", "HTTP Request:", "httpx", "alembic", "Calculating Metrics")


@pytest.fixture(scope="module")
def blocked(airflow: Airflow) -> DagRun:
    """A run whose gate blocks, since most answers are error texts."""
    with airflow.scenario(error_code_share=0.85):
        run = airflow.trigger("duo_chat", environment="staging", prompts=12)
        assert airflow.wait(run) == "failed"
    return run


def events(airflow: Airflow, run: DagRun, task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A log as Airflow's page gets it."""
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task['task_id']}/logs/{task['try_number']}"
    content = airflow.api.get(path, map_index=task["map_index"])["content"]
    return [dict(event) for event in content if isinstance(event, Mapping)]


def visible(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Without what the page folds away."""
    depth, seen = 0, []
    for one in found:
        text = str(one["event"])
        if "::group::" in text:
            depth += 1
        elif "::endgroup::" in text:
            depth = max(0, depth - 1)
        elif not depth:
            seen.append(one)
    return seen


def block_of(airflow: Airflow, run: DagRun, task_id: str, try_number: int | None = None) -> dict[str, str]:
    """The last lines that are seen of a try (the last one), by label; they must be nothing but the block."""
    task = {**airflow.tasks(run, task_id)[0]}
    task["try_number"] = try_number or task["try_number"]
    texts = [str(one["event"]) for one in visible(events(airflow, run, task))]
    start = max(number for number, text in enumerate(texts) if text.startswith("WHAT"))
    block = dict[str, str]()
    for text in texts[start:]:
        assert len(text) <= LINE_CHARACTERS_MAX or " " not in text[9:].strip(), text
        label = text[:9].strip() or next(reversed(block))
        block[label] = f"{block.get(label, '')} {text[9:]}".strip()
    assert set(block) <= {"WHAT", "HOP", "CAUSE", "OWNER", "MONEY", "DO", "FORM", "RERUN", "RUNBOOK"}, texts[start:]
    return block


def test_a_blocked_gate_ends_with_what_whose_and_the_form(airflow: Airflow, blocked: DagRun) -> None:
    block = block_of(airflow, blocked, "staging.validation")
    key = airflow.attempt(blocked)["run_key"]
    assert block["WHAT"].startswith(f"validation of duo_chat in staging failed: {key} is quarantined, not published.")
    assert re.search(r"Prompts: 12 asked, \d+ answered, \d+ failed, \d+ scored\.$", block["WHAT"])
    assert re.match(r"answer_error_code at \w+ \d+", block["CAUSE"])
    assert block["MONEY"].startswith("spent ")
    assert json.loads(block["FORM"]) == {
        "environment": "staging",
        "rerun": "missing_answers",
        "run": key.split("/", 2)[2],
    }
    address = airflow.stack.airflow
    assert block["RERUN"] == f"{address}/daily-runs/rerun/{blocked.dag_id}/{quote(blocked.run_id, safe='')}"
    assert httpx.get(block["RERUN"], timeout=60).status_code == 401, "the page is there, for who is logged in"
    assert block["RUNBOOK"] == f"{address}/daily-runs/docs/runbooks/gate.md"
    assert httpx.get(block["RUNBOOK"], timeout=60).status_code == 401


def test_no_traceback_and_no_chatter_of_libraries_is_in_the_log_of_a_failed_task(
    airflow: Airflow, blocked: DagRun
) -> None:
    (task,) = airflow.tasks(blocked, "staging.validation")
    found = events(airflow, blocked, task)
    assert not any("error_detail" in one or "exc_info" in one or "Traceback" in str(one) for one in found)
    assert [one for one in found if any(word in json.dumps(one) for word in CHATTER)] == []


def test_missing_seeds_name_the_features_owner_and_the_page(airflow: Airflow) -> None:
    address = f"{airflow.stack.sandbox}/_sandbox/seeds"
    httpx.post(address, json={"environment": "staging", "missing_share": 0.5}, timeout=30).raise_for_status()
    try:
        run = airflow.trigger("duo_chat", environment="staging", prompts=12)
        assert airflow.wait(run) == "failed"
    finally:
        httpx.post(address, json={"environment": "staging", "complete": True}, timeout=30).raise_for_status()
    block = block_of(airflow, run, "staging.seed_check")
    owner = catalogue_files.load(airflow.include / "catalogue").features["duo_chat"].owner
    assert block["WHAT"].startswith("seed_check of duo_chat in staging failed: ")
    assert (block["OWNER"], block["RUNBOOK"]) == (
        f"{owner.dri} ({owner.team})",
        f"{airflow.stack.airflow}/daily-runs/docs/runbooks/seeds.md",
    )
    assert block["DO"].startswith("Have the named seeds made")


def verdict_in_the_task_list(airflow: Airflow, run: DagRun) -> str:
    """What the column *Map Index* of the run's page says at its last task."""
    (task,) = airflow.tasks(run, "summary")
    assert (task["state"], task["map_index"]) == ("success", -1)
    return str(task["rendered_map_index"])


def test_a_failed_runs_note_and_task_list_say_what_failed_and_so_does_the_tasks_own_note(
    airflow: Airflow, blocked: DagRun
) -> None:
    line = verdict_in_the_task_list(airflow, blocked)
    key = airflow.attempt(blocked)["run_key"]
    assert line.startswith(f"FAILED: validation of duo_chat in staging failed: {key} is quarantined")
    assert airflow.api.run_note(*blocked) == f"{MARK}{line}"
    (task,) = airflow.tasks(blocked, "staging.validation")
    assert task["note"].startswith(f"{MARK}try 1: validation of duo_chat in staging failed: ")
    assert airflow.store.row(
        "SELECT outcome, line FROM daily_runs.run_summary WHERE airflow_run_id = %(run)s", {"run": blocked.run_id}
    ) == {"outcome": "failed", "line": line}


def test_a_published_runs_note_says_verdict_score_counts_and_cost_above_what_a_person_wrote(airflow: Airflow) -> None:
    airflow.api.unpause("daily_runs_duo_chat")
    body = {"logical_date": None, "conf": {"environment": "staging", "prompts": 3}, "note": "after the cutover"}
    run = DagRun("daily_runs_duo_chat", airflow.api.post("/dags/daily_runs_duo_chat/dagRuns", body)["dag_run_id"])
    assert airflow.wait(run) == "success"
    line = verdict_in_the_task_list(airflow, run)
    assert re.search(r" in staging \(sample\), 3 of 3 answered, 3 scored, \d+\.\d\d USD$", line)
    assert airflow.api.run_note(*run) == f"{MARK}{line}\n\nafter the cutover"
    assert len(airflow.tasks(run, "staging.inference")) == 1, "three prompts are not worth two tasks"


def test_a_run_whose_task_left_no_word_says_so_and_is_no_longer_running_for_status(airflow: Airflow) -> None:
    run = airflow.trigger("duo_chat", environment="staging")

    def runs() -> bool:
        return str(airflow.tasks(run, "staging.inference")[0]["state"]) == "running"

    airflow.until(runs, "inference to begin")
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/staging.inference/0"
    airflow.api.patch(path, {"new_state": "failed"})
    assert airflow.wait(run) == "failed"
    line = verdict_in_the_task_list(airflow, run)
    assert line.startswith("FAILED: inference [0] in staging failed and left no word: killed, out of memory")
    assert board_rows.last_runs(airflow.store)["duo_chat"]["status"] == "failed"


def test_a_task_that_is_tried_again_says_so_and_leaves_no_note_of_failure(airflow: Airflow) -> None:
    with airflow.scenario(server_error_share=1.0, sides=["staging"]):
        run = airflow.trigger("duo_chat", environment="staging", prompts=3)
        path = "staging.seed_check"
        airflow.until(lambda: airflow.tasks(run, path)[0]["state"] == "up_for_retry", "a try to fail")
    assert airflow.wait(run) == "success"
    block = block_of(airflow, run, path, try_number=1)
    assert block["WHAT"].endswith("It is tried again.")
    assert block["DO"] == "Nothing yet: Airflow tries again by itself."
    assert "FORM" not in block
    assert airflow.tasks(run, path)[0]["note"] is None
    assert not verdict_in_the_task_list(airflow, run).startswith("FAILED")


def test_a_run_that_was_sent_nowhere_says_first_that_it_asked_nothing_and_why(airflow: Airflow) -> None:
    address = f"{airflow.stack.sandbox}/_sandbox/seeds"
    httpx.post(address, json={"environment": "staging", "missing_share": 0.5}, timeout=30).raise_for_status()
    skips = {"features/duo_chat.yaml": {"when_not_ready": "skip"}}
    try:
        with airflow.edited(skips):
            run = airflow.trigger("duo_chat", logical_date="2026-01-07T12:00:00Z")
            assert airflow.wait(run) == "success"
    finally:
        httpx.post(address, json={"environment": "staging", "complete": True}, timeout=30).raise_for_status()
    line = verdict_in_the_task_list(airflow, run)
    assert line.startswith("ASKED NOTHING: ")
    assert "seeds" in line
    assert airflow.api.run_note(*run) == f"{MARK}{line}"

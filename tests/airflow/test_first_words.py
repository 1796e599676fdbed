"""What the page of a failed task's log shows without scrolling: the block, and nothing after it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.incidents.block import LINE_CHARACTERS_MAX
from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

CHATTER = ("great_expectations", "HTTP Request:", "httpx", "alembic", "Calculating Metrics")


@pytest.fixture(scope="module")
def blocked(airflow: Airflow) -> DagRun:
    """A run whose gate blocks, since most answers are error texts."""
    with airflow.scenario(error_code_share=0.6):
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


def block_of(airflow: Airflow, run: DagRun, task_id: str) -> dict[str, str]:
    """The last lines that are seen, by label; they must be nothing but the block."""
    task = airflow.tasks(run, task_id)[0]
    texts = [str(one["event"]) for one in visible(events(airflow, run, task))]
    start = max(number for number, text in enumerate(texts) if text.startswith("WHAT"))
    block = dict[str, str]()
    for text in texts[start:]:
        assert len(text) <= LINE_CHARACTERS_MAX or " " not in text[9:].strip(), text
        label = text[:9].strip() or next(reversed(block))
        block[label] = f"{block.get(label, '')} {text[9:]}".strip()
    assert set(block) <= {"WHAT", "HOP", "CAUSE", "OWNER", "MONEY", "DO", "FORM", "RUNBOOK"}, texts[start:]
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
    assert block["RUNBOOK"] == "docs/runbooks/gate.md"


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
    assert (block["OWNER"], block["RUNBOOK"]) == (f"{owner.dri} ({owner.team})", "docs/runbooks/seeds.md")
    assert block["DO"].startswith("Have the named seeds made")

"""A small world of two environments and a handful of seeds, served by a real uvicorn on a free port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.dataset import Item
from daily_runs.sandbox.app import create_app
from daily_runs.sandbox.server import build_world, listen, make_server
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.sandbox.world.world import World

USERS = ["evaluation-1", "evaluation-2"]
TIME_SCALE = 1000.0
"""Domain seconds in a second: model latencies of seconds pass in milliseconds."""


def _environment(account: str, marker: str) -> dict[str, Any]:
    return {
        "account": account,
        "connection": f"gitlab_{account.lower()}",
        "address": "http://127.0.0.1:8390",
        "seed_project": "daily-runs/seeds",
        "provenance": "sandbox",
        "time_scale": TIME_SCALE,
        "hops": [{"hop": "load_balancer", "owner": "infrastructure", "marker": marker}],
        "evaluation_users": USERS,
        "limits": {
            "api_requests_per_minute": 2000,
            "ai_action_calls_per_window": 160,
            "ai_action_window_hours": 8,
            "code_suggestions_per_minute": 60,
            "graphql": {
                "complexity_max": 250,
                "depth_max": 20,
                "page_size_max": 100,
                "query_characters_max": 10000,
                "timeout_seconds": 30,
            },
        },
    }


def _feature(name: str, call: str) -> dict[str, Any]:
    return {
        "feature": name,
        "title": name,
        "call": call,
        "owner": {"dri": "model validation", "team": "evaluation"},
        "priority": 1,
        "dataset": f"{name}.jsonl",
        "rubric": f"{name}.yaml",
        "prompts_per_run": 10,
        "phases": [{"phase": "staging", "starts": "2025-08-01", "schedule": "0 6 * * *"}],
        "limits": {
            "batch_size": 4,
            "tokens_per_prompt": {"input": 34000, "output": 1000, "source": "estimate"},
            "in_flight_max": 4,
            "answer_timeout_seconds": 60,
        },
        "seeding": {"state": "completed", "owner": "feature team", "required_share": 1.0},
        "cutover": {"planned": None, "waits_for": []},
        "when_not_ready": "skip",
        "thresholds": {
            "answered_share_min": 0.9,
            "unscored_share_max": 0.1,
            "mean_score_min": 0.5,
            "target_score": 0.8,
        },
    }


@pytest.fixture
def account_limits() -> dict[str, Any]:
    """Limits of both accounts, wide enough not to bind."""
    return {
        "shared_with_live_users": False,
        "requests_per_minute": 4000,
        "input_tokens_per_minute": 400_000_000,
        "output_tokens_per_minute": 80_000_000,
        "burst_seconds": 10,
        "slot_tokens_per_minute": 200_000,
        "verified": False,
    }


@pytest.fixture
def catalogue(account_limits: dict[str, Any]) -> Catalogue:
    """Two accounts, two environments, one feature per call."""
    calls = ("troubleshoot_job", "chat", "explain_vulnerability", "resolve_vulnerability", "complete_code")
    judge = {
        "account": "EVAL",
        "connection": "anthropic_eval",
        "address": "http://127.0.0.1:8390/anthropic",
        "provenance": "sandbox",
        "model": "claude-sonnet-4-5",
        "max_output_tokens": 1024,
        "input_tokens_per_verdict": 4000,
        "output_tokens_per_verdict": 400,
        "in_flight_max": 4,
        "request_timeout_seconds": 60,
    }
    return Catalogue.model_validate(
        {
            "accounts": {"EVAL": account_limits, "PROD": account_limits},
            "judge": judge,
            "environments": {
                "staging": _environment("EVAL", "-lb-gstg"),
                "production": _environment("PROD", "-lb-gprd"),
            },
            "features": {f"of_{call}": _feature(f"of_{call}", call) for call in calls},
        }
    )


def _item(seed_key: str, question: str, resource: dict[str, Any], reference: dict[str, str]) -> Item:
    return Item.model_validate(
        {
            "id": seed_key,
            "seed_key": seed_key,
            "class": "any",
            "question": question,
            "resource": resource,
            "reference": reference,
        }
    )


def _sentences(subject: str, count: int) -> str:
    return " ".join(f"Fact number {number} about {subject} is stated here in plain words." for number in range(count))


@pytest.fixture
def items() -> dict[str, list[Item]]:
    """120 failed jobs (more than a page), and a few seeds of every other kind."""
    code = 'import os\n\n\ndef run(name):\n    os.system("ls " + name)\n\n\ndef show():\n    return 1\n'
    fixed = code.replace('os.system("ls " + name)', 'subprocess.run(["ls", name], check=True)')
    fixed = fixed.replace("import os", "import subprocess")
    vulnerability = {
        "type": "vulnerability",
        "title": "Shell injection",
        "severity": "HIGH",
        "scanner": "bandit",
        "identifier": "B605",
        "file_name": "src/run.py",
        "start_line": 5,
        "code": code,
        "report": {},
    }
    return {
        "of_troubleshoot_job": [
            _item(
                f"rca/job-{n}",
                "/troubleshoot",
                {
                    "type": "ci_job",
                    "name": "test",
                    "stage": "test",
                    "command": "pytest",
                    "exit_code": 1,
                    "log": f"$ pytest\nlog of job {n}\n",
                },
                {"root_cause": _sentences(f"cause {n}", 6), "fix": _sentences(f"fix {n}", 4)},
            )
            for n in range(120)
        ],
        "of_chat": [
            _item(
                f"chat/issue-{n}",
                f"What is issue {n} about?",
                {"type": "work_item", "kind": "issue", "title": f"Issue {n}", "description": f"Body {n}"},
                {"answer": _sentences(f"issue {n}", 5)},
            )
            for n in range(3)
        ],
        "of_explain_vulnerability": [
            _item(
                "vex/run",
                "/vulnerability_explain",
                vulnerability,
                {"explanation": "Names are unsafe.", "fix": "Use lists."},
            )
        ],
        "of_resolve_vulnerability": [
            _item("vr/run", "", vulnerability, {"fixed_code": fixed, "explanation": "No shell is involved."})
        ],
        "of_complete_code": [
            _item(
                "cs/add",
                "",
                {
                    "type": "code_cut",
                    "file_name": "add.py",
                    "intent": "completion",
                    "above": "def add(a, b):\n",
                    "below": "\n",
                },
                {"completion": "    total = a + b\n    return total\n"},
            )
        ],
    }


@pytest.fixture
def make_world(catalogue: Catalogue, items: dict[str, list[Item]]) -> Callable[..., World]:
    """A world with the given scenario."""

    def make(time_scale: float = TIME_SCALE, **scenario: Any) -> World:
        return build_world(catalogue, items, time_scale=time_scale, scenario=Scenario.model_validate(scenario))

    return make


@pytest.fixture
def serve() -> Iterator[Callable[[World], str]]:
    """Serve a world over loopback; returns its address."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(world: World) -> str:
        listening = listen("127.0.0.1", 0)
        server = make_server(create_app(world))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 10
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(10)


@pytest.fixture
def gitlab(serve: Callable[[World], str]) -> Iterator[Callable[..., httpx.Client]]:
    """A client of one environment of a served world, as an evaluation user."""
    clients: list[httpx.Client] = []

    def connect(world: World, environment: str = "staging", token: str | None = "sandbox-evaluation-1") -> httpx.Client:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        address = serve(world)
        clients.append(httpx.Client(base_url=f"{address}/{environment}", headers=headers, timeout=20))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()

"""The control endpoints, and the sandbox as a process: what no real server has."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from daily_runs.errors import ParameterError
from daily_runs.sandbox.control import merge_patch
from daily_runs.sandbox.process import Sandbox
from daily_runs.sandbox.server import listen, read_scenario
from daily_runs.sandbox.world.world import World

MakeWorld = Callable[..., World]

COUNT_JOBS = '{ project(fullPath: "daily-runs/seeds") { jobs(statuses: [FAILED]) { count } } }'


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()


@pytest.fixture
def client(world: World, serve: Callable[[World], str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve(world), headers={"private-token": "sandbox-evaluation-1"}) as client:
        yield client


def jobs(client: httpx.Client, environment: str) -> int:
    answer = client.post(f"/{environment}/api/graphql", json={"query": COUNT_JOBS}).json()
    return int(answer["data"]["project"]["jobs"]["count"])


def test_health_says_what_is_served_and_how_fast_time_passes(client: httpx.Client) -> None:
    health = client.get("/_sandbox/health").json()
    assert health["ready"] is True
    assert health["sides"] == ["staging", "production", "anthropic"]
    assert health["time_scale"] == 1000


def test_a_scenario_is_merged_key_by_key_and_null_goes_back_to_the_default(client: httpx.Client) -> None:
    client.post("/_sandbox/scenario", json={"refuse": {"gitlab": 0.5}, "worse_model": 0.3})
    client.post("/_sandbox/scenario", json={"refuse": {"cloudflare": 0.1}})
    merged = client.post("/_sandbox/scenario", json={"worse_model": None}).json()
    assert merged["refuse"] == {"gitlab": 0.5, "cloudflare": 0.1}
    assert merged["worse_model"] == 0
    assert client.get("/_sandbox/scenario").json() == merged


@dataclass(frozen=True)
class Wrong:
    body: str
    reason: str


WRONG = [
    Wrong('{"refuse": {"firewall": 0.1}}', "refuse.firewall"),
    Wrong('{"drop_share": 1.5}', "drop_share: Input should be less than or equal to 1"),
    Wrong('{"surprise": true}', "surprise: Extra inputs are not permitted"),
    Wrong('{"latency_seconds": {"median": 9, "p95": 3}}', "p95 3.0 is less than the median 9.0"),
    Wrong('{"weak_spot": {"pattern": "("}}', "weak_spot.pattern: Value error, '(' is no regular expression"),
    Wrong('{"weak_spot": {"class": "shell-script"}}', "weak_spot.class: Extra inputs are not permitted"),
    Wrong('{"provider_switch": {"after_answers": -1}}', "provider_switch.after_answers: Input should be greater"),
    Wrong('{"provider_switch": {"provider": "openai"}}', "provider_switch.provider: Input should be 'anthropic' or"),
    Wrong('{"judge_noise": -0.1}', "judge_noise: Input should be greater than or equal to 0"),
    Wrong('{"judge_shift": 1.5}', "judge_shift: Input should be less than or equal to 1"),
    Wrong('{"judge_drift": {"per_day": 0.1}}', "judge_drift.per_day: Extra inputs are not permitted"),
    Wrong('{"judge_refusal_share": 2}', "judge_refusal_share: Input should be less than or equal to 1"),
    Wrong("[1]", "body: Input should be"),
    Wrong("{", "body: not JSON"),
    Wrong("[" * 100_000, "body: not JSON"),
]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case.body[:40])
def test_an_invalid_scenario_is_refused_with_its_reason_and_changes_nothing(case: Wrong, client: httpx.Client) -> None:
    before = client.get("/_sandbox/scenario").json()
    answer = client.post("/_sandbox/scenario", content=case.body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert case.reason in "; ".join(answer.json()["errors"])
    assert client.get("/_sandbox/scenario").json() == before


@dataclass(frozen=True)
class FromAPage:
    says: str
    status: int
    headers: dict[str, str]


JSON = "application/json"
FROM_A_PAGE = [
    FromAPage("a form of another site", 403, {"content-type": "text/plain", "origin": "https://elsewhere.example"}),
    FromAPage("a form that hides where it stands", 403, {"content-type": "text/plain", "origin": "null"}),
    FromAPage("a plain text that hides its page", 415, {"content-type": "text/plain"}),
    FromAPage("a beacon", 415, {"content-type": "application/x-www-form-urlencoded"}),
    FromAPage("a form with a file", 415, {"content-type": "multipart/form-data; boundary=x"}),
    FromAPage("no type at all", 415, {}),
    FromAPage("a type that only begins alike", 415, {"content-type": "application/jsonp"}),
    FromAPage("JSON from another site", 403, {"content-type": JSON, "origin": "https://elsewhere.example"}),
    FromAPage("JSON from another port here", 403, {"content-type": JSON, "origin": "http://127.0.0.1:8080"}),
    FromAPage(
        "JSON from a name that leads here",
        403,
        {"content-type": JSON, "origin": "http://rebound.example", "host": "rebound.example"},
    ),
    FromAPage("JSON of a browser", 403, {"content-type": JSON, "sec-fetch-site": "same-site"}),
]


@pytest.mark.parametrize("path", ["scenario", "seeds"])
@pytest.mark.parametrize("case", FROM_A_PAGE, ids=lambda case: case.says)
def test_no_web_page_gives_the_sandbox_orders(path: str, case: FromAPage, client: httpx.Client) -> None:
    before = [client.get(f"/_sandbox/{name}").json() for name in ("scenario", "seeds")]
    body = b'{"missing_seed_share": 1.0}' if path == "scenario" else b'{"missing_share": 1.0}'
    answer = client.post(f"/_sandbox/{path}", content=body, headers=case.headers)
    assert (answer.status_code, len(answer.json()["errors"])) == (case.status, 1)
    assert [client.get(f"/_sandbox/{name}").json() for name in ("scenario", "seeds")] == before


def test_a_program_may_name_the_character_set_of_its_order(client: httpx.Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert client.post("/_sandbox/scenario", content=b'{"drop_share": 0.5}', headers=headers).status_code == 200


def test_missing_seeds_are_missing_in_staging_only_and_come_back_with_their_ids(client: httpx.Client) -> None:
    client.post("/_sandbox/scenario", json={"missing_seed_share": 0.2})
    assert 80 <= jobs(client, "staging") <= 110
    assert jobs(client, "production") == 120
    client.post("/_sandbox/seeds", json={"complete": True})
    assert jobs(client, "staging") == 120


def test_seeds_of_one_environment_can_be_moved(client: httpx.Client) -> None:
    told = client.post("/_sandbox/seeds", json={"environment": "production", "missing_share": 1.0}).json()
    assert told["production"]["jobs"] == 0
    assert told["staging"]["jobs"] == 120
    assert client.get("/_sandbox/seeds").json() == told
    unknown = client.post("/_sandbox/seeds", json={"environment": "moon", "missing_share": 0.1})
    assert (unknown.status_code, unknown.json()) == (422, {"errors": ["environment: no such environment 'moon'"]})


def test_unfinished_seeding_leaves_a_part_out(client: httpx.Client) -> None:
    client.post("/_sandbox/scenario", json={"seeding_complete": False})
    assert 30 <= jobs(client, "staging") <= 90


def test_a_changed_seed_is_there_with_other_content(client: httpx.Client) -> None:
    client.post("/_sandbox/seeds", json={"environment": "staging", "changed_share": 1.0})
    query = '{ project(fullPath: "daily-runs/seeds") { issues(first: 5) { nodes { description } } } }'
    nodes = client.post("/staging/api/graphql", json={"query": query}).json()["data"]["project"]["issues"]["nodes"]
    assert len(nodes) == 3
    assert all("edited after seeding" in node["description"] for node in nodes)


def test_seeds_in_a_wrong_state_are_erased_emptied_and_dismissed(client: httpx.Client) -> None:
    client.post("/_sandbox/seeds", json={"environment": "staging", "wrong_state_share": 1.0})
    project = seed_project(client)
    assert len(project["jobs"]["nodes"]) == 100
    assert all(node["status"] == "FAILED" and node["erasedAt"] for node in project["jobs"]["nodes"])
    assert [node["description"] for node in project["issues"]["nodes"]] == [None] * 3
    assert [node["state"] for node in project["vulnerabilities"]["nodes"]] == ["DISMISSED"] * 2
    number = project["jobs"]["nodes"][0]["id"].rpartition("/")[2]
    trace = client.get(f"/staging/api/v4/projects/daily-runs%2Fseeds/jobs/{number}/trace")
    assert (trace.status_code, trace.text) == (200, "")


def test_surplus_seeds_stand_beside_the_others_under_keys_of_their_own(client: httpx.Client) -> None:
    before = seed_project(client)
    client.post("/_sandbox/seeds", json={"environment": "staging", "surplus_share": 1.0})
    after = seed_project(client)
    assert jobs(client, "staging") == 240
    assert len(after["issues"]["nodes"]) == 6
    ids = [node["id"] for node in after["issues"]["nodes"]]
    assert len(set(ids)) == 6
    assert {node["id"] for node in before["issues"]["nodes"]} <= set(ids)
    client.post("/_sandbox/seeds", json={"complete": True})
    assert seed_project(client) == before


def test_a_job_that_changed_is_another_job_and_an_issue_that_changed_the_same(client: httpx.Client) -> None:
    before = seed_project(client)
    client.post("/_sandbox/seeds", json={"environment": "staging", "changed_share": 1.0})
    after = seed_project(client)
    ids = [
        [{node["id"] for node in project[kind]["nodes"]} for project in (before, after)] for kind in ("jobs", "issues")
    ]
    assert ids[0][0].isdisjoint(ids[0][1])
    assert ids[1][0] == ids[1][1]


def seed_project(client: httpx.Client) -> dict[str, Any]:
    """The newest of every kind that staging's seed project lists."""
    query = """{ project(fullPath: "daily-runs/seeds") {
        jobs(first: 100) { nodes { id name status erasedAt } } issues(first: 100) { nodes { id title description } }
        vulnerabilities(first: 100) { nodes { id state } } } }"""
    project: dict[str, Any] = client.post("/staging/api/graphql", json={"query": query}).json()["data"]["project"]
    return project


def test_the_ledger_is_read_from_where_the_last_reader_stopped(client: httpx.Client) -> None:
    jobs(client, "staging")
    first = client.get("/_sandbox/ledger").json()
    assert (len(first["entries"]), first["next"]) == (1, 1)
    assert first["entries"][0] | {"at_seconds": 0} == {
        "at_seconds": 0,
        "side": "staging",
        "account": None,
        "user": "evaluation-1",
        "operation": "graphql",
        "key": None,
        "outcome": "ok",
        "status": 200,
        "paid": False,
        "input_tokens": 0,
        "output_tokens": 0,
        "run": None,
    }
    jobs(client, "production")
    rest = client.get("/_sandbox/ledger", params={"since": first["next"]}).json()
    assert [entry["side"] for entry in rest["entries"]] == ["production"]
    assert client.get("/_sandbox/ledger", params={"since": -1}).status_code == 422


def test_the_summary_names_what_was_paid_more_than_once(client: httpx.Client) -> None:
    for key in ("p-1", "p-2", "p-1"):
        client.post("/staging/api/v4/chat/completions", json={"content": "Hello"}, headers={"x-daily-runs-prompt": key})
    summary = client.get("/_sandbox/ledger/summary").json()
    assert summary["outcomes"] == {"rest chat": {"ok": 3}}
    assert summary["paid_more_than_once"] == {"staging rest chat p-1": 2}
    assert summary["peaks_in_60_seconds"]["EVAL"]["requests"] >= 1


def test_a_prompt_that_each_of_two_runs_pays_for_is_paid_once_in_each(client: httpx.Client) -> None:
    asked = [("p-1", "monday"), ("p-1", "tuesday"), ("p-2", "monday"), ("p-2", "monday"), ("p-2", None)]
    for key, run in asked:
        headers = {"x-daily-runs-prompt": key} | ({"x-daily-runs-run": run} if run else {})
        client.post("/staging/api/v4/chat/completions", json={"content": "Hello"}, headers=headers)
    assert client.get("/_sandbox/ledger/summary").json()["paid_more_than_once"] == {
        "staging rest chat p-2 of monday": 2
    }


@dataclass(frozen=True)
class Patch:
    target: Any
    patch: Any
    merged: Any


@pytest.mark.parametrize(
    "case",
    [
        Patch({"a": 1, "b": {"c": 2}}, {"b": {"d": 3}}, {"a": 1, "b": {"c": 2, "d": 3}}),
        Patch({"a": 1}, {"a": None}, {}),
        Patch({"a": {"b": 1}}, {"a": [1]}, {"a": [1]}),
        Patch({"a": 1}, [1], [1]),
    ],
    ids=str,
)
def test_merge_patch_follows_rfc_7396(case: Patch) -> None:
    assert merge_patch(case.target, case.patch) == case.merged


def test_an_occupied_port_is_one_line_with_the_port_and_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            ParameterError,
            match=rf"--port: cannot listen on 127.0.0.1:{port} .Address already in use.*give another port",
        ):
            listen("127.0.0.1", port)


def test_the_process_ends_with_2_and_one_line_when_its_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "daily_runs.sandbox", "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert f"127.0.0.1:{port}" in ended.stderr


@pytest.mark.parametrize(
    ("host", "port", "place"),
    [("192.0.2.1", 0, "--host"), ("127.0.0.1", 99999, "--port")],
)
def test_an_impossible_address_names_the_option_at_fault(host: str, port: int, place: str) -> None:
    with pytest.raises(ParameterError) as caught:
        listen(host, port)
    assert caught.value.place == place


def test_stopping_while_a_model_is_thinking_is_clean_and_silent() -> None:
    command = [sys.executable, "-m", "daily_runs.sandbox", "--port", "0", "--time-scale", "0.01"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        headers = {"private-token": "sandbox-evaluation-1"}
        url, question = f"{address}/staging/api/v4/chat/completions", {"content": "Hello"}
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(url, json=question, headers=headers, timeout=0.3)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, "")


@pytest.mark.parametrize(
    ("content", "reason"), [("{", "Invalid JSON"), ('{"drop": 1}', "drop: Extra"), (None, "cannot be read")]
)
def test_a_bad_scenario_file_is_named_with_its_fault(content: str | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ParameterError, match=reason):
        read_scenario(path)


def test_a_scenario_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps({"drop_share": 0.25}))
    assert read_scenario(path).drop_share == 0.25


def test_a_sandbox_process_serves_takes_changes_and_leaves_nothing_behind() -> None:
    with Sandbox(time_scale=600, scenario={"worse_model": 0.2}) as sandbox:
        assert httpx.get(f"{sandbox.address}/_sandbox/scenario").json()["worse_model"] == 0.2
        headers = {"private-token": "sandbox-evaluation-1"}
        told = httpx.get(f"{sandbox.address}/production/api/v4/user", headers=headers)
        assert told.json()["username"] == "evaluation-1"
        assert [entry["operation"] for entry in sandbox.ledger()] == ["rest user"]
        assert sandbox.summary()["outcomes"] == {"rest user": {"ok": 1}}
        assert sandbox.order_seeds({"missing_share": 1.0})["staging"]["jobs"] == 0
        with pytest.raises(ParameterError, match="drop_share"):
            sandbox.change_scenario({"drop_share": 2})
        pid = sandbox.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_sandbox_process_dies_when_the_one_that_started_it_is_killed() -> None:
    program = (
        "import time; from daily_runs.sandbox.process import Sandbox\n"
        "with Sandbox() as s: print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while _runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Neither gone nor a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

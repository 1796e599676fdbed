"""GitLab's REST API: suggestions and their failover, synchronous chat, traces, tokens, what is closed to outsiders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from daily_runs.readiness.seeds.job_log import holds_log
from daily_runs.sandbox.gitlab.instance import SandboxMergeRequest
from daily_runs.sandbox.gitlab.rest_bodies import merge_request_files
from daily_runs.sandbox.world.world import World

Connect = Callable[..., httpx.Client]
MakeWorld = Callable[..., World]

CUT = {"file_name": "add.py", "content_above_cursor": "def add(a, b):\n", "content_below_cursor": "\n"}
TOO_MANY = {"message": {"error": "This endpoint has been requested too many times. Try again later."}}


def suggest(client: httpx.Client, cut: dict[str, Any] | None = None) -> httpx.Response:
    body = {"current_file": cut or CUT, "intent": "completion", "stream": False}
    return client.post("/api/v4/code_suggestions/completions", json=body, headers={"x-daily-runs-prompt": "p-1"})


def test_a_suggestion_names_its_engine_its_model_and_its_tokens(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    answer = suggest(gitlab(world)).json()
    assert "total" in answer["choices"][0]["text"]
    assert (answer["model"]["engine"], answer["model"]["name"]) == ("vertex-ai", "codestral@2405")
    spent = answer["model"]["tokens_consumption_metadata"]
    entry = world.ledger.entries[-1]
    assert (spent["input_tokens"], spent["output_tokens"]) == (entry.input_tokens, entry.output_tokens)
    assert (entry.operation, entry.paid, entry.account) == ("rest code_suggestions", True, None)


def test_when_vertex_is_out_anthropic_serves_and_only_the_engine_tells(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(provider_outage=["vertex"])
    answer = suggest(gitlab(world))
    assert answer.status_code == 200
    assert answer.json()["model"]["engine"] == "anthropic"
    assert world.ledger.entries[-1].account == "EVAL"


def test_when_both_providers_are_out_inference_fails_with_503(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(provider_outage=["vertex", "anthropic"])
    answer = suggest(gitlab(world))
    assert (answer.status_code, answer.json()) == (503, {"detail": "Inference failed"})
    assert world.ledger.entries[-1].paid is False


def test_after_so_many_suggestions_another_provider_serves_worse_ones(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(provider_switch={"after_answers": 2, "worse_model": 1.0})
    client = gitlab(world)
    served = [suggest(client).json() for _ in range(4)]
    assert [one["model"]["engine"] for one in served] == ["vertex-ai"] * 2 + ["anthropic"] * 2
    assert [one["model"]["name"] for one in served[2:]] == ["claude-sonnet-4-6"] * 2
    texts = [one["choices"][0]["text"] for one in served]
    assert texts[0] == texts[1]
    assert len(texts[2]) < len(texts[0])
    assert [entry.account for entry in world.ledger.entries] == [None, None, "EVAL", "EVAL"]


def test_a_switch_may_keep_the_provider_and_change_its_model(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world(provider_switch={"after_answers": 1, "provider": "vertex", "model": "codestral-2501"}))
    served = [suggest(client).json()["model"] for _ in range(2)]
    assert [one["engine"] for one in served] == ["vertex-ai"] * 2
    assert [one["name"] for one in served] == ["codestral@2405", "codestral-2501"]


def test_a_refused_suggestion_is_none_of_those_that_the_switch_counts(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(provider_switch={"after_answers": 1}, refuse={"model_vendor": 1.0})
    client = gitlab(world)
    assert suggest(client).status_code == 429
    world.set_scenario(world.scenario.model_copy(update={"refuse": {}}))
    assert suggest(client).json()["model"]["engine"] == "vertex-ai"


def test_a_switch_counts_from_when_it_is_ordered(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    headers = {"authorization": "Bearer sandbox-evaluation-1"}
    address = serve(make_world())
    with httpx.Client(base_url=f"{address}/staging", headers=headers) as client:
        engines = [suggest(client).json()["model"]["engine"] for _ in range(3)]
        httpx.post(f"{address}/_sandbox/scenario", json={"provider_switch": {"after_answers": 2}}).raise_for_status()
        engines += [suggest(client).json()["model"]["engine"] for _ in range(3)]
        httpx.post(f"{address}/_sandbox/scenario", json={"provider_switch": None}).raise_for_status()
        engines.append(suggest(client).json()["model"]["engine"])
    assert engines == ["vertex-ai"] * 5 + ["anthropic", "vertex-ai"]


def test_the_gateway_refuses_a_suggestion_in_its_own_words_behind_rails(make_world: MakeWorld, gitlab: Connect) -> None:
    answer = suggest(gitlab(make_world(refuse={"ai_gateway": 1.0})))
    assert (answer.status_code, answer.json()) == (429, {"detail": "Too many requests. Please try again later."})
    assert {"x-request-id", "x-runtime", "gitlab-lb", "cf-ray"} <= set(answer.headers)


def test_the_sixty_first_suggestion_in_a_minute_is_refused_by_the_monolith(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(time_scale=1, latency_seconds={"median": 0.001, "p95": 0.001})
    client = gitlab(world)
    answers = [suggest(client) for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {200}
    last = answers[60]
    assert (last.status_code, last.json()) == (429, TOO_MANY)
    assert last.headers["x-gitlab-error-origin"] == "monolith"
    assert int(last.headers["ratelimit-remaining"]) > 0


def test_a_suggestion_without_a_cut_is_refused_and_costs_nothing(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    assert suggest(gitlab(world), {"file_name": "add.py"}).status_code == 400
    assert world.ledger.entries[-1].paid is False


def test_the_chat_endpoint_returns_a_bare_string_and_knows_no_ai_action_limit(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world(ai_action_calls=0))
    answer = client.post("/api/v4/chat/completions", json={"content": "What is issue 2 about?"})
    assert answer.status_code == 201
    assert isinstance(answer.json(), str)
    assert "issue 2" in answer.json()


def test_a_read_only_token_lacks_the_scope_for_ai(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world(), token="sandbox-evaluation-1-readonly")
    answer = suggest(client)
    assert answer.status_code == 403
    assert answer.json()["error"] == "insufficient_scope"
    assert client.get("/api/v4/personal_access_tokens/self").json()["scopes"] == ["read_api"]


def test_a_token_says_its_scopes_by_either_header(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world(), token=None)
    told = client.get("/api/v4/personal_access_tokens/self", headers={"PRIVATE-TOKEN": "sandbox-evaluation-2"}).json()
    assert (told["scopes"], told["active"]) == (["api"], True)


def test_a_trace_is_the_job_log_by_project_id_or_path(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    query = '{ project(fullPath: "daily-runs/seeds") { id jobs(first: 1) { nodes { id name } } } }'
    project = client.post("/api/graphql", json={"query": query}).json()["data"]["project"]
    job = project["jobs"]["nodes"][0]
    number, project_number = job["id"].rpartition("/")[2], project["id"].rpartition("/")[2]
    for name in (project_number, "daily-runs%2Fseeds"):
        trace = client.get(f"/api/v4/projects/{name}/jobs/{number}/trace")
        assert trace.headers["content-type"].startswith("text/plain")
        log = f"$ pytest\nlog of job {job['name'].rpartition('-')[2]}\n"
        assert trace.text != log
        assert holds_log(trace.text, log)
    assert client.get(f"/api/v4/projects/{project_number}/jobs/1/trace").status_code == 404
    assert client.get(f"/api/v4/projects/1/jobs/{number}/trace").status_code == 404


def test_every_second_trace_has_time_stamps_and_all_have_what_a_runner_writes(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world())
    query = '{ project(fullPath: "daily-runs/seeds") { jobs(first: 20) { nodes { id } } } }'
    jobs = client.post("/api/graphql", json={"query": query}).json()["data"]["project"]["jobs"]["nodes"]
    numbers = [job["id"].rpartition("/")[2] for job in jobs]
    traces = [client.get(f"/api/v4/projects/daily-runs%2Fseeds/jobs/{number}/trace").text for number in numbers]
    assert {trace[26:33] == "Z 00O \x1b" for trace in traces} == {True, False}
    for trace in traces:
        assert "Running with gitlab-runner" in trace
        assert ":step_script\r\x1b[0K" in trace
        assert "50%\rremote" in trace
        assert trace.rstrip().endswith("\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m")


@pytest.mark.parametrize(
    ("lines", "flags"),
    [(1, (False, False)), (300, (True, False)), (3_000, (False, True))],
    ids=["small", "collapsed", "too large"],
)
def test_a_large_files_diff_is_left_out_of_the_list_and_stands_in_the_repository(
    lines: int, flags: tuple[bool, bool]
) -> None:
    diff = f"@@ -0,0 +1,{lines} @@\n" + ("+" + "y" * 80 + "\n") * lines
    made = SandboxMergeRequest(1, 7, "Resolve", "src/a.py", diff, "2026-01-01T00:00:00Z", 0.0)
    listed = merge_request_files.listed(made)
    assert (listed["collapsed"], listed["too_large"]) == flags
    assert listed["diff"] == ("" if any(flags) else diff)
    assert merge_request_files.whole(made)["diff"] == diff
    assert merge_request_files.raw(made).endswith(diff)


def test_health_endpoints_are_closed_to_outside_addresses(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    assert [client.get(f"/-/{name}").status_code for name in ("health", "liveness", "readiness")] == [404] * 3

"""The GraphQL endpoint: real execution, GitLab's limits with their exact words, pages, asynchronous answers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import ChatCommand, FeatureCall, PromptTokens
from daily_runs.dataset import Item, SnippetText
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.sandbox.gitlab.ai_gateway import ERROR_TEXTS, errors_of
from daily_runs.sandbox.world.world import World

Connect = Callable[..., httpx.Client]
MakeWorld = Callable[..., World]

ASK = "mutation($input: AiActionInput!) { aiAction(input: $input) { requestId threadId errors } }"
POLL = """query($ids: [ID!]) {
  aiMessages(requestIds: $ids, roles: [ASSISTANT], conversationType: DUO_CHAT, first: 100) {
    nodes { id requestId content role timestamp errors chunkId }
  }
}"""
JOBS = """query($first: Int, $after: String) { project(fullPath: "daily-runs/seeds") {
  jobs(statuses: [FAILED], first: $first, after: $after) {
    nodes { id name status stage { name } finishedAt } pageInfo { hasNextPage endCursor } } } }"""
VULNERABILITIES = """{ project(fullPath: "daily-runs/seeds") { vulnerabilities(reportType: [SAST], first: 50) {
  nodes { id title state severity reportType identifiers { name externalId }
    location { __typename ... on VulnerabilityLocationSast { file startLine } } mergeRequest { iid } } } } }"""
HELP = "https://docs.gitlab.com/ee/user/gitlab_duo_chat/troubleshooting.html"
TOO_MANY = "This endpoint has been requested too many times. Try again later."


def graphql(client: httpx.Client, query: str, variables: dict[str, Any] | None = None, key: str = "p-1") -> Any:
    body = {"query": query, "variables": variables or {}}
    answer = client.post("/api/graphql", json=body, headers={"x-daily-runs-prompt": key})
    assert answer.status_code == 200, answer.text
    return answer.json()


def first_job(client: httpx.Client) -> str:
    return str(graphql(client, JOBS, {"first": 1})["data"]["project"]["jobs"]["nodes"][0]["id"])


def chat(resource: str, content: str = "/troubleshoot") -> dict[str, Any]:
    return {"input": {"chat": {"resourceId": resource, "content": content}, "conversationType": "DUO_CHAT"}}


def wait_for(look: Callable[[], Any], seconds: float = 5) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.005)
    return seen


def answer_to(client: httpx.Client, request_id: str) -> str:
    look = lambda: graphql(client, POLL, {"ids": [request_id]})["data"]["aiMessages"]["nodes"]  # noqa: E731
    return str(wait_for(look)[0]["content"])


def test_the_outside_probe_answers_who_how_much_and_which_version(make_world: MakeWorld, gitlab: Connect) -> None:
    probe = "{ currentUser { username } queryComplexity { score limit } metadata { version revision } }"
    data = graphql(gitlab(make_world()), probe)["data"]
    assert data["currentUser"] == {"username": "evaluation-1"}
    assert data["queryComplexity"] == {"score": 8, "limit": 250}
    assert re.fullmatch(r"\d+\.\d+\.\d+(-pre|-ee)?", data["metadata"]["version"])
    assert re.fullmatch(r"[0-9a-f]{11}", data["metadata"]["revision"])


def test_without_a_token_nobody_is_signed_in_and_the_complexity_limit_is_200(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world(), token=None)
    data = graphql(client, "{ currentUser { username } queryComplexity { limit } }")["data"]
    assert data == {"currentUser": None, "queryComplexity": {"limit": 200}}


def test_an_unknown_token_is_refused_with_401(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world(), token="sandbox-nobody")
    assert client.post("/api/graphql", json={"query": "{ __typename }"}).status_code == 401
    rest = client.get("/api/v4/user")
    assert (rest.status_code, rest.json()) == (401, {"message": "401 Unauthorized"})


@dataclass(frozen=True)
class Refused:
    name: str
    query: str
    message: str


NESTED = "project { vulnerabilities(first: 1) { nodes { " * 4 + "id" + " } } }" * 4
DEEP = 'query { project(fullPath: "x") { vulnerabilities(first: 1) { nodes { ' + NESTED + " } } } }"
ALIASED = "{ " + " ".join(f"a{n}: metadata {{ version }}" for n in range(126)) + " }"


@pytest.mark.parametrize(
    "case",
    [
        Refused("complexity", ALIASED, "Query has complexity of 252, which exceeds max complexity of 250"),
        Refused("recursion", DEEP, "Recursive query - too many of fields 'project, vulnerabilities' in query"),
    ],
    ids=lambda case: case.name,
)
def test_a_query_over_a_limit_gets_200_and_errors_without_data(
    case: Refused, make_world: MakeWorld, gitlab: Connect
) -> None:
    answer = graphql(gitlab(make_world()), case.query)
    assert case.message in [error["message"] for error in answer["errors"]]
    assert "data" not in answer


def test_depth_counts_every_level(make_world: MakeWorld, gitlab: Connect) -> None:
    levels = "project { vulnerabilities(first: 1) { nodes { " * 7 + "id" + " } } }" * 7
    query = 'query { vulnerability(id: "gid://gitlab/Vulnerability/1") { ' + levels + " } }"
    messages = [error["message"] for error in graphql(gitlab(make_world()), query)["errors"]]
    assert "Query has depth of 23, which exceeds max depth of 20" in messages


def test_a_query_of_more_than_10000_characters_is_too_large(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    at_limit = client.post("/api/graphql", json={"query": "{ __typename }".ljust(10_000)})
    above = client.post("/api/graphql", json={"query": "{ __typename }".ljust(10_001)})
    assert (at_limit.status_code, above.status_code) == (200, 422)
    assert above.json() == {"errors": [{"message": "Query too large"}]}


def test_a_query_that_takes_too_long_names_the_field_and_gets_null(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(graphql_timeout_share=1.0)
    answer = graphql(gitlab(world), "{ me: currentUser { username } }")
    assert answer == {"data": {"me": None}, "errors": [{"message": "Timeout on Query.currentUser", "path": ["me"]}]}
    assert world.ledger.entries[-1].outcome == "graphql_timeout"


def test_a_connection_costs_more_the_larger_its_page(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    query = 'query($first: Int) { queryComplexity { score } project(fullPath: "daily-runs/seeds") '
    query += "{ jobs(first: $first) { nodes { id name } } } }"
    scores = [graphql(client, query, {"first": n})["data"]["queryComplexity"]["score"] for n in (1, 50, 100, 500)]
    assert scores == [7, 9, 11, 11]


def test_an_unknown_field_is_named_and_nothing_runs(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    answer = graphql(gitlab(world), 'mutation { aiAction(input: {troubleshootJob: {resourceId: "x"}}) { errors } }')
    assert "troubleshootJob" in answer["errors"][0]["message"]
    assert world.ledger.entries[-1].outcome == "graphql_invalid"


def test_pages_hold_at_most_100_nodes_and_cursors_reach_every_one(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    first = graphql(client, JOBS, {"first": 500})["data"]["project"]["jobs"]
    assert len(first["nodes"]) == 100
    assert first["pageInfo"]["hasNextPage"] is True
    rest = graphql(client, JOBS, {"after": first["pageInfo"]["endCursor"]})["data"]["project"]["jobs"]
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (20, False)
    names = {node["name"] for node in first["nodes"] + rest["nodes"]}
    assert names == {f"rca/job-{n}" for n in range(120)}
    assert {node["status"] for node in first["nodes"]} == {"FAILED"}


def test_a_cursor_that_is_not_ours_is_refused(make_world: MakeWorld, gitlab: Connect) -> None:
    answer = graphql(gitlab(make_world()), JOBS, {"after": "beyond"})
    assert answer["errors"][0]["message"] == "Please provide a valid cursor"


def test_seeds_are_found_by_their_keys_with_ids_that_differ_between_environments(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world()
    staging, production = gitlab(world), gitlab(world, "production")
    assert first_job(staging) != first_job(production)
    issues = '{ project(fullPath: "daily-runs/seeds") { issues(first: 10) { nodes { title description state } } } }'
    nodes = graphql(staging, issues)["data"]["project"]["issues"]["nodes"]
    assert {"title": "[chat/issue-2] Issue 2", "description": "Body 2", "state": "opened"} in nodes


def test_a_vulnerability_leads_to_its_file(make_world: MakeWorld, gitlab: Connect, items: dict[str, list[Any]]) -> None:
    client = gitlab(make_world())
    nodes = graphql(client, VULNERABILITIES)["data"]["project"]["vulnerabilities"]["nodes"]
    places = {node["location"]["file"] for node in nodes}
    assert places == {"seeds/vex/run/run.py", "seeds/vr/run/run.py"}
    assert {(node["state"], node["reportType"], node["severity"]) for node in nodes} == {("DETECTED", "SAST", "HIGH")}
    blobs = 'query($paths: [String!]!) { project(fullPath: "daily-runs/seeds") { repository { '
    blobs += "blobs(paths: $paths) { nodes { path rawTextBlob } } } } }"
    found = graphql(client, blobs, {"paths": ["seeds/vr/run/run.py", "absent.py"]})["data"]["project"]["repository"]
    code = items["of_resolve_vulnerability"][0].resource.code
    assert found["blobs"]["nodes"] == [{"path": "seeds/vr/run/run.py", "rawTextBlob": code}]


def test_an_answer_is_empty_until_the_model_is_done_and_then_has_two_sections(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(time_scale=20, latency_seconds={"median": 20, "p95": 20})
    client = gitlab(world)
    payload = graphql(client, ASK, chat(first_job(client)))["data"]["aiAction"]
    assert payload["errors"] == []
    assert payload["threadId"].startswith("gid://gitlab/Ai::Conversation::Thread/")
    early = graphql(client, POLL, {"ids": [payload["requestId"]]})["data"]["aiMessages"]["nodes"]
    assert early == []
    text = answer_to(client, payload["requestId"])
    assert text.startswith("### Root cause\n")
    assert "### Example fix\n" in text


def test_an_answer_belongs_to_the_user_who_asked(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    mine, other = gitlab(world), gitlab(world, token="sandbox-evaluation-2")
    request_id = graphql(mine, ASK, chat(first_job(mine)))["data"]["aiAction"]["requestId"]
    answer_to(mine, request_id)
    assert graphql(other, POLL, {"ids": [request_id]})["data"]["aiMessages"]["nodes"] == []


def test_without_its_thread_an_older_question_is_not_found(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    job = first_job(client)
    first, second = (graphql(client, ASK, chat(job), key=key)["data"]["aiAction"] for key in ("p-1", "p-2"))
    assert answer_to(client, second["requestId"])
    assert graphql(client, POLL, {"ids": [first["requestId"]]})["data"]["aiMessages"]["nodes"] == []
    query = "query($ids: [ID!], $thread: AiConversationThreadID) { aiMessages(requestIds: $ids, threadId: $thread, "
    query += "conversationType: DUO_CHAT, roles: [ASSISTANT], first: 3) { nodes { content } } }"
    variables = {"ids": [first["requestId"]], "thread": first["threadId"]}
    assert wait_for(lambda: graphql(client, query, variables)["data"]["aiMessages"]["nodes"])


def test_a_chat_about_an_issue_and_one_about_no_resource_answer_the_question(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world())
    user = graphql(client, "{ currentUser { id } }")["data"]["currentUser"]["id"]
    request = graphql(client, ASK, chat(user, "What is issue 1 about?"))["data"]["aiAction"]["requestId"]
    assert "issue 1" in answer_to(client, request)


def with_context(content: str = "Say it shorter.", **changes: Any) -> dict[str, Any]:
    """A chat about no resource, with one text sent along."""
    sent = {"id": "text/one", "category": "SNIPPET", "content": "A long text.", **changes}
    return {"input": {"chat": {"content": content, "additionalContext": [sent]}, "conversationType": "DUO_CHAT"}}


def test_a_text_that_is_sent_along_is_answered_and_paid_as_its_own_feature(
    make_world: MakeWorld, gitlab: Connect, catalogue: Catalogue, items: dict[str, list[Item]]
) -> None:
    feature = catalogue.features["of_chat"].model_copy(
        update={
            "call": FeatureCall.CHAT_COMMAND,
            "chat": ChatCommand(content="Say it shorter.", resource="text"),
            "limits": catalogue.features["of_chat"].limits.model_copy(
                update={"tokens_per_prompt": PromptTokens(input=100, output=10, source="estimate")}
            ),
        }
    )
    text = items["of_chat"][0].model_copy(
        update={"seed_key": "text/one", "resource": SnippetText(type="text", name="a text", text="A long text.")}
    )
    world = make_world()
    world.catalogue = catalogue.model_copy(update={"features": {**catalogue.features, "shorter": feature}})
    world.items_by_feature = {**items, "shorter": [text]}
    client = gitlab(world)
    request = graphql(client, ASK, with_context())["data"]["aiAction"]["requestId"]
    assert "issue 0" in answer_to(client, request)
    entry = next(e for e in world.ledger.entries if e.operation == "aiAction")
    assert (entry.paid, 80 <= entry.input_tokens <= 120) == (True, True)
    other = graphql(client, ASK, with_context(content="Say it shorter.", id="text/two"))["data"]["aiAction"]
    assert "issue 0" not in answer_to(client, other["requestId"])


LONG = {
    "input": {
        "chat": {"content": "x", "additionalContext": [{"id": "x", "category": "FILE", "content": "x" * 600_001}]}
    }
}
REFUSED_CONTEXT = {
    "a blank message": (with_context(content=" \n"), "content can't be blank"),
    "too long a content": (LONG, "content is too long (maximum is 600000)"),
    "too long an id": (with_context(id="x" * 256), "id is too long (maximum is 255)"),
    "a category that is none": (with_context(category="DIFF"), "DIFF"),
    "no id": ({"input": {"chat": {"content": "x", "additionalContext": [{"category": "FILE", "content": "x"}]}}}, "id"),
    "no content": (
        {"input": {"chat": {"content": "x", "additionalContext": [{"category": "FILE", "id": "x"}]}}},
        "cont",
    ),
    "a key that is none": (with_context(name="x"), "name"),
}


@pytest.mark.parametrize(("variables", "says"), REFUSED_CONTEXT.values(), ids=REFUSED_CONTEXT.keys())
def test_what_gitlab_does_not_take_beside_a_message_is_refused_and_spends_no_budget(
    variables: dict[str, Any], says: str, make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world(ai_action_calls=1))
    refused = graphql(client, ASK, variables)
    assert says in refused["errors"][0]["message"]
    assert graphql(client, ASK, with_context())["data"]["aiAction"]["requestId"], "the one call is left"


def test_a_command_about_a_resource_needs_one(make_world: MakeWorld, gitlab: Connect) -> None:
    payload = graphql(gitlab(make_world()), ASK, with_context(content="/troubleshoot"))["data"]["aiAction"]
    assert payload["requestId"] is None
    assert "needs a Ci::Build" in payload["errors"][0]


def test_exactly_one_method_is_asked_for_and_a_wrong_count_spends_no_budget(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world(ai_action_calls=1))
    none = graphql(client, ASK, {"input": {"conversationType": "DUO_CHAT"}})
    assert none["errors"][0]["message"] == "Only one method argument is required"
    job = first_job(client)
    assert graphql(client, ASK, chat(job))["data"]["aiAction"]["requestId"]


def test_the_limiter_counts_before_it_looks_at_the_resource(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(ai_action_calls=2)
    client = gitlab(world)
    absent = chat("gid://gitlab/Ci::Build/1")
    for _ in range(2):
        error = graphql(client, ASK, absent)["errors"][0]["message"]
        assert error.startswith("The resource that you are attempting to access does not exist")
    refused = client.post("/api/graphql", json={"query": ASK, "variables": chat(first_job(client))})
    assert refused.status_code == 200
    assert refused.json()["errors"][0]["message"] == TOO_MANY
    assert refused.json()["errors"][0]["path"] == ["aiAction"]
    assert "retry-after" not in refused.headers
    assert int(refused.headers["ratelimit-remaining"]) > 0
    assert world.ledger.entries[-1].outcome == "ai_action_limit"


def test_the_limiter_is_160_a_user_and_each_user_has_its_own(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(time_scale=1)
    first, second = gitlab(world), gitlab(world, token="sandbox-evaluation-2")
    job = first_job(first)
    outcomes = ["errors" in graphql(first, ASK, chat(job), key=f"p-{n}") for n in range(161)]
    assert outcomes == [False] * 160 + [True]
    assert "errors" not in graphql(second, ASK, chat(job))


def test_a_read_only_token_may_look_but_not_ask(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world(), token="sandbox-evaluation-1-readonly")
    answer = graphql(client, ASK, chat(first_job(client)))
    assert "you don't have permission" in answer["errors"][0]["message"]


def test_each_resolution_is_a_new_merge_request_with_its_diff(make_world: MakeWorld, gitlab: Connect) -> None:
    client = gitlab(make_world())
    nodes = graphql(client, VULNERABILITIES)["data"]["project"]["vulnerabilities"]["nodes"]
    gid = next(node["id"] for node in nodes if "vr/run" in node["location"]["file"])
    look = "query($id: VulnerabilityID!) { vulnerability(id: $id) { mergeRequest { iid createdAt webUrl } } }"

    def newest(other_than: str | None) -> Any:
        made = graphql(client, look, {"id": gid})["data"]["vulnerability"]["mergeRequest"]
        return made if made and made["iid"] != other_than else None

    assert newest(None) is None
    resolve = {"input": {"resolveVulnerability": {"resourceId": gid}}}
    graphql(client, ASK, resolve)
    first = wait_for(lambda: newest(None))
    graphql(client, ASK, resolve)
    second = wait_for(lambda: newest(first["iid"]))
    assert int(second["iid"]) > int(first["iid"])
    assert second["createdAt"] >= first["createdAt"]
    diffs = client.get(f"/api/v4/projects/daily-runs%2Fseeds/merge_requests/{second['iid']}/diffs").json()
    assert diffs[0]["new_path"] == "seeds/vr/run/run.py"
    assert diffs[0]["diff"].startswith("@@ ")
    assert "-import os\n+import subprocess\n" in diffs[0]["diff"]


def test_an_empty_account_looks_like_an_answer_with_an_error_code(make_world: MakeWorld, gitlab: Connect) -> None:
    latency = {"median": 0.01, "p95": 0.01}
    world = make_world(time_scale=1, latency_seconds=latency, limit_factor={"factor": 0.001})
    client = gitlab(world)
    job = first_job(client)
    tokens, now = world.account("EVAL").input_tokens, world.clock.now()
    tokens.take(tokens.available(now), now)
    request_id = graphql(client, ASK, chat(job))["data"]["aiAction"]["requestId"]
    answer = wait_for(lambda: graphql(client, POLL, {"ids": [request_id]})["data"]["aiMessages"]["nodes"])[0]
    assert answer["content"] == "I'm sorry, I can't generate a response. Please try again."
    assert answer["errors"] == [f"{answer['content']} Error code: [A1001]({HELP}#error-a1001)"]
    entry = next(e for e in world.ledger.entries if e.operation == "aiAction")
    assert (entry.account, entry.paid, entry.outcome) == ("EVAL", False, "model_vendor")


@pytest.mark.parametrize("code", ERROR_TEXTS)
def test_no_content_has_a_code_and_errors_say_what_gitlab_says_there(code: str) -> None:
    assert code not in ERROR_TEXTS[code]
    told = {"A6000": [], "G3001": [ERROR_TEXTS["G3001"]]}
    coded = [f"{ERROR_TEXTS[code]} Error code: [{code}]({HELP}#error-{code.lower()})"]
    assert errors_of(code) == told.get(code, coded)


@pytest.mark.parametrize("code", ERROR_TEXTS)
def test_our_side_takes_no_text_of_these_for_an_answer(code: str) -> None:
    assert error_code_in(ERROR_TEXTS[code]) is not None
    assert all(error_code_in(error) for error in errors_of(code))


def test_production_spends_the_other_account(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    client = gitlab(world, "production")
    graphql(client, ASK, chat(first_job(client)), key="p-7")
    entry = world.ledger.entries[-1]
    assert (entry.side, entry.account, entry.paid, entry.key) == ("production", "PROD", True, "p-7")
    assert 34_000 * 0.8 <= entry.input_tokens <= 34_000 * 1.2

"""Faults on the wire: what the client sees, and what the ledger says was paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from daily_runs.sandbox.world.faults import InjectedFault, draw
from daily_runs.sandbox.world.world import World

Connect = Callable[..., httpx.Client]
MakeWorld = Callable[..., World]

QUERY = {"query": "{ currentUser { username } }"}
ASK = "mutation($input: AiActionInput!) { aiAction(input: $input) { requestId errors } }"


def ask(client: httpx.Client, job: str) -> httpx.Response:
    variables = {"input": {"chat": {"resourceId": job, "content": "/troubleshoot"}}}
    return client.post("/api/graphql", json={"query": ASK, "variables": variables})


def a_job(world: World, gitlab: Connect) -> tuple[httpx.Client, str]:
    client = gitlab(world)
    query = '{ project(fullPath: "daily-runs/seeds") { jobs(first: 1) { nodes { id } } } }'
    found = client.post("/api/graphql", json={"query": query}).json()
    return client, found["data"]["project"]["jobs"]["nodes"][0]["id"]


def test_a_dropped_connection_breaks_the_read_and_half_of_the_mutations_were_paid(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world()
    client, job = a_job(world, gitlab)
    world.set_scenario(world.scenario.model_copy(update={"drop_share": 1.0}))
    for _ in range(40):
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            ask(client, job)
    entries = [entry for entry in world.ledger.entries if entry.operation == "aiAction"]
    paid = Counter((entry.outcome, entry.paid, entry.status) for entry in entries)
    assert set(paid) == {("dropped_request", False, 0), ("dropped_answer", True, 0)}
    assert 10 <= paid["dropped_answer", True, 0] <= 30


def test_a_malformed_body_is_200_and_no_json(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(malformed_share=1.0)
    answer = gitlab(world).post("/api/graphql", json=QUERY)
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert world.ledger.entries[-1].outcome == "malformed_body"


def test_a_truncated_body_ends_before_its_promised_length(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(truncated_share=1.0)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        gitlab(world).post("/api/graphql", json=QUERY)
    assert world.ledger.entries[-1].outcome == "truncated_body"


def test_server_errors_come_from_rails_and_from_the_load_balancer_each_in_its_own_shape(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    client = gitlab(make_world(server_error_share=1.0))
    answers = {answer.status_code: answer for answer in (client.get("/api/v4/user") for _ in range(60))}
    assert set(answers) == {500, 502, 503, 504}
    assert answers[500].json() == {"message": "500 Internal Server Error"}
    assert "x-request-id" in answers[500].headers
    for status in (502, 503, 504):
        assert answers[status].headers["content-type"].startswith("text/html")
        assert "x-request-id" not in answers[status].headers


def test_a_server_error_of_the_gateway_is_json_behind_rails(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(server_error_share=1.0)
    client = gitlab(world)
    cut = {"current_file": {"file_name": "a.py", "content_above_cursor": "x = ", "content_below_cursor": ""}}
    answers = [client.post("/api/v4/code_suggestions/completions", json=cut) for _ in range(40)]
    broken = [a for a in answers if a.headers["content-type"] == "application/json" and a.status_code == 503]
    assert broken
    assert all(a.json() == {"detail": "Inference failed"} and "x-request-id" in a.headers for a in broken)
    assert len(broken) == [entry.outcome for entry in world.ledger.entries].count("ai_gateway_503")


def test_a_gateway_timeout_hides_a_mutation_that_was_paid(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world()
    client, job = a_job(world, gitlab)
    world.set_scenario(world.scenario.model_copy(update={"server_error_share": 1.0}))
    statuses = {ask(client, job).status_code for _ in range(40)}
    assert statuses == {500, 502, 503, 504}
    asked = [entry for entry in world.ledger.entries if entry.operation == "aiAction"]
    assert {entry.status for entry in asked if entry.paid} == {504}
    assert {entry.status for entry in asked if not entry.paid} == {500, 502, 503}


def test_faults_stay_on_the_sides_they_are_confined_to(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(sides=["production"], server_error_share=1.0)
    assert gitlab(world).get("/api/v4/user").status_code == 200
    assert gitlab(world, "production").get("/api/v4/user").status_code >= 500


def test_each_share_holds_and_no_two_faults_strike_one_request(make_world: MakeWorld) -> None:
    world = make_world(server_error_share=0.05, drop_share=0.02, malformed_share=0.1)
    drawn = Counter(draw(world, "staging") for _ in range(20_000))
    errors = sum(count for fault, count in drawn.items() if fault and fault.value[-3:].isdigit())
    assert errors / 20_000 == pytest.approx(0.05, abs=0.006)
    dropped = drawn[InjectedFault.DROPPED_REQUEST] + drawn[InjectedFault.DROPPED_ANSWER]
    assert dropped / 20_000 == pytest.approx(0.02, abs=0.004)
    assert drawn[InjectedFault.MALFORMED_BODY] / 20_000 == pytest.approx(0.1, abs=0.008)


def test_the_same_seed_draws_the_same_faults(make_world: MakeWorld) -> None:
    first, second = make_world(server_error_share=0.3), make_world(server_error_share=0.3)
    assert [draw(first, "staging") for _ in range(50)] == [draw(second, "staging") for _ in range(50)]
    other = make_world(server_error_share=0.3, rng_seed=7)
    assert [draw(first, "staging") for _ in range(50)] != [draw(other, "staging") for _ in range(50)]


def test_error_code_answers_are_not_paid_and_carry_a_letter_and_four_digits(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(error_code_share=1.0)
    client = gitlab(world)
    text = client.post("/api/v4/chat/completions", json={"content": "Hello"}).json()
    assert text[-5] in "MGA"
    assert text[-4:].isdigit()
    assert (world.ledger.entries[-1].outcome, world.ledger.entries[-1].paid) == ("error_code", False)

"""`/v1/messages`, `count_tokens` and `models`, as the official SDK sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import anthropic
import httpx
import pytest
from anthropic import Anthropic, AsyncAnthropic

from daily_runs.sandbox.world.scenario import Latency, Scenario
from daily_runs.sandbox.world.world import World

MODEL = "claude-sonnet-5-5"
QUICK = Latency(median=0.001, p95=0.001)
HELLO: list[Any] = [
    {"role": "user", "content": "The build failed. The cache was stale. Nobody cleared it. It is late."}
]

MakeWorld = Callable[..., World]
ClientOf = Callable[[World], Anthropic]


def test_a_question_is_answered_with_a_text_and_its_tokens(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    message = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert message.content[0].type == "text"
    assert message.content[0].text == "In short: The build failed. The cache was stale. Nobody cleared it."
    assert (message.stop_reason, message.model, message.role) == ("end_turn", MODEL, "assistant")
    assert message.usage.output_tokens == 17
    assert message._request_id is not None
    assert message._request_id.startswith("req_")


def test_the_asynchronous_client_gets_the_same_answer(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    address = serve(make_world())

    async def ask() -> list[anthropic.types.Message]:
        async with AsyncAnthropic(api_key="sandbox-PROD", base_url=address, max_retries=0) as client:
            calls = [client.messages.create(model=MODEL, max_tokens=100, messages=HELLO) for _ in range(20)]
            return await asyncio.gather(*calls)

    assert {message.usage.output_tokens for message in asyncio.run(ask())} == {17}


def test_counted_tokens_are_those_of_the_answer_that_follows(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    prompt: dict[str, Any] = {
        "model": MODEL,
        "messages": HELLO,
        "system": "Be brief.",
        "tools": [{"name": "note", "description": "Notes it", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "none"},
    }
    counted = client.messages.count_tokens(**prompt).input_tokens
    assert counted == client.messages.create(max_tokens=50, **prompt).usage.input_tokens
    assert counted > client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens


def test_an_answer_stops_at_max_tokens_and_at_a_stop_sequence(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    short = client.messages.create(model=MODEL, max_tokens=3, messages=HELLO)
    assert (short.stop_reason, short.usage.output_tokens) == ("max_tokens", 3)
    stopped = client.messages.create(model=MODEL, max_tokens=99, messages=HELLO, stop_sequences=["cache"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "cache")


def test_a_worse_model_says_less(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world(Scenario(latency_seconds=QUICK, worse_model=0.7)))
    message = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO)
    assert message.content[0].type == "text"
    assert message.content[0].text == "In short: The build failed."


class Refused(NamedTuple):
    what: str
    change: dict[str, Any]
    message: str


@pytest.mark.parametrize(
    "case",
    [
        Refused("no messages", {"messages": []}, "messages: List should have at least 1 item after validation, not 0"),
        Refused(
            "an unknown role",
            {"messages": [{"role": "robot", "content": "hi"}]},
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        Refused("a budget of nothing", {"max_tokens": 0}, "max_tokens: Input should be greater than or equal to 1"),
        Refused("an unknown field", {"colour": 1}, "colour: Extra inputs are not permitted"),
        Refused(
            "a stream", {"stream": True}, "stream: whole messages only here; leave `stream` out or set it to false"
        ),
        Refused(
            "a tool that is not offered",
            {"tools": [{"name": "a", "input_schema": {}}], "tool_choice": {"type": "tool", "name": "b"}},
            "Tool 'b' not found in provided tools",
        ),
        Refused(
            "a choice among no tools",
            {"tool_choice": {"type": "any"}},
            "tool_choice: Tool choice may only be specified while providing `tools`.",
        ),
    ],
    ids=lambda case: case.what,
)
def test_a_faulty_request_is_refused_in_anthropics_words(
    case: Refused, make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world()
    client = client_of(world)
    body = {"model": MODEL, "max_tokens": 10, "messages": HELLO, **case.change}
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.post("/v1/messages", body=body, cast_to=anthropic.types.Message)
    assert refused.value.type == "invalid_request_error"
    assert refused.value.api_message == case.message
    assert refused.value.request_id is not None
    assert [(e.outcome, e.paid) for e in world.ledger.entries] == [("invalid_request_error", False)]


@pytest.mark.parametrize("key", ["sandbox-NOBODY", "EVAL", "sk-ant-something"])
def test_an_unknown_key_is_refused(key: str, make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    with (
        Anthropic(api_key=key, base_url=serve(make_world()), max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError) as refused,
    ):
        client.messages.create(model=MODEL, max_tokens=10, messages=HELLO)
    assert (refused.value.type, refused.value.api_message) == ("authentication_error", "invalid x-api-key")


@pytest.mark.parametrize("header", [{"x-api-key": "sandbox-EVAL"}, {"authorization": "Bearer sandbox-EVAL"}])
def test_a_key_is_accepted_in_either_header(
    header: dict[str, str], make_world: MakeWorld, serve: Callable[[World], str]
) -> None:
    headers = {**header, "anthropic-version": "2023-06-01"}
    assert httpx.get(f"{serve(make_world())}/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic sandbox-EVAL"}])
def test_a_request_without_a_key_is_refused(
    headers: dict[str, str], make_world: MakeWorld, serve: Callable[[World], str]
) -> None:
    answer = httpx.get(f"{serve(make_world())}/v1/models", headers=headers)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, "authentication_error")


def test_a_body_that_is_no_json_is_refused(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    headers = {"x-api-key": "sandbox-EVAL", "anthropic-version": "2023-06-01"}
    answer = httpx.post(f"{serve(make_world())}/v1/messages", content=b"{", headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("The request body is not valid JSON")


def test_an_unknown_model_and_an_unknown_path_are_not_found(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    with pytest.raises(anthropic.NotFoundError, match="model: gpt"):
        client.messages.create(model="gpt", max_tokens=10, messages=HELLO)
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.get("/v1/nothing", cast_to=anthropic.types.Message)
    assert refused.value.type == "not_found_error"


def test_the_models_are_listed_and_described(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).type == "model"


def test_every_answer_says_that_it_is_a_sandbox_and_for_whom(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    good = client.messages.with_raw_response.create(model=MODEL, max_tokens=10, messages=HELLO).headers
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.models.retrieve("gpt")
    for headers in (good, refused.value.response.headers):
        assert headers["x-daily-runs-sandbox"] == "1"
        assert len(headers["anthropic-organization-id"]) == 36
        assert headers["anthropic-ratelimit-requests-limit"] == "60000"


def test_the_ledger_names_the_prompt_and_what_it_cost(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world()
    message = client_of(world).messages.create(
        model=MODEL, max_tokens=100, messages=HELLO, extra_headers={"X-Daily-Runs-Prompt": "prompt-7"}
    )
    (entry,) = world.ledger.entries
    assert (entry.side, entry.account, entry.user, entry.operation) == ("anthropic", "EVAL", "EVAL", "messages")
    assert (entry.key, entry.outcome, entry.status, entry.paid) == ("prompt-7", "ok", 200, True)
    assert (entry.input_tokens, entry.output_tokens) == (message.usage.input_tokens, message.usage.output_tokens)


def test_a_long_system_prompt_marked_for_the_cache_is_written_once_and_then_read(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world()
    client = client_of(world)
    system: Any = [{"type": "text", "text": "rubric " * 1000, "cache_control": {"type": "ephemeral"}}]
    first, second = (
        client.messages.create(model=MODEL, max_tokens=100, messages=HELLO, system=system).usage for _ in range(2)
    )
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (1750, 0)
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, 1750)
    assert first.input_tokens == second.input_tokens
    assert first.cache_creation is not None
    assert first.cache_creation.ephemeral_5m_input_tokens == 1750
    spent = [entry.input_tokens for entry in world.ledger.entries]
    assert spent == [1750 + first.input_tokens, second.input_tokens]


def test_a_cached_prompt_is_forgotten_after_five_domain_minutes(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world(time_scale=10_000))
    system: Any = [{"type": "text", "text": "rubric " * 1000, "cache_control": {"type": "ephemeral"}}]
    ask = {"model": MODEL, "max_tokens": 100, "messages": HELLO, "system": system}
    usages = []
    for _ in range(2):
        usages.append(client.messages.create(**ask).usage)
        asyncio.run(asyncio.sleep(0.05))  # 500 domain seconds
    assert [usage.cache_creation_input_tokens for usage in usages] == [1750, 1750]


def test_a_short_prompt_is_not_cached_although_marked(make_world: MakeWorld, client_of: ClientOf) -> None:
    system: Any = [{"type": "text", "text": "short", "cache_control": {"type": "ephemeral"}}]
    client = client_of(make_world())
    usage = client.messages.create(model=MODEL, max_tokens=100, messages=HELLO, system=system).usage
    assert (usage.cache_creation_input_tokens, usage.cache_read_input_tokens) == (0, 0)

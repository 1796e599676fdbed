"""What the sandbox's Anthropic refuses of each model: as the vendor does, and never less."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from anthropic import Anthropic, APIStatusError, BadRequestError, NotFoundError
from anthropic.resources.messages.messages import DEPRECATED_MODELS

from daily_runs.sandbox.anthropic import models
from daily_runs.sandbox.world.world import World

MakeWorld = Callable[..., World]
ClientOf = Callable[[World], Anthropic]

LONG = "Judge this. " * 300
TOOL = {"name": "record_verdict", "input_schema": {"type": "object", "properties": {"score": {"type": "integer"}}}}
NOTE = {**TOOL, "input_schema": {"type": "object", "properties": {"note": {"type": "string"}}}}
FORCED = {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "record_verdict"}}
ANY = {"tools": [TOOL], "tool_choice": {"type": "any"}}
OLD = {"extra_headers": {"anthropic-version": "2023-06-01"}}


def asking(client: Anthropic, model: str, **more: Any) -> Any:
    asked = {"model": model, "max_tokens": 8192, "messages": [{"role": "user", "content": LONG}]}
    return client.messages.create(**{**asked, **more})


def formatted(schema: dict[str, Any]) -> dict[str, Any]:
    return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


class Refused(NamedTuple):
    model: str
    asked: dict[str, Any]
    says: str


SONNET, OPUS = "claude-sonnet-5-5", "claude-opus-4-8"
NO_FORCED = 'tool_choice: type "tool" and "any" are not supported for this model.'
REFUSED = (
    *(Refused(m, FORCED, NO_FORCED) for m in (SONNET, "claude-opus-5-5", "claude-fable-5-1", "claude-mythos-5-1")),
    Refused(SONNET, ANY, NO_FORCED),
    Refused(SONNET, {**FORCED, "thinking": {"type": "between_tools"}}, NO_FORCED),
    Refused(SONNET, {"thinking": {"type": "disabled"}}, 'send "thinking": {"type": "between_tools"} instead'),
    Refused(
        SONNET, {"thinking": {"type": "enabled", "budget_tokens": 2000}}, '"thinking.type.enabled" is not supported'
    ),
    Refused("claude-opus-5-5", {"thinking": {"type": "disabled"}}, '"thinking.type.disabled" is not supported'),
    Refused(OPUS, {"thinking": {"type": "between_tools"}}, '"thinking.type.between_tools" is not supported'),
    Refused("claude-haiku-4-5", {"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
    Refused(
        "claude-sonnet-4-6",
        {**FORCED, "thinking": {"type": "enabled", "budget_tokens": 2000}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    Refused("claude-haiku-4-5", {"output_config": {"effort": "low"}}, "does not support the effort parameter"),
    Refused(
        "claude-sonnet-4-6",
        {"output_config": {"effort": "xhigh"}},
        "does not support effort level 'xhigh'. Supported levels: high, low, max, medium.",
    ),
    Refused(
        SONNET,
        {"thinking": {"type": "between_tools"}, "output_config": {"effort": "max"}},
        "output_config.effort 'max' is not supported when thinking is disabled on this model.",
    ),
    Refused(SONNET, {"output_config": {"effort": "extreme"}}, "output_config.effort"),
    Refused(SONNET, {"extra_body": {"temperature": 1.0}}, "`temperature` is deprecated for this model."),
    Refused("claude-sonnet-4-6", {"extra_body": {"temperature": 1.0}}, "`temperature` is deprecated for this model."),
    Refused(SONNET, {"extra_body": {"top_p": 0.9}, **OLD}, "`top_p` is deprecated for this model."),
    Refused("claude-haiku-4-5", {"extra_body": {"top_k": 5}}, "`top_k` is deprecated for this model."),
    Refused(
        "claude-haiku-4-5-20251001",
        {"max_tokens": 64_001},
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5-20251001",
    ),
    Refused(SONNET, {"max_tokens": 128_001}, "max_tokens: 128001 > 128000"),
    Refused(SONNET, {"extra_body": {"output_format": {"type": "json_schema", "schema": closed()}}}, "output_format"),
    Refused(
        SONNET,
        {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "{"}]},
        "does not support assistant message prefill",
    ),
    Refused(
        SONNET,
        formatted(closed(x={"type": "integer", "minimum": 1, "maximum": 5})),
        "For 'integer' type, properties maximum, minimum are not supported",
    ),
    Refused(
        OPUS,
        formatted(closed(x={"type": "integer", "minimum": 1})),
        "For 'integer' type, property 'minimum' is not supported",
    ),
    Refused(
        OPUS, formatted({"type": "object", "properties": {}}), "'additionalProperties' must be explicitly set to false"
    ),
    Refused(
        OPUS,
        formatted(closed(x={"type": "array", "items": {"type": "object", "properties": {}}})),
        "'additionalProperties' must be explicitly set to false",
    ),
    Refused(OPUS, formatted(closed(x={"type": "array", "maxItems": 3})), "property 'maxItems' is not supported"),
    Refused(OPUS, formatted(closed(x={"type": "string", "maxLength": 3})), "property 'maxLength' is not supported"),
    Refused(
        OPUS,
        {"tools": [{**TOOL, "strict": True}]},
        "tools.0.custom.input_schema: For 'object' type, 'additionalProperties' must be explicitly set to false",
    ),
)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case.model}: {case.says[:40]}")
def test_a_model_refuses_what_it_does_not_take_and_nothing_is_paid(
    case: Refused, make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world()
    with pytest.raises(BadRequestError) as caught:
        asking(client_of(world), case.model, **case.asked)
    assert caught.value.type == "invalid_request_error"
    assert case.says in str(caught.value.api_message)
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert [entry.paid for entry in world.ledger.entries] == [False]


TAKEN = (
    Refused(OPUS, {**FORCED, "tools": [NOTE]}, "tool_use"),
    Refused("claude-haiku-5-5", {**ANY, "tools": [NOTE]}, "tool_use"),
    Refused("claude-haiku-4-5", {"extra_body": {"temperature": 0.0}, **OLD}, "end_turn"),
    Refused(SONNET, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, "end_turn"),
    Refused(SONNET, {"thinking": {"type": "between_tools"}, "output_config": {"effort": "high"}}, "end_turn"),
    Refused("claude-sonnet-4-6", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "end_turn"),
    Refused(SONNET, formatted(closed(x={"type": "integer", "enum": [1, 2]})), "end_turn"),
)


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: f"{case.model}: {list(case.asked)}")
def test_a_model_takes_what_the_vendor_says_it_takes(case: Refused, make_world: MakeWorld, client_of: ClientOf) -> None:
    assert asking(client_of(make_world()), case.model, **case.asked).stop_reason == case.says


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize(
    "model",
    [
        "claude-sonnet-4-20250514",
        "claude-opus-4-0",
        "claude-3-5-haiku-latest",
        "claude-another",
        "claude-sonnet-5-5-20260928",
        "gpt-7",
    ],
)
def test_a_retired_and_an_unknown_model_are_not_found(model: str, make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    with pytest.raises(NotFoundError) as caught:
        asking(client, model)
    assert (caught.value.type, caught.value.api_message) == ("not_found_error", f"model: {model}")
    for free in (client.models.retrieve, lambda m: client.messages.count_tokens(model=m, messages=[])):
        with pytest.raises(APIStatusError):
            free(model)


def test_a_forced_tool_is_refused_by_the_count_of_tokens_too(make_world: MakeWorld, client_of: ClientOf) -> None:
    asked: Any = {"model": SONNET, "messages": [{"role": "user", "content": "x"}], **FORCED}
    with pytest.raises(BadRequestError, match="are not supported for this model"):
        client_of(make_world()).messages.count_tokens(**asked)


def test_thinking_comes_first_counts_as_output_and_may_use_it_up(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    off = asking(client, SONNET, thinking={"type": "between_tools"})
    thought = asking(client, SONNET)
    assert [block.type for block in off.content] == ["text"]
    assert [block.type for block in thought.content] == ["thinking", "text"]
    assert thought.usage.output_tokens > off.usage.output_tokens + 500
    cut = asking(client, SONNET, max_tokens=400)
    assert ([block.type for block in cut.content], cut.stop_reason) == (["thinking"], "max_tokens")
    assert cut.usage.output_tokens == 400


def test_a_tool_that_may_be_called_is_called_where_the_prompt_speaks_of_it(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    client = client_of(make_world())
    off: Any = {"thinking": {"type": "between_tools"}, "tools": [TOOL], "tool_choice": {"type": "auto"}}
    assert asking(client, SONNET, **off).stop_reason == "end_turn"
    assert asking(client, SONNET, **{**off, "tools": [NOTE]}, system="Call record_verdict.").stop_reason == "tool_use"


def test_a_request_of_a_batch_is_refused_alike(make_world: MakeWorld, client_of: ClientOf) -> None:
    client = client_of(make_world())
    base: Any = {"max_tokens": 99, "messages": [{"role": "user", "content": "x"}]}
    asked = [
        {"model": SONNET, **base, **FORCED},
        {"model": "claude-sonnet-4-20250514", **base},
        {"model": SONNET, **base},
    ]
    requests: Any = [{"custom_id": f"r{number}", "params": params} for number, params in enumerate(asked)]
    batch = client.messages.batches.create(requests=requests)
    while (batch := client.messages.batches.retrieve(batch.id)).processing_status != "ended":
        pass
    lines = [json.loads(line.model_dump_json()) for line in client.messages.batches.results(batch.id)]
    found = [line["result"].get("error", {}).get("error", {}).get("type") for line in lines]
    assert found == ["invalid_request_error", "not_found_error", None]


def test_models_end_when_the_sdk_says_so() -> None:
    """The SDK warns of what it calls deprecated, with the day of its end; what has ended by now is not served here."""
    for name, said in DEPRECATED_MODELS.items():
        ends = dt.datetime.strptime(re.sub(r"(\d)(st|nd|rd|th)", r"\1", said), "%B %d, %Y").date()  # noqa: DTZ007
        assert models.model_named(name, ends) is None, name
        if (known := models.model_named(name, ends - dt.timedelta(days=1))) is not None:
            assert known.ends == ends
    assert SONNET in models.served(dt.date(2026, 11, 26))

"""What is sent to the judge: for every model of the catalogue it fits the SDK's own types, and the model takes it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from anthropic.types import ModelParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter
from typing_extensions import get_type_hints, is_typeddict

from daily_runs import dataset
from daily_runs.catalogue.accounts import JudgeModel, JudgeSettings, VerdictForm
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.judging import rubric_versions
from daily_runs.judging.prompt import TOOL, JudgePrompt, build
from daily_runs.judging.request import CALL_THE_TOOL, params_of
from daily_runs.sandbox.anthropic import rules
from daily_runs.sandbox.anthropic.messages import BadRequestError, MessagesRequest, read_request, system_blocks
from daily_runs.sandbox.anthropic.models import model_named
from daily_runs.sandbox.anthropic.prompt_cache import prefix_of

CATALOGUE = catalogue_files.load()
FEATURE = CATALOGUE.features["duo_chat"]
PROMPT = build(rubric_versions.current(FEATURE), dataset.load_feature_dataset(FEATURE)[0], "An answer.")
MODELS = sorted(CATALOGUE.judge.models)
CANARY = "0123456789abcdef"
TODAY = dt.date(2026, 11, 26)


def judge(model: str, **changes: Any) -> JudgeSettings:
    """The shipped judge with another model, perhaps asked otherwise."""
    asked = CATALOGUE.judge.models.get(model, JudgeModel()).model_copy(update=changes)
    return CATALOGUE.judge.model_copy(update={"model": model, "models": {model: asked}})


def unknown_keys(value: object, kind: Any, place: str = "") -> Iterator[str]:
    """Keys of a request that no type of the SDK knows: a `TypedDict` would let them pass at run time."""
    if isinstance(value, dict) and is_typeddict(kind):
        hints = get_type_hints(kind)
        for key, part in value.items():
            if key not in hints:
                yield f"{place}.{key}"
            else:
                yield from unknown_keys(part, hints[key], f"{place}.{key}")
        return
    kinds = [part for part in get_args(kind) if part is not type(None)]
    if kinds and get_origin(kind) is not dict:
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            found = [list(unknown_keys(part, inner, place)) for inner in kinds]
            yield from min(found, key=len)


@pytest.mark.parametrize("form", VerdictForm)
@pytest.mark.parametrize("model", MODELS)
def test_a_request_fits_the_sdks_own_types(model: str, form: VerdictForm) -> None:
    params = params_of(judge(model, verdict_form=form), PROMPT, CANARY)
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(params)
    assert list(unknown_keys(params, MessageCreateParamsNonStreaming)) == []
    assert json.loads(json.dumps(params)) == params


def test_a_key_that_the_sdk_does_not_know_would_be_found() -> None:
    params: Any = params_of(CATALOGUE.judge, PROMPT, CANARY)
    broken = {**params, "temperature": 0, "output_config": {**params["output_config"], "depth": 1}}
    assert sorted(unknown_keys(broken, MessageCreateParamsNonStreaming)) == [".output_config.depth", ".temperature"]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_of_the_catalogue_takes_the_request_that_it_is_sent(model: str) -> None:
    assert model in [name for part in get_args(ModelParam) for name in get_args(part)], "the SDK knows no such model"
    known = model_named(model, TODAY)
    assert known is not None
    asked = read_request(MessagesRequest, params_of(judge(model), PROMPT, CANARY))
    rules.check(asked, model, known, rules.STRICT_VERSION)
    assert CATALOGUE.judge.models[model].max_output_tokens == known.output_max


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_told_whether_to_think_and_how_hard_wherever_it_can_be_told(model: str) -> None:
    known, params = model_named(model, TODAY), params_of(judge(model), PROMPT, CANARY)
    assert known is not None
    assert params["thinking"]["type"] in known.thinking
    assert ("effort" in params.get("output_config", {})) is bool(known.efforts)
    assert rules.is_thinking(read_request(MessagesRequest, params), known) is known.always_thinks


def test_the_shipped_judge_is_asked_by_a_format_and_forcing_a_tool_on_it_would_be_refused() -> None:
    params = params_of(CATALOGUE.judge, PROMPT, CANARY)
    assert (params["model"], params["max_tokens"]) == ("claude-sonnet-5-5", 8192)
    assert params["output_config"]["format"] == {"type": "json_schema", "schema": PROMPT.tool["input_schema"]}
    assert "tools" not in params
    assert "tool_choice" not in params
    forced = read_request(
        MessagesRequest, params_of(judge("claude-sonnet-5-5", verdict_form=VerdictForm.FORCED_TOOL), PROMPT, CANARY)
    )
    sonnet = model_named("claude-sonnet-5-5", TODAY)
    assert sonnet is not None
    with pytest.raises(BadRequestError, match="are not supported for this model"):
        rules.check(forced, "claude-sonnet-5-5", sonnet, rules.STRICT_VERSION)


def test_a_model_that_the_catalogue_does_not_know_is_asked_by_a_strict_tool_and_told_to_call_it() -> None:
    params: Any = params_of(judge("local-model"), PROMPT, CANARY)
    (tool,) = params["tools"]
    assert (tool["name"], tool["strict"], params["tool_choice"]["type"]) == (TOOL, True, "auto")
    assert params["system"][-1]["text"] == CALL_THE_TOOL
    assert not {"thinking", "output_config"} & set(params)


@pytest.mark.parametrize("form", VerdictForm)
def test_the_secret_stands_behind_what_the_provider_caches_and_nowhere_in_the_data(form: VerdictForm) -> None:
    one, other = (
        read_request(MessagesRequest, params_of(judge(CATALOGUE.judge.model, verdict_form=form), long_prompt(), secret))
        for secret in (CANARY, CANARY[::-1])
    )
    assert prefix_of(one) is not None
    assert prefix_of(one) == prefix_of(other)
    assert one.messages == other.messages
    assert [CANARY in block.text for block in system_blocks(one)][:2] == [False, True]


def long_prompt() -> JudgePrompt:
    """One whose rubric is long enough to be cached."""
    return PROMPT._replace(system=PROMPT.system + " Weigh each word." * 400)


def test_another_way_to_think_or_another_effort_is_another_judge_and_the_form_is_not() -> None:
    base = judge("claude-opus-5")
    others = [
        judge("claude-opus-5", effort="max"),
        judge("claude-opus-5", thinking="adaptive"),
        judge("claude-opus-4-8"),
    ]
    assert len({base.identity, *(other.identity for other in others)}) == 4
    assert judge("claude-opus-5", verdict_form=VerdictForm.STRICT_TOOL).identity == base.identity

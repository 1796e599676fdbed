"""The request to the judge, in the form that its model takes.

Vendor's rules behind it, as of October 2026 (platform.claude.com/docs/en/…):

- `build-with-claude/thinking`: Sonnet 5.5, Opus 5.5, Fable 5.1 and Mythos 5.1 refuse `tool_choice` of type `tool` and
  `any` with 400, whatever `thinking` says; thinking counts towards `max_tokens`.
- `build-with-claude/structured-outputs`: `output_config.format` and strict tools take `enum`, but neither `minimum`
  nor `maximum`, and want `additionalProperties: false` on every object.
- `api/versioning`: under the version that the SDK names, `temperature`, `top_p` and `top_k` are refused on all models.
"""

from __future__ import annotations

from anthropic.types import (
    OutputConfigParam,
    TextBlockParam,
    ThinkingConfigParam,
    ToolParam,
)
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from daily_runs.catalogue.accounts import JudgeModel, JudgeSettings, VerdictForm
from daily_runs.judging.canary import told
from daily_runs.judging.prompt import TOOL, JudgePrompt

CALL_THE_TOOL = f"Give the verdict by calling the tool {TOOL} exactly once. Write nothing else."
"""A model that is not forced to call a tool may answer in words instead, so it is told."""


def params_of(settings: JudgeSettings, prompt: JudgePrompt, canary: str) -> MessageCreateParamsNonStreaming:
    """What `POST /v1/messages` is sent for one verdict; `canary` is the secret of this request."""
    asked = settings.asked_as
    system: list[TextBlockParam] = [
        {"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": told(canary)},
    ]
    params: MessageCreateParamsNonStreaming = {
        "model": settings.model,
        "max_tokens": settings.max_output_tokens,
        "system": system,
        "messages": [{"role": "user", "content": prompt.user}],
    }
    if thinking := _thinking(asked):
        params["thinking"] = thinking
    if output_config := _output_config(asked, prompt):
        params["output_config"] = output_config
    if asked.verdict_form is VerdictForm.STRUCTURED_OUTPUT:
        return params
    params["tools"] = [_tool(prompt, strict=asked.verdict_form is VerdictForm.STRICT_TOOL)]
    if asked.verdict_form is VerdictForm.FORCED_TOOL:
        params["tool_choice"] = {"type": "tool", "name": TOOL, "disable_parallel_tool_use": True}
    else:
        params["tool_choice"] = {"type": "auto", "disable_parallel_tool_use": True}
        system.append({"type": "text", "text": CALL_THE_TOOL})
    return params


def _thinking(asked: JudgeModel) -> ThinkingConfigParam | None:
    match asked.thinking:
        case "adaptive":
            return {"type": "adaptive"}
        case "disabled":
            return {"type": "disabled"}
        case "between_tools":
            return {"type": "between_tools"}
        case None:
            return None


def _output_config(asked: JudgeModel, prompt: JudgePrompt) -> OutputConfigParam:
    config: OutputConfigParam = {}
    if asked.effort is not None:
        config["effort"] = asked.effort
    if asked.verdict_form is VerdictForm.STRUCTURED_OUTPUT:
        config["format"] = {"type": "json_schema", "schema": prompt.tool["input_schema"]}
    return config


def _tool(prompt: JudgePrompt, *, strict: bool) -> ToolParam:
    tool: ToolParam = {
        "name": TOOL,
        "description": prompt.tool["description"],
        "input_schema": prompt.tool["input_schema"],
    }
    if strict:
        tool["strict"] = True
    return tool

"""The sandbox's turn in a conversation: a filled schema, a verdict where it asks for one, else a short text."""

from __future__ import annotations

import json
import random
import re
from typing import Any, NamedTuple
from uuid import uuid4

from daily_runs.sandbox.anthropic.judge import judge
from daily_runs.sandbox.anthropic.messages import (
    CHARACTERS_PER_TOKEN,
    BadRequestError,
    Blocks,
    MessagesRequest,
    Tool,
    input_tokens_of,
    last_user_text,
    schema_asked,
    system_blocks,
    tokens_of,
)
from daily_runs.sandbox.anthropic.schema_fill import SandboxVerdict, asks_for_verdict, fill
from daily_runs.sandbox.world.judging import EXACT, ScoreError
from daily_runs.sandbox.world.scenario import Scenario

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_PLAIN_SENTENCES = 3
_THINKS_FROM_TOKENS = 500
_THOUGHT_SHARE = {"low": 0.25, "medium": 0.5, "high": 1.0, "xhigh": 2.0, "max": 4.0}
_THOUGHT = {"type": "thinking", "thinking": "", "signature": "c2FuZGJveA=="}
"""A thought as it is shown by default: omitted."""
_REFUSAL = "refusal"
_DECLINED = {
    "type": "refusal",
    "category": "general_harms",
    "explanation": "The sandbox's scenario declines this prompt.",
}
"""What the SDK reads as `RefusalStopDetails`."""


class BilledUsage(NamedTuple):
    """Input tokens by how they are billed: fresh, written to the cache, read from it; and the output."""

    input: int
    cache_write: int
    cache_read: int
    output: int
    kept_seconds: float = 300.0

    @property
    def counted_input(self) -> int:
        """What counts against the input limit: tokens read from the cache do not."""
        return self.input + self.cache_write


class ModelReply(NamedTuple):
    """The model's turn."""

    content: Blocks
    stop_reason: str
    stop_sequence: str | None
    output_tokens: int


def reply_to(
    request: MessagesRequest, scenario: Scenario, *, scorable: bool, thinks: bool = False, error: ScoreError = EXACT
) -> ModelReply:
    """The sandbox's turn: the asked schema filled, with a verdict where it wants one, else a short text.

    A model that `thinks` does so first, where the prompt is long enough and no tool is forced; it counts as output.

    A verdict that the prompt gives no ground for (or `scorable` is False) becomes a text. `error` is what the judge
    adds to the scores. A share of the prompts ends as a refusal in place of all that.

    Raises:
        BadRequestError: the schema cannot be followed.
    """
    reply = _whole_reply(request, scenario, scorable, thinks, error)
    return _declined(reply) if _is_declined(request, scenario) else reply


def _is_declined(request: MessagesRequest, scenario: Scenario) -> bool:
    """Whether the safety classifier stops this prompt: it follows from the prompt, so asking again does not help."""
    share = scenario.judge_refusal_share
    if not share:
        return False
    return random.Random(f"{scenario.rng_seed}\nrefusal\n{last_user_text(request)}").random() < share


def _declined(reply: ModelReply) -> ModelReply:
    """Stopped in mid-answer, so that it is billed: half of a text is there, and of a tool's call nothing.

    Of a request that is stopped before it, the vendor bills nothing; the sandbox is not so kind.
    """
    texts = [block for block in reply.content if block["type"] == "text"]
    content = [{**block, "text": block["text"][: len(block["text"]) // 2]} for block in texts]
    return ModelReply(content, _REFUSAL, None, max(1, reply.output_tokens // 2))


def _whole_reply(
    request: MessagesRequest, scenario: Scenario, scorable: bool, thinks: bool, error: ScoreError
) -> ModelReply:
    thought = _thought_tokens(request) if thinks else 0
    if thought >= request.max_tokens:
        return ModelReply([_THOUGHT], "max_tokens", None, request.max_tokens)
    if thought:
        rest = request.model_copy(update={"max_tokens": request.max_tokens - thought})
        reply = _whole_reply(rest, scenario, scorable, False, error)
        return reply._replace(content=[_THOUGHT, *reply.content], output_tokens=reply.output_tokens + thought)
    tool = _tool_to_use(request)
    schema = tool.input_schema if tool is not None else schema_asked(request)
    filled = _filled(request, schema, scenario, error) if schema is not None and scorable else None
    if filled is None:
        return _cut(_plain_text(request, scenario.worse_model), request)
    if tool is None:
        return _cut(json.dumps(filled), request)
    block = {"type": "tool_use", "id": f"toolu_{uuid4().hex[:24]}", "name": tool.name, "input": filled}
    needed = tokens_of(json.dumps(filled))
    if needed > request.max_tokens:
        return ModelReply([{**block, "input": {}}], "max_tokens", None, request.max_tokens)
    return ModelReply([block], "tool_use", None, needed)


def _thought_tokens(request: MessagesRequest) -> int:
    """As an adaptive model does: nothing for a short prompt, more for a long one and a high effort (an assumption)."""
    forced = request.tool_choice is not None and request.tool_choice.type in ("any", "tool")
    asked = input_tokens_of(request)
    if forced or asked < _THINKS_FROM_TOKENS:
        return 0
    effort = request.output_config.effort if request.output_config else None
    return int(asked * _THOUGHT_SHARE[effort or "high"])


def _filled(
    request: MessagesRequest, schema: dict[str, Any], scenario: Scenario, score_error: ScoreError
) -> Any | None:
    system = "\n".join(block.text for block in system_blocks(request))
    try:
        if not asks_for_verdict(schema):
            return fill(schema, SandboxVerdict(lambda _: 0.0, _plain_text(request, scenario.worse_model)))
        told = (system, last_user_text(request))
        return judge(schema, *told, scenario.judge_worse, scenario.rng_seed, score_error)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadRequestError("tools.0.custom.input_schema: JSON schema is invalid.") from error


def _tool_to_use(request: MessagesRequest) -> Tool | None:
    """The tool that it must call, or, where it may choose, the first one that the prompt speaks of."""
    choice = request.tool_choice.type if request.tool_choice else "auto"
    if choice == "none":
        return None
    if choice == "tool":
        return next(tool for tool in request.tools if request.tool_choice and tool.name == request.tool_choice.name)
    told = "\n".join([*(block.text for block in system_blocks(request)), last_user_text(request)])
    return next((tool for tool in request.tools if choice == "any" or tool.name in told), None)


def _plain_text(request: MessagesRequest, worse_model: float) -> str:
    """The prompt's first sentences, fewer of them and more vaguely under a worse model."""
    sentences = [part.strip() for part in _SENTENCE_END.split(last_user_text(request)) if part.strip()]
    kept = sentences[: max(1, round(_PLAIN_SENTENCES * (1 - worse_model)))]
    return " ".join(["In short:", *kept] if kept else ["There is nothing to answer."])


def _cut(text: str, request: MessagesRequest) -> ModelReply:
    """Stop at the first stop sequence and at `max_tokens`."""
    reason, found = "end_turn", None
    for sequence in request.stop_sequences:
        if sequence and sequence in text:
            text, reason, found = text.partition(sequence)[0], "stop_sequence", sequence
    if tokens_of(text) > request.max_tokens:
        text, reason, found = text[: request.max_tokens * CHARACTERS_PER_TOKEN], "max_tokens", None
    return ModelReply([{"type": "text", "text": text}], reason, found, max(1, tokens_of(text)))


def message_json(request: MessagesRequest, reply: ModelReply, usage: BilledUsage, service_tier: str) -> dict[str, Any]:
    """The body of an answer, as the SDK's `Message` reads it."""
    for_an_hour = usage.kept_seconds > 300
    return {
        "id": f"msg_{uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": reply.content,
        "stop_reason": reply.stop_reason,
        "stop_sequence": reply.stop_sequence,
        "stop_details": _DECLINED if reply.stop_reason == _REFUSAL else None,
        "usage": {
            "input_tokens": usage.input,
            "cache_creation_input_tokens": usage.cache_write,
            "cache_read_input_tokens": usage.cache_read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 0 if for_an_hour else usage.cache_write,
                "ephemeral_1h_input_tokens": usage.cache_write if for_an_hour else 0,
            },
            "output_tokens": usage.output,
            "service_tier": service_tier,
        },
    }

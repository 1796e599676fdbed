"""What a request to Anthropic's Messages API asks, and how many tokens it has; no network here (docs/domain.md §5).

Request bodies are checked by pydantic, as Anthropic's own error texts show (`max_tokens: Field required`). Tokens are
an estimate that is the same everywhere in the sandbox: four characters a token, rounded up for each text.
"""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_TURN = 3

Text = Annotated[str, Field(min_length=1)]
Blocks = list[dict[str, Any]]


class BadRequestError(Exception):
    """The body is not acceptable; its text is the message of Anthropic's `invalid_request_error`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CacheControl(_Part):
    """Marks the end of a cacheable prefix."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = "5m"


class SystemBlock(_Part):
    """One text block of the system prompt."""

    type: Literal["text"]
    text: Text
    cache_control: CacheControl | None = None
    citations: list[Any] | None = None


class Turn(_Part):
    """One message of the conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | Blocks


class Tool(BaseModel):
    """A client tool."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,128}$")]
    input_schema: dict[str, Any]
    strict: bool | None = None


class ToolChoice(_Part):
    """Which tool the model is to use."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Format(BaseModel):
    """A JSON schema that the answer's text must follow."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["json_schema"]
    json_schema: dict[str, Any] = Field(alias="schema")


class OutputConfig(_Part):
    """Effort and format of the answer."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: Format | None = None


class CountRequest(_Part):
    """`POST /v1/messages/count_tokens`, and what every message has too."""

    model: Text
    messages: Annotated[list[Turn], Field(min_length=1)]
    system: str | list[SystemBlock] = ""
    tools: list[Tool] = Field(default_factory=list)
    tool_choice: ToolChoice | None = None
    output_config: OutputConfig | None = None
    thinking: dict[str, Any] | None = None
    cache_control: CacheControl | None = None
    speed: str | None = None


class MessagesRequest(CountRequest):
    """`POST /v1/messages`."""

    max_tokens: Annotated[int, Field(ge=1)]
    stream: bool = False
    stop_sequences: list[str] = Field(default_factory=list)
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    metadata: dict[str, Any] | None = None
    service_tier: Literal["auto", "standard_only"] | None = None
    inference_geo: str | None = None


Asked = TypeVar("Asked", bound=CountRequest)


def read_request(kind: type[Asked], body: object) -> Asked:
    """Check a decoded JSON body.

    Raises:
        BadRequestError: the first fault, worded as Anthropic words it.
    """
    try:
        request = kind.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"] if not str(step).startswith(("str", "list[", "dict[")))
        raise BadRequestError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    _check_tools(request)
    return request


def _check_tools(request: CountRequest) -> None:
    choice, names = request.tool_choice, [tool.name for tool in request.tools]
    if len(set(names)) < len(names):
        raise BadRequestError("tools: Tool names must be unique.")
    if choice is None or choice.type in ("auto", "none"):
        return
    if not names:
        raise BadRequestError("tool_choice: Tool choice may only be specified while providing `tools`.")
    if choice.type == "tool" and choice.name not in names:
        raise BadRequestError(f"Tool '{choice.name}' not found in provided tools")


def tokens_of(text: str) -> int:
    """The estimate: four characters a token, rounded up."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def input_tokens_of(request: CountRequest) -> int:
    """Tokens of tools, system prompt and messages."""
    turns = sum(tokens_of(_text_of(turn.content)) + _TOKENS_PER_TURN for turn in request.messages)
    return turns + tool_tokens(request) + sum(tokens_of(block.text) for block in system_blocks(request))


def schema_asked(request: CountRequest) -> dict[str, Any] | None:
    """The schema that the answer's text must follow."""
    asked = request.output_config.format if request.output_config else None
    return asked.json_schema if asked else None


def tool_tokens(request: CountRequest) -> int:
    """Tokens of the tools' definitions."""
    return sum(tokens_of(json.dumps(tool.model_dump(exclude_none=True))) for tool in request.tools)


def system_blocks(request: CountRequest) -> list[SystemBlock]:
    """The system prompt as blocks; none when it is empty."""
    if isinstance(request.system, str):
        return [SystemBlock(type="text", text=request.system)] if request.system else []
    return request.system


def last_user_text(request: CountRequest) -> str:
    """The text of the last user turn; empty when there is none."""
    return next((_text_of(turn.content) for turn in reversed(request.messages) if turn.role == "user"), "")


def _text_of(content: str | Blocks) -> str:
    """The text of a turn; a block of another kind counts as its JSON."""
    if isinstance(content, str):
        return content
    return "\n".join(str(b["text"]) if b.get("type") == "text" and "text" in b else json.dumps(b) for b in content)

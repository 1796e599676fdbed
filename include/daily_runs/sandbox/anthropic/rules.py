"""What a model refuses in a request that is well-formed: 400 `invalid_request_error`, in the vendor's words.

The words were seen in public (docs/decisions/0021-each-judge-model-is-asked-as-it-takes-it.md and the docs that
`models` names); where none were, the sandbox's own say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from daily_runs.sandbox.anthropic.messages import BadRequestError, CountRequest, MessagesRequest, schema_asked
from daily_runs.sandbox.anthropic.models import VendorModel

STRICT_VERSION = "2026-10-21"
"""From this API version on, no model takes `temperature`, `top_p` or `top_k`, not even at their defaults."""
THINKING_TOKENS_MIN = 1024
_UNSUPPORTED = {
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems"),
    "object": ("minProperties", "maxProperties", "patternProperties"),
}
"""Keywords that the vendor compiles into no grammar, by type (build-with-claude/structured-outputs)."""
_OFF = ("disabled", "between_tools")


def check(request: CountRequest, name: str, model: VendorModel, version: str) -> None:
    """See that a model takes a request.

    Args:
        name: the model's, as it was asked for.
        version: of the API, by the request's header.

    Raises:
        BadRequestError: the first thing that it does not take.
    """
    thinking = str((request.thinking or {}).get("type", "")) or None
    _check_thinking(request, thinking, model)
    _check_effort(request, thinking, model)
    _check_tool_choice(request, thinking, model)
    for place, schema in _compiled(request):
        _check_schema(place, schema)
    if isinstance(request, MessagesRequest):
        _check_answer(request, name, model, version)


def is_thinking(request: CountRequest, model: VendorModel) -> bool:
    """Whether the model thinks before it answers."""
    kind = (request.thinking or {}).get("type")
    return model.thinks if kind is None else kind not in _OFF


def _check_thinking(request: CountRequest, kind: str | None, model: VendorModel) -> None:
    if kind is None or kind in model.thinking:
        budget = (request.thinking or {}).get("budget_tokens")
        if kind == "enabled" and (not isinstance(budget, int) or budget < THINKING_TOKENS_MIN):
            raise BadRequestError(f"thinking.enabled.budget_tokens: Input should be at least {THINKING_TOKENS_MIN}")
        return
    if kind == "disabled" and "between_tools" in model.thinking:
        raise BadRequestError(
            'To turn thinking off on this model, send "thinking": {"type": "between_tools"} instead of {"type": '
            '"disabled"}. The model does not think before responding. The short updates it writes between tool calls '
            "come back as thinking blocks."
        )
    if kind == "adaptive":
        raise BadRequestError("adaptive thinking is not supported on this model")
    if kind in ("enabled", "disabled"):
        raise BadRequestError(
            f'"thinking.type.{kind}" is not supported for this model. Use "thinking.type.adaptive" and '
            '"output_config.effort" to control thinking behavior.'
        )
    raise BadRequestError(f'"thinking.type.{kind}" is not supported for this model.')


def _check_effort(request: CountRequest, thinking: str | None, model: VendorModel) -> None:
    effort = request.output_config.effort if request.output_config else None
    if effort is None:
        return
    if not model.efforts:
        raise BadRequestError("This model does not support the effort parameter.")
    if effort not in model.efforts:
        levels = ", ".join(sorted(model.efforts))
        raise BadRequestError(f"This model does not support effort level '{effort}'. Supported levels: {levels}.")
    if thinking in _OFF and model.thinks and effort in ("xhigh", "max"):
        raise BadRequestError(
            f"output_config.effort '{effort}' is not supported when thinking is disabled on this model. Use effort "
            "'high' or below, or enable thinking."
        )


def _check_tool_choice(request: CountRequest, thinking: str | None, model: VendorModel) -> None:
    if request.tool_choice is None or request.tool_choice.type not in ("any", "tool"):
        return
    if not model.forced_tool:
        raise BadRequestError('tool_choice: type "tool" and "any" are not supported for this model.')
    if thinking == "enabled":
        raise BadRequestError("Thinking may not be enabled when tool_choice forces tool use.")


def _check_answer(request: MessagesRequest, name: str, model: VendorModel, version: str) -> None:
    for field in ("temperature", "top_p", "top_k"):
        if getattr(request, field) is not None and (version >= STRICT_VERSION or not model.sampling):
            raise BadRequestError(f"`{field}` is deprecated for this model.")
    if request.max_tokens > model.output_max:
        raise BadRequestError(
            f"max_tokens: {request.max_tokens} > {model.output_max}, which is the maximum allowed number of output "
            f"tokens for {name}"
        )
    budget = (request.thinking or {}).get("budget_tokens")
    if isinstance(budget, int) and budget >= request.max_tokens:
        raise BadRequestError("`max_tokens` must be greater than `thinking.budget_tokens`.")
    if request.messages[-1].role == "assistant":
        raise BadRequestError(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _compiled(request: CountRequest) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas that are compiled into a grammar: the format's, and those of strict tools."""
    if (schema := schema_asked(request)) is not None:
        yield "output_config.format.schema", schema
    for number, tool in enumerate(request.tools):
        if tool.strict:
            yield f"tools.{number}.custom.input_schema", tool.input_schema


def _check_schema(place: str, schema: Any, depth: int = 0) -> None:
    if depth > 50:
        raise BadRequestError(f"{place}: Schema is too complex for compilation.")
    if not isinstance(schema, dict):
        return
    kinds = schema.get("type")
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        _check_part(place, str(kind), schema)
    parts = [part for key in ("properties", "$defs", "definitions") for part in (schema.get(key) or {}).values()]
    parts += [part for key in ("anyOf", "allOf") for part in schema.get(key) or []]
    for part in [*parts, schema.get("items")]:
        _check_schema(place, part, depth + 1)


def _check_part(place: str, kind: str, schema: dict[str, Any]) -> None:
    found = [key for key in _UNSUPPORTED.get(kind, ()) if key in schema]
    if len(found) == 1:
        raise BadRequestError(f"{place}: For '{kind}' type, property '{found[0]}' is not supported")
    if found:
        properties = ", ".join(sorted(found, reverse=True)[::-1])
        raise BadRequestError(f"{place}: For '{kind}' type, properties {properties} are not supported")
    if kind == "object" and schema.get("additionalProperties") is not False:
        raise BadRequestError(f"{place}: For 'object' type, 'additionalProperties' must be explicitly set to false")
    if kind == "array" and schema.get("minItems", 0) not in (0, 1):
        raise BadRequestError(f"{place}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
    if any(isinstance(value, dict | list) for value in schema.get("enum") or ()):
        raise BadRequestError(f"{place}: complex values in 'enum' are not supported")

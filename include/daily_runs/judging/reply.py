"""What came back from the judge: exactly one verdict, by the model that was asked, or the reason why there is none.

The body is read here and not by the SDK, which passes on whatever came: an error object in a 200 as a message of Nones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.accounts import JudgeSettings, VerdictForm
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import INTEGER_MAX, count_of
from daily_runs.judging import canary as secret
from daily_runs.judging.prompt import TOOL
from daily_runs.judging.refusals import error_in, malformed, refusal
from daily_runs.judging.rubric import Rubric
from daily_runs.judging.verdict import Verdict, none_given, parse
from daily_runs.quota.rate_limit_headers import Usage

BODY_BYTES_MAX = 4 * 1024 * 1024
"""A verdict has a few thousand bytes; the vendor's longest answer, 128,000 tokens, has under a million."""
_CUT_OFF = frozenset({"max_tokens", "model_context_window_exceeded", "pause_turn"})
_DATED = re.compile(r"[-@](\d{8})$")


class Reply(NamedTuple):
    """A message of the judge: what it holds, and what the vendor counted, if it told."""

    message: Mapping[str, Any]
    usage: Usage | None


def decode(body: bytes, headers: Mapping[str, str]) -> Reply:
    """Read the body of a success.

    Raises:
        CallError: it is no JSON object, or too deep for one; or it reports an error, which then counts as if its status
            had said so.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise malformed("no JSON that can be read") from None  # the cause would quote the body
    if not isinstance(message, dict):
        raise malformed("no JSON object")
    told = error_in(message)
    if told is not None and (message.get("type") == "error" or "content" not in message):
        raise refusal(200, told, headers)
    return Reply(message, usage_of(message.get("usage")))


def verdict_in(reply: Reply, settings: JudgeSettings, rubric: Rubric, canary: str) -> Verdict:
    """The one verdict of a message.

    Args:
        canary: the secret that the request told the judge never to write.

    Raises:
        CallError: there is none or more than one, it was cut off or refused, it holds the secret, or another model
            answered.
    """
    message, stop_reason = reply.message, str(reply.message.get("stop_reason"))
    if stop_reason == "refusal":
        raise _judge_refused(message.get("stop_details"))
    if stop_reason in _CUT_OFF:
        evidence = f"stop reason {stop_reason}; judge.max_output_tokens is {settings.max_output_tokens}"
        raise none_given("verdict_cut_off", evidence)
    blocks = _blocks(message.get("content"))
    _must_not_hold(_written(blocks), canary)
    given = _verdicts(blocks, settings.asked_as.verdict_form)
    _must_not_hold(given, canary)  # once more: read as JSON, a text may say what its letters did not
    if len(given) != 1:
        kind = "unusable_verdict" if given else "no_verdict"
        raise none_given(kind, f"{len(given) or 'no'} {TOOL} in the answer, {_harmless('stop reason', stop_reason)}")
    answered_by = _must_be_by(message.get("model"), settings)
    return parse(given[0], rubric, *_paid_tokens(reply.usage))._replace(answered_by=answered_by)


def _paid_tokens(usage: Usage | None) -> tuple[int | None, int | None]:
    """Input and output at the full price: what was read from a cache costs a tenth, and is left out of the bill."""
    if usage is None:
        return None, None
    return min(round(usage.input - usage.cached), INTEGER_MAX), round(usage.output)


def usage_of(used: object) -> Usage | None:
    """What the vendor counted: what is written to its cache counts as input, what is read from it does not."""
    if not isinstance(used, dict):
        return None
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    fresh, output, written, cached = (count_of(used.get(name)) for name in names)
    if fresh is None or output is None:
        return None
    return Usage(fresh + (written or 0) + (cached or 0), output, cached or 0)


def is_model(answered: str, asked: str) -> bool:
    """Whether two names mean one model: an alias and its dated id do, and so does a name after a provider's prefix."""
    name, date = _name_and_date(answered)
    asked_name, asked_date = _name_and_date(asked)
    return name == asked_name and (date == asked_date or not date or not asked_date)


def _name_and_date(model: str) -> tuple[str, str]:
    """`anthropic/claude-sonnet-5-5@20260928` has the parts `claude-sonnet-5-5` and `20260928`."""
    bare = model.rpartition("/")[2].removesuffix("-latest")
    found = _DATED.search(bare)
    return (bare[: found.start()], found.group(1)) if found else (bare, "")


def _must_be_by(answered: object, settings: JudgeSettings) -> str:
    """Scores of two models are never mixed, so an answer must be by the model that was asked; the name it bears."""
    if not isinstance(answered, str):
        raise malformed("the message names no model")
    if not any(is_model(answered, name) for name in (settings.model, *settings.asked_as.answers_as)):
        evidence = f"{settings.model} was asked, {_harmless('model', answered)} answered"
        raise CallError(Hop.MODEL_VENDOR, "another_model", blame=Blame.OWN_SYSTEM, retryable=False, evidence=evidence)
    return answered


def _judge_refused(details: object) -> CallError:
    """The model declined. It is not asked again: it would usually refuse again, and the call may be paid again."""
    category = details.get("category") if isinstance(details, dict) else None
    evidence = _harmless("category", category) if category else "no category"
    return none_given("judge_refused", evidence)


def _blocks(content: object) -> list[dict[str, Any]]:
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _texts(blocks: Sequence[dict[str, Any]]) -> list[str]:
    return [block["text"] for block in blocks if block.get("type") == "text" and isinstance(block.get("text"), str)]


def _written(blocks: Sequence[dict[str, Any]]) -> list[Any]:
    """All that the judge wrote for others, calls of any tool included. Its thoughts may weigh the secret."""
    return [*_texts(blocks), *(block.get("input") for block in blocks if block.get("type") == "tool_use")]


def _must_not_hold(values: Sequence[Any], canary: str) -> None:
    if secret.is_in("\n".join(_texts_within(values)), canary):
        raise none_given("canary_repeated", "the secret of the request stands in what the judge wrote")


def _texts_within(values: Sequence[Any]) -> list[str]:
    """Every text in JSON values, names included; without recursion, since a judge may nest them as deep as it likes."""
    left, texts = list(values), list[str]()
    while left:
        value = left.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
    return texts


def _verdicts(blocks: Sequence[dict[str, Any]], form: VerdictForm) -> Sequence[Any]:
    """What the message gives as verdicts: calls of the tool, and where a text was asked for, the text."""
    calls = [block.get("input") for block in blocks if block.get("type") == "tool_use" and block.get("name") == TOOL]
    if form is not VerdictForm.STRUCTURED_OUTPUT:
        return calls
    return [*calls, *(_json(text) for text in _texts(blocks) if text.strip())]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise none_given("no_verdict", "the text is no JSON") from None  # the cause would quote the text


def _harmless(name: str, value: object) -> str:
    """A word that a server gave, as evidence: short and of plain characters, or not shown."""
    shown = value if isinstance(value, str) and re.fullmatch(r"[\w.@:/-]{1,80}", value) else "of an odd form"
    return f"{name} {shown}"

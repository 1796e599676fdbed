"""The call to the judge, by the official SDK with its own retries off: ours are the one retry layer."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping
from typing import Self

import anthropic
from anthropic.types import Message, ToolParam, ToolUseBlock

from daily_runs.catalogue.accounts import JudgeSettings
from daily_runs.clock import Clock, wall_timeout
from daily_runs.connections import PROMPT_HEADER, RUN_HEADER, Connection, must_not_be_the_sandbox
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import count_of
from daily_runs.judging.prompt import TOOL, JudgePrompt
from daily_runs.judging.rubric import Rubric
from daily_runs.judging.verdict import Verdict, parse, unusable
from daily_runs.quota.pacer import PacedCall
from daily_runs.quota.rate_limit_headers import Usage

_STATUS = {
    400: ("invalid_request", Blame.OWN_SYSTEM, False),
    401: ("unauthorized", Blame.OWN_SYSTEM, False),
    403: ("forbidden", Blame.OWN_SYSTEM, False),
    404: ("unknown_model", Blame.OWN_SYSTEM, False),
    413: ("request_too_large", Blame.OWN_SYSTEM, False),
    429: ("vendor_rate_limit", Blame.RATE_LIMIT, True),
    529: ("vendor_overloaded", Blame.PROVIDER, True),
}
"""Anthropic's error codes (docs/domain.md §5): kind, blame, retryable."""


class Judge:
    """A judge model behind an Anthropic-compatible address; an async context manager."""

    def __init__(
        self, settings: JudgeSettings, connection: Connection, clock: Clock, *, run: str | None = None
    ) -> None:
        self._settings = settings
        # At DEBUG the SDK writes whole requests, answers to judge included. (httpx's logger names addresses only.)
        logging.getLogger("anthropic").setLevel(logging.WARNING)
        self._client = anthropic.AsyncAnthropic(
            api_key=connection.keys[settings.account],
            base_url=connection.address,
            default_headers={RUN_HEADER: run} if run else None,
            max_retries=0,
            timeout=wall_timeout(clock, settings.request_timeout_seconds),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def judge(
        self, prompt: JudgePrompt, rubric: Rubric, prompt_id: str, call: PacedCall | None = None
    ) -> Verdict:
        """Ask once; `call` hears the answer's headers and what it cost, also where that is no verdict.

        Raises:
            CallError: the call failed, or what came back is no verdict.
            AccessError: the judge is live, and the sandbox answered; its verdict is not handed on.
        """
        try:
            raw = await self._client.messages.with_raw_response.create(
                model=self._settings.model,
                max_tokens=self._settings.max_output_tokens,
                system=[{"type": "text", "text": prompt.system, "cache_control": {"type": "ephemeral"}}],
                messages=[{"role": "user", "content": prompt.user}],
                tools=[_tool(prompt)],
                tool_choice={"type": "tool", "name": TOOL},
                extra_headers={PROMPT_HEADER: prompt_id},
            )
            self._must_be_real(raw.headers)
            if call:
                call.heard(raw.headers)
            message = await raw.parse()
        except anthropic.APIError as error:
            if isinstance(error, anthropic.APIStatusError):
                self._must_be_real(error.response.headers)
            if call and isinstance(error, anthropic.APIStatusError):
                call.heard(error.response.headers)
            raise attribute(error) from error
        except ValueError as error:  # the SDK could not decode the body
            raise _malformed() from error
        if call:
            call.usage = _usage(message)
        return _read(message, rubric)

    def _must_be_real(self, headers: Mapping[str, str]) -> None:
        if self._settings.provenance == "live":
            must_not_be_the_sandbox(headers, str(self._client.base_url))


def _read(message: object, rubric: Rubric) -> Verdict:
    """The verdict in a message; the last one counts. The SDK passes on whatever came, so nothing is granted."""
    if not isinstance(message, Message):
        raise _malformed()
    blocks = message.content if isinstance(message.content, list) else []
    given = [block.input for block in blocks if isinstance(block, ToolUseBlock) and block.name == TOOL]
    if not given:
        raise unusable(f"no {TOOL} in the answer, stop reason {message.stop_reason}")
    used = message.usage
    input_tokens = count_of(getattr(used, "input_tokens", None))
    output_tokens = count_of(getattr(used, "output_tokens", None))
    if input_tokens is None or output_tokens is None:
        raise _malformed()
    return parse(given[-1], rubric, input_tokens, output_tokens)


def _usage(message: object) -> Usage | None:
    """What the vendor counted: what is written to its cache counts as input, what is read from it does not."""
    used = getattr(message, "usage", None)
    counts = [count_of(getattr(used, f"{name}_tokens", None)) for name in ("input", "output")]
    if counts[0] is None or counts[1] is None:
        return None
    written = count_of(getattr(used, "cache_creation_input_tokens", None)) or 0
    cached = count_of(getattr(used, "cache_read_input_tokens", None)) or 0
    return Usage(counts[0] + written + cached, counts[1], cached)


def _tool(prompt: JudgePrompt) -> ToolParam:
    return {"name": TOOL, "description": prompt.tool["description"], "input_schema": prompt.tool["input_schema"]}


def _malformed() -> CallError:
    return CallError(Hop.MODEL_VENDOR, "malformed_body", blame=Blame.PROVIDER, retryable=True)


def attribute(error: anthropic.APIError) -> CallError:
    """An SDK error in our terms. Pure, by status and the `retry-after` header."""
    if isinstance(error, anthropic.APITimeoutError):
        return CallError(Hop.MODEL_VENDOR, "timeout", blame=Blame.PROVIDER, retryable=True)
    if isinstance(error, anthropic.APIConnectionError):
        return CallError(Hop.MODEL_VENDOR, "dropped_connection", blame=Blame.PROVIDER, retryable=True)
    if not isinstance(error, anthropic.APIStatusError):
        return _malformed()
    status = error.status_code
    server = ("vendor_server_error", Blame.PROVIDER, True)
    named = re.search(r"(requests|input tokens|output tokens) per minute", error.message) if status == 429 else None
    kind, blame, retryable = _STATUS.get(
        status, server if status >= 500 else ("vendor_refused", Blame.OWN_SYSTEM, False)
    )
    return CallError(
        Hop.MODEL_VENDOR,
        kind,
        blame=blame,
        retryable=retryable,
        retry_after_seconds=_seconds(error.response.headers.get("retry-after")),
        evidence=f"status {status}" + (f", {named.group()}" if named else ""),
    )


def _seconds(header: str | None) -> float | None:
    try:
        seconds = float(header) if header else None
    except ValueError:
        return None
    return seconds if seconds is not None and math.isfinite(seconds) and seconds >= 0 else None

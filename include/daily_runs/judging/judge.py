"""The call to the judge, by the official SDK with its own retries off: ours are the one retry layer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Self

import anthropic
import httpx2

from daily_runs.catalogue.accounts import JudgeSettings
from daily_runs.clock import Clock, wall_timeout, within
from daily_runs.connections import PROMPT_HEADER, RUN_HEADER, Connection, must_not_be_the_sandbox
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging import canary
from daily_runs.judging.prompt import JudgePrompt
from daily_runs.judging.refusals import attribute, malformed
from daily_runs.judging.reply import BODY_BYTES_MAX, decode, verdict_in
from daily_runs.judging.request import params_of
from daily_runs.judging.rubric import Rubric
from daily_runs.judging.verdict import Verdict
from daily_runs.quota.pacer import PacedCall


class _BoundedClient(anthropic.DefaultAsyncHttpxClient):
    """Follows no redirect, which would carry answer and reference to another host; reads no body without end."""

    async def send(self, request: httpx2.Request, **more: Any) -> httpx2.Response:
        """As the base class does, but an answer is read in full and is at most `BODY_BYTES_MAX` long."""
        response = await super().send(request, **(more | {"stream": True, "follow_redirects": False}))
        body = bytearray()
        try:
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise malformed(f"status {response.status_code}, over {BODY_BYTES_MAX:,} bytes")
        finally:
            await response.aclose()
        kept = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx2.Response(response.status_code, headers=kept, content=bytes(body), request=request)


class Judge:
    """A judge model behind an Anthropic-compatible address; an async context manager."""

    def __init__(
        self, settings: JudgeSettings, connection: Connection, clock: Clock, *, run: str | None = None
    ) -> None:
        self._settings = settings
        # At DEBUG the SDK writes whole requests, answers to judge included. (httpx's logger names addresses only.)
        logging.getLogger("anthropic").setLevel(logging.WARNING)
        self._timeout_seconds = wall_timeout(clock, settings.request_timeout_seconds)
        self._client = anthropic.AsyncAnthropic(
            api_key=connection.keys[settings.account],
            base_url=connection.address,
            default_headers={RUN_HEADER: run} if run else None,
            max_retries=0,
            timeout=self._timeout_seconds,
            http_client=_BoundedClient(),
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
        secret = canary.new()
        try:
            asking = self._client.messages.with_raw_response.create(
                **params_of(self._settings, prompt, secret), extra_headers={PROMPT_HEADER: prompt_id}
            )
            raw = await within(self._timeout_seconds, asking)  # the whole answer, however it trickles
        except TimeoutError as error:
            raise CallError(Hop.MODEL_VENDOR, "timeout", blame=Blame.PROVIDER, retryable=True) from error
        except anthropic.APIError as error:
            if isinstance(error, anthropic.APIStatusError):
                self._heard(error.response.headers, call)
            raise attribute(error) from error
        self._heard(raw.headers, call)
        reply = decode(raw.http_response.content, raw.headers)
        if call:
            call.usage = reply.usage
        return verdict_in(reply, self._settings, rubric, secret)._replace(sdk_version=anthropic.__version__)

    def _heard(self, headers: Mapping[str, str], call: PacedCall | None) -> None:
        if self._settings.provenance == "live":
            must_not_be_the_sandbox(headers, str(self._client.base_url))
        if call:
            call.heard(headers)

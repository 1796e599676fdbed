"""How the sandbox's Anthropic speaks on the wire: error bodies, headers, and the faults that break a body.

Shapes as the official SDK reads them; limits by docs/domain.md §5.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from daily_runs.sandbox.world.bucket import Bucket
from daily_runs.sandbox.world.faults import InjectedFault
from daily_runs.sandbox.world.wire import drop
from daily_runs.sandbox.world.world import AccountBuckets, Shortage

_RETRYABLE = frozenset({408, 409, 429, 500, 504, 529})
_ROUNDED_TO = 1000
"""Anthropic rounds remaining tokens to the nearest thousand."""
_LIMIT_NAMES = {"requests": "requests", "input_tokens": "input tokens", "output_tokens": "output tokens"}


class ApiError(Exception):
    """An answer that is an error.

    Args:
        status: the HTTP status.
        kind: Anthropic's `error.type`.
        message: Anthropic's `error.message`.
        outcome: what the ledger calls it; the kind when not given.
        retry_after_seconds: domain seconds for the `retry-after` header.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        outcome: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.status, self.kind, self.message = status, kind, message
        self.outcome, self.retry_after_seconds = outcome or kind, retry_after_seconds
        super().__init__(message)


def bad_request(message: str) -> ApiError:
    """The 400 of a request that breaks the API's rules."""
    return ApiError(400, "invalid_request_error", message)


class CutOff(Response):
    """Promises the whole body and sends half of it; the server then closes the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Leave the response unfinished."""
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Dropped(Response):
    """Resets the connection instead of answering."""

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Answer nothing."""
        await drop(scope)


def _malformed(response: Response) -> Response:
    """A finished answer whose body stops being JSON half way."""
    half = bytes(response.body[: len(response.body) // 2])
    kept = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(half, response.status_code, kept)


BREAK_ANSWER: dict[InjectedFault, Callable[[Response], Response]] = {
    InjectedFault.DROPPED_ANSWER: lambda _: Dropped(),
    InjectedFault.MALFORMED_BODY: _malformed,
    InjectedFault.TRUNCATED_BODY: lambda response: CutOff(bytes(response.body), headers=dict(response.headers)),
}
"""How each fault spoils an answer that was worked (and perhaps paid) for."""


@dataclass
class ReceivedCall:
    """One request on its way, and what the ledger will say of it. No account (`""`) until the key is known."""

    operation: str
    key: str | None
    at_seconds: float
    account: str = ""
    outcome: str = "ok"
    status: int = 200
    reached_account: bool = False
    paid: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    run: str | None = None
    recorded: bool = False


def organization_of(account: str) -> str:
    """A stable organization id for an account of the catalogue."""
    return str(uuid5(NAMESPACE_DNS, f"{account.lower()}.daily-runs.invalid"))


def base_headers(account: str | None) -> dict[str, str]:
    """What every answer carries."""
    headers = {"request-id": f"req_{uuid4().hex[:24]}", "x-daily-runs-sandbox": "1"}
    if account is not None:
        headers["anthropic-organization-id"] = organization_of(account)
    return headers


def limit_headers(buckets: AccountBuckets, now: float) -> dict[str, str]:
    """The twelve `anthropic-ratelimit-*` headers; `tokens` is input and output together."""
    requests, tokens_in, tokens_out = buckets.requests, buckets.input_tokens, buckets.output_tokens
    remaining_in, remaining_out = tokens_in.available(now), tokens_out.available(now)
    full_in, full_out = _seconds_to_full(tokens_in, now), _seconds_to_full(tokens_out, now)
    limit_in, limit_out = tokens_in.rate_per_minute, tokens_out.rate_per_minute
    wall = dt.datetime.now(dt.UTC)
    return {
        **_dimension(
            "requests", requests.rate_per_minute, int(requests.available(now)), _seconds_to_full(requests, now), wall
        ),
        **_dimension(
            "tokens", limit_in + limit_out, _rounded(remaining_in + remaining_out), max(full_in, full_out), wall
        ),
        **_dimension("input-tokens", limit_in, _rounded(remaining_in), full_in, wall),
        **_dimension("output-tokens", limit_out, _rounded(remaining_out), full_out, wall),
    }


def _dimension(name: str, limit: float, remaining: int, seconds: float, wall: dt.datetime) -> dict[str, str]:
    prefix = f"anthropic-ratelimit-{name}"
    reset = (wall + dt.timedelta(seconds=math.ceil(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {f"{prefix}-limit": str(int(limit)), f"{prefix}-remaining": str(remaining), f"{prefix}-reset": reset}


def _seconds_to_full(bucket: Bucket, now: float) -> float:
    return bucket.wait_seconds(bucket.capacity, now)


def _rounded(tokens: float) -> int:
    return _ROUNDED_TO * math.floor(tokens / _ROUNDED_TO + 0.5)


def rate_limited(account: str, model: str, shortage: Shortage, buckets: AccountBuckets) -> ApiError:
    """The 429 that names the dimension, its limit and when to come back."""
    bucket: Bucket = getattr(buckets, shortage.limit)
    message = (
        f"This request would exceed your organization's rate limit of {int(bucket.rate_per_minute):,} "
        f"{_LIMIT_NAMES[shortage.limit]} per minute (org: {organization_of(account)}, model: {model}). For details, "
        "refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. "
        "Please reduce the prompt length or the maximum tokens requested, or try again later."
    )
    outcome = f"rate_limit_{shortage.limit}"
    wait = shortage.wait_seconds
    return ApiError(429, "rate_limit_error", message, outcome=outcome, retry_after_seconds=wait)


def error_body(kind: str, message: str) -> dict[str, Any]:
    """Anthropic's error shape."""
    return {"type": "error", "error": {"type": kind, "message": message}}


def json_response(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """A finished JSON answer."""
    content = json.dumps(body, separators=(",", ":")).encode()
    return Response(content, status, headers, media_type="application/json")


def error_response(error: ApiError, headers: dict[str, str]) -> Response:
    """An error as an answer: `retry-after` in whole domain seconds, at least 1."""
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    headers["x-should-retry"] = "true" if error.status in _RETRYABLE else "false"
    body = {**error_body(error.kind, error.message), "request_id": headers["request-id"]}
    return json_response(error.status, body, headers)

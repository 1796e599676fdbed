"""Anthropic's Message Batches: taken at once, served in the background, ended within 24 hours, results as JSON lines.

A batch spends none of the account's message limits (docs/domain.md §5: limits of its own). It is served
`_SERVED_AT_ONCE` requests side by side, each round taking a drawn latency; what is not served when it is cancelled or
when 24 hours have passed ends as `canceled` or `expired`, unpaid.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from daily_runs.sandbox.anthropic import rules
from daily_runs.sandbox.anthropic.messages import BadRequestError, MessagesRequest, input_tokens_of, read_request
from daily_runs.sandbox.anthropic.models import model_named
from daily_runs.sandbox.anthropic.replies import BilledUsage, message_json, reply_to
from daily_runs.sandbox.anthropic.wire import ApiError, error_body
from daily_runs.sandbox.world.received import ReceivedRequest
from daily_runs.sandbox.world.world import World

REQUESTS_MAX = 100_000
_DAY_SECONDS = 24 * 3600.0
_SERVED_AT_ONCE = 32
_CANCEL_SECONDS = 1.0
_SERVED_BETWEEN_PAUSES = 50


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    custom_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    params: dict[str, Any]


class _Create(BaseModel):
    model_config = ConfigDict(extra="forbid")

    requests: Annotated[list[_Item], Field(min_length=1, max_length=REQUESTS_MAX)]


class Page(NamedTuple):
    """One page of a list, newest first."""

    batches: list[Batch]
    has_more: bool


@dataclass
class Batch:
    """One batch. Moments are wall-clock for the client, domain seconds for what is served by when."""

    batch_id: str
    account: str
    results_url: str
    items: list[_Item]
    created: dt.datetime
    started_seconds: float
    duration_seconds: float
    ended: dt.datetime | None = None
    cancel_initiated: dt.datetime | None = None
    results: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The body that the SDK's `MessageBatch` reads."""
        status = "ended" if self.ended else "canceling" if self.cancel_initiated else "in_progress"
        kinds = Counter(line["result"]["type"] for line in self.results) if self.ended else Counter[str]()
        outcomes = ("succeeded", "errored", "canceled", "expired")
        return {
            "id": self.batch_id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": 0 if self.ended else len(self.items),
                **{kind: kinds[kind] for kind in outcomes},
            },
            "created_at": _rfc3339(self.created),
            "expires_at": _rfc3339(self.created + dt.timedelta(seconds=_DAY_SECONDS)),
            "ended_at": _rfc3339(self.ended),
            "cancel_initiated_at": _rfc3339(self.cancel_initiated),
            "archived_at": None,
            "results_url": self.results_url if self.ended else None,
        }

    def served(self, now: float) -> int:
        """How many requests are through at a moment in domain seconds."""
        if self.duration_seconds <= 0:
            return len(self.items)
        return min(len(self.items), math.floor(len(self.items) * (now - self.started_seconds) / self.duration_seconds))


class Batches:
    """All batches of one sandbox, by account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._batches: dict[str, Batch] = {}
        self._endings: dict[str, asyncio.Task[None]] = {}

    def create(self, account: str, body: object, address: str) -> Batch:
        """Take a batch and start to serve it. `address`: where the client reaches `/v1/messages/batches`.

        Raises:
            ApiError: 400, the body breaks the shape or repeats a custom_id.
        """
        items = _read(body)
        batch_id = f"msgbatch_{uuid4().hex[:24]}"
        rounds = math.ceil(len(items) / _SERVED_AT_ONCE)
        batch = Batch(
            batch_id,
            account,
            f"{address}/{batch_id}/results",
            items,
            dt.datetime.now(dt.UTC),
            self._world.clock.now(),
            sum(self._world.latency_seconds() for _ in range(rounds)),
        )
        self._batches[batch_id] = batch
        self._end_after(batch, min(batch.duration_seconds, _DAY_SECONDS))
        return batch

    def get(self, account: str, batch_id: str) -> Batch:
        """A batch of this account.

        Raises:
            ApiError: 404.
        """
        batch = self._batches.get(batch_id)
        if batch is None or batch.account != account:
            raise ApiError(404, "not_found_error", f"Could not find message batch with id {batch_id!r}.")
        return batch

    def page(self, account: str, limit: int, after_id: str | None, before_id: str | None) -> Page:
        """Up to `limit` batches, newest first, after or before one of them."""
        mine = [batch for batch in reversed(self._batches.values()) if batch.account == account]
        ids = [batch.batch_id for batch in mine]
        if before_id is not None:
            earlier = mine[: ids.index(self.get(account, before_id).batch_id)]
            return Page(earlier[-limit:], len(earlier) > limit)
        later = mine[ids.index(self.get(account, after_id).batch_id) + 1 :] if after_id is not None else mine
        return Page(later[:limit], len(later) > limit)

    def cancel(self, account: str, batch_id: str) -> Batch:
        """Begin to cancel; a batch that ended stays as it is.

        Raises:
            ApiError: 404.
        """
        batch = self.get(account, batch_id)
        if batch.ended is None and batch.cancel_initiated is None:
            batch.cancel_initiated = dt.datetime.now(dt.UTC)
            self._endings[batch_id].cancel()
            self._end_after(batch, _CANCEL_SECONDS)
        return batch

    def delete(self, account: str, batch_id: str) -> None:
        """Forget an ended batch.

        Raises:
            ApiError: 404; 400 when it has not ended.
        """
        if self.get(account, batch_id).ended is None:
            message = "Message Batch cannot be deleted while it is processing. Cancel it first or wait until it ended."
            raise ApiError(400, "invalid_request_error", message)
        del self._batches[batch_id]

    def results(self, account: str, batch_id: str) -> str:
        """JSON lines, one for each request.

        Raises:
            ApiError: 404, also when the batch has not ended.
        """
        batch = self.get(account, batch_id)
        if batch.ended is None:
            raise ApiError(404, "not_found_error", f"Message batch {batch_id!r} has no available results.")
        return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in batch.results)

    def _end_after(self, batch: Batch, domain_seconds: float) -> None:
        task = asyncio.get_running_loop().create_task(self._end(batch, domain_seconds))
        self._endings[batch.batch_id] = task

    async def _end(self, batch: Batch, domain_seconds: float) -> None:
        await self._world.clock.sleep(domain_seconds)
        served = batch.served(self._world.clock.now()) if batch.cancel_initiated else self._served_in_a_day(batch)
        results = []
        for number, item in enumerate(batch.items):
            if number % _SERVED_BETWEEN_PAUSES == 0:
                await asyncio.sleep(0)
            results.append({"custom_id": item.custom_id, "result": self._result(batch, item, served=number < served)})
        batch.results, batch.ended = results, dt.datetime.now(dt.UTC)
        del self._endings[batch.batch_id]

    @staticmethod
    def _served_in_a_day(batch: Batch) -> int:
        return batch.served(batch.started_seconds + min(batch.duration_seconds, _DAY_SECONDS))

    def _result(self, batch: Batch, item: _Item, *, served: bool) -> dict[str, Any]:
        """Serve one request of the batch; a fault of the scenario or of the request makes it `errored`."""
        if not served:
            return {"type": "canceled" if batch.cancel_initiated else "expired"}
        scenario = self._world.scenario
        if self._world.strikes(scenario.server_error_share, "anthropic"):
            return _errored("api_error", "Internal server error")
        try:
            request = read_request(MessagesRequest, item.params)
            model = model_named(request.model, batch.created.date())
            if model is None:
                return _errored("not_found_error", f"model: {request.model}")
            rules.check(request, request.model, model, rules.STRICT_VERSION)
            scorable, thinks = not self._world.draw(scenario.unscorable_share), rules.is_thinking(request, model)
            reply = reply_to(request, scenario, scorable=scorable, thinks=thinks, error=self._world.score_error())
        except BadRequestError as error:
            return _errored("invalid_request_error", str(error))
        self._world.judge.given()
        usage = BilledUsage(input_tokens_of(request), 0, 0, reply.output_tokens)
        self._record(batch, item, usage)
        return {"type": "succeeded", "message": message_json(request, reply, usage, "batch")}

    def _record(self, batch: Batch, item: _Item, usage: BilledUsage) -> None:
        """A paid request of a batch; it names no account, for it spends none of the account's message limits."""
        now, key = self._world.clock.now(), item.custom_id
        self._world.ledger.record(
            ReceivedRequest(
                now, "anthropic", None, batch.account, "batch_item", key, "ok", 200, True, usage.input, usage.output
            )
        )


def _read(body: object) -> list[_Item]:
    try:
        items = _Create.model_validate(body).requests
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise ApiError(400, "invalid_request_error", f"{place}: {first['msg']}") from error
    repeated = [name for name, count in Counter(item.custom_id for item in items).items() if count > 1]
    if repeated:
        message = f"requests: custom_id must be unique within a batch; repeated: {', '.join(repeated[:3])}"
        raise ApiError(400, "invalid_request_error", message)
    return items


def _errored(kind: str, message: str) -> dict[str, Any]:
    return {"type": "errored", "error": error_body(kind, message)}


def _rfc3339(moment: dt.datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None

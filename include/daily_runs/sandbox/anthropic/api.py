"""The sandbox's Anthropic: the Messages API as the official SDK speaks it (docs/domain.md §5).

An account's buckets are those of `World`, so that the judge and the inference behind GitLab's AI Gateway spend the same
ones. An answer's output is known before it is admitted: it takes the tokens it really has, as Anthropic counts them, or
is refused. Order of a request: key, faults of the wire, body, prompt cache, buckets, ledger, latency, answer. The
ledger is written when the model is asked, so that it holds what was paid even if the client has gone by then.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daily_runs.sandbox.anthropic import rules
from daily_runs.sandbox.anthropic.batches import Batches
from daily_runs.sandbox.anthropic.gate import Gate
from daily_runs.sandbox.anthropic.messages import (
    Asked,
    BadRequestError,
    CountRequest,
    MessagesRequest,
    input_tokens_of,
    read_request,
)
from daily_runs.sandbox.anthropic.models import VendorModel, model_named
from daily_runs.sandbox.anthropic.prompt_cache import PromptCache
from daily_runs.sandbox.anthropic.replies import ModelReply, message_json, reply_to
from daily_runs.sandbox.anthropic.wire import ApiError, ReceivedCall, bad_request, rate_limited
from daily_runs.sandbox.world.bucket import Bucket
from daily_runs.sandbox.world.world import Shortage, World

_MESSAGE_BYTES_MAX = 32 * 1024 * 1024
_BATCH_BYTES_MAX = 256 * 1024 * 1024
_PAGE_MAX = 1000
_RELEASE_DATE_UNKNOWN = "1970-01-01T00:00:00Z"


def routes(world: World) -> list[Route]:
    """The API's routes, to be mounted at the SDK's `base_url`; the last answers unknown paths in Anthropic's shape."""
    desk = _Desk(world)
    gate = desk.gate
    batches = "/v1/messages/batches"
    return [
        Route("/v1/messages", gate.endpoint("messages", desk.messages), methods=["POST"]),
        Route("/v1/messages/count_tokens", gate.endpoint("count_tokens", desk.count_tokens), methods=["POST"]),
        Route(batches, gate.endpoint("batches create", desk.create_batch), methods=["POST"]),
        Route(batches, gate.endpoint("batches list", desk.list_batches), methods=["GET"]),
        Route(f"{batches}/{{id}}", gate.endpoint("batches retrieve", desk.retrieve_batch), methods=["GET"]),
        Route(f"{batches}/{{id}}", gate.endpoint("batches delete", desk.delete_batch), methods=["DELETE"]),
        Route(f"{batches}/{{id}}/cancel", gate.endpoint("batches cancel", desk.cancel_batch), methods=["POST"]),
        Route(f"{batches}/{{id}}/results", gate.endpoint("batches results", desk.batch_results), methods=["GET"]),
        Route("/v1/models", gate.endpoint("models", desk.list_models), methods=["GET"]),
        Route("/v1/models/{id}", gate.endpoint("models", desk.retrieve_model), methods=["GET"]),
        Route(
            "/{path:path}", gate.endpoint("unknown", desk.unknown), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]
        ),
    ]


class _Desk:
    """What each endpoint does once the gate has let the request in."""

    def __init__(self, world: World) -> None:
        self._world, self.gate = world, Gate(world)
        self._batches, self._cache = Batches(world), PromptCache()
        self._own_limits: dict[str, Bucket] = {}

    async def messages(self, request: Request, call: ReceivedCall) -> Response:
        """`POST /v1/messages`, without streaming."""
        asked = _read(MessagesRequest, await _json_of(request, _MESSAGE_BYTES_MAX))
        model = self._checked(asked, request)
        if asked.stream:
            raise bad_request("stream: whole messages only here; leave `stream` out or set it to false")
        world, buckets = self._world, self._world.account(call.account)
        reply = self._reply(asked, model)
        call.at_seconds = world.clock.now()
        usage = self._cache.usage_of(call.account, asked, reply.output_tokens, call.at_seconds)
        call.reached_account = True
        call.input_tokens, call.output_tokens = usage.counted_input, usage.output
        shortage = buckets.spend(usage.counted_input, usage.output, call.at_seconds)
        if shortage is not None:
            raise rate_limited(call.account, asked.model, shortage, buckets)
        self._cache.keep(call.account, asked, call.at_seconds)
        call.paid = True
        world.judge.given()
        self.gate.record(call)
        await world.clock.sleep(world.latency_seconds())
        return self.gate.ok(call, message_json(asked, reply, usage, "standard"))

    def _reply(self, asked: MessagesRequest, model: VendorModel) -> ModelReply:
        world, scenario, thinks = self._world, self._world.scenario, rules.is_thinking(asked, model)
        scorable = not world.draw(scenario.unscorable_share)
        try:
            return reply_to(asked, scenario, scorable=scorable, thinks=thinks, error=world.score_error())
        except BadRequestError as error:
            raise bad_request(str(error)) from error

    async def count_tokens(self, request: Request, call: ReceivedCall) -> Response:
        """`POST /v1/messages/count_tokens`: free, with a request limit of its own."""
        self._spend_own_limit(call.account, "count_tokens")
        asked = _read(CountRequest, await _json_of(request, _MESSAGE_BYTES_MAX))
        self._checked(asked, request)
        return self.gate.ok(call, {"input_tokens": input_tokens_of(asked)})

    async def create_batch(self, request: Request, call: ReceivedCall) -> Response:
        """`POST /v1/messages/batches`."""
        self._spend_own_limit(call.account, "batches")
        body = await _json_of(request, _BATCH_BYTES_MAX)
        return self.gate.ok(
            call, self._batches.create(call.account, body, str(request.url.replace(query=""))).as_json()
        )

    async def list_batches(self, request: Request, call: ReceivedCall) -> Response:
        """`GET /v1/messages/batches`: newest first, by `limit`, `after_id`, `before_id`."""
        query = request.query_params
        limit = query.get("limit", "20")
        if not limit.isdecimal() or not 1 <= int(limit) <= _PAGE_MAX:
            raise bad_request(f"limit: Input should be a whole number from 1 to {_PAGE_MAX}")
        page = self._batches.page(call.account, int(limit), query.get("after_id"), query.get("before_id"))
        return self.gate.ok(call, _page([batch.as_json() for batch in page.batches], has_more=page.has_more))

    async def retrieve_batch(self, request: Request, call: ReceivedCall) -> Response:
        """`GET /v1/messages/batches/{id}`."""
        return self.gate.ok(call, self._batches.get(call.account, request.path_params["id"]).as_json())

    async def cancel_batch(self, request: Request, call: ReceivedCall) -> Response:
        """`POST /v1/messages/batches/{id}/cancel`."""
        return self.gate.ok(call, self._batches.cancel(call.account, request.path_params["id"]).as_json())

    async def delete_batch(self, request: Request, call: ReceivedCall) -> Response:
        """`DELETE /v1/messages/batches/{id}`."""
        self._batches.delete(call.account, request.path_params["id"])
        return self.gate.ok(call, {"id": request.path_params["id"], "type": "message_batch_deleted"})

    async def batch_results(self, request: Request, call: ReceivedCall) -> Response:
        """`GET /v1/messages/batches/{id}/results`: JSON lines."""
        lines = self._batches.results(call.account, request.path_params["id"])
        return Response(lines, headers=self.gate.headers(call), media_type="application/x-jsonl")

    async def list_models(self, _: Request, call: ReceivedCall) -> Response:
        """`GET /v1/models`: the judge's model of the catalogue."""
        return self.gate.ok(call, _page([_model(self._world.catalogue.judge.model)], has_more=False))

    async def retrieve_model(self, request: Request, call: ReceivedCall) -> Response:
        """`GET /v1/models/{id}`."""
        _known(request.path_params["id"])
        return self.gate.ok(call, _model(request.path_params["id"]))

    async def unknown(self, request: Request, _: ReceivedCall) -> Response:
        """Any other path."""
        raise ApiError(404, "not_found_error", f"Not Found: {request.url.path}")

    def _spend_own_limit(self, account: str, name: str) -> None:
        """Token counting and batches have a request limit each, as high as that of messages."""
        now, buckets = self._world.clock.now(), self._world.account(account)
        rate, capacity = buckets.requests.rate_per_minute, buckets.requests.capacity
        bucket = self._own_limits.setdefault(f"{account} {name}", Bucket(rate, capacity, now))
        bucket.set_rate(rate, capacity, now)
        if not bucket.take(1, now):
            shortage = Shortage("requests", bucket.wait_seconds(1, now))
            raise rate_limited(account, self._world.catalogue.judge.model, shortage, buckets)

    @staticmethod
    def _checked(asked: CountRequest, request: Request) -> VendorModel:
        model = _known(asked.model)
        try:
            rules.check(asked, asked.model, model, request.headers["anthropic-version"])
        except BadRequestError as error:
            raise bad_request(str(error)) from error
        return model


def _known(name: str) -> VendorModel:
    """A model that is served today; of one that is unknown or retired the vendor says the same."""
    model = model_named(name, dt.datetime.now(dt.UTC).date())
    if model is None:
        raise ApiError(404, "not_found_error", f"model: {name}")
    return model


def _read(kind: type[Asked], body: object) -> Asked:
    try:
        return read_request(kind, body)
    except BadRequestError as error:
        raise bad_request(str(error)) from error


async def _json_of(request: Request, bytes_max: int) -> Any:
    body = await request.body()
    if len(body) > bytes_max:
        raise ApiError(413, "request_too_large", f"Request exceeds the maximum size of {bytes_max} bytes.")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The request body is not valid JSON: {error}") from error


def _page(data: list[dict[str, Any]], *, has_more: bool) -> dict[str, Any]:
    ends = (data[0]["id"], data[-1]["id"]) if data else (None, None)
    return {"data": data, "has_more": has_more, "first_id": ends[0], "last_id": ends[1]}


def _model(model: str) -> dict[str, Any]:
    """A model's card; Anthropic gives the epoch where a release date is unknown."""
    return {
        "id": model,
        "type": "model",
        "display_name": model,
        "created_at": _RELEASE_DATE_UNKNOWN,
        "lifecycle": "active",
    }

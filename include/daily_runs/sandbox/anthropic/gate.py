"""What every request to the sandbox's Anthropic passes: key, faults of the scenario, headers, ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from daily_runs.sandbox.anthropic.wire import (
    BREAK_ANSWER,
    ApiError,
    Dropped,
    ReceivedCall,
    bad_request,
    base_headers,
    error_response,
    json_response,
    limit_headers,
    rate_limited,
)
from daily_runs.sandbox.world import faults
from daily_runs.sandbox.world.faults import InjectedFault
from daily_runs.sandbox.world.received import ReceivedRequest
from daily_runs.sandbox.world.world import Shortage, World

SIDE = "anthropic"
KEY_PREFIX = "sandbox-"

Work = Callable[[Request, ReceivedCall], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Gate:
    """Wraps the work of each endpoint."""

    def __init__(self, world: World) -> None:
        self._world = world

    def endpoint(self, operation: str, work: Work) -> Endpoint:
        """`work` as an endpoint that answers errors in Anthropic's shape and leaves one line in the ledger."""

        async def answer(request: Request) -> Response:
            key, run = (request.headers.get(f"x-daily-runs-{name}") for name in ("prompt", "run"))
            call = ReceivedCall(operation, key, self._world.clock.now(), run=run)
            try:
                call.account = self._account_of(request)
                response = await self._through_faults(request, call, work)
            except ApiError as error:
                call.outcome, call.status = error.outcome, error.status
                response = error_response(error, self.headers(call))
            self.record(call)
            return response

        return answer

    def headers(self, call: ReceivedCall) -> dict[str, str]:
        """What the answer carries at this moment."""
        headers = base_headers(call.account or None)
        if call.account:
            headers.update(limit_headers(self._world.account(call.account), self._world.clock.now()))
        return headers

    def ok(self, call: ReceivedCall, body: dict[str, Any]) -> Response:
        """A good answer."""
        return json_response(200, body, self.headers(call))

    def record(self, call: ReceivedCall) -> None:
        """Once a call. The entry names the account only if the request came as far as the account's message limits."""
        if call.recorded:
            return
        call.recorded = True
        self._world.ledger.record(
            ReceivedRequest(
                at_seconds=call.at_seconds,
                side=SIDE,
                account=call.account if call.reached_account else None,
                user=call.account or None,
                operation=call.operation,
                key=call.key,
                outcome=call.outcome,
                status=call.status,
                paid=call.paid,
                input_tokens=call.input_tokens,
                output_tokens=call.output_tokens,
                run=call.run,
            )
        )

    def _account_of(self, request: Request) -> str:
        """The account of the key: `Authorization: Bearer` as SDK 2.11 sends it, or `x-api-key` as older ones do."""
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        key = request.headers.get("x-api-key") or (bearer if scheme.lower() == "bearer" else "")
        if not key:
            raise ApiError(401, "authentication_error", "x-api-key header is required")
        account = key.removeprefix(KEY_PREFIX)
        if not key.startswith(KEY_PREFIX) or account not in self._world.catalogue.accounts:
            raise ApiError(401, "authentication_error", "invalid x-api-key")
        return account

    async def _through_faults(self, request: Request, call: ReceivedCall, work: Work) -> Response:
        """Do the work unless a fault strikes first; then break its answer if one is drawn for that."""
        if "anthropic-version" not in request.headers:
            raise bad_request("anthropic-version: header is required")
        self._refuse_by_scenario(call.account)
        fault = faults.draw(self._world, SIDE)
        if fault is None:
            return await work(request, call)
        call.outcome = fault
        if fault is InjectedFault.DROPPED_REQUEST:
            call.status = 0
            return Dropped()
        if fault not in BREAK_ANSWER:
            raise ApiError(500, "api_error", "Internal server error")
        return BREAK_ANSWER[fault](await work(request, call))

    def _refuse_by_scenario(self, account: str) -> None:
        scenario = self._world.scenario
        if "anthropic" in scenario.provider_outage:
            raise ApiError(500, "api_error", "Internal server error", outcome="provider_outage")
        if self._world.strikes(scenario.overloaded_share, SIDE):
            raise ApiError(529, "overloaded_error", "Overloaded")
        if self._world.strikes(scenario.refuse.get("model_vendor", 0.0), SIDE):
            buckets = self._world.account(account)
            wait = buckets.requests.wait_seconds(buckets.requests.capacity, self._world.clock.now())
            raise rate_limited(account, self._world.catalogue.judge.model, Shortage("requests", wait), buckets)

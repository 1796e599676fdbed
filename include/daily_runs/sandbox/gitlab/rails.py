"""GitLab itself: which part of the application answers a path, and the headers by which Rails is known."""

from __future__ import annotations

import json
import time

from daily_runs.sandbox.gitlab.graphql_api import GraphqlApi
from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.gitlab.rest_api import INFERENCE_PATHS, RestApi
from daily_runs.sandbox.gitlab.rest_bodies import refusals
from daily_runs.sandbox.world.exchange import HopReply, SandboxExchange, json_reply, text_reply
from daily_runs.sandbox.world.faults import InjectedFault

GRAPHQL_PATH = "/api/graphql"
_NOT_FOUND_PAGE = "<!DOCTYPE html>\n<html><head><title>Not Found</title></head><body><h1>404</h1></body></html>\n"


class Rails:
    """The application behind Rack::Attack."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._graphql, self._rest = GraphqlApi(instance), RestApi(instance)

    def operation_of(self, exchange: SandboxExchange) -> str:
        """What the ledger calls a request; told from outside, so that one refused on the way has its name too."""
        if exchange.path == GRAPHQL_PATH:
            return next((name for name in ("aiAction", "aiMessages") if name.encode() in exchange.body), "graphql")
        route = self._rest.route(exchange)
        return route.name if route else "other"

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Answer, and sign the answer as Rails does."""
        started = time.perf_counter()
        request_id = f"01K{self._instance.world.rng.getrandbits(112):028X}"[:26]
        reply = await self._answer(exchange)
        return reply.adding(
            {
                "x-request-id": request_id,
                "x-runtime": f"{time.perf_counter() - started:.6f}",
                "x-gitlab-meta": json.dumps({"correlation_id": request_id, "version": "1"}),
            }
        )

    async def _answer(self, exchange: SandboxExchange) -> HopReply:
        reaches_gateway = exchange.path in INFERENCE_PATHS
        if exchange.fault == InjectedFault.RAILS_500 or (
            exchange.fault == InjectedFault.GATEWAY_503 and not reaches_gateway
        ):
            exchange.outcome = InjectedFault.RAILS_500
            return json_reply({"message": "500 Internal Server Error"}, 500)
        form = self._instance.world.scenario.refusal_forms.gitlab
        if form in refusals.RAILS and refusals.refuses(self._instance.world, "gitlab", exchange):
            exchange.outcome = "gitlab"
            return refusals.RAILS[form]
        if exchange.path == GRAPHQL_PATH and exchange.method == "POST":
            return await self._graphql(exchange)
        if exchange.path.startswith("/api/v4/"):
            return await self._rest(exchange)
        # Health endpoints (`/-/health`, `/-/readiness` ...) are closed to outside addresses: they are not found either.
        exchange.outcome = "not_found"
        return text_reply(404, _NOT_FOUND_PAGE, kind="text/html; charset=utf-8")

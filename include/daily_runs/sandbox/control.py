"""`/_sandbox`: what no real server has. Change the faults while running, move seeds, read the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.gitlab.seeds import SeedShares
from daily_runs.sandbox.world.scenario import Scenario, Share
from daily_runs.sandbox.world.world import World


class SeedOrder(BaseModel):
    """What to do with the seeds of one environment, or of all: `complete` brings every seed there, unchanged."""

    model_config = ConfigDict(extra="forbid")

    environment: str | None = None
    complete: bool = False
    missing_share: Share | None = None
    changed_share: Share | None = None
    wrong_state_share: Share | None = None
    surplus_share: Share | None = None


class LedgerQuery(BaseModel):
    """From which entry on."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[int, Field(ge=0)] = 0


_Endpoint = Callable[[Request], Awaitable[JSONResponse]]


class Control:
    """The control endpoints of one sandbox."""

    def __init__(self, world: World, instances: Mapping[str, Instance]) -> None:
        self._world, self._instances = world, instances

    def routes(self) -> list[Route]:
        """To be mounted at `/_sandbox`."""
        return [
            Route("/health", self._health, methods=["GET"]),
            Route("/scenario", self._get_scenario, methods=["GET"]),
            Route("/scenario", _of_programs(self._post_scenario), methods=["POST"]),
            Route("/seeds", self._get_seeds, methods=["GET"]),
            Route("/seeds", _of_programs(self._post_seeds), methods=["POST"]),
            Route("/ledger", self._ledger, methods=["GET"]),
            Route("/ledger/summary", self._summary, methods=["GET"]),
        ]

    async def _health(self, _: Request) -> JSONResponse:
        clock = self._world.clock
        sides = [*self._instances, "anthropic"]
        return JSONResponse({"ready": True, "sides": sides, "time_scale": clock.time_scale, "now_seconds": clock.now()})

    async def _get_scenario(self, _: Request) -> JSONResponse:
        return JSONResponse(self._world.scenario.model_dump(mode="json"))

    async def _post_scenario(self, request: Request) -> JSONResponse:
        """Merge the body into the scenario (JSON merge patch: `null` sets a key back to its default)."""
        before = self._world.scenario
        try:
            patch = await request.json()
            after = Scenario.model_validate(merge_patch(before.model_dump(mode="json"), patch))
        except (ValueError, RecursionError) as error:
            return _invalid(error)
        if unknown := sorted(after.foreign_load.keys() - self._world.catalogue.accounts.keys()):
            return JSONResponse({"errors": [f"foreign_load: no such account {name!r}" for name in unknown]}, 422)
        self._world.set_scenario(after)
        for instance in self._instances.values():
            instance.follow(before, after)
        return JSONResponse(after.model_dump(mode="json"))

    async def _get_seeds(self, _: Request) -> JSONResponse:
        return JSONResponse(self._seeds())

    async def _post_seeds(self, request: Request) -> JSONResponse:
        try:
            order = SeedOrder.model_validate(await request.json())
        except (ValueError, RecursionError) as error:
            return _invalid(error)
        if order.environment is not None and order.environment not in self._instances:
            return JSONResponse({"errors": [f"environment: no such environment {order.environment!r}"]}, 422)
        for name, instance in self._instances.items():
            if order.environment in (None, name):
                instance.seed(_ordered(order, instance.seed_shares))
        return JSONResponse(self._seeds())

    async def _ledger(self, request: Request) -> JSONResponse:
        try:
            query = LedgerQuery.model_validate(dict(request.query_params))
        except ValueError as error:
            return _invalid(error)
        entries = self._world.ledger.since(query.since)
        return JSONResponse({"entries": [entry._asdict() for entry in entries], "next": query.since + len(entries)})

    async def _summary(self, _: Request) -> JSONResponse:
        ledger = self._world.ledger
        return JSONResponse(
            {
                "outcomes": ledger.outcomes(),
                "paid_more_than_once": ledger.paid_more_than_once(),
                "peaks_in_60_seconds": {name: peak._asdict() for name, peak in ledger.peaks().items()},
            }
        )

    def _seeds(self) -> dict[str, Any]:
        return {
            name: {
                **instance.seed_shares._asdict(),
                "jobs": len(instance.project.jobs),
                "issues": len(instance.project.issues),
                "vulnerabilities": len(instance.project.vulnerabilities),
            }
            for name, instance in self._instances.items()
        }


def _of_programs(endpoint: _Endpoint) -> _Endpoint:
    """Takes orders of programs only: a web page that somebody has open on this machine reaches loopback, too.

    A browser names the page's origin with each POST, and sends no JSON elsewhere without asking first, which nobody
    here answers (https://fetch.spec.whatwg.org, "origin header" and "CORS-safelisted request-header").
    """

    async def guarded(request: Request) -> JSONResponse:
        if "origin" in request.headers or "sec-fetch-site" in request.headers:
            return JSONResponse({"errors": ["a web page gives no orders here: send them by a program"]}, 403)
        kind = request.headers.get("content-type", "")
        if kind.partition(";")[0].strip().lower() != "application/json":
            return JSONResponse({"errors": [f"content-type is {kind!r}: send application/json"]}, 415)
        return await endpoint(request)

    return guarded


def merge_patch(target: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7396): mappings key by key, `null` removes, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _ordered(order: SeedOrder, now: SeedShares) -> SeedShares:
    base = SeedShares() if order.complete else now
    ordered = {name: getattr(order, f"{name}_share") for name in SeedShares._fields}
    return base._replace(**{name: share for name, share in ordered.items() if share is not None})


def _invalid(error: ValueError | RecursionError) -> JSONResponse:
    """422 with a reason per fault."""
    if isinstance(error, ValidationError):
        reasons = [f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors()]
    else:
        reasons = [f"body: not JSON ({error})"]
    return JSONResponse({"errors": reasons}, 422)

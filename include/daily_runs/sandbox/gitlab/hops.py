"""The hops in front of GitLab (docs/domain.md §3), outermost first: Cloudflare, load balancer, Rack::Attack.

Each adds its headers to every answer that passed it, and refuses in its own words. What each leaves out counts as well:
nothing refused by Cloudflare has `gitlab-lb`, and nothing refused by the load balancer has a header of Rails.
"""

from __future__ import annotations

import time

from daily_runs.sandbox.gitlab.rest_bodies import refusals
from daily_runs.sandbox.world.bucket import FixedWindow
from daily_runs.sandbox.world.exchange import Handler, HopReply, SandboxExchange, text_reply
from daily_runs.sandbox.world.faults import InjectedFault
from daily_runs.sandbox.world.world import World

RACK_ATTACK_PERIOD_SECONDS = 60.0
_BALANCER_ERRORS = {
    InjectedFault.BALANCER_502: (502, "502 Bad Gateway", "The server returned an invalid or incomplete response."),
    InjectedFault.BALANCER_503: (503, "503 Service Unavailable", "No server is available to handle this request."),
    InjectedFault.BALANCER_504: (504, "504 Gateway Time-out", "The server didn't respond in time."),
}


class Cloudflare:
    """The edge: limits, bans and challenges by its own rules."""

    def __init__(self, world: World, inner: Handler) -> None:
        self._world, self._inner = world, inner

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Pass, or refuse in the scenario's form."""
        if refusals.refuses(self._world, "cloudflare", exchange):
            exchange.outcome = "cloudflare"
            reply = refusals.CLOUDFLARE[self._world.scenario.refusal_forms.cloudflare]
        else:
            reply = (await self._inner(exchange)).adding({"cf-cache-status": "DYNAMIC"})
        ray = f"{self._world.rng.getrandbits(64):016x}-FRA"
        return reply.adding({"server": "cloudflare", "cf-ray": ray})


class LoadBalancer:
    """HAProxy. `marker` ends its name: `-lb-gstg` on staging, `-lb-gprd` in production."""

    def __init__(self, world: World, marker: str, inner: Handler) -> None:
        self._world, self._inner = world, inner
        self._name = f"haproxy-main-01{marker}"

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Pass, or answer an HTML page of its own."""
        if refusals.refuses(self._world, "load_balancer", exchange):
            exchange.outcome = "load_balancer"
            reply = refusals.LOAD_BALANCER[self._world.scenario.refusal_forms.load_balancer]
        elif exchange.fault in _BALANCER_ERRORS:
            reply = await self._broken(exchange, InjectedFault(exchange.fault))
        else:
            reply = await self._inner(exchange)
        return reply.adding({"gitlab-lb": self._name, "gitlab-sv": "web-gke-us-east1-b"})

    async def _broken(self, exchange: SandboxExchange, fault: InjectedFault) -> HopReply:
        """502 and 503: no backend was reached. 504: it was, and has worked in vain."""
        if fault is InjectedFault.BALANCER_504:
            await self._inner(exchange)
        exchange.outcome = fault
        return refusals.balancer_page(*_BALANCER_ERRORS[fault])


class RackAttack:
    """GitLab's middleware: requests per user and period, with its headers on healthy answers too.

    The throttle that stands nearest to Rails tells its figures; one around it tells its own only when it refuses.
    """

    def __init__(self, world: World, limit: int, inner: Handler, seconds: float = RACK_ATTACK_PERIOD_SECONDS) -> None:
        self._world, self._limit, self._inner, self._seconds = world, limit, inner, seconds
        self._windows: dict[str | None, FixedWindow] = {}

    async def __call__(self, exchange: SandboxExchange) -> HopReply:
        """Pass, or refuse with 429 `Retry later`."""
        now = self._world.clock.now()
        window = self._windows.setdefault(exchange.user, FixedWindow(self._limit, self._seconds))
        allowed = window.take(now)
        used = window.used(now)
        form = self._world.scenario.refusal_forms.gitlab
        nearest = self._seconds == RACK_ATTACK_PERIOD_SECONDS  # of several, one draws what the scenario refuses
        if nearest and form not in refusals.RAILS and refusals.refuses(self._world, "gitlab", exchange):
            allowed, used = False, self._limit + 1
        reset = window.reset_seconds(now)
        headers = self._headers(exchange.user, used, reset)
        if allowed:
            reply = await self._inner(exchange)
            return reply if "ratelimit-name" in reply.headers else reply.adding(headers)
        exchange.outcome = "gitlab"
        waits = {} if form == "429_without_retry_after" else {"retry-after": str(int(reset) + 1)}
        return text_reply(429, "Retry later\n", {**headers, **waits})

    def _headers(self, user: str | None, used: int, reset_seconds: float) -> dict[str, str]:
        return {
            "ratelimit-name": "throttle_authenticated_api" if user else "throttle_unauthenticated_api",
            "ratelimit-limit": str(self._limit),
            "ratelimit-observed": str(used),
            "ratelimit-remaining": str(max(0, self._limit - used)),
            "ratelimit-reset": str(int(time.time() + reset_seconds)),
        }

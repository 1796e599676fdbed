"""One environment's whole GitLab path as an ASGI application: wire, Cloudflare, load balancer, Rack::Attack, Rails."""

from __future__ import annotations

from daily_runs.sandbox.gitlab.hops import Cloudflare, LoadBalancer, RackAttack
from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.gitlab.rails import Rails
from daily_runs.sandbox.world import faults
from daily_runs.sandbox.world.exchange import OK, Handler, HopReply, SandboxExchange
from daily_runs.sandbox.world.faults import InjectedFault
from daily_runs.sandbox.world.received import ReceivedRequest
from daily_runs.sandbox.world.wire import Receive, Scope, Send, drop, exchange_from, malformed, read_body, respond
from daily_runs.sandbox.world.world import World

_NO_STATUS = 0
"""Status in the ledger of a request whose client got no answer."""


class GitlabSide:
    """Mounted at `/<environment>`; every request ends as one entry of the ledger."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self._world = instance, instance.world
        self._rails = Rails(instance)
        self._path = _path(instance, self._rails)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        self.instance.look()
        exchange = exchange_from(scope, self.instance.name, await read_body(receive))
        exchange.operation = self._rails.operation_of(exchange)
        exchange.login = self.instance.login(exchange.headers)
        fault = faults.draw(self._world, exchange.side)
        exchange.fault = fault
        at_seconds = self._world.clock.now()
        if fault is InjectedFault.DROPPED_REQUEST:
            self._record(exchange, at_seconds, _NO_STATUS)
            await drop(scope)
            return
        reply = await self._path(exchange)
        self._record(exchange, at_seconds, _NO_STATUS if fault is InjectedFault.DROPPED_ANSWER else reply.status)
        await _deliver(scope, send, reply, fault)

    def _record(self, exchange: SandboxExchange, at_seconds: float, status: int) -> None:
        struck = exchange.fault is not None and exchange.outcome == OK
        self._world.ledger.record(
            ReceivedRequest(
                at_seconds=at_seconds,
                side=exchange.side,
                account=exchange.account,
                user=exchange.user,
                operation=exchange.operation,
                key=exchange.key,
                outcome=str(exchange.fault) if struck else str(exchange.outcome),
                status=status,
                paid=exchange.paid,
                input_tokens=exchange.input_tokens,
                output_tokens=exchange.output_tokens,
                run=exchange.run,
            )
        )


async def _deliver(scope: Scope, send: Send, reply: HopReply, fault: InjectedFault | None) -> None:
    """Hand the reply to the client, as far as the fault lets it arrive."""
    if fault is InjectedFault.DROPPED_ANSWER:
        await drop(scope)
    elif fault is InjectedFault.MALFORMED_BODY:
        await respond(send, malformed(reply))
    else:
        await respond(send, reply, cut_short=fault is InjectedFault.TRUNCATED_BODY)


def _path(instance: Instance, rails: Handler) -> Handler:
    world: World = instance.world
    limits, hops = instance.environment.limits, instance.environment.hops
    marker = next((hop.marker for hop in hops if hop.hop == "load_balancer" and hop.marker), f"-lb-{instance.name}")
    gitlab: Handler = RackAttack(world, limits.api_requests_per_minute, rails)
    if limits.api_requests_per_hour is not None:
        gitlab = RackAttack(world, limits.api_requests_per_hour, gitlab, seconds=3600.0)
    return Cloudflare(world, LoadBalancer(world, marker, gitlab))

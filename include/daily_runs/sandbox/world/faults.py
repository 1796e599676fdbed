"""Faults on the wire: at most one strikes a request, drawn once from the scenario's shares."""

from __future__ import annotations

from enum import StrEnum

from daily_runs.sandbox.world.world import World


class InjectedFault(StrEnum):
    """What breaks. A dropped request never arrived; a dropped answer was worked (and perhaps paid) for.

    The AI Gateway can break only a request that reaches it; any other then gets GitLab's own 500.
    """

    DROPPED_REQUEST = "dropped_request"
    DROPPED_ANSWER = "dropped_answer"
    MALFORMED_BODY = "malformed_body"
    TRUNCATED_BODY = "truncated_body"
    RAILS_500 = "gitlab_500"
    GATEWAY_503 = "ai_gateway_503"
    BALANCER_502 = "load_balancer_502"
    BALANCER_503 = "load_balancer_503"
    BALANCER_504 = "load_balancer_504"


_SERVER_ERRORS = (
    InjectedFault.RAILS_500,
    InjectedFault.GATEWAY_503,
    InjectedFault.BALANCER_502,
    InjectedFault.BALANCER_503,
    InjectedFault.BALANCER_504,
)


def draw(world: World, side: str) -> InjectedFault | None:
    """The fault that strikes this request, if any; each share holds exactly as long as they sum to at most 1."""
    scenario = world.scenario
    if side not in scenario.sides:
        return None
    shares = (
        (InjectedFault.DROPPED_REQUEST, scenario.drop_share / 2),
        (InjectedFault.DROPPED_ANSWER, scenario.drop_share / 2),
        (InjectedFault.MALFORMED_BODY, scenario.malformed_share),
        (InjectedFault.TRUNCATED_BODY, scenario.truncated_share),
        *((fault, scenario.server_error_share / len(_SERVER_ERRORS)) for fault in _SERVER_ERRORS),
    )
    dice = world.rng.random()
    for fault, share in shares:
        if dice < share:
            return fault
        dice -= share
    return None

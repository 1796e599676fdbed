"""The rows of the evidence table for what stands before GitLab: Cloudflare, and the load balancer (HAProxy)."""

from __future__ import annotations

from typing import Any

from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops import cloudflare
from daily_runs.gitlab.hops.attribution import Certainty
from daily_runs.gitlab.hops.rule import LOAD_BALANCER, RAILS, Rule

_ANY = frozenset(range(200, 600))
_FAILURES = frozenset(range(400, 600))
_BEFORE_ORIGIN = (*LOAD_BALANCER, *RAILS)
_OWN_NAME = ("gitlab-lb", r"[\w.-]{0,60}-lb-(?:gstg|gprd)")
# An nginx behind the balancer signs its own page, which then passes under the balancer's name.
_OTHERS_PAGE = r"(?<=<center>)nginx(?=[</])"
# A challenge that lacks its header. Cloudflare's scripts are on ordinary pages too, so `/cdn-cgi/` says nothing.
_CHALLENGE = r"(?:<title>\s{0,20}Just a moment\.\.\.|_cf_chl_opt|Please complete the security check to access)"
_BLOCK_PAGE = r"(?:Attention Required! \| Cloudflare|Sorry, you have been blocked)"


def _cloudflare(kind: str, blame: Blame, retryable: bool, statuses: frozenset[int], **evidence: Any) -> Rule:
    own: dict[str, Any] = {"none_of": _BEFORE_ORIGIN, "vouched_by": ("cf-ray",), **evidence}
    return Rule(kind, Hop.CLOUDFLARE, blame, retryable, statuses, **own)


def _custom(kind: str, blame: Blame, retryable: bool, statuses: frozenset[int]) -> Rule:
    """A rule of the zone may answer in any words. It is the edge's if GitLab's balancer has signed all else so far."""
    own: dict[str, Any] = {"header": ("server", "cloudflare"), "any_of": ("cf-ray",), "off_path": True}
    return _cloudflare(kind, blame, retryable, statuses, certainty=Certainty.LIKELY, **own)


def _load_balancer(
    kind: str, blame: Blame, retryable: bool, *statuses: int, says: str | None = None
) -> tuple[Rule, ...]:
    """Certain by GitLab's kind of name on the balancer's own page, in the balancer's words where others' are likely."""

    def row(certainty: Certainty, **evidence: Any) -> Rule:
        own: dict[str, Any] = {"any_of": LOAD_BALANCER, "none_of": RAILS, "html": True, "certainty": certainty}
        return Rule(kind, Hop.LOAD_BALANCER, blame, retryable, frozenset(statuses), **own, **evidence)

    likely = Certainty.LIKELY
    return row(likely, says=_OTHERS_PAGE), row(Certainty.CERTAIN, header=_OWN_NAME, says=says), row(likely)


CLOUDFLARE_RULES: tuple[Rule, ...] = (
    # Nothing behind Cloudflare left a header. A challenge may come with any status, 429 too.
    _cloudflare("cloudflare_challenge", Blame.OWN_SYSTEM, False, _ANY, header=("cf-mitigated", "challenge")),
    _cloudflare(
        "cloudflare_challenge", Blame.OWN_SYSTEM, False, frozenset({403, 429, 503}), html=True, says=_CHALLENGE
    ),
    _cloudflare("cloudflare_rate_limit", Blame.RATE_LIMIT, True, _FAILURES, edge_codes=cloudflare.RATE_LIMITED),
    _cloudflare("cloudflare_blocked", Blame.OWN_SYSTEM, False, _FAILURES, edge_codes=cloudflare.BLOCKED),
    _cloudflare("cloudflare_origin_unreachable", Blame.PROVIDER, True, _FAILURES, edge_codes=cloudflare.UNREACHABLE),
    _cloudflare(
        "cloudflare_blocked",
        Blame.OWN_SYSTEM,
        False,
        frozenset({403}),
        html=True,
        any_of=("cf-ray",),
        says=_BLOCK_PAGE,
    ),
    # 530 exists at Cloudflare only, and its body may be the zone owner's.
    _cloudflare(
        "cloudflare_origin_unreachable",
        Blame.PROVIDER,
        True,
        frozenset({530}),
        any_of=("cf-ray",),
        certainty=Certainty.LIKELY,
    ),
    _custom("cloudflare_blocked", Blame.OWN_SYSTEM, False, frozenset({403})),
    _custom("cloudflare_rate_limit", Blame.RATE_LIMIT, True, frozenset({429})),
    _custom("cloudflare_origin_unreachable", Blame.PROVIDER, True, frozenset({502, 503, 504, *range(520, 528)})),
)

BALANCER_RULES: tuple[Rule, ...] = (
    # HAProxy answered: it left its name, Rails left nothing. Its words: https://github.com/haproxy/haproxy src/http.c
    *_load_balancer("load_balancer_rate_limit", Blame.RATE_LIMIT, True, 429),
    *_load_balancer("load_balancer_unavailable", Blame.PROVIDER, True, 502, 503, 504),
    *_load_balancer(
        "load_balancer_blocked", Blame.OWN_SYSTEM, False, 403, says="Request forbidden by administrative rules"
    ),
    *_load_balancer(
        "load_balancer_timeout",
        Blame.OWN_SYSTEM,
        True,
        408,
        says="Your browser didn't send a complete request in time",
    ),
)

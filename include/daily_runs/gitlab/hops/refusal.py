"""Which hop answered or refused (docs/domain.md §3): a recorded exchange in, an `Attribution` out. Pure; no I/O.

No single header proves a hop, so each rule names its whole evidence: the status, headers that must be there, headers
that must not, and what the body says. The first rule of `RULES` that fits decides; a failure that fits none is at
`Hop.UNKNOWN`, and its attribution shows what was seen. A success's body is read for GraphQL `errors` only: what an
answer says is no evidence about a hop.
"""

from __future__ import annotations

import re
from typing import Any

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.hops.attribution import ANSWERED, Attribution, Certainty
from daily_runs.gitlab.hops.edge_rules import BALANCER_RULES, CLOUDFLARE_RULES
from daily_runs.gitlab.hops.exchange import Exchange, harmless
from daily_runs.gitlab.hops.rule import LOAD_BALANCER, RAILS, RAILS_ALONE, Rule, facts_of

TELLING = (*RAILS, *LOAD_BALANCER, "cf-ray", "cf-mitigated", "ratelimit-name", "retry-after", "x-gitlab-error-origin")


TOO_MANY_REQUESTS = "This endpoint has been requested too many times. Try again later."
_TOO_MANY = re.escape(TOO_MANY_REQUESTS)
# What else GitLab raises in place of `aiAction`'s payload: faults of the request, and what this user may not do.
_FAULT_OF_AI_ACTION = (
    "(?:Only one method argument|Field |Argument |InputObject |Variable )"
    "|(?i:.{0,200}(?:permission|authori[sz]ed|disabled|not enabled|not found|does not exist|doesn't exist))"
)
_NOT_THERE = "The resource that you are attempting to access does not exist or you don't have permission"
_SIGN_IN = r"(?:https?://[^/?#]++)?+[^?#]*?(/users/sign_in)(?:[?#].*)?"  # possessive: its time is linear
_SERVER_ERRORS = frozenset(range(500, 600))
_SUCCESS = frozenset(range(200, 300))
_OK = frozenset({200})
_ANY = frozenset(range(200, 600))


def _one(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _gitlab(kind: str, blame: Blame, retryable: bool, statuses: frozenset[int], **evidence: Any) -> Rule:
    return Rule(kind, Hop.GITLAB, blame, retryable, statuses, vouched_by=RAILS_ALONE, **evidence)


def _limiter(kind: str, **evidence: Any) -> Rule:
    return Rule(kind, Hop.GITLAB, Blame.RATE_LIMIT, True, _one(429), html=False, **evidence)


def _query_limit(kind: str, says: str) -> Rule:
    """GitLab's limits on a query: the query must change, waiting does not help."""
    return _gitlab(kind, Blame.OWN_SYSTEM, False, _ANY, form="graphql", says=says)


def _gateway(kind: str, blame: Blame, retryable: bool, *statuses: int, **evidence: Any) -> Rule:
    """GitLab relays it, and the vendor behind the gateway may speak the same: never certain."""
    return Rule(kind, Hop.AI_GATEWAY, blame, retryable, _one(*statuses), certainty=Certainty.LIKELY, **evidence)


_MONOLITH = ("x-gitlab-error-origin", "monolith")
"""GitLab marks what it refuses itself at code suggestions, not everywhere: that it is absent proves nothing."""
# What the gateway says of a login is a sentence. GitLab says a word (`invalid_token`), a status, or to sign in.
_GATEWAY_SENTENCE = r"(?!\d{3}\b|[a-z_]+$|You need to sign in)[A-Z][\w ',.()-]{1,100}"


def _by_status(**evidence: Any) -> tuple[Rule, ...]:
    """What Rails says by a status alone. Rails also relays, so a bare 429 or 402 of its names no hop."""
    ours = Blame.OWN_SYSTEM
    return (
        _gitlab("unauthorized", ours, False, _one(401), **evidence),
        _gitlab("forbidden", ours, False, _one(403), **evidence),
        _gitlab("not_found", ours, False, _one(404), **evidence),
        _gitlab("request_rejected", ours, False, _one(400, 413, 422), **evidence),
        _gitlab("gitlab_error", Blame.PROVIDER, True, _SERVER_ERRORS, **evidence),
    )


def _relayed(kind: str, blame: Blame, retryable: bool, *statuses: int) -> Rule:
    """`{"detail": …}` alone is how the gateway's framework refuses; GitLab says `message` or `error`."""
    return _gateway(kind, blame, retryable, *statuses, any_of=RAILS, alone="detail")


RULES: tuple[Rule, ...] = (
    *CLOUDFLARE_RULES,
    # GitLab's static pages (`public/*.html` in its source), which balancer or Workhorse show while Rails is away.
    _gitlab(
        "gitlab_deploying", Blame.PROVIDER, True, _SERVER_ERRORS | _OK, html=True, says="<title>Deploy in progress"
    ),
    _gitlab("gitlab_error", Blame.PROVIDER, True, _one(502), html=True, says="<title>GitLab is not responding"),
    *BALANCER_RULES,
    # Rack::Attack, per user.
    _limiter("rack_attack", header=("ratelimit-name", r"throttle_\w{1,60}"), says="Retry later"),
    _limiter("rack_attack", any_of=RAILS, says="Retry later", certainty=Certainty.LIKELY),
    # The application's own limiters. `ai_action` counts over hours: no wait within a run helps.
    _limiter("application_limit", says=_TOO_MANY, vouched_by=RAILS_ALONE),
    _limiter("application_limit", header=_MONOLITH, vouched_by=RAILS_ALONE),
    _gitlab("ai_action_limit", Blame.RATE_LIMIT, False, _OK, form="graphql", says=_TOO_MANY, path="aiAction"),
    _gitlab("application_limit", Blame.RATE_LIMIT, True, _OK, form="graphql", says=_TOO_MANY),
    _query_limit("query_complexity", r"Query has complexity of \d+, which exceeds max complexity of \d+"),
    _query_limit("query_depth", r"Query has depth of \d+, which exceeds max depth of \d+"),
    _query_limit("query_depth", r"Query has depth of"),
    _query_limit("query_recursion", r"Recursive query"),
    _query_limit("query_timeout", r"Timeout on [\w.]{1,80}"),
    _query_limit("query_too_large", r"Query too large"),
    _gitlab("query_too_large", Blame.OWN_SYSTEM, False, _one(422), says="Query too large"),
    # AI Gateway or vendor, relayed by GitLab. The first words are anybody's, so Rails must vouch for them.
    _gateway(
        "gateway_rate_limit",
        Blame.RATE_LIMIT,
        True,
        429,
        says=r"Too many requests\. Please try again later\.",
        any_of=RAILS,
    ),
    # The wording of Rack::Attack is a setting of the instance: an empty budget beside other words says the same.
    _limiter(
        "rack_attack",
        any_of=("ratelimit-name",),
        header=("ratelimit-remaining", "0"),
        certainty=Certainty.LIKELY,
    ),
    _gateway("inference_failed", Blame.PROVIDER, True, 503, says="Inference failed"),
    _gateway("usage_quota_exceeded", Blame.RATE_LIMIT, False, 402, says="USAGE_QUOTA_EXCEEDED"),
    _gateway("usage_quota_refused", Blame.OWN_SYSTEM, False, 401, 402, 403, 422, says=r"USAGE_QUOTA_[A-Z_]{1,60}"),
    _gateway("gateway_misdirected", Blame.PROVIDER, True, 421, any_of=RAILS),
    # Rails answered itself, and says so.
    _gitlab("insufficient_scope", Blame.OWN_SYSTEM, False, _one(401, 403), says="insufficient_scope"),
    *_by_status(header=_MONOLITH),
    # The gateway's own refusals; a 5xx of it may be the vendor's.
    _gateway("gateway_unauthorized", Blame.PROVIDER, False, 401, any_of=RAILS, alone="error", says=_GATEWAY_SENTENCE),
    _relayed("gateway_unauthorized", Blame.PROVIDER, False, 401),
    _relayed("gateway_forbidden", Blame.OWN_SYSTEM, False, 403),
    _relayed("gateway_rejected", Blame.OWN_SYSTEM, False, 400, 404, 413, 422),
    _relayed("gateway_rate_limit", Blame.RATE_LIMIT, True, 429),
    _relayed("gateway_error", Blame.PROVIDER, True, *_SERVER_ERRORS),
    _gateway("gateway_error", Blame.PROVIDER, True, 500, any_of=RAILS, html=False, says="Internal Server Error"),
    # Rails answered, or so it seems.
    _gitlab("sign_in_page", Blame.OWN_SYSTEM, False, _one(302), header=("location", _SIGN_IN)),
    _gitlab("sign_in_page", Blame.OWN_SYSTEM, False, _OK, any_of=RAILS, html=True, says="/users/sign_in"),
    _gitlab("html_page", Blame.OWN_SYSTEM, False, _SUCCESS, any_of=RAILS, html=True),
    *_by_status(any_of=RAILS),
    # Nothing else on the path speaks GraphQL.
    _gitlab("gitlab_error", Blame.PROVIDER, True, _OK, form="graphql", says="Internal server error"),
    _gitlab("resource_not_available", Blame.OWN_SYSTEM, False, _OK, form="graphql", says=_NOT_THERE),
    # Nothing is paid for what is refused in place of the payload, so words that nobody knows (another language, another
    # version) are taken for the limit: the prompts stay planned, where any other failure would lose them for good
    # (docs/decisions/0022-unknown-words-of-ai-action-are-its-limit.md).
    _gitlab(
        "ai_action_limit",
        Blame.RATE_LIMIT,
        False,
        _OK,
        form="graphql",
        says=f"(?!{_FAULT_OF_AI_ACTION})",
        path="aiAction",
        certainty=Certainty.LIKELY,
    ),
    _gitlab("graphql_error", Blame.OWN_SYSTEM, False, _OK, form="graphql", says=""),
)


def attribute(exchange: Exchange) -> CallError | None:
    """Say who refused, by the first rule that fits; None for a success."""
    return attribution_of(exchange).error


def attribution_of(exchange: Exchange) -> Attribution:
    """Say who answered or refused, how sure, and from which evidence. It never raises."""
    for rule in RULES:
        facts = facts_of(rule, exchange)
        if facts is not None:
            return _ruled(rule, exchange, facts)
    return _success(exchange) if _succeeded(exchange) else _unattributed(exchange)


def _ruled(rule: Rule, exchange: Exchange, facts: list[str]) -> Attribution:
    vouching = [f"{name} present" for name in rule.vouched_by if exchange.has(name)]
    certainty, doubts = rule.certainty, []
    if rule.vouched_by and not vouching:
        certainty, doubts = Certainty.LIKELY, [f"no {name}" for name in rule.vouched_by]
    evidence = tuple(dict.fromkeys((*facts, *vouching, *doubts)))
    said = tuple(fact for fact in facts if fact.startswith("said "))
    return Attribution(
        rule.hop,
        rule.kind,
        certainty,
        evidence,
        _seen(exchange, *said),
        rule.blame,
        rule.retryable,
        exchange.retry_after_seconds,
    )


def _succeeded(exchange: Exchange) -> bool:
    return exchange.status in _SUCCESS and not exchange.html


def _success(exchange: Exchange) -> Attribution:
    """GitLab answered if Rails left its headers; any hop can fake a bare 200."""
    there = tuple(f"{name} present" for name in RAILS if exchange.has(name))
    if not there:
        return Attribution(Hop.UNKNOWN, ANSWERED, Certainty.UNKNOWN, (), _seen(exchange))
    certainty = Certainty.CERTAIN if exchange.has(*RAILS_ALONE) else Certainty.LIKELY
    return Attribution(Hop.GITLAB, ANSWERED, certainty, (f"status {exchange.status}", *there), _seen(exchange))


def _unattributed(exchange: Exchange) -> Attribution:
    """If no rule matches, the hop is unknown; the status alone decides the blame."""
    status = exchange.status
    if status in _SUCCESS:
        return _unknown("html_page", Blame.OWN_SYSTEM, False, exchange)
    if status == 429:
        return _unknown("http_429", Blame.RATE_LIMIT, True, exchange)
    theirs = status >= 500 or status == 408
    return _unknown(f"http_{status}", Blame.PROVIDER if theirs else Blame.OWN_SYSTEM, theirs, exchange)


def _unknown(kind: str, blame: Blame, retryable: bool, exchange: Exchange) -> Attribution:
    server = exchange.headers.get("server", "")
    shown = (f"server {harmless(server, 'with an odd name')}",) if server else ("no server header",)
    seen = _seen(exchange, *shown)
    return Attribution(Hop.UNKNOWN, kind, Certainty.UNKNOWN, (), seen, blame, retryable, exchange.retry_after_seconds)


def _seen(exchange: Exchange, *more: str) -> tuple[str, ...]:
    there = [name for name in TELLING if name in exchange.headers]
    headers = f"headers {', '.join(there) or 'tell nothing'}"
    ended = f"after {exchange.elapsed_seconds:.1f} s"
    return (f"status {exchange.status}", headers, *more, exchange.body_description, ended)

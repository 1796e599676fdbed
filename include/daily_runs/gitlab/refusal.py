"""Which hop refused (docs/domain.md §3): a recorded exchange in, a `CallError` or None out. Pure; no I/O.

No single header proves a hop, so each rule names its whole evidence: the status, headers that must be there, headers
that must not, and what the body says. The first rule of `RULES` that fits decides; an exchange that fits none is a
failure at `Hop.UNKNOWN`. A success's body is read for GraphQL `errors` only: what an answer says is no evidence about
a hop.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.error_codes import error_code_in
from daily_runs.gitlab.failures import attribute_failure

__all__ = ["RULES", "TOO_MANY_REQUESTS", "Exchange", "Rule", "attribute", "attribute_failure", "error_code_in"]

BODY_CHARACTERS_MAX = 65_536

RAILS = ("x-request-id", "x-runtime", "x-gitlab-meta")
LOAD_BALANCER = ("gitlab-lb",)
TELLING = (*RAILS, *LOAD_BALANCER, "cf-ray", "cf-mitigated", "ratelimit-name", "retry-after", "x-gitlab-error-origin")


@dataclass(frozen=True)
class Exchange:
    """What came back for one request: header names in lower case, the body's text up to `BODY_CHARACTERS_MAX`."""

    status: int
    headers: Mapping[str, str]
    body: str = field(default="", repr=False)
    elapsed_seconds: float = 0.0

    @classmethod
    def of(cls, response: httpx.Response, elapsed_seconds: float) -> Exchange:
        """Record a response that has been read in full."""
        return cls(response.status_code, dict(response.headers), response.text[:BODY_CHARACTERS_MAX], elapsed_seconds)

    def has(self, *names: str) -> bool:
        """Whether any of these headers is there."""
        return any(name in self.headers for name in names)

    @property
    def html(self) -> bool:
        """Whether the body is a page made for people."""
        declared = self.headers.get("content-type", "")
        if declared:
            return declared.lower().startswith("text/html")
        return self.body.lstrip()[:15].lower().startswith(("<!doctype html", "<html"))


@dataclass(frozen=True)
class Rule:
    """One row of the evidence table. Everything that is set must hold.

    `says` is a pattern: for `graphql`, of a message in the body's `errors`; for `rest`, of a string value in the JSON
    body or of the whole text (in an HTML page, of any part of it). `header` is a header's name and a pattern of its
    value. `path` is a field in the path of the GraphQL error.
    """

    kind: str
    hop: Hop
    blame: Blame
    retryable: bool
    statuses: frozenset[int]
    form: Literal["rest", "graphql"] = "rest"
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    header: tuple[str, str] | None = None
    says: str | None = None
    path: str | None = None
    html: bool | None = None


TOO_MANY_REQUESTS = "This endpoint has been requested too many times. Try again later."
_TOO_MANY = re.escape(TOO_MANY_REQUESTS)
_NOT_THERE = "The resource that you are attempting to access does not exist or you don't have permission"
_BEFORE_ORIGIN = (*LOAD_BALANCER, *RAILS)
_SERVER_ERRORS = frozenset(range(500, 600))
_OK = frozenset({200})
_ANY = frozenset(range(200, 600))


def _one(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _cloudflare(kind: str, blame: Blame, retryable: bool, statuses: frozenset[int], **evidence: Any) -> Rule:
    return Rule(kind, Hop.CLOUDFLARE, blame, retryable, statuses, none_of=_BEFORE_ORIGIN, **evidence)


def _load_balancer(kind: str, blame: Blame, statuses: frozenset[int]) -> Rule:
    return Rule(kind, Hop.LOAD_BALANCER, blame, True, statuses, any_of=LOAD_BALANCER, none_of=RAILS, html=True)


def _limiter(kind: str, **evidence: Any) -> Rule:
    return Rule(kind, Hop.GITLAB, Blame.RATE_LIMIT, True, _one(429), **evidence)


def _query_limit(kind: str, says: str) -> Rule:
    """GitLab's limits on a query: the query must change, waiting does not help."""
    return Rule(kind, Hop.GITLAB, Blame.OWN_SYSTEM, False, _ANY, form="graphql", says=says)


def _gateway(kind: str, blame: Blame, retryable: bool, status: int, says: str) -> Rule:
    return Rule(kind, Hop.AI_GATEWAY, blame, retryable, _one(status), says=says)


RULES: tuple[Rule, ...] = (
    # Cloudflare answered itself: nothing behind it left a header.
    _cloudflare("cloudflare_challenge", Blame.OWN_SYSTEM, False, _ANY, header=("cf-mitigated", "challenge")),
    _cloudflare("cloudflare_rate_limit", Blame.RATE_LIMIT, True, _one(429), says="error code: 1015"),
    _cloudflare("cloudflare_blocked", Blame.OWN_SYSTEM, False, _one(403), says="error code: 1020"),
    _cloudflare(
        "cloudflare_origin_unreachable",  # 520 to 526 exist at Cloudflare only
        Blame.PROVIDER,
        True,
        frozenset(range(520, 527)),
        any_of=("cf-ray",),
        says=r"error code: 52[0-6]",
    ),
    # HAProxy answered: it left its name, Rails left nothing.
    _load_balancer("load_balancer_rate_limit", Blame.RATE_LIMIT, _one(429)),
    _load_balancer("load_balancer_unavailable", Blame.PROVIDER, _one(502, 503, 504)),
    # Rack::Attack, per user.
    _limiter("rack_attack", header=("ratelimit-name", r"throttle_\w+"), says="Retry later"),
    _limiter("rack_attack", any_of=RAILS, says="Retry later"),
    # The application's own limiters. `ai_action` counts over hours: no wait within a run helps.
    _limiter("application_limit", says=_TOO_MANY),
    _limiter("application_limit", header=("x-gitlab-error-origin", "monolith")),
    Rule("ai_action_limit", Hop.GITLAB, Blame.RATE_LIMIT, False, _OK, form="graphql", says=_TOO_MANY, path="aiAction"),
    Rule("application_limit", Hop.GITLAB, Blame.RATE_LIMIT, True, _OK, form="graphql", says=_TOO_MANY),
    _query_limit("query_complexity", r"Query has complexity of \d+, which exceeds max complexity of \d+"),
    _query_limit("query_depth", r"Query has depth of \d+, which exceeds max depth of \d+"),
    _query_limit("query_depth", r"Query has depth of"),
    _query_limit("query_recursion", r"Recursive query"),
    _query_limit("query_timeout", r"Timeout on [\w.]{1,80}"),
    _query_limit("query_too_large", r"Query too large"),
    Rule("query_too_large", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(422), says="Query too large"),
    # AI Gateway or vendor, relayed by GitLab.
    _gateway("gateway_rate_limit", Blame.RATE_LIMIT, True, 429, r"Too many requests\. Please try again later\."),
    # The wording of Rack::Attack is a setting of the instance: an empty budget beside other words says the same.
    _limiter("rack_attack", any_of=("ratelimit-name",), header=("ratelimit-remaining", "0")),
    _gateway("inference_failed", Blame.PROVIDER, True, 503, "Inference failed"),
    _gateway("usage_quota_exceeded", Blame.RATE_LIMIT, False, 402, "USAGE_QUOTA_EXCEEDED"),
    Rule("gateway_misdirected", Hop.AI_GATEWAY, Blame.PROVIDER, True, _one(421), any_of=RAILS),
    # Rails answered. Rails also relays, so a bare 429 or 402 of its names no hop.
    Rule("sign_in_page", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(302), header=("location", ".*/users/sign_in.*")),
    Rule("sign_in_page", Hop.GITLAB, Blame.OWN_SYSTEM, False, _OK, any_of=RAILS, html=True, says="/users/sign_in"),
    Rule("insufficient_scope", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(401, 403), says="insufficient_scope"),
    Rule("unauthorized", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(401), any_of=RAILS),
    Rule("forbidden", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(403), any_of=RAILS),
    Rule("not_found", Hop.GITLAB, Blame.OWN_SYSTEM, False, _one(404), any_of=RAILS),
    Rule("gitlab_error", Hop.GITLAB, Blame.PROVIDER, True, _SERVER_ERRORS, any_of=RAILS),
    Rule("gitlab_error", Hop.GITLAB, Blame.PROVIDER, True, _OK, form="graphql", says="Internal server error"),
    Rule("resource_not_available", Hop.GITLAB, Blame.OWN_SYSTEM, False, _OK, form="graphql", says=_NOT_THERE),
    Rule("graphql_error", Hop.GITLAB, Blame.OWN_SYSTEM, False, _OK, form="graphql", says=""),
)


def attribute(exchange: Exchange) -> CallError | None:
    """Say who refused, by the first rule that fits; None for a success."""
    errors = _graphql_errors(_json(exchange.body))
    for rule in RULES:
        matched = _match(rule, exchange, errors)
        if matched is not None:
            return _error(rule, exchange, matched)
    return _unattributed(exchange)


def _graphql_errors(body: object) -> tuple[dict[str, Any], ...]:
    """The entries of a GraphQL answer's `errors` (GraphQL specification §7.1.2): objects with a `message`."""
    entries = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(entries, list):
        return ()
    return tuple(e for e in entries if isinstance(e, dict) and isinstance(e.get("message"), str))


def _match(rule: Rule, exchange: Exchange, errors: tuple[dict[str, Any], ...]) -> str | None:
    """What the body said that fits the rule (empty if the rule asks for nothing), or None if the rule does not fit."""
    fits = (
        exchange.status in rule.statuses
        and (not rule.any_of or exchange.has(*rule.any_of))
        and not exchange.has(*rule.none_of)
        and (rule.header is None or _header_fits(exchange, *rule.header))
        and (rule.html is None or rule.html == exchange.html)
    )
    if not fits:
        return None
    if rule.says is None:
        return ""
    if rule.form == "graphql":
        return _said_in_errors(rule, errors)
    return _said_in_body(rule.says, exchange)


def _header_fits(exchange: Exchange, name: str, pattern: str) -> bool:
    return re.fullmatch(pattern, exchange.headers.get(name, "\0").strip()) is not None


def _said_in_errors(rule: Rule, errors: tuple[dict[str, Any], ...]) -> str | None:
    for entry in errors:
        path = entry.get("path")
        if rule.path is not None and not (isinstance(path, list) and rule.path in path):
            continue
        found = re.match(rule.says or "", entry["message"])
        if found:
            return found.group()
    return None


def _said_in_body(pattern: str, exchange: Exchange) -> str | None:
    if exchange.html:
        found = re.search(pattern, exchange.body)
        return found.group() if found else None
    for text in (exchange.body, *_strings(_json(exchange.body))):
        found = re.fullmatch(pattern, text.strip())
        if found:
            return found.group()
    return None


def _strings(value: object, depth: int = 0) -> Iterator[str]:
    """Every string value in a small JSON body; error bodies nest three levels at most."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and depth < 4:
        for child in value.values() if isinstance(value, dict) else value:
            yield from _strings(child, depth + 1)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _unattributed(exchange: Exchange) -> CallError | None:
    """A failure that no rule explains names no hop; its status still says whom it counts against."""
    status = exchange.status
    if 200 <= status < 300:
        page = exchange.headers.get("content-type", "").lower().startswith("text/html")
        return _error(_unknown("html_page", Blame.OWN_SYSTEM, False), exchange, "") if page else None
    if status == 429:
        return _error(_unknown("http_429", Blame.RATE_LIMIT, True), exchange, "")
    theirs = status >= 500 or status == 408
    blame = Blame.PROVIDER if theirs else Blame.OWN_SYSTEM
    return _error(_unknown(f"http_{status}", blame, theirs), exchange, "")


def _unknown(kind: str, blame: Blame, retryable: bool) -> Rule:
    return Rule(kind, Hop.UNKNOWN, blame, retryable, _ANY)


def _error(rule: Rule, exchange: Exchange, said: str) -> CallError:
    return CallError(
        rule.hop,
        rule.kind,
        blame=rule.blame,
        retryable=rule.retryable,
        retry_after_seconds=_retry_after_seconds(exchange.headers),
        evidence=_evidence(exchange, said),
    )


def _evidence(exchange: Exchange, said: str) -> str:
    there = [name for name in TELLING if name in exchange.headers]
    parts = [f"status {exchange.status}", f"headers {', '.join(there) or 'tell nothing'}"]
    if said:
        parts.append(f"said {said!r}")
    return "; ".join([*parts, f"after {exchange.elapsed_seconds:.1f} s"])


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` (RFC 9110 §10.2.3): seconds, or a date, counted from the answer's own `Date`."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(value)
            seconds = (until - email.utils.parsedate_to_datetime(headers.get("date", ""))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None

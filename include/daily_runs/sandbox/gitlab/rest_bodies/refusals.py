"""What each hop says when it refuses, in the forms that its vendor has; which one, the scenario names.

Sources: Cloudflare's pages, lines and JSON (https://developers.cloudflare.com/support/troubleshooting/http-status-codes),
HAProxy's built-in pages (https://github.com/haproxy/haproxy, src/http.c), GitLab's `public/deploy.html` and `lib/api`,
the AI Gateway's framework (`{"detail": …}`).
"""

from __future__ import annotations

from daily_runs.sandbox.world.exchange import HopReply, SandboxExchange, json_reply, text_reply
from daily_runs.sandbox.world.scenario import BalancerForm, CloudflareForm, GitlabForm, RefusingHop
from daily_runs.sandbox.world.world import World

_HTML = "text/html; charset=utf-8"
_PLAIN = "text/plain; charset=UTF-8"


def refuses(world: World, hop: RefusingHop, exchange: SandboxExchange) -> bool:
    """Whether the scenario has this hop refuse this request; drawn anew at each call."""
    return world.strikes(world.scenario.refuse.get(hop, 0.0), exchange.side)


def _line(status: int, code: int, retry_after: int | None = None) -> HopReply:
    return text_reply(status, f"error code: {code}", _waits(retry_after), _PLAIN)


def _edge_page(status: int, code: int, words: str, retry_after: int | None = None) -> HopReply:
    head = f"<head><title>{words} | gitlab.example.com used Cloudflare to restrict access</title></head>"
    error = f'<h1><span data-translate="error">Error</span> <span>{code}</span></h1><h2>{words}</h2>'
    foot = '<p>Performance &amp; security by <a href="https://www.cloudflare.com/">Cloudflare</a></p>'
    page = f'<!DOCTYPE html><html>{head}<body><div id="cf-error-details">{error}{foot}</div></body></html>\n'
    return text_reply(status, page, _waits(retry_after), _HTML)


def _origin_page(code: int, words: str) -> HopReply:
    head = f"<head><title>gitlab.example.com | {code}: {words}</title></head>"
    error = f'<h1><span>{words}</span> <span class="code-label">Error code {code}</span></h1>'
    page = f'<!DOCTYPE html><html>{head}<body><div id="cf-error-details">{error}</div>Cloudflare</body></html>\n'
    return text_reply(code, page, kind=_HTML)


def _edge_json(status: int, code: int, name: str, retry_after: int | None = None) -> HopReply:
    body = {"title": f"Error {code}", "status": status, "error_code": code, "error_name": name}
    told = {"cloudflare_error": True, "retryable": retry_after is not None, "retry_after": retry_after}
    return json_reply({**body, **told}, status, _waits(retry_after))


def _challenge(status: int, headers: dict[str, str]) -> HopReply:
    script = "<script>(function(){window._cf_chl_opt = {cvId: '3'};}());</script>"
    head = "<head><title>Just a moment...</title></head>"
    return text_reply(status, f"<!DOCTYPE html><html>{head}<body>{script}</body></html>\n", headers, _HTML)


def _waits(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": str(seconds)}


def balancer_page(status: int, title: str, text: str) -> HopReply:
    """A page of HAProxy's own."""
    return text_reply(status, f"<html><body><h1>{title}</h1>\n{text}\n</body></html>\n", kind=_HTML)


CLOUDFLARE: dict[CloudflareForm, HopReply] = {
    "1015": _line(429, 1015, 10),
    "1015_page": _edge_page(429, 1015, "You are being rate limited", 30),
    "1015_json": _edge_json(429, 1015, "rate_limited", 30),
    "1009_page": _edge_page(403, 1009, "Access denied"),
    "1010_json": _edge_json(403, 1010, "browser_signature_banned"),
    "1020": _line(403, 1020),
    "1020_page": _edge_page(403, 1020, "Access denied"),
    "challenge": _challenge(403, {"cf-mitigated": "challenge"}),
    "challenge_unmarked": _challenge(503, {}),
    "custom_rule": json_reply({"message": "This client is not welcome."}, 403),
    "522": _line(522, 522),
    "520_page": _origin_page(520, "Web server is returning an unknown error"),
    "1033_page": _edge_page(530, 1033, "Cloudflare Tunnel error", 120),
    "1033_json": _edge_json(530, 1033, "tunnel_error", 120),
}
LOAD_BALANCER: dict[BalancerForm, HopReply] = {
    "429": balancer_page(429, "429 Too Many Requests", "You have sent too many requests in a given amount of time."),
    "403": balancer_page(403, "403 Forbidden", "Request forbidden by administrative rules."),
    "408": balancer_page(408, "408 Request Time-out", "Your browser didn't send a complete request in time."),
    "deploy": text_reply(
        503,
        "<!DOCTYPE html><html><head><title>Deploy in progress</title></head><body><h1>Deploy in progress</h1>"
        "<p>Please try again in a few minutes.</p></body></html>\n",
        kind=_HTML,
    ),
}
RAILS: dict[GitlabForm, HopReply] = {
    "400": json_reply({"error": "content is missing"}, 400),
    "413": json_reply({"message": "413 Request Entity Too Large"}, 413),
    "422": json_reply({"message": "422 Unprocessable Entity"}, 422),
}
GATEWAY: dict[int, HopReply] = {
    401: json_reply({"error": "Invalid token"}, 401),
    402: json_reply(
        {
            "error": "not_entitled",
            "error_code": "USAGE_QUOTA_NOT_ENTITLED",
            "message": "Consumer does not have entitlements to use this feature.",
        },
        402,
    ),
    403: json_reply({"detail": "Unauthorized to access code_suggestions"}, 403),
    422: json_reply({"detail": "Validation error"}, 422),
    429: json_reply({"detail": "Too many requests. Please try again later."}, 429),
    500: json_reply({"detail": "Internal server error"}, 500),
    503: json_reply({"detail": "Inference failed"}, 503),
}
"""By status, as Workhorse relays them: with Rails' headers, and without `x-gitlab-error-origin`."""

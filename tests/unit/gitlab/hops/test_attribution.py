"""Who answered or refused, how sure, and from which facts; and that no fact is claimed which is not there."""

from __future__ import annotations

import json
import pickle
import re
import time
import timeit
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple, Protocol

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gitlab.hops.test_refusal import (
    BODIES,
    DEPLOY_PAGE,
    EDGE,
    HAPROXY_403,
    HAPROXY_408,
    HTML,
    JSON,
    NAMES,
    NEAR_MISSES,
    NO_BUDGET,
    PAGE,
    RAILS,
    ROWS,
    SPENT,
    STAGING_LB,
    TEXT,
    VALUES,
    graphql,
    said,
)

from daily_runs.errors import Hop
from daily_runs.gitlab.hops.attribution import ANSWERED, Attribution, Certainty
from daily_runs.gitlab.hops.error_codes import attribution_of_answer
from daily_runs.gitlab.hops.exchange import Exchange
from daily_runs.gitlab.hops.refusal import RULES, TOO_MANY_REQUESTS, attribute, attribution_of

CERTAIN, LIKELY, UNKNOWN = Certainty
ID_ONLY = {**STAGING_LB, "x-request-id": "9f1c"}
NGINX_PAGE = "<html><head><title>502 Bad Gateway</title></head><body><center>nginx/1.22.1</center></body></html>"
COMPLEXITY = "Query has complexity of 301, which exceeds max complexity of 250"
GATEWAY_429 = json.dumps({"detail": "Too many requests. Please try again later."})
CUT_LIMIT = said({"error": TOO_MANY_REQUESTS})[:-4]


def answer(text: str) -> str:
    return json.dumps({"data": {"aiMessages": {"nodes": [{"content": text}]}}})


OLD_PAGE = (
    '<!DOCTYPE html><h1><span class="cf-error-type">Error</span>\n<span class="cf-error-code">{}</span></h1></html>'
)
CHALLENGE_PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body></body></html>"
BLOCK_PAGE = (
    "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>"
    "<h1>Sorry, you have been blocked</h1><script src='/cdn-cgi/scripts/x.js'></script></body></html>"
)


def edge_page(code: str, words: str) -> str:
    return (
        f"<!doctype html><title>{words}</title><h1>Error {code}</h1><p>{words}</p><p>Security by Cloudflare</p></html>"
    )


def five_page(code: int, words: str) -> str:
    title = f"<title>gitlab.example.com | {code}: {words}</title>"
    return f"<!DOCTYPE html>{title}<h1>{words}</h1><span>Error code {code}</span><p>Security by Cloudflare</p></html>"


def edge_json(status: int, code: int | None = None, name: str = "") -> str:
    more = {"error_code": code, "error_name": name} if code else {}
    return json.dumps({"title": "Error", "status": status, **more, "cloudflare_error": True, "retryable": False})


class Known(Protocol):
    """A case of either table."""

    @property
    def name(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> str: ...
    @property
    def hop(self) -> Hop: ...
    @property
    def exchange(self) -> Exchange: ...


class Case(NamedTuple):
    """An exchange, and who it must be attributed to."""

    name: str
    status: int
    headers: Mapping[str, str]
    body: str
    hop: Hop
    kind: str
    certainty: Certainty

    @property
    def exchange(self) -> Exchange:
        """As it was recorded."""
        return Exchange(self.status, self.headers, self.body, 0.2)


CASES = (
    # Answers.
    Case("an answer with Rails' headers", 200, {**RAILS, **JSON}, answer("yes"), Hop.GITLAB, ANSWERED, CERTAIN),
    Case("an answer with a request id, which proxies set too", 200, {**ID_ONLY, **JSON}, answer("yes"), Hop.GITLAB,
         ANSWERED, LIKELY),
    Case("an answer that passed the balancer, and nothing else", 200, {**STAGING_LB, **JSON}, answer("yes"),
         Hop.UNKNOWN, ANSWERED, UNKNOWN),
    Case("an answer whose headers were stripped", 200, JSON, answer("yes"), Hop.UNKNOWN, ANSWERED, UNKNOWN),
    Case("an answer that quotes the edge", 200, {**RAILS, **TEXT}, "error code: 1015", Hop.GITLAB, ANSWERED, CERTAIN),
    Case("an answer that is all Rack::Attack's words", 200, {**RAILS, **TEXT}, "Retry later", Hop.GITLAB, ANSWERED,
         CERTAIN),
    Case("an answer about complexity", 200, {**RAILS, **JSON}, answer(COMPLEXITY), Hop.GITLAB, ANSWERED, CERTAIN),
    Case("an answer with an error code in a sentence", 200, {**RAILS, **JSON}, answer("It said error code: A1001 and"),
         Hop.GITLAB, ANSWERED, CERTAIN),
    Case("an answer cut in the middle", 200, {**RAILS, **JSON}, '{"data": {"a', Hop.GITLAB, ANSWERED, CERTAIN),
    Case("nothing, created", 204, RAILS, "", Hop.GITLAB, ANSWERED, CERTAIN),
    # The edge.
    Case("1015 behind a proxy that took cf-ray away", 429, TEXT, "error code: 1015", Hop.CLOUDFLARE,
         "cloudflare_rate_limit", LIKELY),
    Case("a challenge behind such a proxy", 403, {"cf-mitigated": "challenge", **HTML}, "<html>wait", Hop.CLOUDFLARE,
         "cloudflare_challenge", LIKELY),
    Case("1020 quoted by Rails", 403, {**RAILS, **TEXT}, "error code: 1020", Hop.GITLAB, "forbidden", CERTAIN),
    Case("1020 with the status of 1015", 429, {**EDGE, **TEXT}, "error code: 1020", Hop.UNKNOWN, "http_429", UNKNOWN),
    Case("520 of the edge", 520, {**EDGE, **TEXT}, "error code: 520", Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    Case("526 of the edge", 526, {**EDGE, **TEXT}, "error code: 526", Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    Case("527 of the edge", 527, {**EDGE, **TEXT}, "error code: 527", Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    Case("528, which nobody has", 528, {**EDGE, **TEXT}, "error code: 528", Hop.UNKNOWN, "http_528", UNKNOWN),
    Case("522 without cf-ray", 522, TEXT, "error code: 522", Hop.UNKNOWN, "http_522", UNKNOWN),
    Case("522 behind the balancer", 522, {**STAGING_LB, **TEXT}, "error code: 522", Hop.UNKNOWN, "http_522", UNKNOWN),
    Case("522 that says 1015", 522, {**EDGE, **TEXT}, "error code: 1015", Hop.UNKNOWN, "http_522", UNKNOWN),
    # The load balancer.
    Case("the balancer of the other environment", 503, {"gitlab-lb": "fe-01-lb-gprd", **HTML}, PAGE, Hop.LOAD_BALANCER,
         "load_balancer_unavailable", CERTAIN),
    Case("a balancer of no known name", 503, {"gitlab-lb": "fe-01", **HTML}, PAGE, Hop.LOAD_BALANCER,
         "load_balancer_unavailable", LIKELY),
    Case("two balancers' names", 503, {"gitlab-lb": "a-lb-gstg, b-lb-gstg", **HTML}, PAGE, Hop.LOAD_BALANCER,
         "load_balancer_unavailable", LIKELY),
    Case("a name that is not ASCII", 429, {"gitlab-lb": "bälancer ☂", **HTML}, PAGE, Hop.LOAD_BALANCER,
         "load_balancer_rate_limit", LIKELY),
    Case("nginx's page under the balancer's name", 502, {**STAGING_LB, **HTML}, NGINX_PAGE, Hop.LOAD_BALANCER,
         "load_balancer_unavailable", LIKELY),
    Case("nginx's page without the name", 502, {"server": "nginx/1.22.1", **HTML}, NGINX_PAGE, Hop.UNKNOWN, "http_502",
         UNKNOWN),
    Case("JSON under the balancer's name", 503, {**STAGING_LB, **JSON}, said("down"), Hop.UNKNOWN, "http_503", UNKNOWN),
    Case("JSON under the balancer's name, by Rails", 503, {**RAILS, **JSON}, said("down"), Hop.GITLAB, "gitlab_error",
         CERTAIN),
    Case("a page under the balancer's name with a request id", 503, {**ID_ONLY, **HTML}, PAGE, Hop.GITLAB,
         "gitlab_error", LIKELY),
    # Rack::Attack and the application's limiters.
    Case("a 429 without a body", 429, {**RAILS, "content-length": "0"}, "", Hop.UNKNOWN, "http_429", UNKNOWN),
    Case("an empty budget without a body", 429, SPENT, "", Hop.GITLAB, "rack_attack", LIKELY),
    Case("another limiter's header, not spent", 429, {"ratelimit-name": "edge", **TEXT}, "Retry later", Hop.UNKNOWN,
         "http_429", UNKNOWN),
    Case("Rack::Attack's words in small letters", 429, {**RAILS, **TEXT}, "retry later", Hop.UNKNOWN, "http_429",
         UNKNOWN),
    Case("Rack::Attack's words in a page", 429, {**RAILS, **HTML}, "<p>Retry later</p>", Hop.UNKNOWN, "http_429",
         UNKNOWN),
    Case("Rack::Attack's words in a sentence", 429, {**RAILS, **TEXT}, "Retry later, please", Hop.UNKNOWN, "http_429",
         UNKNOWN),
    Case("Rack::Attack's words as a 503", 503, {**RAILS, **TEXT}, "Retry later", Hop.GITLAB, "gitlab_error", CERTAIN),
    Case("the limiter's words, all headers stripped", 429, JSON, said({"error": TOO_MANY_REQUESTS}), Hop.GITLAB,
         "application_limit", LIKELY),
    Case("the limiter's words in a JSON cut short", 429, {**RAILS, **JSON}, CUT_LIMIT, Hop.UNKNOWN, "http_429",
         UNKNOWN),
    Case("the limiter's JSON declared as text", 429, {**NO_BUDGET, **TEXT}, said({"error": TOO_MANY_REQUESTS}),
         Hop.GITLAB, "application_limit", CERTAIN),
    Case("the limiter's JSON declared as a page", 429, {**NO_BUDGET, **HTML}, said({"error": TOO_MANY_REQUESTS}),
         Hop.UNKNOWN, "http_429", UNKNOWN),
    Case("ai_action, all headers stripped", 200, JSON, graphql(TOO_MANY_REQUESTS, "aiAction"), Hop.GITLAB,
         "ai_action_limit", LIKELY),
    Case("complexity quoted within another error", 200, {**RAILS, **JSON}, graphql(f"Variable: {COMPLEXITY}"),
         Hop.GITLAB, "graphql_error", CERTAIN),
    # AI Gateway.
    Case("the gateway's words, which are anybody's, without Rails", 429, JSON, GATEWAY_429, Hop.UNKNOWN, "http_429",
         UNKNOWN),
    Case("the gateway's own words without Rails", 503, JSON, json.dumps({"detail": "Inference failed"}),
         Hop.AI_GATEWAY, "inference_failed", LIKELY),
    Case("a 402 with its code in a sentence", 402, {**RAILS, **JSON}, said("no USAGE_QUOTA_EXCEEDED here"), Hop.UNKNOWN,
         "http_402", UNKNOWN),
    # Portals and login pages.
    Case("a captive portal's redirect", 302, {"location": "http://portal.example.com/login"}, "", Hop.UNKNOWN,
         "http_302", UNKNOWN),
    Case("a portal that wants to come back to the login page", 302,
         {"location": "http://portal.example.com/?back=https://gitlab.example.com/users/sign_in"}, "", Hop.UNKNOWN,
         "http_302", UNKNOWN),
    Case("a path that begins like the login page's", 302, {**RAILS, "location": "/users/sign_in_help"}, "",
         Hop.UNKNOWN, "http_302", UNKNOWN),
    Case("a redirect to the login page, headers stripped", 302, {"location": "/users/sign_in?from=api"}, "", Hop.GITLAB,
         "sign_in_page", LIKELY),
    Case("a login page with 200 that nobody vouches for", 200, HTML, "<form action='/users/sign_in'>", Hop.UNKNOWN,
         "html_page", UNKNOWN),
    Case("a page that nobody declared", 200, {}, "<!doctype html><title>Hotel</title>", Hop.UNKNOWN, "html_page",
         UNKNOWN),
    Case("a page of another declared type", 200, {"content-type": "application/xhtml+xml"}, "<html/>", Hop.UNKNOWN,
         "html_page", UNKNOWN),
    # Nothing known.
    Case("a status that HTTP does not have", 999, {}, "?", Hop.UNKNOWN, "http_999", UNKNOWN),
    Case("a huge body", 500, TEXT, "x" * 65_536, Hop.UNKNOWN, "http_500", UNKNOWN),
)  # fmt: skip


EDGE_CASES = (
    # Cloudflare's numbers, on a page.
    Case("1015 as its page", 429, {**EDGE, **HTML}, edge_page("1015", "You are being rate limited"), Hop.CLOUDFLARE,
         "cloudflare_rate_limit", CERTAIN),
    Case("1015 in the old page's marks", 429, {**EDGE, **HTML}, OLD_PAGE.format(1015), Hop.CLOUDFLARE,
         "cloudflare_rate_limit", CERTAIN),
    Case("1020 as its page", 403, {**EDGE, **HTML}, edge_page("1020", "Access denied"), Hop.CLOUDFLARE,
         "cloudflare_blocked", CERTAIN),
    Case("1009 as its page", 403, {**EDGE, **HTML}, edge_page("1009", "Access denied"), Hop.CLOUDFLARE,
         "cloudflare_blocked", CERTAIN),
    Case("1010 in a script's words", 403, {**EDGE, **HTML}, "<html><script>x({errorCode: 1010, b: 1})</script></html>",
         Hop.CLOUDFLARE, "cloudflare_blocked", CERTAIN),
    Case("1006 as its page, cf-ray taken away", 403, HTML, edge_page("1006", "Access denied"), Hop.CLOUDFLARE,
         "cloudflare_blocked", LIKELY),
    Case("the firewall's block page", 403, {**EDGE, **HTML}, BLOCK_PAGE, Hop.CLOUDFLARE, "cloudflare_blocked", CERTAIN),
    Case("520 as its page", 520, {**EDGE, **HTML}, five_page(520, "Web server is returning an unknown error"),
         Hop.CLOUDFLARE, "cloudflare_origin_unreachable", CERTAIN),
    Case("524 as its page", 524, {**EDGE, **HTML}, five_page(524, "A timeout occurred"), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", CERTAIN),
    Case("527 as its page", 527, {**EDGE, **HTML}, five_page(527, "Railgun error"), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", CERTAIN),
    Case("502 as Cloudflare's page", 502, {**EDGE, **HTML}, five_page(502, "Bad gateway"), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", CERTAIN),
    Case("1033 as its page", 530, {**EDGE, **HTML}, edge_page("1033", "Cloudflare Tunnel error"), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", CERTAIN),
    # The same in a line, and in JSON.
    Case("1033 in a line", 530, {**EDGE, **TEXT}, "error code: 1033", Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    Case("1009 in a line", 403, {**EDGE, **TEXT}, "error code: 1009\n", Hop.CLOUDFLARE, "cloudflare_blocked", CERTAIN),
    Case("504 in a line", 504, {**EDGE, **TEXT}, "error code: 504", Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    Case("530 in the zone owner's words", 530, {**EDGE, **JSON}, said("A server error occurred."), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", LIKELY),
    Case("1015 in JSON", 429, {**EDGE, **JSON}, edge_json(429, 1015, "rate_limited"), Hop.CLOUDFLARE,
         "cloudflare_rate_limit", CERTAIN),
    Case("1015 in JSON with another status", 503, {**EDGE, **JSON}, edge_json(503, 1015, "rate_limited"),
         Hop.CLOUDFLARE, "cloudflare_rate_limit", CERTAIN),
    Case("1010 in JSON", 403, {**EDGE, **JSON}, edge_json(403, 1010, "browser_signature_banned"), Hop.CLOUDFLARE,
         "cloudflare_blocked", CERTAIN),
    Case("1033 in JSON, cf-ray taken away", 530, JSON, edge_json(530, 1033, "tunnel_error"), Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", LIKELY),
    Case("520 in JSON", 520, {**EDGE, **JSON}, edge_json(520), Hop.CLOUDFLARE, "cloudflare_origin_unreachable",
         CERTAIN),
    # Challenges without their header.
    Case("a challenge by its title", 403, {**EDGE, **HTML}, CHALLENGE_PAGE, Hop.CLOUDFLARE, "cloudflare_challenge",
         CERTAIN),
    Case("the same as a 503", 503, {**EDGE, **HTML}, CHALLENGE_PAGE, Hop.CLOUDFLARE, "cloudflare_challenge", CERTAIN),
    Case("a challenge by its script", 429, {**EDGE, **HTML}, "<html><script>window._cf_chl_opt={}</script></html>",
         Hop.CLOUDFLARE, "cloudflare_challenge", CERTAIN),
    Case("a challenge with its header as a 429", 429, {**EDGE, **HTML, "cf-mitigated": "challenge"}, "<html>wait",
         Hop.CLOUDFLARE, "cloudflare_challenge", CERTAIN),
    Case("a challenge's title, cf-ray taken away", 503, HTML, CHALLENGE_PAGE, Hop.CLOUDFLARE, "cloudflare_challenge",
         LIKELY),
    # What only resembles it.
    Case("a page about 1015 that Rails made", 429, {**RAILS, **HTML}, edge_page("1015", "rate limited"), Hop.UNKNOWN,
         "http_429", UNKNOWN),
    Case("1015's page behind the balancer", 403, {"gitlab-lb": "other", **EDGE, **TEXT}, "error code: 1010",
         Hop.UNKNOWN, "http_403", UNKNOWN),
    Case("a number that Cloudflare has not", 403, {**EDGE, **HTML}, edge_page("1999", "Access denied"), Hop.UNKNOWN,
         "http_403", UNKNOWN),
    Case("1015 with the status of 1020, on a page", 403, {**EDGE, **HTML}, edge_page("1015", "rate limited"),
         Hop.UNKNOWN, "http_403", UNKNOWN),
    Case("522's page with another status", 503, {**EDGE, **HTML}, five_page(522, "Connection timed out"), Hop.UNKNOWN,
         "http_503", UNKNOWN),
    Case("502 on somebody's page behind Cloudflare", 502, {**EDGE, **HTML}, "<html><h1>Error 502</h1></html>",
         Hop.UNKNOWN, "http_502", UNKNOWN),
    Case("520 without cf-ray", 520, HTML, five_page(520, "unknown error"), Hop.UNKNOWN, "http_520", UNKNOWN),
    Case("a number in JSON that is not said to be Cloudflare's", 429, {**EDGE, **JSON},
         json.dumps({"error_code": 1015, "cloudflare_error": "yes"}), Hop.UNKNOWN, "http_429", UNKNOWN),
    Case("Cloudflare's JSON quoted by Rails", 403, {**RAILS, **JSON}, edge_json(403, 1010), Hop.GITLAB, "forbidden",
         CERTAIN),
    Case("an ordinary page with Cloudflare's scripts", 403, {**EDGE, **HTML},
         "<html><script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script></html>", Hop.UNKNOWN,
         "http_403", UNKNOWN),
    Case("Just a moment, in a sentence", 503, {**EDGE, **HTML}, "<html><p>Just a moment...</p></html>", Hop.UNKNOWN,
         "http_503", UNKNOWN),
    Case("a challenge's title with a status that it has not", 500, {**EDGE, **HTML}, CHALLENGE_PAGE, Hop.UNKNOWN,
         "http_500", UNKNOWN),
    Case("a block page without cf-ray", 403, HTML, "<html><h1>Sorry, you have been blocked</h1></html>", Hop.UNKNOWN,
         "http_403", UNKNOWN),
    Case("530 without cf-ray", 530, JSON, said("A server error occurred."), Hop.UNKNOWN, "http_530", UNKNOWN),
    Case("a custom rule's body, where nothing is known of the path", 403, {**EDGE, **JSON}, said("go away"),
         Hop.UNKNOWN, "http_403", UNKNOWN),
    # HAProxy, and GitLab's own pages.
    Case("HAProxy's 403 of the other environment", 403, {"gitlab-lb": "fe-01-lb-gprd", **HTML}, HAPROXY_403,
         Hop.LOAD_BALANCER, "load_balancer_blocked", CERTAIN),
    Case("another 403 page under the balancer's name", 403, {**STAGING_LB, **HTML}, "<html><h1>403</h1></html>",
         Hop.LOAD_BALANCER, "load_balancer_blocked", LIKELY),
    Case("HAProxy's 403 of nobody's balancer", 403, HTML, HAPROXY_403, Hop.UNKNOWN, "http_403", UNKNOWN),
    Case("HAProxy's 403 quoted by Rails", 403, {**RAILS, **HTML}, HAPROXY_403, Hop.GITLAB, "forbidden", CERTAIN),
    Case("HAProxy's 408, undeclared", 408, STAGING_LB, HAPROXY_408, Hop.LOAD_BALANCER, "load_balancer_timeout",
         CERTAIN),
    Case("a 408 in JSON under the balancer's name", 408, {**STAGING_LB, **JSON}, said("late"), Hop.UNKNOWN, "http_408",
         UNKNOWN),
    Case("HAProxy's 408 without the name", 408, {**EDGE, **HTML}, HAPROXY_408, Hop.UNKNOWN, "http_408", UNKNOWN),
    Case("the deploy page under the balancer's name", 503, {**STAGING_LB, **HTML}, DEPLOY_PAGE, Hop.GITLAB,
         "gitlab_deploying", LIKELY),
    Case("the deploy page with 200", 200, HTML, DEPLOY_PAGE, Hop.GITLAB, "gitlab_deploying", LIKELY),
    Case("the deploy page's words in a sentence", 503, {**STAGING_LB, **HTML}, "<p>Deploy in progress</p>",
         Hop.LOAD_BALANCER, "load_balancer_unavailable", CERTAIN),
    Case("the deploy page's words in JSON", 503, {**EDGE, **JSON}, said("Deploy in progress"), Hop.UNKNOWN, "http_503",
         UNKNOWN),
    Case("Workhorse's page while Rails is away", 502, {**STAGING_LB, **HTML},
         "<html><head><title>GitLab is not responding (502)</title></head></html>", Hop.GITLAB, "gitlab_error", LIKELY),
    # Rails' own refusals.
    Case("a 400 by Rails", 400, {**RAILS, **JSON}, json.dumps({"error": "id is invalid"}), Hop.GITLAB,
         "request_rejected", CERTAIN),
    Case("a 422 page by Rails", 422, {**RAILS, **HTML}, "<title>The change you wanted was rejected (422)</title>",
         Hop.GITLAB, "request_rejected", CERTAIN),
    Case("a 413 with a request id only", 413, {**ID_ONLY, **JSON}, said("413"), Hop.GITLAB, "request_rejected", LIKELY),
    Case("a 413 of a proxy", 413, {**STAGING_LB, **HTML}, "<h1>413 Request Entity Too Large</h1>", Hop.UNKNOWN,
         "http_413", UNKNOWN),
    Case("a 400 of nobody", 400, JSON, json.dumps({"error": "id is invalid"}), Hop.UNKNOWN, "http_400", UNKNOWN),
)  # fmt: skip

GATEWAY_CASES = (
    Case("another sentence of the gateway about a login", 401, {**RAILS, **JSON},
         json.dumps({"error": "Header mismatch 'X-Gitlab-Instance-Id'"}), Hop.AI_GATEWAY, "gateway_unauthorized",
         LIKELY),
    Case("a 401 by the framework", 401, {**RAILS, **JSON}, json.dumps({"detail": "Not authenticated"}), Hop.AI_GATEWAY,
         "gateway_unauthorized", LIKELY),
    Case("a 403 about another project", 403, {**RAILS, **JSON}, json.dumps({"detail": "Gitlab project id mismatch"}),
         Hop.AI_GATEWAY, "gateway_forbidden", LIKELY),
    Case("a 422 in one sentence", 422, {**RAILS, **JSON}, json.dumps({"detail": "Validation error"}), Hop.AI_GATEWAY,
         "gateway_rejected", LIKELY),
    Case("a 404 about a prompt of its own", 404, {**RAILS, **JSON}, json.dumps({"detail": "Prompt 'x' not found"}),
         Hop.AI_GATEWAY, "gateway_rejected", LIKELY),
    Case("a 502 about the vendor", 502, {**RAILS, **JSON}, json.dumps({"detail": "Anthropic API Status Error."}),
         Hop.AI_GATEWAY, "gateway_error", LIKELY),
    Case("a 500 by the server under the framework", 500, {**RAILS, **TEXT}, "Internal Server Error", Hop.AI_GATEWAY,
         "gateway_error", LIKELY),
    Case("a 429 in other words", 429, {**RAILS, **JSON}, json.dumps({"detail": "Slow down"}), Hop.AI_GATEWAY,
         "gateway_rate_limit", LIKELY),
    Case("not entitled, as a 403", 403, {**RAILS, **JSON}, json.dumps({"error_code": "USAGE_QUOTA_NOT_ENTITLED"}),
         Hop.AI_GATEWAY, "usage_quota_refused", LIKELY),
    Case("another code of that family", 402, JSON, json.dumps({"error_code": "USAGE_QUOTA_SUSPENDED"}), Hop.AI_GATEWAY,
         "usage_quota_refused", LIKELY),
    # GitLab's own refusals, which look alike.
    Case("the gateway's shape, marked as GitLab's", 401, {**RAILS, **JSON, "x-gitlab-error-origin": "monolith"},
         json.dumps({"error": "Invalid token"}), Hop.GITLAB, "unauthorized", CERTAIN),
    Case("the framework's shape, marked as GitLab's", 422, {**RAILS, **JSON, "x-gitlab-error-origin": "monolith"},
         json.dumps({"detail": "Validation error"}), Hop.GITLAB, "request_rejected", CERTAIN),
    Case("a 500 marked as GitLab's, Rails' headers taken away", 500, {**JSON, "x-gitlab-error-origin": "monolith"},
         json.dumps({"detail": "x"}), Hop.GITLAB, "gitlab_error", LIKELY),
    Case("GitLab's OAuth", 401, {**RAILS, **JSON},
         json.dumps({"error": "invalid_token", "error_description": "Token was revoked."}), Hop.GITLAB, "unauthorized",
         CERTAIN),
    Case("GitLab's OAuth in one word", 401, {**RAILS, **JSON}, json.dumps({"error": "invalid_token"}), Hop.GITLAB,
         "unauthorized", CERTAIN),
    Case("GitLab's login asks to sign in", 401, {**RAILS, **JSON},
         json.dumps({"error": "You need to sign in or sign up before continuing."}), Hop.GITLAB, "unauthorized",
         CERTAIN),
    Case("GitLab's status as an error", 401, {**RAILS, **JSON}, json.dumps({"error": "401 Unauthorized"}), Hop.GITLAB,
         "unauthorized", CERTAIN),
    Case("GitLab's GraphQL about a token", 401, {**RAILS, **JSON}, graphql("Invalid token"), Hop.GITLAB,
         "unauthorized", CERTAIN),
    Case("detail beside a message", 403, {**RAILS, **JSON}, json.dumps({"message": "403 Forbidden", "detail": "x"}),
         Hop.GITLAB, "forbidden", CERTAIN),
    Case("detail within a message", 500, {**RAILS, **JSON}, said({"detail": "x"}), Hop.GITLAB, "gitlab_error", CERTAIN),
    Case("the framework's shape without Rails", 403, {**EDGE, **JSON}, json.dumps({"detail": "Forbidden"}), Hop.UNKNOWN,
         "http_403", UNKNOWN),
    Case("the gateway's 401 without Rails", 401, JSON, json.dumps({"error": "Invalid token"}), Hop.UNKNOWN, "http_401",
         UNKNOWN),
    Case("a list of details", 500, {**RAILS, **JSON}, json.dumps([{"detail": "x"}]), Hop.GITLAB, "gitlab_error",
         CERTAIN),
    Case("a code of that family in a sentence", 403, {**RAILS, **JSON}, said("USAGE_QUOTA_NOT_ENTITLED, sorry"),
         Hop.GITLAB, "forbidden", CERTAIN),
    Case("an answer about quotas", 200, {**RAILS, **JSON}, json.dumps({"error_code": "USAGE_QUOTA_NOT_ENTITLED"}),
         Hop.GITLAB, ANSWERED, CERTAIN),
)  # fmt: skip


@pytest.mark.parametrize("case", [*CASES, *EDGE_CASES, *GATEWAY_CASES], ids=lambda case: case.name)
def test_each_exchange_has_its_hop_kind_and_certainty(case: Case) -> None:
    found = attribution_of(case.exchange)
    assert (found.hop, found.kind, found.certainty) == (case.hop, case.kind, case.certainty)


def test_there_are_many_near_misses_and_each_has_a_name_of_its_own() -> None:
    names = [case.name for case in KNOWN]
    assert len(NEAR_MISSES) + len(CASES) >= 75
    assert len(names) == len(set(names))


EVIDENCE: tuple[tuple[int, Mapping[str, str], str, tuple[str, ...]], ...] = (
    (503, {**STAGING_LB, **HTML}, PAGE, ("status 503", "gitlab-lb present", "no x-request-id", "no x-runtime",
     "no x-gitlab-meta", "gitlab-lb has 'haproxy-main-01-lb-gstg'", "html page")),
    (429, {**SPENT, **TEXT}, "Retry later\n",
     ("status 429", "ratelimit-name has 'throttle_authenticated_api'", "no html page", "said 'Retry later'")),
    (200, JSON, graphql(TOO_MANY_REQUESTS, "aiAction"),
     ("status 200", "GraphQL errors", "on aiAction", f"said '{TOO_MANY_REQUESTS}'", "no x-runtime",
      "no x-gitlab-meta")),
    (200, {**RAILS, **JSON}, answer("yes"),
     ("status 200", "x-request-id present", "x-runtime present", "x-gitlab-meta present")),
    (502, {}, "", ()),
)  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "evidence"), EVIDENCE)
def test_the_facts_that_decided_are_named_one_by_one(
    status: int, headers: dict[str, str], body: str, evidence: tuple[str, ...]
) -> None:
    assert attribution_of(Exchange(status, headers, body)).evidence == evidence


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind"),
    [
        (403, {**EDGE, **TEXT}, "Not here.", "cloudflare_blocked"),
        (403, {**EDGE, **JSON}, said("go away"), "cloudflare_blocked"),
        (429, {**EDGE, **JSON}, said("slow down"), "cloudflare_rate_limit"),
        (503, {**EDGE, **HTML}, "<html>Back soon</html>", "cloudflare_origin_unreachable"),
        (522, {**EDGE, **JSON}, "{}", "cloudflare_origin_unreachable"),
    ],
)
def test_a_custom_answer_of_the_edge_is_likely_where_all_else_on_the_path_is_signed_by_the_balancer(
    status: int, headers: dict[str, str], body: str, kind: str
) -> None:
    alone = Exchange(status, headers, body)
    assert attribution_of(alone).hop is Hop.UNKNOWN
    found = attribution_of(replace(alone, balancer_expected=True))
    assert (found.hop, found.kind, found.certainty) == (Hop.CLOUDFLARE, kind, LIKELY)
    assert "cf-ray present" in found.evidence
    assert "no gitlab-lb" in found.evidence
    for taken in ("cf-ray", "server"):
        left = {name: value for name, value in headers.items() if name != taken}
        assert attribution_of(Exchange(status, left, body, balancer_expected=True)).hop is Hop.UNKNOWN
    signed = Exchange(status, {**headers, "gitlab-lb": "x"}, body, balancer_expected=True)
    assert attribution_of(signed).hop is not Hop.CLOUDFLARE


@pytest.mark.timeout(10)
@pytest.mark.parametrize("body", ["error" + " " * 65_000, "error code" * 6_500, "<a>" * 21_000, "error<a> " * 7_000])
def test_a_long_page_is_judged_at_once(body: str) -> None:
    assert attribution_of(Exchange(429, {**EDGE, **HTML}, f"<html>{body}")).kind == "http_429"


@pytest.mark.parametrize(
    ("status", "headers", "line"),
    [
        (403, HTML, "|522: "),
        (403, {**EDGE, **HTML}, "error 504 "),
        (503, {**EDGE, **HTML}, "<b>Error</b> code: 1015 error code: 521\n"),
        (522, {**EDGE, **HTML}, "|522: "),
        (530, {**EDGE, **HTML}, "error: <b>530</b> "),
    ],
)
def test_a_page_full_of_numbers_takes_time_in_proportion_to_its_length(
    status: int, headers: Mapping[str, str], line: str
) -> None:
    """16 times where the time is linear, 256 where it is quadratic. The quickest of some runs, in processor time."""

    def seconds(characters: int) -> float:
        exchange = Exchange(status, headers, "<html>" + line * (characters // len(line)))
        return min(timeit.repeat(lambda: attribution_of(exchange), time.process_time, number=1, repeat=3))

    assert seconds(32_000) < 100 * seconds(2_000)


def test_the_number_of_an_edges_page_is_found_behind_others_that_do_not_fit() -> None:
    body = "<!DOCTYPE html>" + "error 404 " * 30 + five_page(522, "Connection timed out")
    found = attribution_of(Exchange(522, {**EDGE, **HTML}, body))
    assert found.kind == "cloudflare_origin_unreachable"


SEEN: tuple[tuple[int, Mapping[str, str], str, str, str], ...] = (
    (502, {}, "", "no server header", "empty body"),
    (502, {"server": "nginx/1.22.1", **HTML}, NGINX_PAGE, "server nginx/1.22.1",
     "html page, 98 characters, title '502 Bad Gateway'"),
    (503, HTML, PAGE, "no server header", "html page, 58 characters, title '503 Service Unavailable'"),
    (502, {"server": "évil\x1b[31m"}, "gone", "server with an odd name", "no content type, 4 characters"),
    (429, {"server": "edge", **JSON}, '{"error": "cut', "server edge",
     "application/json that is no JSON, 14 characters"),
    (500, {"content-type": "te\x00xt"}, "x" * 70_000, "no server header",
     "an odd content type, 70,000 characters or more"),
    (403, HTML, "<title>{{ secret }}</title>", "no server header", "html page, 27 characters"),
)  # fmt: skip


@pytest.mark.parametrize(("status", "headers", "body", "server", "described"), SEEN)
def test_where_no_hop_is_named_it_shows_what_it_saw(
    status: int, headers: dict[str, str], body: str, server: str, described: str
) -> None:
    found = attribution_of(Exchange(status, headers, body, 0.2))
    assert found.hop is Hop.UNKNOWN
    assert found.seen == (f"status {status}", "headers tell nothing", server, described, "after 0.2 s")
    assert found.error is not None
    assert found.error.evidence == "; ".join(found.seen)


def test_only_a_failure_that_is_likely_says_so_in_its_error() -> None:
    sure, likely = (attribute(Exchange(429, {**with_ray, **TEXT}, "error code: 1015")) for with_ray in (EDGE, {}))
    assert sure is not None
    assert likely is not None
    assert likely.evidence.endswith("likely, not certain")
    assert "likely" not in sure.evidence


def test_a_success_is_no_error_and_reads_as_one_line() -> None:
    found = attribution_of(Exchange(200, {**RAILS, **JSON}, answer("the secret answer")))
    assert found.error is None
    assert str(found).startswith("answered at gitlab, certain: status 200, x-request-id present")
    assert "secret" not in f"{found!r} {pickle.loads(pickle.dumps(found))}"


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ([(b"Server", b"caf\xe9"), (b"GITLAB-LB", b"x-lb-gstg")], "grüße"),
        ([(b"Content-Type", b"text/html; charset=no-such-set")], "<html>"),
        ([(b"Content-Type", b"\xff\xfe"), (b"Retry-After", "soon ☂".encode())], "\ud83d"),
        ([(b"X-Request-Id", b"a"), (b"X-Request-Id", b"b")], ""),
    ],
)
def test_odd_headers_of_a_real_response_are_recorded_and_attributed(
    headers: list[tuple[bytes, bytes]], text: str
) -> None:
    response = httpx.Response(503, headers=headers, content=text.encode("utf-8", "surrogatepass") * 50_000)
    exchange = Exchange.of(response, 0.1)
    assert set(exchange.headers) >= {name.decode().lower() for name, _ in headers}
    assert attribution_of(exchange).kind in {"http_503", "load_balancer_unavailable", "gitlab_error"}


@pytest.mark.parametrize(
    ("text", "hop", "certainty"),
    [
        ("I'm sorry. Please try again. Error code: M5000", Hop.GITLAB, CERTAIN),
        ("I'm sorry. Please try again. Error code: G3001", Hop.AI_GATEWAY, CERTAIN),
        ("I'm sorry. Please try again. Error code: A1001", Hop.MODEL_VENDOR, CERTAIN),
        ("Sorry, error A1002.", Hop.MODEL_VENDOR, LIKELY),
    ],
)
def test_an_answers_text_that_is_an_error_is_attributed_by_its_letter(
    text: str, hop: Hop, certainty: Certainty
) -> None:
    found = attribution_of_answer(text)
    assert found is not None
    assert (found.hop, found.certainty, len(found.evidence)) == (hop, certainty, 1)
    assert "sorry" not in str(found).lower()


def test_an_answer_that_explains_a_code_is_nobodys_error() -> None:
    explained = "The job asks an assistant for notes and fails on what comes back. " * 5
    assert attribution_of_answer(f"{explained}\n```\nError code: A1001\n```\n{explained}") is None


# Every fact that is claimed can be checked against the exchange, by words alone.

CLAIMS: tuple[tuple[str, Callable[[Exchange, re.Match[str]], bool]], ...] = (
    (r"status (\d+)", lambda e, m: e.status == int(m[1])),
    (r"html page", lambda e, m: e.html),
    (r"no html page", lambda e, m: not e.html),
    (r"GraphQL errors", lambda e, m: '"errors"' in e.body and '"message"' in e.body),
    (r"on (\w+)", lambda e, m: m[1] in e.body),
    (r"(?s)said (['\"])(.*)\1", lambda e, m: m[2] in e.body),
    (r"([\w-]+) present", lambda e, m: m[1] in e.headers),
    (r"no ([\w-]+)", lambda e, m: m[1] not in e.headers),
    (r"([\w-]+) has '(.*)'", lambda e, m: m[2] in e.headers[m[1]]),
)


def holds(claim: str, exchange: Exchange) -> bool:
    """Whether a fact is one of the known forms, and true."""
    for pattern, true in CLAIMS:
        found = re.fullmatch(pattern, claim)
        if found:
            return true(exchange, found)
    return False


def check(found: Attribution, exchange: Exchange) -> None:
    """What holds for every attribution."""
    assert (found.hop is Hop.UNKNOWN) == (found.certainty is Certainty.UNKNOWN)
    assert [claim for claim in found.evidence if not holds(claim, exchange)] == []
    telling = [claim for claim in found.evidence if not re.fullmatch(r"status \d+|no html page|html page", claim)]
    if found.hop is Hop.UNKNOWN:
        assert found.evidence == ()
        assert found.seen[0] == f"status {exchange.status}"
    else:
        assert [claim for claim in telling if not claim.startswith("no ")], "a hop is named by what is there"


KNOWN: tuple[Known, ...] = (*ROWS, *NEAR_MISSES, *CASES, *EDGE_CASES, *GATEWAY_CASES)


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: case.name)
def test_every_fact_is_true_also_with_any_one_header_taken_away(case: Known) -> None:
    check(attribution_of(case.exchange), case.exchange)
    for gone in case.headers:
        left = {name: value for name, value in case.headers.items() if name != gone}
        without = Exchange(case.status, left, case.body)
        check(attribution_of(without), without)


def test_without_its_headers_no_refusal_is_certain() -> None:
    bare = [attribution_of(Exchange(case.status, {}, case.body)) for case in KNOWN]
    assert {found.certainty for found in bare} == {LIKELY, UNKNOWN}


MUTATED = st.sampled_from(KNOWN).flatmap(
    lambda case: st.builds(
        Exchange,
        st.just(case.status) | st.integers(100, 999),
        st.builds(
            lambda kept, more: {name: case.headers[name] for name in kept} | more,
            st.sets(st.sampled_from(sorted(case.headers))) if case.headers else st.just(set()),
            st.dictionaries(NAMES, VALUES, max_size=3),
        ),
        st.just(case.body) | BODIES,
    )
)


@settings(max_examples=200)
@given(MUTATED)
def test_no_exchange_makes_it_raise_or_name_a_hop_without_evidence(exchange: Exchange) -> None:
    found = attribution_of(exchange)
    check(found, exchange)
    assert (found.error is None) == (found.kind == ANSWERED)


def test_every_hop_that_a_rule_names_was_seen_above() -> None:
    assert {rule.hop for rule in RULES} <= {case.hop for case in KNOWN}
    assert {rule.certainty for rule in RULES} == {CERTAIN, LIKELY}

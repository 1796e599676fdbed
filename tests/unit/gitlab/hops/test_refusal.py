"""The evidence table of docs/domain.md §3, row by row, and what only resembles a row."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daily_runs.errors import Blame, Hop
from daily_runs.gitlab.hops.attribution import Certainty
from daily_runs.gitlab.hops.exchange import HEADER_CHARACTERS_MAX, Exchange
from daily_runs.gitlab.hops.refusal import RULES, TOO_MANY_REQUESTS, attribute, attribution_of

EDGE = {"server": "cloudflare", "cf-ray": "8f2b1c0e9d3a4b5c-FRA"}
STAGING_LB = {**EDGE, "gitlab-lb": "haproxy-main-01-lb-gstg"}
BUDGET = {
    "ratelimit-name": "throttle_authenticated_api",
    "ratelimit-limit": "2000",
    "ratelimit-observed": "17",
    "ratelimit-remaining": "1983",
    "ratelimit-reset": "1790000000",
}
RAILS = {**STAGING_LB, **BUDGET, "x-request-id": "01J9", "x-runtime": "0.041", "x-gitlab-meta": "{}"}
NO_BUDGET = {**{k: v for k, v in RAILS.items() if not k.startswith("ratelimit")}}
SPENT = {**RAILS, "ratelimit-observed": "2001", "ratelimit-remaining": "0", "retry-after": "12"}
JSON = {"content-type": "application/json; charset=utf-8"}
TEXT = {"content-type": "text/plain; charset=utf-8"}
HTML = {"content-type": "text/html; charset=utf-8"}
HAPROXY_403 = "<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"
HAPROXY_408 = (
    "<html><body><h1>408 Request Time-out</h1>\nYour browser didn't send a complete request in time.\n</body></html>\n"
)
DEPLOY_PAGE = (
    "<!DOCTYPE html><html><head><title>Deploy in progress</title></head><body><h1>Deploy in progress</h1></body></html>"
)
PAGE = "<html><body><h1>503 Service Unavailable</h1></body></html>"


@dataclass(frozen=True)
class Case:
    name: str
    status: int
    headers: Mapping[str, str]
    body: str
    hop: Hop
    kind: str
    blame: Blame
    retryable: bool
    retry_after_seconds: float | None = field(default=None)
    sure: Certainty = Certainty.CERTAIN

    @property
    def certainty(self) -> Certainty:
        """Who is not named cannot be sure."""
        return Certainty.UNKNOWN if self.hop is Hop.UNKNOWN else self.sure

    @property
    def exchange(self) -> Exchange:
        return Exchange(self.status, self.headers, self.body, 0.2)


def graphql(message: str, *path: str, data: object = None) -> str:
    entry: dict[str, object] = {"message": message}
    if path:
        entry["path"] = list(path)
    return json.dumps({"data": data, "errors": [entry]} if data is not None else {"errors": [entry]})


def said(message: object) -> str:
    return json.dumps({"message": message})


LIKELY = Certainty.LIKELY
PROVIDER, OURS, RATE = Blame.PROVIDER, Blame.OWN_SYSTEM, Blame.RATE_LIMIT
ROWS = (
    Case("edge 1015", 429, {**EDGE, **TEXT, "retry-after": "10"}, "error code: 1015", Hop.CLOUDFLARE,
         "cloudflare_rate_limit", RATE, True, 10.0),
    Case("edge 1015 as a page", 429, {**EDGE, **HTML}, "<html>error code: 1015</html>", Hop.CLOUDFLARE,
         "cloudflare_rate_limit", RATE, True),
    Case("edge 1020", 403, {**EDGE, **TEXT}, "error code: 1020\n", Hop.CLOUDFLARE, "cloudflare_blocked", OURS, False),
    Case("edge challenge", 403, {**EDGE, **HTML, "cf-mitigated": "challenge"}, "<html>Just a moment</html>",
         Hop.CLOUDFLARE, "cloudflare_challenge", OURS, False),
    Case("edge without origin", 522, {**EDGE, **TEXT}, "error code: 522", Hop.CLOUDFLARE,
         "cloudflare_origin_unreachable", PROVIDER, True),
    Case("balancer 429", 429, {**STAGING_LB, **HTML}, PAGE, Hop.LOAD_BALANCER, "load_balancer_rate_limit", RATE, True),
    Case("balancer 502", 502, {**STAGING_LB, **HTML}, PAGE, Hop.LOAD_BALANCER, "load_balancer_unavailable", PROVIDER,
         True),
    Case("balancer 503 undeclared", 503, STAGING_LB, PAGE, Hop.LOAD_BALANCER, "load_balancer_unavailable", PROVIDER,
         True),
    Case("balancer 504", 504, {"gitlab-lb": "fe-01-lb-gprd", **HTML}, PAGE, Hop.LOAD_BALANCER,
         "load_balancer_unavailable", PROVIDER, True),
    Case("rack attack", 429, {**SPENT, **TEXT}, "Retry later\n", Hop.GITLAB, "rack_attack", RATE, True, 12.0),
    Case("rack attack in other words", 429, {**SPENT, **TEXT}, "Slow down, please", Hop.GITLAB, "rack_attack", RATE,
         True, 12.0, sure=LIKELY),
    Case("rack attack, budget stripped", 429, {**NO_BUDGET, **TEXT}, "Retry later", Hop.GITLAB, "rack_attack", RATE,
         True, sure=LIKELY),
    Case("application limit, REST", 429, {**NO_BUDGET, **JSON}, said({"error": TOO_MANY_REQUESTS}), Hop.GITLAB,
         "application_limit", RATE, True),
    Case("application limit, code suggestions", 429, {**RAILS, **JSON, "x-gitlab-error-origin": "monolith"}, "{}",
         Hop.GITLAB, "application_limit", RATE, True),
    Case("ai_action", 200, {**NO_BUDGET, **JSON}, graphql(TOO_MANY_REQUESTS, "aiAction", data={"aiAction": None}),
         Hop.GITLAB, "ai_action_limit", RATE, False),
    Case("complexity", 200, {**RAILS, **JSON},
         graphql("Query has complexity of 301, which exceeds max complexity of 250"), Hop.GITLAB, "query_complexity",
         OURS, False),
    Case("depth", 200, {**RAILS, **JSON}, graphql("Query has depth of 21, which exceeds max depth of 20"), Hop.GITLAB,
         "query_depth", OURS, False),
    Case("recursion", 200, {**RAILS, **JSON}, graphql("Recursive query - too many of fields '[\"project\"]' in query"),
         Hop.GITLAB, "query_recursion", OURS, False),
    Case("query timeout", 200, {**RAILS, **JSON}, graphql("Timeout on Project.vulnerabilities"), Hop.GITLAB,
         "query_timeout", OURS, False),
    Case("too large", 422, {**RAILS, **JSON}, graphql("Query too large"), Hop.GITLAB, "query_too_large", OURS, False),
    Case("gateway 429", 429, {**RAILS, **JSON, "x-gitlab-error-origin": "aigw"},
         json.dumps({"detail": "Too many requests. Please try again later."}), Hop.AI_GATEWAY, "gateway_rate_limit",
         RATE, True, sure=LIKELY),
    Case("gateway 503", 503, {**RAILS, **JSON}, json.dumps({"detail": "Inference failed"}), Hop.AI_GATEWAY,
         "inference_failed", PROVIDER, True, sure=LIKELY),
    Case("gateway 421", 421, RAILS, "", Hop.AI_GATEWAY, "gateway_misdirected", PROVIDER, True, sure=LIKELY),
    Case("gateway 402", 402, {**RAILS, **JSON}, json.dumps({"error": {"code": "USAGE_QUOTA_EXCEEDED"}}),
         Hop.AI_GATEWAY, "usage_quota_exceeded", RATE, False, sure=LIKELY),
    Case("bad login", 401, {**RAILS, **JSON}, said("401 Unauthorized"), Hop.GITLAB, "unauthorized", OURS, False),
    Case("scope", 403, {**RAILS, **JSON}, json.dumps({"error": "insufficient_scope", "scope": "api"}), Hop.GITLAB,
         "insufficient_scope", OURS, False),
    Case("forbidden", 403, {**RAILS, **JSON}, said("403 Forbidden"), Hop.GITLAB, "forbidden", OURS, False),
    Case("not found", 404, {**RAILS, **JSON}, said("404 Not Found"), Hop.GITLAB, "not_found", OURS, False),
    Case("rails broke", 500, {**RAILS, **JSON}, said("500 Internal Server Error"), Hop.GITLAB, "gitlab_error",
         PROVIDER, True),
    Case("a resolver broke", 200, {**RAILS, **JSON}, graphql("Internal server error"), Hop.GITLAB, "gitlab_error",
         PROVIDER, True),
    Case("no such resource", 200, {**RAILS, **JSON},
         graphql("The resource that you are attempting to access does not exist or you don't have permission to perform"
                 " this action", "aiAction"), Hop.GITLAB, "resource_not_available", OURS, False),
    Case("invalid query", 200, {**RAILS, **JSON}, graphql("Field 'jbos' doesn't exist on type 'Project'"), Hop.GITLAB,
         "graphql_error", OURS, False),
    Case("sent to the login page", 302, {**RAILS, "location": "https://gitlab.example.com/users/sign_in"}, "",
         Hop.GITLAB, "sign_in_page", OURS, False),
    Case("login page with 200", 200, {**RAILS, **HTML}, "<!DOCTYPE html><form action='/users/sign_in'>", Hop.GITLAB,
         "sign_in_page", OURS, False),
    Case("another page of GitLab's with 200", 200, {**RAILS, **HTML}, "<!DOCTYPE html><h1>Maintenance</h1>", Hop.GITLAB,
         "html_page", OURS, False),
    Case("edge bans a browser", 403, {**EDGE, **TEXT}, "error code: 1010", Hop.CLOUDFLARE, "cloudflare_blocked", OURS,
         False),
    Case("balancer 403", 403, {**STAGING_LB, **HTML}, HAPROXY_403, Hop.LOAD_BALANCER, "load_balancer_blocked", OURS,
         False),
    Case("balancer 408", 408, {**STAGING_LB, **HTML}, HAPROXY_408, Hop.LOAD_BALANCER, "load_balancer_timeout", OURS,
         True),
    Case("deploy page", 503, {**EDGE, **HTML}, DEPLOY_PAGE, Hop.GITLAB, "gitlab_deploying", PROVIDER, True,
         sure=LIKELY),
    Case("rails rejects", 400, {**RAILS, **JSON}, json.dumps({"error": "content is missing"}), Hop.GITLAB,
         "request_rejected", OURS, False),
    Case("rails finds it too large", 413, {**RAILS, **JSON}, said("413 Request Entity Too Large"), Hop.GITLAB,
         "request_rejected", OURS, False),
    Case("rails misses a namespace", 422, {**RAILS, **JSON},
         json.dumps({"error": "missing_default_duo_group", "error_description": "x", "message": {"error": "x"}}),
         Hop.GITLAB, "request_rejected", OURS, False),
    Case("gateway 401", 401, {**RAILS, **JSON}, json.dumps({"error": "Invalid token"}), Hop.AI_GATEWAY,
         "gateway_unauthorized", PROVIDER, False, sure=LIKELY),
    Case("gateway 403", 403, {**RAILS, **JSON}, json.dumps({"detail": "Unauthorized to access duo_chat"}),
         Hop.AI_GATEWAY, "gateway_forbidden", OURS, False, sure=LIKELY),
    Case("gateway 422", 422, {**RAILS, **JSON}, json.dumps({"detail": [{"loc": ["body"], "msg": "too long"}]}),
         Hop.AI_GATEWAY, "gateway_rejected", OURS, False, sure=LIKELY),
    Case("gateway 500", 500, {**RAILS, **JSON}, json.dumps({"detail": "Internal server error"}), Hop.AI_GATEWAY,
         "gateway_error", PROVIDER, True, sure=LIKELY),
    Case("gateway does not find an entitlement", 402, {**RAILS, **JSON},
         json.dumps({"error": "not_entitled", "error_code": "USAGE_QUOTA_NOT_ENTITLED", "message": "no"}),
         Hop.AI_GATEWAY, "usage_quota_refused", OURS, False, sure=LIKELY),
)  # fmt: skip

OTHER_WORDS = (
    "Dieser Endpunkt wurde zu oft angefragt. Versuchen Sie es später erneut.",
    "Dieser Endpoint wurde zu oft angefordert. Versuche es später erneut.",
    "このエンドポイントへのリクエストが多すぎます。しばらくしてからもう一度お試しください。",
    "Questo endpoint è stato richiesto troppe volte. Riprova più tardi.",
    "You have used up your AI actions for now.",
)
OTHER_REASONS = {
    "The resource that you are attempting to access does not exist or you don't have permission to perform this action":
        "resource_not_available",
    "`ai_chat` required feature flag is disabled.": "graphql_error",
    "You are not authorized to use this feature": "graphql_error",
    "AI features are not enabled or resource is not permitted to be sent.": "graphql_error",
    "Variable $input of type AiActionInput! was provided invalid value": "graphql_error",
    "required feature flag is disabled.": "graphql_error",
    "Only one method argument is required": "graphql_error",
    "Thread not found. It may have expired.": "graphql_error",
    "Internal server error": "gitlab_error",
    "Timeout on Mutation.aiAction": "query_timeout",
}  # fmt: skip


@pytest.mark.parametrize("words", OTHER_WORDS)
def test_a_refusal_of_ai_action_is_its_limit_in_whatever_words(words: str) -> None:
    error = attribute(Exchange(200, {**RAILS, **JSON}, graphql(words, "aiAction", data={"aiAction": None})))
    assert error is not None
    assert (error.kind, error.hop, error.blame, error.retryable) == ("ai_action_limit", Hop.GITLAB, RATE, False)
    assert "likely, not certain" in error.evidence
    assert words not in error.evidence


@pytest.mark.parametrize(("words", "kind"), OTHER_REASONS.items())
def test_what_else_gitlab_says_of_ai_action_is_no_limit(words: str, kind: str) -> None:
    error = attribute(Exchange(200, {**RAILS, **JSON}, graphql(words, "aiAction", data={"aiAction": None})))
    assert error is not None
    assert error.kind == kind


@pytest.mark.parametrize("path", [(), ("vulnerability",), ("mutation aiAction", "aiAction", "input")])
def test_unknown_words_elsewhere_are_no_limit_of_ai_action(path: tuple[str, ...]) -> None:
    error = attribute(Exchange(200, {**RAILS, **JSON}, graphql(OTHER_WORDS[0], *path, data={"aiAction": None})))
    assert error is not None
    assert error.kind == "graphql_error"


NEAR_MISSES = (
    Case("a 429 that passed the edge and came from Rails, saying nothing known", 429, {**RAILS, **JSON}, said("busy"),
         Hop.UNKNOWN, "http_429", RATE, True),
    Case("the edge's words quoted by Rails", 429, {**RAILS, **JSON}, "error code: 1015", Hop.UNKNOWN, "http_429", RATE,
         True),
    Case("the edge's words behind the balancer", 429, {**STAGING_LB, **TEXT}, "error code: 1015", Hop.UNKNOWN,
         "http_429", RATE, True),
    Case("the edge's headers and nothing else", 429, EDGE, "", Hop.UNKNOWN, "http_429", RATE, True),
    Case("another error of the edge", 403, {**EDGE, **TEXT}, "error code: 1099", Hop.UNKNOWN, "http_403", OURS, False),
    Case("1015 inside a longer text", 429, {**EDGE, **TEXT}, "see error code: 1015 in the manual", Hop.UNKNOWN,
         "http_429", RATE, True),
    Case("cf-mitigated beside Rails headers", 403, {**RAILS, **JSON, "cf-mitigated": "challenge"}, said("no"),
         Hop.GITLAB, "forbidden", OURS, False),
    Case("an HTML 503 without the balancer's name", 503, {**EDGE, **HTML}, PAGE, Hop.UNKNOWN, "http_503", PROVIDER,
         True),
    Case("an HTML 503 of Rails, behind the balancer", 503, {**RAILS, **HTML}, PAGE, Hop.GITLAB, "gitlab_error",
         PROVIDER, True),
    Case("a plain 503 behind the balancer", 503, {**STAGING_LB, **TEXT}, "busy", Hop.UNKNOWN, "http_503", PROVIDER,
         True),
    Case("an HTML 500 behind the balancer", 500, {**STAGING_LB, **HTML}, PAGE, Hop.UNKNOWN, "http_500", PROVIDER, True),
    Case("an empty 502", 502, {}, "", Hop.UNKNOWN, "http_502", PROVIDER, True),
    Case("a proxy stripped every header of a Rack::Attack refusal", 429, TEXT, "Retry later", Hop.UNKNOWN, "http_429",
         RATE, True),
    Case("a proxy stripped every header of a balancer's page", 503, HTML, PAGE, Hop.UNKNOWN, "http_503", PROVIDER,
         True),
    Case("healthy Rack::Attack headers beside an ai_action refusal", 200, {**RAILS, **JSON},
         graphql(TOO_MANY_REQUESTS, "aiAction", data={"aiAction": None}), Hop.GITLAB, "ai_action_limit", RATE, False),
    Case("the same words on another field", 200, {**RAILS, **JSON}, graphql(TOO_MANY_REQUESTS, "vulnerability"),
         Hop.GITLAB, "application_limit", RATE, True),
    Case("an empty Rack::Attack budget beside a gateway's 429", 429, {**SPENT, **JSON},
         json.dumps({"detail": "Too many requests. Please try again later."}), Hop.AI_GATEWAY, "gateway_rate_limit",
         RATE, True, 12.0, sure=LIKELY),
    Case("a healthy budget beside an unknown 429", 429, {**RAILS, **TEXT}, "Later", Hop.UNKNOWN, "http_429", RATE,
         True),
    Case("a 421 before Rails", 421, {**EDGE, **HTML}, "<html>421 Misdirected Request</html>", Hop.UNKNOWN, "http_421",
         OURS, False),
    Case("a 402 without the code", 402, {**RAILS, **JSON}, said("Payment Required"), Hop.UNKNOWN, "http_402", OURS,
         False),
    Case("the gateway's words with another status", 500, {**RAILS, **JSON}, json.dumps({"detail": "Inference failed"}),
         Hop.AI_GATEWAY, "gateway_error", PROVIDER, True, sure=LIKELY),
    Case("the gateway's words in GitLab's shape", 500, {**RAILS, **JSON}, said("Inference failed"), Hop.GITLAB,
         "gitlab_error", PROVIDER, True),
    Case("a 401 that no Rails header vouches for", 401, EDGE, "", Hop.UNKNOWN, "http_401", OURS, False),
    Case("a 404 of the edge", 404, EDGE, "", Hop.UNKNOWN, "http_404", OURS, False),
    Case("a redirect elsewhere", 301, {**EDGE, "location": "https://www.example.com/"}, "", Hop.UNKNOWN, "http_301",
         OURS, False),
    Case("somebody's page with 200", 200, {**EDGE, **HTML}, "<html>Welcome to our network</html>", Hop.UNKNOWN,
         "html_page", OURS, False),
    Case("a request timeout without a sender", 408, {}, "", Hop.UNKNOWN, "http_408", PROVIDER, True),
)  # fmt: skip


@pytest.mark.parametrize("case", [*ROWS, *NEAR_MISSES], ids=lambda case: case.name)
def test_the_whole_evidence_decides_which_hop_refused(case: Case) -> None:
    error = attribute(case.exchange)
    assert error is not None
    found = (error.hop, error.kind, error.blame, error.retryable, error.retry_after_seconds)
    assert found == (case.hop, case.kind, case.blame, case.retryable, case.retry_after_seconds)
    assert attribution_of(case.exchange).certainty is case.certainty


def test_every_rule_has_a_row_in_the_table_above() -> None:
    shown = {(case.kind, case.hop) for case in (*ROWS, *NEAR_MISSES)}
    assert {(rule.kind, rule.hop) for rule in RULES} <= shown


SUCCESSES = (
    ("an answer that quotes every refusal", json.dumps({"choices": [{"text": "error code: 1015 Retry later"}]})),
    ("an answer about complexity", json.dumps({"data": {"a": "Query has complexity of 1, which exceeds …"}})),
    ("an empty list of errors", json.dumps({"data": {}, "errors": []})),
    ("errors of a payload, which are no GraphQL errors", json.dumps({"data": {"aiAction": {"errors": ["no"]}}})),
    ("a bare string", json.dumps(TOO_MANY_REQUESTS)),
    ("a job's log that begins like a page", "<html><a href='/users/sign_in'>"),
    ("nothing", ""),
)


@pytest.mark.parametrize(("name", "body"), SUCCESSES)
def test_what_a_success_says_is_no_refusal(name: str, body: str) -> None:
    kind = TEXT if name.startswith("a job's log") else JSON
    assert attribute(Exchange(200, {**RAILS, **kind}, body)) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:01:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 90.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 20 Nov 2026 10:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_both_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    error = attribute(Exchange(503, headers))
    assert error is not None
    assert error.retry_after_seconds == seconds


def test_a_retry_after_that_is_a_date_counts_from_now_where_the_answer_has_no_date() -> None:
    then = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=120)
    error = attribute(Exchange(503, {"retry-after": format_datetime(then, usegmt=True)}))
    assert error is not None
    assert error.retry_after_seconds is not None
    assert 0 < error.retry_after_seconds <= 120


AT = {"date": "Fri, 20 Nov 2026 10:00:00 GMT"}
EMPTY = {"ratelimit-name": "throttle_authenticated_api", "ratelimit-remaining": "0", **AT}


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {**EMPTY, "ratelimit-reset": "1795168830"}, 30.0),
        (429, {**EMPTY, "ratelimit-reset": "1795168800"}, 0.0),
        (429, {**EMPTY, "ratelimit-reset": "1795168000"}, 0.0),  # past, by the answer's own clock
        (429, {**EMPTY, "ratelimit-resettime": "Fri, 20 Nov 2026 10:00:45 GMT"}, 45.0),
        (429, {**EMPTY, "ratelimit-resettime": "soon", "ratelimit-reset": "1795168830"}, 30.0),
        (429, {**EMPTY, "ratelimit-reset": "17"}, 17.0),  # the seconds that are left
        (429, {**AT, "ratelimit-reset": "1795168830"}, 30.0),  # what remains was taken away
        (429, {**EMPTY, "retry-after": "7", "ratelimit-reset": "1795168830"}, 7.0),
        (429, {**EMPTY, "retry-after": "soon", "ratelimit-reset": "1795168830"}, 30.0),
        (429, {"ratelimit-remaining": "0", "ratelimit-reset": "1600000000"}, None),  # past by our clock: tells nothing
        (429, {**EMPTY, "ratelimit-remaining": "12", "ratelimit-reset": "1795168830"}, None),  # another limit refused
        (503, {**EMPTY, "ratelimit-reset": "1795168830"}, None),
        (429, EMPTY, None),
        (429, {**EMPTY, "ratelimit-reset": "nan"}, None),
        (429, {**EMPTY, "ratelimit-reset": "-5"}, None),
        (429, {**EMPTY, "ratelimit-reset": "1e300"}, None),
        (429, {**EMPTY, "ratelimit-reset": "tomorrow"}, None),
    ],
)
def test_a_429_that_does_not_say_how_long_is_waited_for_until_its_budgets_reset(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    error = attribute(Exchange(status, headers))
    assert error is not None
    assert error.retry_after_seconds == seconds


def test_a_reset_is_counted_from_our_clock_where_the_answer_names_no_moment() -> None:
    error = attribute(Exchange(429, {"ratelimit-remaining": "0", "ratelimit-reset": str(time.time() + 50)}))
    assert error is not None
    assert error.retry_after_seconds is not None
    assert 0 < error.retry_after_seconds <= 50


def test_the_evidence_gives_facts_and_no_text_of_the_body() -> None:
    body = graphql("Variable $input of type AiActionInput! was provided invalid value: my secret prompt")
    error = attribute(Exchange(200, {**RAILS, **JSON}, body, 0.31))
    assert error is not None
    assert "secret" not in str(error)
    assert error.evidence.startswith("status 200; headers x-request-id, x-runtime, x-gitlab-meta, gitlab-lb, cf-ray")
    assert error.evidence.endswith("after 0.3 s")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("location", ["https://" + "a" * 60_000, "/users/sign_in" * 5_000 + "?#", "https://a" * 8_000])
def test_a_long_header_is_judged_at_once(location: str) -> None:
    redirect = httpx.Response(302, headers={"location": location, "x-runtime": "0.1"})
    recorded = Exchange.of(redirect, 0.1)
    assert len(recorded.headers["location"]) == HEADER_CHARACTERS_MAX
    for exchange in (recorded, Exchange(302, {"location": location}, "")):
        error = attribute(exchange)
        assert error is not None


def test_a_recorded_exchange_shows_no_body_and_keeps_its_first_part_only() -> None:
    exchange = Exchange.of(httpx.Response(500, text="secret" * 20_000), 0.1)
    assert "secret" not in repr(exchange)
    assert len(exchange.body) == 65_536


NAMES = st.sampled_from([*RAILS, "cf-mitigated", "retry-after", "date", "location", "content-type",
                         "x-gitlab-error-origin"])  # fmt: skip
VALUES = st.one_of(st.text(max_size=30), st.sampled_from([*RAILS.values(), "0", "challenge", "text/html", "monolith"]))
BODIES = st.one_of(
    st.text(max_size=200),
    st.sampled_from([case.body for case in (*ROWS, *NEAR_MISSES)]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20) | st.just(TOO_MANY_REQUESTS),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["errors", "message", "path", "x"]), inner)
        ),
        max_leaves=12,
    ).map(json.dumps),
)


@settings(max_examples=300)
@given(st.integers(100, 999), st.dictionaries(NAMES, VALUES), BODIES)
def test_any_exchange_is_attributed_without_raising(status: int, headers: dict[str, str], body: str) -> None:
    error = attribute(Exchange(status, headers, body))
    assert error is not None or 200 <= status < 300


@settings(max_examples=300)
@given(st.integers(100, 999), st.text(alphabet='abcdefghij <>{}[]":,', max_size=200))
def test_no_hop_is_named_where_no_header_and_no_known_words_are(status: int, body: str) -> None:
    for headers in ({}, JSON, HTML, {"retry-after": "3"}):
        error = attribute(Exchange(status, headers, body))
        assert error is None or error.hop is Hop.UNKNOWN


def test_a_body_nested_too_deeply_to_parse_is_just_a_body_that_says_nothing() -> None:
    error = attribute(Exchange(500, {}, "[" * 60_000))
    assert error is not None
    assert error.kind == "http_500"

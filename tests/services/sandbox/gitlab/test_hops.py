"""Each hop signs what passed it and refuses in its own words (docs/domain.md §3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import httpx
import pytest

from daily_runs.errors import Blame
from daily_runs.gitlab.hops.exchange import Exchange
from daily_runs.gitlab.hops.refusal import attribution_of
from daily_runs.sandbox.world.scenario import RefusalForms
from daily_runs.sandbox.world.world import World

Connect = Callable[..., httpx.Client]
MakeWorld = Callable[..., World]

QUERY = {"query": "{ currentUser { username } }"}
CLOUDFLARE = {"cf-ray", "server"}
BALANCER = {"gitlab-lb"}
RACK_ATTACK = {"ratelimit-name", "ratelimit-limit", "ratelimit-observed", "ratelimit-remaining", "ratelimit-reset"}
RAILS = {"x-request-id", "x-runtime", "x-gitlab-meta"}
EVERY = CLOUDFLARE | BALANCER | RACK_ATTACK | RAILS


@dataclass(frozen=True)
class Refusal:
    hop: str
    status: int
    body: str
    kind: str
    signed_by: set[str]


REFUSALS = [
    Refusal("cloudflare", 429, "error code: 1015", "text/plain", CLOUDFLARE),
    Refusal("load_balancer", 429, "<h1>429 Too Many Requests</h1>", "text/html", CLOUDFLARE | BALANCER),
    Refusal("gitlab", 429, "Retry later", "text/plain", CLOUDFLARE | BALANCER | RACK_ATTACK),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.hop)
def test_a_refusal_has_the_headers_of_the_hops_it_passed_and_of_no_other(
    case: Refusal, make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(refuse={case.hop: 1.0})
    answer = gitlab(world).post("/api/graphql", json=QUERY)
    assert answer.status_code == case.status
    assert case.body in answer.text
    assert answer.headers["content-type"].startswith(case.kind)
    assert EVERY & set(answer.headers) == case.signed_by
    assert (world.ledger.entries[-1].outcome, world.ledger.entries[-1].paid) == (case.hop, False)


SUGGEST = {
    "current_file": {"file_name": "add.py", "content_above_cursor": "def add(a, b):\n", "content_below_cursor": "\n"}
}
FORMS = {
    "cloudflare": {
        "1015": "cloudflare_rate_limit",
        "1015_page": "cloudflare_rate_limit",
        "1015_json": "cloudflare_rate_limit",
        "1009_page": "cloudflare_blocked",
        "1010_json": "cloudflare_blocked",
        "1020": "cloudflare_blocked",
        "1020_page": "cloudflare_blocked",
        "challenge": "cloudflare_challenge",
        "challenge_unmarked": "cloudflare_challenge",
        "custom_rule": "cloudflare_blocked",
        "522": "cloudflare_origin_unreachable",
        "520_page": "cloudflare_origin_unreachable",
        "1033_page": "cloudflare_origin_unreachable",
        "1033_json": "cloudflare_origin_unreachable",
    },
    "load_balancer": {
        "429": "load_balancer_rate_limit",
        "403": "load_balancer_blocked",
        "408": "load_balancer_timeout",
        "deploy": "gitlab_deploying",
    },
    "gitlab": {
        "429": "rack_attack",
        "429_without_retry_after": "rack_attack",
        "400": "request_rejected",
        "413": "request_rejected",
        "422": "request_rejected",
    },
    "ai_gateway": {
        "429": "gateway_rate_limit",
        "401": "gateway_unauthorized",
        "402": "usage_quota_refused",
        "403": "gateway_forbidden",
        "422": "gateway_rejected",
        "500": "gateway_error",
        "503": "inference_failed",
    },
}


def test_the_forms_below_are_all_that_a_scenario_may_name() -> None:
    named = {hop: set(get_args(field.annotation)) for hop, field in RefusalForms.model_fields.items()}
    assert named == {hop: set(forms) for hop, forms in FORMS.items()}


@pytest.mark.parametrize(
    ("hop", "form", "kind"), [(hop, form, kind) for hop, forms in FORMS.items() for form, kind in forms.items()]
)
def test_each_form_of_a_refusal_is_attributed_to_its_hop(
    hop: str, form: str, kind: str, make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(refuse={hop: 1.0}, refusal_forms={hop: form})
    answer = gitlab(world).post("/api/v4/code_suggestions/completions", json=SUGGEST)
    found = attribution_of(Exchange.of(answer, 0.1, balancer_expected=True))
    assert (str(found.hop), found.kind) == ("gitlab" if form == "deploy" else hop, kind)
    assert (world.ledger.entries[-1].outcome, world.ledger.entries[-1].paid) == (hop, False)
    if found.blame is Blame.RATE_LIMIT and hop in ("cloudflare", "gitlab"):
        assert found.retry_after_seconds is not None
        assert 0 < found.retry_after_seconds <= 60


def test_a_healthy_answer_is_signed_by_every_hop_and_says_that_it_is_a_sandbox(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    answer = gitlab(make_world()).post("/api/graphql", json=QUERY)
    assert set(answer.headers) >= EVERY | {"x-daily-runs-sandbox"}
    assert answer.headers["server"] == "cloudflare"
    assert answer.headers["x-daily-runs-sandbox"] == "1"


@pytest.mark.parametrize(("environment", "ending"), [("staging", "-lb-gstg"), ("production", "-lb-gprd")])
def test_the_load_balancer_is_named_after_its_environment(
    environment: str, ending: str, make_world: MakeWorld, gitlab: Connect
) -> None:
    answer = gitlab(make_world(), environment).get("/api/v4/user")
    assert answer.headers["gitlab-lb"].endswith(ending)


def test_rack_attack_counts_each_user_down_and_says_when_to_come_back(make_world: MakeWorld, gitlab: Connect) -> None:
    world = make_world(time_scale=1)
    world.catalogue.environments["staging"].limits.__dict__["api_requests_per_minute"] = 3
    client = gitlab(world)
    answers = [client.get("/api/v4/user") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[3].text == "Retry later\n"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].headers["ratelimit-name"] == "throttle_authenticated_api"
    other = client.get("/api/v4/user", headers={"authorization": "Bearer sandbox-evaluation-2"})
    assert other.status_code == 200


def test_an_hourly_throttle_refuses_what_the_minute_would_allow_and_names_the_wait(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    world = make_world(time_scale=1)
    world.catalogue.environments["staging"].limits.__dict__["api_requests_per_hour"] = 2
    client = gitlab(world)
    answers = [client.get("/api/v4/user") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-limit"] == "2000", "healthy answers tell the minute's figures"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 3600


def test_what_the_scenario_refuses_is_drawn_once_though_two_throttles_stand_in_the_path(
    make_world: MakeWorld, gitlab: Connect
) -> None:
    codes = []
    for hourly in (None, 100_000):
        world = make_world(time_scale=1, refuse={"gitlab": 0.5})
        world.catalogue.environments["staging"].limits.__dict__["api_requests_per_hour"] = hourly
        client = gitlab(world)
        codes.append([client.get("/api/v4/user").status_code for _ in range(60)])
    assert codes[0] == codes[1]
    assert {200, 429} == set(codes[0])

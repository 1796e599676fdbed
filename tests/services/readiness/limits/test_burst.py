"""What a probe sends when it is asked to: bursts are paced and stop at a refusal, `aiAction` calls are counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from daily_runs.errors import LimitTooLowError
from daily_runs.gitlab.client import GitLab
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.tariff import Window, ai_action_window
from daily_runs.readiness.limits.burst import BurstOutcome, burst, spend_ai_action
from daily_runs.readiness.limits.findings import LimitFinding
from daily_runs.statuses import LimitVerdict

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.catalogue.catalogue import Catalogue


FEATURE = "duo_chat"
REQUESTS_PER_MINUTE = 100
"""Duo Chat asks 50 prompts a minute, each with two requests."""
TIME_SCALE = 12.0
EVERY_SECONDS = 60 / REQUESTS_PER_MINUTE / TIME_SCALE
OK = httpx.Response(200, json={"data": {"currentUser": {"username": "u"}}})


class Refusal(NamedTuple):
    """How the path refuses, what it must be taken for."""

    response: Callable[[], httpx.Response]
    hop: str
    verdict: LimitVerdict
    owner: str


CLOUDFLARE = {"cf-ray": "1", "server": "cloudflare"}
RAILS = {"gitlab-lb": "haproxy-lb-gstg", "x-request-id": "1"}
THROTTLE = {"ratelimit-name": "throttle_authenticated_api", "ratelimit-limit": "60", "ratelimit-remaining": "0"}
REFUSALS = {
    "by cloudflare": Refusal(
        lambda: httpx.Response(429, headers=CLOUDFLARE, text="error code: 1015"),
        "cloudflare",
        LimitVerdict.TOO_LOW,
        "infrastructure",
    ),
    "by rack attack": Refusal(
        lambda: httpx.Response(429, headers=RAILS | THROTTLE, text="Retry later\n"),
        "gitlab",
        LimitVerdict.TOO_LOW,
        "infrastructure",
    ),
    "by nobody knows whom": Refusal(
        lambda: httpx.Response(429, text=""), "unknown", LimitVerdict.TOO_LOW, "none named for hop unknown"
    ),
    "a server error is no word on the rate": Refusal(
        lambda: httpx.Response(500, headers=RAILS, json={"message": "500"}),
        "gitlab",
        LimitVerdict.UNKNOWN,
        "infrastructure",
    ),
}


def sent_burst(
    catalogue: Catalogue, count: int, refuse_from: int, refusal: Refusal | None
) -> tuple[BurstOutcome, list[float]]:
    """A burst against a path that refuses from a request on; also the moments at which requests came."""
    moments: list[float] = []

    def answer(_: httpx.Request) -> httpx.Response:
        moments.append(time.monotonic())
        return refusal.response() if refusal and len(moments) >= refuse_from else OK

    async def send() -> BurstOutcome:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            environment = catalogue.environments["staging"]
            keys = dict.fromkeys(environment.evaluation_users, "k")
            gitlab = GitLab(http, "http://gitlab", keys, environment.limits.graphql)
            return await burst(gitlab, catalogue, catalogue.features[FEATURE], "staging", count)

    return asyncio.run(send()), moments


@pytest.fixture
def slow(kit: Kit) -> Catalogue:
    """A catalogue whose time is slow enough to be measured: a request of the burst every 50 ms."""
    return kit.changed({"environments": {"staging": {"time_scale": TIME_SCALE}}}).catalogue


def test_a_burst_is_never_faster_than_the_run(slow: Catalogue) -> None:
    outcome, moments = sent_burst(slow, 8, 0, None)
    assert outcome.calls_spent == len(moments) == 8
    assert moments[-1] - moments[0] >= 0.9 * 7 * EVERY_SECONDS
    (found,) = outcome.found
    assert (found.needed, found.unit, found.verdict) == (REQUESTS_PER_MINUTE, "requests/min", LimitVerdict.FITS)
    assert found.allowed is None  # so much passes; nobody said what the limit is


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS.keys())
def test_the_first_failure_ends_a_burst_and_becomes_a_finding(slow: Catalogue, case: Refusal) -> None:
    outcome, moments = sent_burst(slow, 8, 3, case)
    assert outcome.calls_spent == len(moments) == 3
    (found,) = outcome.found
    assert (found.hop, found.verdict, found.owner) == (case.hop, case.verdict, case.owner)
    assert found.evidence.startswith("2 of 8 requests passed in ")
    assert "; then: " in found.evidence


def test_no_burst_sends_nothing_and_finds_nothing(slow: Catalogue) -> None:
    assert sent_burst(slow, 0, 0, None) == (BurstOutcome([], 0), [])


CALLS, WINDOW_HOURS = 3, 48.0
FEW_CALLS = {
    "environments": {
        "staging": {
            "evaluation_users": ["evaluation-1", "evaluation-2"],
            "limits": {"ai_action_calls_per_window": CALLS, "ai_action_window_hours": WINDOW_HOURS},
        }
    }
}


@pytest.fixture
def few_calls(kit: Kit) -> Kit:
    """Two users with three calls each."""
    return kit.changed(FEW_CALLS)


def window_of(kit: Kit) -> Window:
    window = ai_action_window(kit.catalogue.features[FEATURE], "staging", kit.catalogue.environments["staging"])
    assert window
    return window


def room(kit: Kit) -> int:
    environment = kit.catalogue.environments["staging"]
    return Ledger(kit.store, environment.time_scale).room(window_of(kit), environment.evaluation_users)


def spent(kit: Kit, count: int) -> LimitFinding:
    """Spend so many calls through the sandbox; what was found of them. What it says it sent is what came there."""
    environment, before = kit.catalogue.environments["staging"], len(kit.sandbox.entries("aiAction"))

    async def spend() -> BurstOutcome:
        keys = {user: f"sandbox-{user}" for user in environment.evaluation_users}
        async with httpx.AsyncClient() as http:
            gitlab = GitLab(http, environment.address, keys, environment.limits.graphql)
            return await spend_ai_action(gitlab, kit.store, environment, window_of(kit), count)

    outcome = asyncio.run(spend())
    assert outcome.calls_spent == len(kit.sandbox.entries("aiAction")) - before
    (found,) = outcome.found
    return found


def test_calls_of_a_probe_count_in_the_ledgers_window_and_pay_no_model(few_calls: Kit) -> None:
    found = spent(few_calls, 4)
    assert (found.verdict, found.evidence) == (LimitVerdict.FITS, "4 of 4 calls passed")
    assert [e["user"] for e in few_calls.sandbox.entries("aiAction")] == ["evaluation-1"] * 3 + ["evaluation-2"]
    assert few_calls.sandbox.entries(paid=True) == []
    assert room(few_calls) == 2


def test_a_run_after_a_probe_does_not_overshoot_the_users_window(few_calls: Kit) -> None:
    spent(few_calls, 2)
    work = few_calls.work(FEATURE, 4)
    few_calls.run(work, "seed_check", "limit_probe", "inference")
    users = [entry["user"] for entry in few_calls.sandbox.entries("aiAction")]
    assert len(users) == 6
    assert max(users.count(user) for user in set(users)) == CALLS
    with pytest.raises(LimitTooLowError, match=r"ai_action: 4 calls need 4 evaluation users"):
        few_calls.run(few_calls.work("root_cause_analysis", 4), "limit_probe")


def test_no_call_is_made_for_which_the_ledger_has_no_room(few_calls: Kit) -> None:
    found = spent(few_calls, 8)
    assert found.verdict is LimitVerdict.TOO_LOW
    assert found.evidence == "6 of 8 calls passed; then: no evaluation user has room in the window"
    assert len(few_calls.sandbox.entries("aiAction")) == 6


def test_a_refused_call_counts_and_keeps_its_user_out_for_a_window(few_calls: Kit) -> None:
    few_calls.sandbox.change(ai_action_calls=0)
    found = spent(few_calls, 4)
    assert (found.verdict, found.hop) == (LimitVerdict.TOO_LOW, "gitlab")
    assert "0 of 4 calls passed; then: ai_action_limit at gitlab" in found.evidence
    assert len(few_calls.sandbox.entries("aiAction")) == 1
    assert room(few_calls) == CALLS  # of the other user


def test_a_call_that_broke_counts_too_and_says_nothing_of_the_limit(few_calls: Kit) -> None:
    few_calls.sandbox.change(drop_share=1.0)
    assert spent(few_calls, 4).verdict is LimitVerdict.UNKNOWN
    assert room(few_calls) == 2 * CALLS - 1


def test_evidence_quotes_no_key_and_no_body(slow: Catalogue) -> None:
    secret = Refusal(lambda: httpx.Response(429, text="glpat-secret"), "unknown", LimitVerdict.TOO_LOW, "")
    outcome, _ = sent_burst(slow, 2, 1, secret)
    assert outcome.found
    assert "glpat" not in json.dumps(outcome.found[0].as_json(binds=False))

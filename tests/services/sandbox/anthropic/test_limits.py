"""An account's buckets and the headers, refusals and faults that a client of Anthropic meets."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import anthropic
import pytest
from anthropic import Anthropic
from hypothesis import given, settings
from hypothesis import strategies as st

from daily_runs.catalogue.accounts import Account
from daily_runs.sandbox.world.scenario import Latency, LimitFactor, Scenario
from daily_runs.sandbox.world.world import AccountBuckets, World

MODEL = "claude-sonnet-5-5"
QUICK = Latency(median=0.001, p95=0.001)
SHORT: list[Any] = [{"role": "user", "content": "x" * 28}]  # 7 tokens and 3 for the turn
OUT = 10  # "In short: " and 28 characters

MakeWorld = Callable[..., World]
ClientOf = Callable[[World], Anthropic]


def _ask(client: Anthropic, **more: Any) -> anthropic.types.Message:
    message: anthropic.types.Message = client.messages.create(
        model=MODEL, max_tokens=100, messages=SHORT, stream=False, **more
    )
    return message


class Short(NamedTuple):
    limit: str
    limits: dict[str, int]
    says: str
    retry_after: str


@pytest.mark.parametrize(
    "case",
    [
        Short("requests", {"requests": 2, "burst_seconds": 30}, "2 requests per minute", "30"),
        Short("input_tokens", {"tokens_in": 20, "burst_seconds": 30}, "20 input tokens per minute", "30"),
        Short("output_tokens", {"tokens_out": 40, "burst_seconds": 15}, "40 output tokens per minute", "15"),
    ],
    ids=lambda case: case.limit,
)
def test_a_429_names_the_limit_and_says_when_to_come_back(
    case: Short, make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world(**case.limits)
    client = client_of(world)
    _ask(client)
    with pytest.raises(anthropic.RateLimitError) as refused:
        _ask(client)
    assert refused.value.type == "rate_limit_error"
    assert f"rate limit of {case.says}" in str(refused.value.api_message)
    assert refused.value.response.headers["retry-after"] == case.retry_after
    first, second = world.ledger.entries
    assert (first.paid, second.paid, second.outcome) == (True, False, f"rate_limit_{case.limit}")
    assert (first.account, second.account) == ("EVAL", "EVAL")


def test_the_headers_of_a_429_tell_limit_remainder_and_reset_of_every_dimension(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    client = client_of(make_world(requests=2, tokens_in=80_000, tokens_out=8_000, burst_seconds=30))
    _ask(client)
    with pytest.raises(anthropic.RateLimitError) as refused:
        _ask(client)
    headers = refused.value.response.headers
    found = {name.removeprefix("anthropic-ratelimit-"): value for name, value in headers.items() if "ratelimit" in name}
    resets = {name: found.pop(name) for name in list(found) if name.endswith("-reset")}
    assert found == {
        "requests-limit": "2",
        "requests-remaining": "0",
        "input-tokens-limit": "80000",
        "input-tokens-remaining": "40000",
        "output-tokens-limit": "8000",
        "output-tokens-remaining": "4000",
        "tokens-limit": "88000",
        "tokens-remaining": "44000",
    }
    assert set(resets) == {f"{name}-reset" for name in ("requests", "tokens", "input-tokens", "output-tokens")}
    away = dt.datetime.fromisoformat(resets["requests-reset"]) - dt.datetime.now(dt.UTC)
    assert 28 <= away.total_seconds() <= 31


def test_seconds_in_headers_are_domain_seconds_whatever_the_time_scale(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    client = client_of(make_world(requests=1, time_scale=10))
    _ask(client)
    with pytest.raises(anthropic.RateLimitError) as refused:
        _ask(client)
    assert 50 <= int(refused.value.response.headers["retry-after"]) <= 60


def test_a_bucket_refills_with_time(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(requests=1, time_scale=100)
    client = client_of(world)
    _ask(client)
    with pytest.raises(anthropic.RateLimitError):
        _ask(client)
    time.sleep(0.65)  # 65 domain seconds
    assert _ask(client).type == "message"


def test_one_account_does_not_spend_anothers_limit(make_world: MakeWorld, serve: Callable[[World], str]) -> None:
    address = serve(make_world(requests=1))
    for account in ("EVAL", "PROD"):
        with Anthropic(api_key=f"sandbox-{account}", base_url=address, max_retries=0) as client:
            assert _ask(client).type == "message"


def test_inference_behind_gitlab_spends_the_bucket_that_the_judge_spends(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world(tokens_in=100)
    assert world.account("EVAL").spend(95, 10, world.clock.now()) is None
    with pytest.raises(anthropic.RateLimitError, match="100 input tokens per minute"):
        _ask(client_of(world))


def test_tokens_read_from_the_cache_do_not_count_against_the_input_limit(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    client = client_of(make_world(tokens_in=2_000))
    system: Any = [{"type": "text", "text": "r" * 7600, "cache_control": {"type": "ephemeral"}}]
    for _ in range(5):
        _ask(client, system=system)
    with pytest.raises(anthropic.RateLimitError):
        _ask(client, system="r" * 7600)


def test_counting_tokens_is_free_and_has_a_request_limit_of_its_own(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(requests=2)
    client = client_of(world)
    for _ in range(2):
        client.messages.count_tokens(model=MODEL, messages=SHORT)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.count_tokens(model=MODEL, messages=SHORT)
    assert _ask(client).type == "message"
    assert [entry.paid for entry in world.ledger.entries] == [False, False, False, True]


def test_halved_limits_show_in_the_headers(make_world: MakeWorld, client_of: ClientOf) -> None:
    halved = Scenario(latency_seconds=QUICK, limit_factor=LimitFactor(factor=0.5))
    client = client_of(make_world(halved, requests=100))
    answer = client.messages.with_raw_response.create(model=MODEL, max_tokens=9, messages=SHORT)
    assert answer.headers["anthropic-ratelimit-requests-limit"] == "50"


class Broken(NamedTuple):
    what: str
    faults: dict[str, Any]
    status: int
    error_type: str
    outcome: str


@pytest.mark.parametrize(
    "case",
    [
        Broken("overloaded", {"overloaded_share": 1}, 529, "overloaded_error", "overloaded_error"),
        Broken("an outage", {"provider_outage": ["anthropic"]}, 500, "api_error", "provider_outage"),
        Broken("an error of its own", {"server_error_share": 1}, 500, "api_error", "api_error"),
        Broken("refused at will", {"refuse": {"model_vendor": 1}}, 429, "rate_limit_error", "rate_limit_requests"),
    ],
    ids=lambda case: case.what,
)
def test_a_fault_of_the_scenario_reaches_the_sdk_as_its_own_error(
    case: Broken, make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world(Scenario(latency_seconds=QUICK, **case.faults))
    with pytest.raises(anthropic.APIStatusError) as refused:
        _ask(client_of(world))
    assert (refused.value.status_code, refused.value.type) == (case.status, case.error_type)
    (entry,) = world.ledger.entries
    assert (entry.outcome, entry.status, entry.paid) == (case.outcome, case.status, False)


def test_a_dropped_connection_is_a_connection_error_and_only_a_dropped_answer_was_paid(
    make_world: MakeWorld, client_of: ClientOf
) -> None:
    world = make_world(Scenario(latency_seconds=QUICK, drop_share=1))
    client = client_of(world)
    for _ in range(20):
        with pytest.raises(anthropic.APIConnectionError):
            _ask(client)
    assert {(e.outcome, e.paid) for e in world.ledger.entries} == {("dropped_request", False), ("dropped_answer", True)}


@pytest.mark.parametrize("fault", ["malformed", "truncated"])
def test_a_broken_body_is_an_error_and_was_paid(fault: str, make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario.model_validate({"latency_seconds": QUICK, f"{fault}_share": 1}))
    with pytest.raises((anthropic.APIError, ValueError)):
        _ask(client_of(world))
    assert [(e.outcome, e.paid) for e in world.ledger.entries] == [(f"{fault}_body", True)]


def test_faults_confined_to_gitlab_leave_the_judge_alone(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=QUICK, sides=("staging",), overloaded_share=1, drop_share=1))
    assert _ask(client_of(world)).type == "message"


def test_an_answer_takes_the_models_latency(make_world: MakeWorld, client_of: ClientOf) -> None:
    world = make_world(Scenario(latency_seconds=Latency(median=40, p95=40)), time_scale=100)
    before = world.clock.now()
    _ask(client_of(world))
    assert world.clock.now() - before >= 40


@settings(deadline=None)
@given(
    st.integers(1, 500),
    st.integers(1, 50_000),
    st.floats(1, 120),
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 5_000), st.integers(0, 2_000)), max_size=120),
)
def test_no_minute_admits_more_than_limit_and_burst(
    requests: int, tokens: int, burst_seconds: float, calls: list[tuple[float, int, int]]
) -> None:
    account = Account(
        shared_with_live_users=False,
        requests_per_minute=requests,
        input_tokens_per_minute=tokens,
        output_tokens_per_minute=tokens,
        burst_seconds=burst_seconds,
        slot_tokens_per_minute=1,
        verified=False,
    )
    buckets, now = AccountBuckets(account, 0.0), 0.0
    admitted: list[tuple[float, int, int, int]] = []
    for pause, tokens_in, tokens_out in calls:
        now += pause
        if buckets.spend(tokens_in, tokens_out, now) is None:
            admitted.append((now, 1, tokens_in, tokens_out))
    for start, *_ in admitted:
        window = [call for call in admitted if start <= call[0] < start + 60]
        for place, rate in ((1, requests), (2, tokens), (3, tokens)):
            burst = max(1.0, rate * burst_seconds / 60)
            assert sum(call[place] for call in window) <= rate + burst + 1e-6 * rate

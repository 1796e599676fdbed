"""The rates' arithmetic, against docs/domain.md §1 by hand and by property."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment, GraphqlLimits, HopRule, PathLimits
from daily_runs.catalogue.features import (
    Cutover,
    Feature,
    FeatureCall,
    FeatureLimits,
    Owner,
    Phase,
    PhaseName,
    PromptTokens,
    Seeding,
    SeedingState,
    Thresholds,
    WhenNotReady,
)
from daily_runs.catalogue.rates import budget, judging_minutes, run_minutes

RCA = FeatureLimits(
    requests_per_minute=20,
    batch_size=16,
    batches_per_minute=2.5,
    account_share=0.175,
    tokens_per_prompt=PromptTokens(input=34_000, output=1_000, source="feature_team"),
    in_flight_max=64,
    answer_timeout_seconds=240,
)


def account(requests: int = 8_000, input_tokens: int = 8_000_000, output_tokens: int = 1_600_000) -> Account:
    return Account(
        shared_with_live_users=True,
        requests_per_minute=requests,
        input_tokens_per_minute=input_tokens,
        output_tokens_per_minute=output_tokens,
        burst_seconds=10,
        slot_tokens_per_minute=200_000,
        verified=False,
    )


def feature(limits: FeatureLimits = RCA, call: FeatureCall = FeatureCall.TROUBLESHOOT_JOB) -> Feature:
    return Feature(
        feature="root_cause_analysis",
        title="Root Cause Analysis",
        call=call,
        owner=Owner(dri="model validation", team="feature team"),
        priority=1,
        dataset="root_cause_analysis.jsonl",
        rubric="root_cause_analysis.yaml",
        prompts_per_run=900,
        phases=(
            Phase(phase=PhaseName.INTERIM_PRODUCTION, starts=dt.date(2026, 7, 1), schedule="0 6 * * 1,3,5"),
            Phase(phase=PhaseName.STAGING, starts=dt.date(2026, 8, 15), schedule="0 6 * * *"),
        ),
        limits=limits,
        seeding=Seeding(state=SeedingState.COMPLETED, owner="feature team", required_share=0.95),
        cutover=Cutover(planned=dt.date(2026, 8, 15), waits_for=("graphql_limit", "seeding")),
        when_not_ready=WhenNotReady.SKIP,
        thresholds=Thresholds(answered_share_min=0.9, unscored_share_max=0.05, mean_score_min=0.5, target_score=0.82),
    )


def catalogue(of: Feature, spends: Account, users: int = 6) -> Catalogue:
    production = Environment(
        account="PROD",
        connection="daily_runs_gitlab_production",
        address="https://gitlab.com",
        seed_project="daily-runs/seeds",
        provenance="live",
        time_scale=1,
        hops=(HopRule(hop="gitlab", owner="infrastructure"),),
        evaluation_users=tuple(f"evaluation-{number}" for number in range(users)),
        limits=PathLimits(
            api_requests_per_minute=2_000,
            ai_action_calls_per_window=160,
            ai_action_window_hours=8,
            code_suggestions_per_minute=60,
            graphql=GraphqlLimits(
                complexity_max=250, depth_max=20, page_size_max=100, query_characters_max=10_000, timeout_seconds=30
            ),
        ),
    )
    judge = JudgeSettings(
        account="PROD",
        connection="daily_runs_anthropic_eval",
        address="https://api.anthropic.com",
        provenance="live",
        model="claude-sonnet-4-5",
        max_output_tokens=1024,
        input_tokens_per_verdict=4_000,
        output_tokens_per_verdict=400,
        in_flight_max=32,
        request_timeout_seconds=60,
    )
    return Catalogue(
        accounts={"PROD": spends}, judge=judge, environments={"production": production}, features={of.feature: of}
    )


def test_root_cause_analysis_asked_for_40_prompts_a_minute_and_17_5_percent_of_production() -> None:
    asked = 16 * 2.5
    assert asked == 40
    assert asked * RCA.tokens_per_prompt.total == 1_400_000
    assert 1_400_000 / account().input_tokens_per_minute == pytest.approx(0.175)

    weighed = budget(catalogue(feature(), account()), feature(), "production")
    rates = dict(weighed.rates)
    assert rates["feature batches"] == 40
    assert rates["feature account share"] == pytest.approx(40)


def test_root_cause_analysis_is_bound_by_its_20_requests_a_minute() -> None:
    weighed = budget(catalogue(feature(), account()), feature(), "production")
    assert weighed.binding == ("feature requests", 20)
    assert weighed.tokens_per_minute == 700_000
    assert weighed.account_share == 0.0875
    assert weighed.slots == 4  # 3.5 slots of 200,000, rounded up
    assert feature().prompts_per_run / weighed.binding.prompts_per_minute == 45


def test_a_full_run_of_root_cause_analysis_is_promised_in_45_minutes() -> None:
    assert run_minutes(catalogue(feature(), account()), feature(), "production") == 45


def test_judging_is_promised_by_the_calls_that_may_be_open_when_each_takes_its_whole_time() -> None:
    """32 calls of 60 s: 32 verdicts a minute; the account's 8 M / 4,400 = 1,818 a minute do not bind."""
    assert judging_minutes(catalogue(feature(), account()), feature()) == 900 / 32


def test_frozen_answers_are_judged_in_the_time_that_a_run_is_given() -> None:
    watched = feature().model_copy(update={"frozen_answers": 60, "judge_repeats": 2})
    assert judging_minutes(catalogue(watched, account()), watched) == (2 * 900 + 60) / 32


def test_judging_is_promised_by_the_judges_account_where_that_is_tighter() -> None:
    """44,000 tokens a minute are ten verdicts of 4,400."""
    assert judging_minutes(catalogue(feature(), account(input_tokens=44_000)), feature()) == 90


def test_without_its_request_limit_root_cause_analysis_would_take_its_whole_plan() -> None:
    planned = feature(RCA.model_copy(update={"requests_per_minute": None}))
    weighed = budget(catalogue(planned, account()), planned, "production")
    assert weighed.binding.prompts_per_minute == pytest.approx(40)
    assert weighed.tokens_per_minute == pytest.approx(1_400_000)
    assert weighed.account_share == pytest.approx(0.175)


def test_code_suggestions_are_bound_by_60_a_minute_for_each_user() -> None:
    limits = RCA.model_copy(
        update={
            "requests_per_minute": None,
            "batches_per_minute": None,
            "account_share": None,
            "tokens_per_prompt": PromptTokens(input=1_500, output=120, source="estimate"),
        }
    )
    suggestions = feature(limits, FeatureCall.COMPLETE_CODE)
    weighed = budget(catalogue(suggestions, account(), users=2), suggestions, "production")
    assert weighed.binding == ("code suggestions per user", 120)


@st.composite
def limits(draw: st.DrawFn) -> FeatureLimits:
    rate = st.none() | st.floats(min_value=0.1, max_value=10_000)
    return FeatureLimits(
        requests_per_minute=draw(rate),
        batch_size=draw(st.integers(1, 100)),
        batches_per_minute=draw(rate),
        account_share=draw(st.none() | st.floats(min_value=0.001, max_value=1)),
        tokens_per_prompt=PromptTokens(
            input=draw(st.integers(1, 200_000)), output=draw(st.integers(1, 64_000)), source="estimate"
        ),
        in_flight_max=64,
        answer_timeout_seconds=240,
    )


accounts = st.builds(account, st.integers(1, 10_000), st.integers(1_000, 10**8), st.integers(1_000, 10**7))


@given(limits(), accounts, st.sampled_from(FeatureCall), st.integers(1, 20))
def test_the_binding_limit_is_the_tightest_and_no_limit_is_ever_exceeded(
    asked: FeatureLimits, spends: Account, call: FeatureCall, users: int
) -> None:
    of = feature(asked, call)
    weighed = budget(catalogue(of, spends, users), of, "production")
    prompts, tolerance = weighed.binding.prompts_per_minute, 1 + 1e-9
    tokens = asked.tokens_per_prompt

    assert weighed.binding == min(weighed.rates, key=lambda rate: rate.prompts_per_minute)
    assert prompts <= spends.requests_per_minute
    assert prompts * tokens.input <= spends.input_tokens_per_minute * tolerance
    assert prompts * tokens.output <= spends.output_tokens_per_minute * tolerance
    if asked.requests_per_minute is not None:
        assert prompts <= asked.requests_per_minute
    if asked.batches_per_minute is not None:
        assert prompts <= asked.batch_size * asked.batches_per_minute
    if asked.account_share is not None:
        assert weighed.tokens_per_minute <= asked.account_share * spends.input_tokens_per_minute * tolerance
    if call is FeatureCall.COMPLETE_CODE:
        assert prompts <= users * 60
    assert weighed.tokens_per_minute == pytest.approx(prompts * tokens.total)
    assert weighed.slots * spends.slot_tokens_per_minute >= weighed.tokens_per_minute / tolerance

"""What a stage asks the ledger for: the tariff of its calls, and what one is expected to cost."""

from __future__ import annotations

from collections.abc import Callable

from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.rates import own_rate
from daily_runs.catalogue.reading.watch import LONG_AGO, Declared
from daily_runs.clock import WALL_SECONDS_MIN
from daily_runs.judging.prompt import JudgePrompt
from daily_runs.quota.tariff import CallRate, ExpectedTokens, InFlight, Tariff, ai_action_window, share_of, user_rate
from daily_runs.stages.work import Work

CHARACTERS_PER_TOKEN = 3.0
"""Fewer than English prose or code has (about 4), so that a reservation is rather too large."""
LEASE_MARGIN_SECONDS = 60.0
"""Domain seconds that a call counts as open beyond its timeout, if nobody settled it."""


def prompt_tokens(work: Work) -> ExpectedTokens:
    """What one prompt is expected to cost the environment's account, as the catalogue says."""
    tokens = work.feature.limits.tokens_per_prompt
    return ExpectedTokens(tokens.input, tokens.output)


def verdict_tokens(work: Work, prompt: JudgePrompt) -> ExpectedTokens:
    """What one verdict is expected to cost: the catalogue's figure, or more if the prompt is longer."""
    judge = work.catalogue.judge
    estimate = max(judge.input_tokens_per_verdict, prompt.characters / CHARACTERS_PER_TOKEN)
    return ExpectedTokens(estimate, judge.output_tokens_per_verdict)


def inference_tariff(work: Work) -> Callable[[], Tariff]:
    """The limits of a prompt, as the catalogue has them at each call.

    Of the users, only those that the stage began with: it holds no key of one that is new.
    """
    name, environment_name = work.feature.feature, work.attempt.key.environment

    def tariff() -> Tariff:
        catalogue, written_at = _declared(work)
        feature, environment = catalogue.features[name], catalogue.environments[environment_name]
        account_name = feature.account_in(environment_name, environment)
        account = catalogue.accounts[account_name]
        own = own_rate(feature)
        of_feature = f"{name} in {environment_name}"
        return Tariff(
            account_name=account_name,
            account=account,
            lane=name,
            share=share_of(catalogue, feature, account, account_name),
            priority=feature.priority,
            rates=[CallRate(of_feature, own)] if own else [],
            users=[user for user in environment.evaluation_users if user in work.environment.evaluation_users],
            window=ai_action_window(feature, environment_name, environment),
            user_rate=user_rate(feature, environment_name, environment),
            in_flight=InFlight(of_feature, feature.limits.in_flight_max),
            lease_seconds=_lease(environment, feature.limits.answer_timeout_seconds),
            declared_at=written_at,
        )

    return tariff


def judging_tariff(work: Work) -> Callable[[], Tariff]:
    """The limits of a verdict, as the catalogue has them at each call."""
    name = work.feature.feature

    def tariff() -> Tariff:
        catalogue, written_at = _declared(work)
        feature, judge = catalogue.features[name], catalogue.judge
        account = catalogue.accounts[judge.account]
        return Tariff(
            account_name=judge.account,
            account=account,
            lane=name,
            share=share_of(catalogue, feature, account, judge.account),
            priority=feature.priority,
            in_flight=InFlight("judge", judge.in_flight_max),
            lease_seconds=_lease(work.environment, judge.request_timeout_seconds),
            declared_at=written_at,
        )

    return tariff


def _declared(work: Work) -> Declared:
    """The catalogue now; as it was at the start where it does not know the run's feature or environment any more."""
    declared = work.declared()
    known = declared.catalogue
    if work.feature.feature in known.features and work.attempt.key.environment in known.environments:
        return declared
    return Declared(work.catalogue, LONG_AGO)


def _lease(environment: Environment, timeout_seconds: float) -> float:
    """Domain seconds; timeouts have a floor on the wall clock, and so has this."""
    return max(timeout_seconds, WALL_SECONDS_MIN * environment.time_scale) + LEASE_MARGIN_SECONDS

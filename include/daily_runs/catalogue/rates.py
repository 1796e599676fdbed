"""Which limit binds a feature's inference, and what that costs its account.

Every figure is computed from the catalogue; the arithmetic of docs/domain.md §1 (RCA: 16 × 2.5 = 40 prompts/min asked,
20/min allowed) is a test of this module.
"""

from __future__ import annotations

from typing import NamedTuple

from daily_runs.catalogue.accounts import slots_for
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.user_rates import user_rates


class PromptRate(NamedTuple):
    """A limit by name and the prompts per minute it allows."""

    limit: str
    prompts_per_minute: float


class Budget(NamedTuple):
    """What a feature may do in an environment.

    `rates` holds every limit that was weighed, tightest first; `binding` is the first of them. `slots` is the number of
    mapped tasks that share the rate: each takes one slot of the account's pool, so that reservations are uniform.
    """

    binding: PromptRate
    rates: tuple[PromptRate, ...]
    tokens_per_minute: float
    account_share: float
    slots: int


def budget(catalogue: Catalogue, feature: Feature, environment_name: str) -> Budget:
    """Weigh every limit that applies to a feature's inference in one environment.

    A prompt's whole tokens, input and output, are counted against the account's input tokens, as the domain does
    (docs/domain.md §1: 35,000 a prompt of 8 M a minute). The vendor counts output apart, so this errs on the safe side.
    """
    environment = catalogue.environments[environment_name]
    account = catalogue.accounts[feature.account_in(environment_name, environment)]
    limits, tokens = feature.limits, feature.limits.tokens_per_prompt
    rates = [
        PromptRate("account requests", account.requests_per_minute),
        PromptRate("account input tokens", account.input_tokens_per_minute / tokens.total),
        PromptRate("account output tokens", account.output_tokens_per_minute / tokens.output),
        *_path_rates(feature, environment),
    ]
    if limits.requests_per_minute is not None:
        rates.append(PromptRate("feature requests", limits.requests_per_minute))
    if limits.batches_per_minute is not None:
        rates.append(PromptRate("feature batches", limits.batch_size * limits.batches_per_minute))
    if limits.account_share is not None:
        rates.append(
            PromptRate("feature account share", limits.account_share * account.input_tokens_per_minute / tokens.total)
        )
    rates.sort(key=lambda rate: rate.prompts_per_minute)
    tokens_per_minute = rates[0].prompts_per_minute * tokens.total
    return Budget(
        binding=rates[0],
        rates=tuple(rates),
        tokens_per_minute=tokens_per_minute,
        account_share=tokens_per_minute / account.input_tokens_per_minute,
        slots=slots_for(tokens_per_minute, account),
    )


def reserved_tokens_per_minute(feature: Feature) -> float:
    """What the feature asked for, in whole tokens; 0 if it asked for no rate."""
    return (own_rate(feature) or 0.0) * feature.limits.tokens_per_prompt.total


def shard_prompts_per_minute(catalogue: Catalogue, feature: Feature, environment_name: str, shards: int) -> float:
    """What the binding limit leaves to each of a run's shards, in prompts per minute of the domain.

    It tells people what to expect of a task. What paces the calls is the ledger, which lets one shard have what
    another leaves.
    """
    return budget(catalogue, feature, environment_name).binding.prompts_per_minute / shards


def own_rate(feature: Feature) -> float | None:
    """Prompts per minute that the feature asked for: the tighter of requests and batches; None if for neither."""
    limits = feature.limits
    asked = [limits.requests_per_minute] if limits.requests_per_minute is not None else []
    if limits.batches_per_minute is not None:
        asked.append(limits.batch_size * limits.batches_per_minute)
    return min(asked, default=None)


def run_minutes(catalogue: Catalogue, feature: Feature, environment_name: str) -> float:
    """Minutes of the domain that the binding limit promises for the inference of a full run."""
    return feature.prompts_per_run / budget(catalogue, feature, environment_name).binding.prompts_per_minute


def judging_minutes(catalogue: Catalogue, feature: Feature) -> float:
    """Minutes of the domain that judging a full run takes at most when nothing else spends the judge's account, its
    frozen answers and second judge included.

    Bound by the account's rates (tokens counted as in `budget`), or by the calls that may be open at once if each takes
    its whole `request_timeout_seconds`.
    """
    judge = catalogue.judge
    account = catalogue.accounts[judge.account]
    verdicts_per_minute = min(
        account.requests_per_minute,
        account.input_tokens_per_minute / (judge.input_tokens_per_verdict + judge.output_tokens_per_verdict),
        account.output_tokens_per_minute / judge.output_tokens_per_verdict,
        judge.in_flight_max * 60 / judge.request_timeout_seconds,
    )
    each = feature.judge_repeats + feature.second_judge_share
    verdicts = feature.prompts_per_run * each + feature.frozen_answers
    return verdicts / verdicts_per_minute


def _path_rates(feature: Feature, environment: Environment) -> list[PromptRate]:
    """Limits per evaluation user, summed over the users of the environment.

    The sum is right for limits that are rates of each user: one user is filled at a time and hands over to the next
    when its rate is used up. What is left of the `ai_action` window is counted by the limit probe before a run.
    """
    users, limits = len(environment.evaluation_users), environment.limits
    return [
        PromptRate(rate.per_user, users * rate.per_minute(limits) / rate.amount)
        for rate in user_rates(limits, feature.call)
    ]

"""What readers of the contract are told of the catalogue: an attempt's terms, and the features as they stand. Pure."""

from __future__ import annotations

import datetime as dt

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, environments_of
from daily_runs.records.catalogue_rows import AttemptTerms, SeenFeature


def terms_of(catalogue: Catalogue, feature: Feature, environment_name: str) -> AttemptTerms:
    """The terms of an attempt of the feature in an environment that is opened now."""
    environment, judge, prices = catalogue.environments[environment_name], catalogue.judge, catalogue.prices
    tokens = feature.limits.tokens_per_prompt
    answer = verdict = second = None
    if prices:
        account = feature.account_in(environment_name, environment)
        answer, verdict = prices.of_inference(feature.call, account), prices.models[judge.model]
        second = prices.models[judge.second_model] if judge.second_model else None
    return AttemptTerms(
        team=feature.owner.team,
        time_scale=environment.time_scale,
        answer_model=prices.model_of(feature.call, account) if prices else None,
        answer_input_tokens=tokens.input,
        answer_output_tokens=tokens.output,
        answer_input_usd=answer.input_usd_per_million if answer else None,
        answer_output_usd=answer.output_usd_per_million if answer else None,
        verdict_model=judge.model,
        verdict_input_tokens=judge.input_tokens_per_verdict,
        verdict_output_tokens=judge.output_tokens_per_verdict,
        verdict_input_usd=verdict.input_usd_per_million if verdict else None,
        verdict_output_usd=verdict.output_usd_per_million if verdict else None,
        second_model=judge.second_model,
        second_input_usd=second.input_usd_per_million if second else None,
        second_output_usd=second.output_usd_per_million if second else None,
        prices_as_of=prices.as_of if prices else None,
        prices_verified=answer.verified and verdict.verified if answer and verdict else None,
    )


def features_at(catalogue: Catalogue, moment: dt.datetime) -> list[SeenFeature]:
    """Each feature of the catalogue as it stands at a moment (aware)."""
    return [_seen(catalogue, feature, moment) for feature in catalogue.features.values()]


def _seen(catalogue: Catalogue, feature: Feature, moment: dt.datetime) -> SeenFeature:
    phase = feature.phase_at(moment)
    vendors = {
        name: catalogue.accounts[feature.account_in(name, catalogue.environments[name])].vendor
        for name in environments_of(feature)
        if name in catalogue.environments
    }
    return SeenFeature(
        feature=feature.feature,
        title=feature.title,
        team=feature.owner.team,
        dri=feature.owner.dri,
        priority=feature.priority,
        phase=phase.phase,
        phase_since=phase.starts if phase in feature.phases else None,
        schedule=phase.schedule,
        providers=dict(vendors),
        prompts_per_run=feature.prompts_per_run,
        dataset=feature.dataset,
        rubric=feature.rubric,
        judge_model=catalogue.judge.model,
        margin=feature.quality.margin,
        budget_usd_per_month=feature.budget_usd_per_month,
        **feature.thresholds.model_dump(exclude={"frozen_in_range_min"}),
    )

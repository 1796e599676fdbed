"""A plan as data, for scripts: every figure of the table, the load of each moment, findings, cost, forecast. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from daily_runs.capacity import cost, load, users
from daily_runs.capacity.findings import PlanFinding, months
from daily_runs.capacity.fluid import Spell
from daily_runs.capacity.forecast import MonthForecast
from daily_runs.capacity.load import ACCOUNT_LIMITS, INFERENCE
from daily_runs.capacity.plan import RunPlan, StagePlan, WeekPlan, deadline


def as_json(
    plan: WeekPlan, findings: Sequence[PlanFinding], forecasts: Sequence[MonthForecast] | None
) -> dict[str, Any]:
    """Times are UTC (ISO 8601), durations minutes, shares from 0 to 1, amounts USD."""
    begins, ends = plan.scenario.span
    prices = plan.scenario.catalogue.prices
    data: dict[str, Any] = {
        "from": plan.scenario.first,
        "to": plan.scenario.last,
        "fits": plan.fits,
        "misfits": [misfit._asdict() | {"resource": " ".join(misfit.resource)} for misfit in plan.misfits],
        "runs": [_run(plan, run) for run in plan.runs],
        "load": [_spell(plan, spell) for spell in plan.spells if spell.begins < ends and spell.ends > begins],
        "users": [demand._asdict() for demand in plan.demands],
        "findings": [
            finding._asdict() | {"remedies": [remedy._asdict() for remedy in finding.remedies]} for finding in findings
        ],
        "prices_as_of": prices.as_of if prices else None,
        "days": _days(plan),
        "months": [
            {
                "month": f"{month.month:%Y-%m}",
                "feature": month.feature.feature,
                "team": month.feature.owner.team,
                "runs": month.runs,
                "usd": round(month.usd, 4),
                "budget_usd": month.budget_usd,
                "state": month.state,
            }
            for month in months(plan)
        ],
    }
    if forecasts is not None:
        data["forecast"] = [one._asdict() | {"month": f"{one.month:%Y-%m}"} for one in forecasts]
    return data


def _run(plan: WeekPlan, planned: RunPlan) -> dict[str, Any]:
    run, spend = planned.run, cost.run_cost(plan.scenario, planned.run)
    return {
        "feature": run.feature.feature,
        "team": run.feature.owner.team,
        "environment": run.environment,
        "phase": run.phase,
        "starts": run.tick.isoformat(),
        "ends": planned.ends.isoformat(),
        "must_end_by": deadline(plan.scenario, run).isoformat(),
        "held_back_minutes": planned.held_back_minutes,
        "prompts": run.prompts,
        "gitlab_requests": run.prompts * load.api_requests(run.feature),
        "ai_action_calls": run.prompts if users.counts(planned.stages[0].stream) else 0,
        "stages": [_stage(plan, planned, stage) for stage in planned.stages],
        "inference_usd": spend.inference_usd if spend else None,
        "judging_usd": spend.judging_usd if spend else None,
    }


def _stage(plan: WeekPlan, planned: RunPlan, stage: StagePlan) -> dict[str, Any]:
    name = planned.run.feature.feature
    asking = stage.stream.stage == INFERENCE
    tokens = planned.run.feature.limits.tokens_per_prompt if asking else plan.scenario.verdict(name)
    return {
        "stage": stage.stream.stage,
        "account": stage.stream.account,
        "requests": stage.prompts,
        "input_tokens": stage.prompts * tokens.input,
        "output_tokens": stage.prompts * tokens.output,
        "tokens_source": tokens.source,
        "counted_against_input_limit": stage.taken(ACCOUNT_LIMITS[1]),
        "minutes_under": {rate.limit: stage.minutes_under(rate) for rate in stage.rates},
        "binding_limit": stage.rates[0].limit,
        "begins": stage.begins.isoformat(),
        "ends": stage.ends.isoformat(),
        "minutes": stage.minutes,
        "account_share": stage.share,
        "account_share_in_busiest_minute": stage.busiest_minute,
        "waited_minutes": stage.waited,
        "waited_beside": stage.beside,
    }


def _spell(plan: WeekPlan, spell: Spell) -> dict[str, Any]:
    return {
        "account": spell.stream.account,
        "feature": spell.stream.feature,
        "environment": spell.stream.environment,
        "stage": spell.stream.stage,
        "begins": plan.scenario.moment(spell.begins).isoformat(),
        "ends": plan.scenario.moment(spell.ends).isoformat(),
        "prompts_per_minute": spell.flow.per_minute,
        "account_share": spell.flow.per_minute * plan.limits.part_of_account(spell.stream),
        "bound_by": " ".join(spell.flow.bound_by),
    }


def _days(plan: WeekPlan) -> list[dict[str, Any]]:
    """Cost by day and feature."""
    sums: dict[tuple[str, str, str], float] = {}
    for planned in plan.runs:
        spend = cost.run_cost(plan.scenario, planned.run)
        if spend is not None:
            feature = planned.run.feature
            key = str(planned.run.tick.date()), feature.feature, feature.owner.team
            sums[key] = sums.get(key, 0.0) + spend.usd
    return [
        {"day": day, "feature": feature, "team": team, "usd": round(usd, 4)}
        for (day, feature, team), usd in sorted(sums.items())
    ]

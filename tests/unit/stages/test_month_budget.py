"""What was spent this month against the budget: alarm, and no new run from 110 % on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs.errors import LimitTooLowError
from daily_runs.quota.cost import MonthState
from daily_runs.stages import limit_probe, month_budget

if TYPE_CHECKING:
    from tests.conftest import Bench

    from daily_runs.run import Work

PROMPTS = 8


def spent(bench: Bench) -> Work:
    """A run that was asked and judged."""
    work = bench.work("duo_chat", PROMPTS)
    bench.run(work, "seed_check", "inference", "judging")
    return work


@pytest.fixture(autouse=True)
def connection(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's logins, which a live environment must be given."""
    environment = bench.catalogue.environments["staging"]
    keys = {user: f"sandbox-{user}" for user in environment.evaluation_users}
    variable = environment.connection.upper()
    monkeypatch.setenv(variable, json.dumps({"address": environment.address, "keys": keys}))


def as_if_live(bench: Bench, **feature: Any) -> Work:
    """The same attempt, as a store of real runs would have it."""
    patch = {"environments": {"staging": {"provenance": "live"}}, "features": {"duo_chat": feature}}
    attempt = bench.attempt("duo_chat", PROMPTS)
    changed = bench.changed(patch)
    work = bench.work("duo_chat", PROMPTS)
    assert work.attempt.attempt_id == attempt.attempt_id
    feature_now = changed.catalogue.features["duo_chat"]
    return type(work)(
        **{**vars(work), "catalogue": changed.catalogue, "feature": feature_now},
    )


def expected_usd(bench: Bench, work: Work) -> float:
    """By hand: chat's tokens are estimates (its path does not tell them), the judge's are counted."""
    prices = bench.catalogue.prices
    assert prices is not None
    tokens, chat = work.feature.limits.tokens_per_prompt, prices.of_inference("chat")
    judge = prices.models[bench.catalogue.judge.model]
    asked = PROMPTS * (tokens.input * chat.input_usd_per_million + tokens.output * chat.output_usd_per_million)
    verdicts = bench.store.rows("SELECT input_tokens, output_tokens FROM daily_runs.verdict")
    judged = sum(
        row["input_tokens"] * judge.input_usd_per_million + row["output_tokens"] * judge.output_usd_per_million
        for row in verdicts
    )
    return float(asked + judged) / 1_000_000


def test_answers_and_verdicts_of_the_month_are_priced(bench: Bench) -> None:
    spent(bench)
    work = as_if_live(bench, budget_usd_per_month=1000)
    found = month_budget.month_budget(work)
    assert found is not None
    assert found.spent_usd == pytest.approx(expected_usd(bench, work))
    assert (found.state, found.budget_usd) == (MonthState.OK, 1000)


def test_other_features_do_not_count(bench: Bench) -> None:
    other = bench.work("code_suggestions", 1)
    bench.run(other, "seed_check", "inference", "judging")
    found = month_budget.month_budget(as_if_live(bench, budget_usd_per_month=1000))
    assert found is not None
    assert found.spent_usd == 0


def test_other_months_do_not_count(bench: Bench) -> None:
    spent(bench)
    work = as_if_live(bench, budget_usd_per_month=1000)
    bench.store.rows("UPDATE daily_runs.answer SET settled_at = settled_at - interval '40 days'")
    bench.store.rows("UPDATE daily_runs.verdict SET judged_at = judged_at - interval '40 days'")
    found = month_budget.month_budget(work)
    assert found is not None
    assert found.spent_usd == 0


def test_from_110_percent_on_no_run_starts_and_the_remedy_names_the_budget(bench: Bench) -> None:
    usd = expected_usd(bench, spent(bench))
    with pytest.raises(LimitTooLowError, match=r"budget of the month: .* Raise budget_usd_per_month"):
        limit_probe.run(as_if_live(bench, budget_usd_per_month=usd / 1.11))


def test_an_alarm_is_said_and_the_run_starts(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    usd = expected_usd(bench, spent(bench))
    limit_probe.run(as_if_live(bench, budget_usd_per_month=usd / 0.9))
    assert "(90%, alarm)" in caplog.text


def test_a_sandbox_costs_nothing(bench: Bench) -> None:
    work = spent(bench)
    assert work.feature.budget_usd_per_month is not None
    assert month_budget.month_budget(work) is None

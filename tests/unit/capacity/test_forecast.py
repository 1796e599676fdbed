"""Six months in three cases."""

from __future__ import annotations

import pytest
from tests.unit.capacity.plan_cases import CHAT, RCA, day, given, pinned, with_feature
from tests.unit.capacity.test_cost import priced

from daily_runs.capacity.forecast import forecast
from daily_runs.capacity.load import PlanScenario
from daily_runs.capacity.plan import MisfitKind
from daily_runs.quota.month_budget import MonthState


def scenario() -> PlanScenario:
    catalogue = with_feature(priced(), RCA, budget_usd_per_month=5000.0)
    return PlanScenario(given(catalogue, features={RCA: catalogue.features[RCA]}), day("08-10"), day("08-16"))


def test_it_begins_with_the_month_of_the_first_date_and_has_three_cases_of_six() -> None:
    found = forecast(scenario())
    assert [(one.case, f"{one.month:%Y-%m}") for one in found] == [
        (case, month)
        for case in ("base", "double", "half")
        for month in ("2026-08", "2026-09", "2026-10", "2026-11", "2026-12", "2027-01")
    ]


def test_september_is_thirty_runs_and_each_case_is_so_many_times_that() -> None:
    """30 × 900 × (34,000 + 4,000) = 1,026 M in, × (1,000 + 400) = 37.8 M out; 30 × 121.50 = 3,645 USD."""
    base, double, half = (one for one in forecast(scenario()) if one.month == day("09-01"))
    assert (base.runs, base.input_tokens, base.output_tokens) == (30, 1_026_000_000, 37_800_000)
    assert base.usd == pytest.approx(3645)
    assert [double.usd, half.usd] == pytest.approx([7290, 1822.5])
    assert (double.input_tokens, half.input_tokens) == (2_052_000_000, 513_000_000)


def test_a_case_says_how_its_month_stands_to_the_budget() -> None:
    """3,645 of 5,000 is 73 %; twice that is 146 %."""
    states = {one.case: one.states[RCA] for one in forecast(scenario()) if one.month == day("09-01")}
    assert states == {"base": MonthState.OK, "double": MonthState.THROTTLE, "half": MonthState.OK}


def test_twice_the_prompts_do_not_fit_the_evaluation_users_from_the_first_run_on() -> None:
    """1,800 calls in 45 min and more, and 6 × 160 = 960 are allowed; 3 August is the first Monday."""
    found = {one.case: one for one in forecast(scenario(), months=1)}
    assert (found["base"].first_misfit, found["half"].first_misfit) == (None, None)
    assert (found["double"].first_misfit, found["double"].misfit_kind) == (day("08-03"), MisfitKind.USERS)
    assert "needs 12 evaluation users and has 6" in found["double"].reason


def test_without_a_price_list_the_tokens_are_known_and_the_cost_is_not() -> None:
    bare = PlanScenario(given(pinned(), prices=None), day("08-10"), day("08-16"))
    first = forecast(bare, months=1)[0]
    assert (first.usd, first.by_feature, first.states) == (None, {}, {})
    assert first.input_tokens > 0


def test_half_a_prompt_is_never_planned() -> None:
    one = with_feature(priced(), CHAT, prompts_per_run=1)
    only = given(one, features={CHAT: one.features[CHAT]})
    base, _, half = forecast(PlanScenario(only, day("09-01"), day("09-01")), months=1)
    assert base.input_tokens == half.input_tokens

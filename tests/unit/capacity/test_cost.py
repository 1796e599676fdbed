"""What runs cost, worked out by hand from the price list, and where a month stands to its budget."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from tests.unit.capacity.plan_cases import CHAT, CODE, RCA, day, given, pinned, with_feature

from daily_runs.capacity import cost, forecast, load
from daily_runs.capacity.load import PlanScenario
from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.prices import ModelPrice, Prices
from daily_runs.catalogue.rates import judging_minutes
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError
from daily_runs.quota.month_budget import MonthState, month_state, price_of

SONNET = ModelPrice(
    input_usd_per_million=3,
    output_usd_per_million=15,
    cached_input_usd_per_million=0.3,
    batch_factor=0.5,
    verified=False,
)
SMALL = given(SONNET, input_usd_per_million=0.3, output_usd_per_million=0.9, batch_factor=1.0)
CALLS = ("troubleshoot_job", "chat", "explain_vulnerability", "resolve_vulnerability")


def priced() -> Catalogue:
    models = {"claude-sonnet-5-5": SONNET, "small": SMALL}
    inference = dict.fromkeys(CALLS, "claude-sonnet-5-5") | {"complete_code": "small"}
    prices = Prices(as_of=dt.date(2026, 8, 1), currency="USD", models=models, inference=inference)
    return given(pinned(), prices=prices, judge=given(pinned().judge, model="claude-sonnet-5-5"))


def august(catalogue: Catalogue) -> PlanScenario:
    return PlanScenario(catalogue, day("08-01"), day("08-31"))


def test_tokens_cost_by_their_kind_and_half_in_a_batch() -> None:
    assert price_of(SONNET, 1_000_000, 0) == 3
    assert price_of(SONNET, 0, 200_000) == 3
    assert price_of(SONNET, 0, 0, 1_000_000) == 0.3
    assert price_of(SONNET, 1_000_000, 200_000, 1_000_000, batched=True) == 3.15


def test_frozen_answers_are_judged_once_a_day_whatever_the_number_of_arms() -> None:
    """A shadow day has two arms. Neither `judge_repeats` nor a plan for twice the prompts makes them more."""
    without = with_feature(priced(), RCA, judge_repeats=2)
    watched = with_feature(without, RCA, frozen_answers=60)
    shadow = [
        [run.verdicts for run in load.runs(PlanScenario(catalogue, day("08-10"), day("08-10"), factor=2.0))]
        for catalogue in (without, watched)
    ]
    plain = [
        run.verdicts
        for run in load.runs(PlanScenario(without, day("08-10"), day("08-10"), factor=2.0))
        if run.feature.feature == RCA
    ]
    assert plain == [3600, 3600]
    assert sum(shadow[1]) == sum(shadow[0]) + 60
    months = [list(cost.by_month(august(catalogue), load.runs(august(catalogue)))) for catalogue in (without, watched)]
    spent = [next(month.usd for month in of if month.feature.feature == RCA) for of in months]
    days = len({run.tick.date() for run in load.runs(august(watched)) if run.feature.feature == RCA})
    assert spent[1] - spent[0] == pytest.approx(days * 60 * (4000 * 3 + 400 * 15) / 1_000_000)


def test_a_second_judge_costs_its_share_at_its_own_models_price_and_takes_its_share_of_the_account() -> None:
    first = priced()
    both = with_feature(given(first, judge=given(first.judge, second_model="small")), RCA, second_judge_share=0.5)
    alone, second = (
        [run for run in load.runs(PlanScenario(catalogue, day("08-17"), day("08-17"))) if run.feature.feature == RCA]
        for catalogue in (first, both)
    )
    assert [run.verdicts for run in second] == [run.verdicts + 450 for run in alone] == [1350]
    spends = [cost.run_cost(august(catalogue), run) for catalogue, (run,) in ((first, alone), (both, second))]
    assert spends[0] is not None
    assert spends[1] is not None
    judge = first.judge
    more = 450 * price_of(SMALL, judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)
    assert spends[1].judging_usd - spends[0].judging_usd == pytest.approx(more)
    assert judging_minutes(both, both.features[RCA]) == pytest.approx(1.5 * judging_minutes(first, first.features[RCA]))


def test_judging_each_answer_three_times_costs_three_times_as_much_everywhere() -> None:
    once = priced()
    thrice = with_feature(once, RCA, judge_repeats=3)
    runs = [load.runs(PlanScenario(catalogue, day("08-16"), day("08-16")))[0] for catalogue in (once, thrice)]
    spent = [
        cost.run_cost(PlanScenario(catalogue, day("08-16"), day("08-16")), run)
        for catalogue, run in zip((once, thrice), runs, strict=True)
    ]
    assert spent[0] is not None
    assert spent[1] is not None
    assert spent[1].judging_usd == pytest.approx(3 * spent[0].judging_usd)
    assert spent[1].inference_usd == spent[0].inference_usd
    amounts = [
        [amount for _, amount in load.jobs(PlanScenario(catalogue, day("08-16"), day("08-16")), [run])[0].stages]
        for catalogue, run in zip((once, thrice), runs, strict=True)
    ]
    assert amounts == [[900.0, 900.0], [900.0, 2700.0]]
    months = [
        forecast.forecast(PlanScenario(catalogue, day("08-01"), day("08-31")), 1)[0] for catalogue in (once, thrice)
    ]
    verdict = once.judge.input_tokens_per_verdict
    rca_runs = sum(run.feature.feature == RCA for run in load.runs(august(once)))
    assert months[1].input_tokens - months[0].input_tokens == pytest.approx(rca_runs * 2 * 900 * verdict)
    of_rca = [judging_minutes(catalogue, catalogue.features[RCA]) for catalogue in (once, thrice)]
    assert of_rca[1] == pytest.approx(3 * of_rca[0])


def test_a_run_of_root_cause_analysis_costs_105_to_ask_and_16_to_judge() -> None:
    """900 × (34,000 × 3 + 1,000 × 15) = 105.30; 900 × (4,000 × 3 + 400 × 15) = 16.20, of a million each."""
    run = load.runs(PlanScenario(priced(), day("08-16"), day("08-16")))[0]
    spend = cost.run_cost(PlanScenario(priced(), day("08-16"), day("08-16")), run)
    assert spend is not None
    assert spend.inference_usd == pytest.approx(105.30)
    assert spend.judging_usd == pytest.approx(16.20)
    batched = cost.run_cost(PlanScenario(priced(), day("08-16"), day("08-16"), batched=True), run)
    assert batched is not None
    assert batched.usd == pytest.approx(105.30 + 8.10)


def test_another_model_has_its_own_price() -> None:
    """18 × (1,500 × 0.3 + 120 × 0.9) / 1 M = 0.010044."""
    scenario = PlanScenario(priced(), day("08-16"), day("08-16"))
    run = load.runs(scenario)[0]
    code = run._replace(feature=priced().features[CODE], prompts=18)
    spend = cost.run_cost(scenario, code)
    assert spend is not None
    assert spend.inference_usd == pytest.approx(0.010044)


def test_without_a_price_list_cost_is_unknown_and_not_zero() -> None:
    bare = given(pinned(), prices=None)
    scenario = august(bare)
    runs = load.runs(scenario)
    assert cost.run_cost(scenario, runs[0]) is None
    assert list(cost.by_month(scenario, runs)) == []


def test_the_month_of_the_cutover_has_both_arms_of_shadow_days() -> None:
    """RCA in August: 3, 5, 7 interim; 10, 12, 14 in two arms; 15 to 31 daily: 3 + 6 + 17 = 26 arms of 121.50."""
    scenario = august(with_feature(priced(), RCA, budget_usd_per_month=3500.0))
    months = {month.feature.feature: month for month in cost.by_month(scenario, load.runs(scenario))}
    assert (months[RCA].month, months[RCA].runs) == (day("08-01"), 26)
    assert months[RCA].usd == pytest.approx(26 * 121.50)
    assert months[RCA].share == pytest.approx(3159 / 3500)
    assert months[RCA].state is MonthState.ALARM
    # Chat: 1, 4, 6, 8 interim; 11, 13, 15 in two arms; 17 to 31 daily.
    assert months[CHAT].runs == 4 + 6 + 15
    assert CODE not in months


def test_months_are_kept_apart() -> None:
    scenario = PlanScenario(priced(), day("08-31"), day("09-01"))
    months = [month for month in cost.by_month(scenario, load.runs(scenario)) if month.feature.feature == RCA]
    assert [(month.month, month.runs) for month in months] == [(day("08-01"), 1), (day("09-01"), 1)]
    assert cost.next_month(dt.date(2026, 12, 31)) == dt.date(2027, 1, 1)


def test_a_feature_without_a_budget_has_no_state() -> None:
    scenario = august(with_feature(priced(), RCA, budget_usd_per_month=None))
    month = next(m for m in cost.by_month(scenario, load.runs(scenario)) if m.feature.feature == RCA)
    assert (month.share, month.state) == (None, None)


@pytest.mark.parametrize(
    ("spent", "state"),
    [
        (0, MonthState.OK),
        (79.99, MonthState.OK),
        (80, MonthState.ALARM),
        (109.99, MonthState.ALARM),
        (110, MonthState.THROTTLE),
        (1000, MonthState.THROTTLE),
    ],
)
def test_a_month_alarms_from_80_percent_on_and_throttles_from_110(spent: float, state: MonthState) -> None:
    assert month_state(spent, 100) is state


@for_all(st.floats(0.01, 1e6))
def test_the_edges_hold_for_every_budget(budget: float) -> None:
    assert month_state(budget * 0.8, budget) is MonthState.ALARM
    assert month_state(budget * 1.1, budget) is MonthState.THROTTLE
    assert month_state(budget * 0.7999, budget) is MonthState.OK


# The file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue with what lies beside it."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / name, tmp_path / name)
    return tmp_path / "catalogue"


@pytest.mark.parametrize(
    ("old", "new", "part", "problem"),
    [
        (
            "    claude-sonnet-5-5:",
            "    claude-other:",
            "  models:",
            (
                "prices.models: has no price of 'claude-sonnet-5-5', the judge of accounts.yaml."
                " Add the model with its prices."
            ),
        ),
        (
            "    chat: claude-sonnet-4-6\n",
            "",
            "  inference:",
            (
                "prices.inference: names no model for the call chat of duo_chat. Add the call and the model that"
                " answers it."
            ),
        ),
        (
            "    complete_code: codestral@2405",
            "    complete_code: codestral",
            "    complete_code:",
            (
                "prices.inference.complete_code: 'codestral' has no price under models. Add the model with its prices,"
                " or correct the name."
            ),
        ),
        (
            "      input_usd_per_million: 0.2",
            "      input_usd_per_million: -0.3",
            "      input_usd_per_million: -0.3",
            "prices.models.codestral@2405.input_usd_per_million: ",
        ),
    ],
    ids=["judge", "call", "model", "negative"],
)
def test_a_price_list_that_is_wrong_says_where(folder: Path, old: str, new: str, part: str, problem: str) -> None:
    file = folder / "prices.yaml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    lines = file.read_text(encoding="utf-8").splitlines()
    line = next(number for number, words in enumerate(lines, start=1) if part in words)
    told = [str(fault) for fault in catalogue_files.read(folder).faults]
    assert [fault for fault in told if fault.startswith(f"prices.yaml:{line}: {problem}")], told


def test_a_catalogue_without_a_price_list_is_refused(folder: Path) -> None:
    (folder / "prices.yaml").unlink()
    with pytest.raises(CatalogueError, match=r"prices\.yaml: cannot be read"):
        catalogue_files.load(folder)


def test_the_shipped_price_list_has_a_date_and_owns_that_nobody_checked_it() -> None:
    prices = catalogue_files.load().prices
    assert prices is not None
    assert prices.as_of <= dt.date(2026, 12, 31)
    assert not any(price.verified for price in prices.models.values())


def test_every_shipped_price_says_where_it_comes_from_and_of_which_day() -> None:
    prices = catalogue_files.load().prices
    assert prices is not None
    assert all(price.source and price.as_of for price in prices.models.values())
    judge, codestral = prices.models["claude-sonnet-5-5"], prices.models["codestral@2405"]
    assert price_of(judge, 1_000_000, 1_000_000, 1_000_000) == pytest.approx(2 + 10 + 0.10)
    assert price_of(codestral, 1_000_000, 1_000_000) == pytest.approx(0.20 + 0.60)

"""What was spent this month against the budget: alarm, and no new run from 110 % on."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs import connections
from daily_runs.errors import LimitTooLowError
from daily_runs.judging.ruler import ruler_of
from daily_runs.quota.month_budget import THROTTLE_SHARE, MonthBudget, MonthState, month_budget, month_state, price_of
from daily_runs.readiness.limits import finding_rows, findings, measure, order_rows
from daily_runs.readiness.limits.weighing import month_of, weigh
from daily_runs.records import frozen_judgings, judgements
from daily_runs.records.frozen_judgings import FrozenOrder
from daily_runs.runs import rerun
from daily_runs.stages import limit_probe
from daily_runs.stages.orders import explain, explanation
from daily_runs.statuses import LimitSource, LimitVerdict, Rerun

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.stages.work import Work


PROMPTS = 8


def spent(kit: Kit) -> Work:
    """A run that was asked and judged."""
    work = kit.work("duo_chat", PROMPTS)
    kit.run(work, "seed_check", "inference", "judging")
    return work


@pytest.fixture(autouse=True)
def connection(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's logins, which a live environment must be given; and nobody notices that it is on this machine."""
    monkeypatch.setattr(connections, "is_loopback", lambda _address: False)
    monkeypatch.setattr(connections, "SANDBOX_HEADER", "x-nobody-sends-it")
    environment = kit.catalogue.environments["staging"]
    keys = {user: f"sandbox-{user}" for user in environment.evaluation_users}
    variable = environment.connection.upper()
    monkeypatch.setenv(variable, json.dumps({"address": environment.address, "keys": keys}))
    judge = kit.catalogue.judge
    keys = {judge.account: f"sandbox-{judge.account}"}
    monkeypatch.setenv(judge.connection.upper(), json.dumps({"address": judge.address, "keys": keys}))


def as_if_live(kit: Kit, prompts: int = PROMPTS, **feature: Any) -> Work:
    """The day's run, as a store of real runs would have it; with another number of prompts it is a new attempt."""
    patch = {"environments": {"staging": {"provenance": "live"}}, "features": {"duo_chat": feature}}
    catalogue = kit.changed(patch).catalogue
    work = kit.work("duo_chat", prompts)
    return replace(work, catalogue=catalogue, feature=catalogue.features["duo_chat"])


def of_month(work: Work) -> MonthBudget | None:
    return month_budget(work.store, work.catalogue, work.feature, work.environment)


def expected_usd(kit: Kit, work: Work) -> float:
    """By hand: chat's tokens are estimates (its path does not tell them), the judge's are counted."""
    prices = kit.catalogue.prices
    assert prices is not None
    tokens, chat = work.feature.limits.tokens_per_prompt, prices.of_inference("chat")
    judge = prices.models[kit.catalogue.judge.model]
    asked = PROMPTS * (tokens.input * chat.input_usd_per_million + tokens.output * chat.output_usd_per_million)
    verdicts = kit.store.rows("SELECT input_tokens, output_tokens FROM daily_runs.verdict")
    judged = sum(
        row["input_tokens"] * judge.input_usd_per_million + row["output_tokens"] * judge.output_usd_per_million
        for row in verdicts
    )
    return float(asked + judged) / 1_000_000


def test_answers_and_verdicts_of_the_month_are_priced(kit: Kit) -> None:
    spent(kit)
    work = as_if_live(kit, budget_usd_per_month=1000)
    found = of_month(work)
    assert found is not None
    assert found.spent_usd == pytest.approx(expected_usd(kit, work))
    assert (found.state, found.budget_usd) == (MonthState.OK, 1000)


def test_calls_that_gave_no_verdict_were_paid_too_and_each_try_counts(kit: Kit) -> None:
    """Their tokens are unknown, so that each counts with the catalogue's estimate; three tries an answer."""
    kit.sandbox.change(unscorable_share=1.0)
    work = as_if_live(kit, budget_usd_per_month=1000)
    kit.run(kit.work("duo_chat", PROMPTS), "seed_check", "inference", "judging")
    judge, prices, tokens = work.catalogue.judge, work.catalogue.prices, work.feature.limits.tokens_per_prompt
    assert prices is not None
    each = price_of(prices.models[judge.model], judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)
    asked = price_of(prices.of_inference("chat"), tokens.input, tokens.output)
    found = of_month(work)
    assert found is not None
    assert found.spent_usd == pytest.approx(PROMPTS * (asked + 3 * each))
    again = rerun.open_attempt(kit.store, kit.catalogue, rerun.RerunOrder(work.attempt.key, Rerun.GATE_AND_PUBLISH))
    assert again.attempt_id != work.attempt.attempt_id
    assert of_month(work) == found  # an attempt that takes them over pays nothing


def test_three_verdicts_an_answer_are_ordered_and_paid_three_times(kit: Kit) -> None:
    thrice = kit.changed({"features": {"duo_chat": {"judge_repeats": 3}}})
    work = as_if_live(thrice, budget_usd_per_month=1000)
    probe = findings.LimitFinding("gitlab", "any", 1, 1, "u", LimitSource.MEASURED, "", "", "somebody")
    finding_rows.save_limits(kit.store, "staging", "duo_chat", [probe], attempt_id=work.attempt.attempt_id)
    (ordered,) = order_rows.ordered_runs(kit.store, 3600, but=None)
    assert (ordered.prompts, ordered.verdicts) == (PROMPTS, 3 * PROMPTS)
    thrice.run(thrice.work("duo_chat", PROMPTS), "seed_check", "inference", "judging")
    found = of_month(work)
    assert found is not None
    assert kit.count("daily_runs.verdict") == 3 * PROMPTS
    assert found.spent_usd == pytest.approx(expected_usd(thrice, work))


def test_the_frozen_answers_of_a_day_are_ordered_once_and_by_nobody_who_is_watched(kit: Kit) -> None:
    watched = kit.changed({"features": {"duo_chat": {"frozen_answers": 40}}})
    work = as_if_live(watched, budget_usd_per_month=1000)
    other = watched.attempt("duo_chat", PROMPTS, "production")
    probe = findings.LimitFinding("gitlab", "any", 1, 1, "u", LimitSource.MEASURED, "", "", "somebody")
    for environment, attempt in (("staging", work.attempt), ("production", other)):
        finding_rows.save_limits(kit.store, environment, "duo_chat", [probe], attempt_id=attempt.attempt_id)
    without = as_if_live(kit, budget_usd_per_month=1000)
    judge, prices = work.catalogue.judge, work.catalogue.prices
    assert prices is not None
    each = price_of(prices.models[judge.model], judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)

    def more() -> float:
        found = [
            month_of(kit.store, one.catalogue, one.feature, "staging", str(uuid.uuid4())) for one in (work, without)
        ]
        assert found[0] is not None
        assert found[1] is not None
        return found[0].ordered_usd - found[1].ordered_usd

    assert more() == pytest.approx(40 * each)
    order = FrozenOrder("duo_chat", ruler_of(work.rubric.version, judge), "sha")
    judging = frozen_judgings.begin(kit.store, other.attempt_id, order, ())
    for attempt in (work.attempt, other):
        frozen_judgings.speaks_for(kit.store, judging.frozen_judging_id, attempt.attempt_id)
    assert more() == 0


def test_other_features_do_not_count(kit: Kit) -> None:
    other = kit.work("code_suggestions", 1)
    kit.run(other, "seed_check", "inference", "judging")
    found = of_month(as_if_live(kit, budget_usd_per_month=1000))
    assert found is not None
    assert found.spent_usd == 0


def test_other_months_do_not_count(kit: Kit) -> None:
    spent(kit)
    work = as_if_live(kit, budget_usd_per_month=1000)
    kit.store.rows("UPDATE daily_runs.answer SET settled_at = settled_at - interval '40 days'")
    kit.store.rows("UPDATE daily_runs.verdict SET judged_at = judged_at - interval '40 days'")
    found = of_month(work)
    assert found is not None
    assert found.spent_usd == 0


@pytest.mark.parametrize("budgets_spent", [1.11, 1.1])
def test_from_110_percent_on_no_run_starts_and_the_remedy_names_the_budget(kit: Kit, budgets_spent: float) -> None:
    usd = expected_usd(kit, spent(kit))
    work = as_if_live(kit, PROMPTS + 1, budget_usd_per_month=usd / budgets_spent)
    told = r"budget of the month: Raise budget_usd_per_month, .*; owner: Duo Chat feature team \(model_vendor: needs"
    with pytest.raises(LimitTooLowError, match=told):
        limit_probe.run(work)
    (found,) = [row for row in finding_rows.latest_limits(kit.store, "staging") if row["limit_name"] == findings.MONTH]
    assert (found["verdict"], found["binds"]) == ("too_low", True)


@pytest.mark.parametrize(("budgets_spent", "is_refused"), [(1.1, True), (1.0999, False)])
def test_what_is_explained_of_an_order_says_that_the_month_will_refuse_it(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, budgets_spent: float, is_refused: bool
) -> None:
    monkeypatch.setattr(explain, "check_provenance", lambda *_: None)  # the rows are the sandbox's
    usd = expected_usd(kit, spent(kit))
    work = as_if_live(kit, budget_usd_per_month=usd / budgets_spent)
    order = rerun.RerunOrder(work.attempt.key, Rerun.JUDGE_AGAIN)
    found = explain.explain(work.store, work.catalogue, order)
    assert found.month == of_month(work)
    assert ("The limit probe will refuse it: " in explanation.headline(found)) is is_refused
    assert str(found.month) in explanation.section(found).note
    assert found.as_json()["month"]["state"] == ("throttle" if is_refused else "alarm")
    nothing = explain.explain(work.store, work.catalogue, order._replace(rerun=Rerun.GATE_AND_PUBLISH))
    assert not nothing.is_refused_for_the_month


def judged_again(kit: Kit, budgets_spent: float) -> Work:
    """A rerun that asks nothing and judges all, in a month that stands so."""
    first = spent(kit)
    usd = expected_usd(kit, first)
    order = rerun.RerunOrder(first.attempt.key, Rerun.JUDGE_AGAIN)
    attempt = rerun.open_attempt(kit.store, kit.catalogue, order)
    feature = {"budget_usd_per_month": usd / budgets_spent}
    patch = {"environments": {"staging": {"provenance": "live"}}, "features": {"duo_chat": feature}}
    catalogue = kit.changed(patch).catalogue
    return replace(first, attempt=attempt, catalogue=catalogue, feature=catalogue.features["duo_chat"])


def test_a_rerun_that_only_judges_needs_the_month_too(kit: Kit) -> None:
    work = judged_again(kit, 1.11)
    assert len(judgements.unjudged(kit.store, work.attempt.attempt_id, None)) == PROMPTS
    before = len(kit.sandbox.entries())
    with pytest.raises(LimitTooLowError, match="budget of the month"):
        limit_probe.run(work)
    assert len(kit.sandbox.entries()) == before
    kit.run(replace(work, catalogue=kit.catalogue), "judging")  # by the verdicts that are there
    assert limit_probe.run(work).details == {"fits": True, "binding": None, "requests_sent": 0}


def test_a_rerun_that_only_judges_starts_within_the_month_and_asks_nobody(kit: Kit) -> None:
    work = judged_again(kit, 1.0)
    before = len(kit.sandbox.entries())
    assert limit_probe.run(work).details["fits"]
    assert len(kit.sandbox.entries()) == before > 0


def test_just_under_110_percent_a_run_starts(kit: Kit) -> None:
    usd = expected_usd(kit, spent(kit))
    assert limit_probe.run(as_if_live(kit, PROMPTS + 1, budget_usd_per_month=usd / 1.0999)).details["fits"]


@pytest.mark.parametrize("budget_usd", [10.0, 1000.0, 33.3, 0.1, 4321.09])
def test_exactly_110_percent_is_a_throttle_to_whoever_asks(kit: Kit, budget_usd: float) -> None:
    """The planner by `month_state`, the probe by its verdict: however the budget rounds."""
    month = MonthBudget(THROTTLE_SHARE * budget_usd, budget_usd)
    feature = kit.catalogue.features["duo_chat"]
    found = findings.findings(
        no_facts(), kit.catalogue, feature, "staging", calls_needed=1, ai_action_room=160, month=month
    )
    (of_it,) = [finding for finding in found if finding.limit_name == findings.MONTH]
    assert month_state(month.committed_usd, month.budget_usd) is MonthState.THROTTLE
    assert of_it.verdict is LimitVerdict.TOO_LOW
    assert not findings.fits(found)


@pytest.mark.parametrize("let_in", [True, False], ids=["let in", "refused"])
def test_what_a_run_under_way_has_still_to_pay_counts_for_the_next_one_of_its_feature(kit: Kit, let_in: bool) -> None:
    first = kit.attempt("duo_chat", 40, "production")
    work = as_if_live(kit, 4, budget_usd_per_month=1000)
    prices, tokens = work.catalogue.prices, work.feature.limits.tokens_per_prompt
    judge = work.catalogue.judge
    assert prices is not None
    each = price_of(prices.of_inference("chat"), tokens.input, tokens.output)
    each += price_of(prices.models[judge.model], judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)
    verdict = 1 if let_in else 0
    probe = findings.LimitFinding("gitlab", "any", 1, verdict, "u", LimitSource.MEASURED, "", "", "somebody")
    finding_rows.save_limits(kit.store, "production", "duo_chat", [probe], attempt_id=first.attempt_id)
    catalogue = work.catalogue.model_copy(
        update={"features": {"duo_chat": work.feature.model_copy(update={"budget_usd_per_month": 40 * each / 1.1})}}
    )
    feature = catalogue.features["duo_chat"]
    found = weigh(
        kit.store, no_facts(), catalogue, feature, "staging", calls_needed=4, attempt_id=work.attempt.attempt_id
    )
    (of_it,) = [finding for finding in found if finding.limit_name == findings.MONTH]
    assert of_it.verdict is (LimitVerdict.TOO_LOW if let_in else LimitVerdict.FITS)
    assert ("more ordered by runs under way (110%, throttle)" in of_it.evidence) is let_in
    month = month_of(kit.store, catalogue, feature, "staging", work.attempt.attempt_id)
    assert month is not None
    assert month.committed_usd == pytest.approx(of_it.needed) == pytest.approx(40 * each if let_in else 0)


def no_facts() -> measure.PathMeasures:
    """A path that told nothing but who we are."""
    return measure.PathMeasures("u", "u", None, None, None, None, "", None, None, None, {}, 3)


def test_an_alarm_is_said_and_the_run_starts(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    usd = expected_usd(kit, spent(kit))
    limit_probe.run(as_if_live(kit, PROMPTS + 1, budget_usd_per_month=usd / 0.9))
    assert "(90%, alarm)" in caplog.text


def test_a_sandbox_costs_nothing(kit: Kit) -> None:
    work = spent(kit)
    assert work.feature.budget_usd_per_month is not None
    assert of_month(work) is None

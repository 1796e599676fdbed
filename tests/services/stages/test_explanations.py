"""What is said of an order before it is given is what the order then does; and saying it changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from tests.conftest import DAY, Kit
from tests.services.runs.test_rerun import (
    ASKS,
    BEFORE_GATE,
    FEATURE,
    JUDGES,
    KEY,
    PROMPTS,
    again,
    done,
    paid,
    sent_by,
    with_failures,
    work_on,
)
from tests.services.stages.test_frozen_answers import FROZEN, frozen_answers
from tests.services.stages.test_second_judge import with_second

from daily_runs.errors import ParameterError, StageError
from daily_runs.quota.month_budget import price_of
from daily_runs.records import answers, attempts
from daily_runs.records.run import RunKey
from daily_runs.results.run_report import cost_rows
from daily_runs.runs import rerun, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.stages import pipeline
from daily_runs.stages.orders.explain import explain, explain_form
from daily_runs.stages.orders.explanation import Explanation, headline, section
from daily_runs.stages.verdicts import frozen
from daily_runs.statuses import Rerun
from daily_runs.store.exclusive import exclusive


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """A catalogue whose full run of the feature is as short as the test's."""
    return kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})


def promised(kit: Kit, how: Rerun, key: RunKey = KEY) -> Explanation:
    return explain(kit.store, kit.catalogue, RerunOrder(key, how))


def rows_of_all_tables(kit: Kit) -> dict[str, list[Any]]:
    """Everything in the store, as texts."""
    tables = kit.store.rows("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'daily_runs'")
    return {
        row["name"]: kit.store.rows(f"SELECT to_jsonb(t)::text AS row FROM daily_runs.{row['name']} t ORDER BY 1")
        for row in tables
    }


def nothing(_kit: Kit) -> None:
    """No run yet."""


def failed_and_judged(kit: Kit) -> None:
    """Two failures, and a verdict on each answer."""
    with_failures(kit, "judging")


def failed_and_unjudged(kit: Kit) -> None:
    """Two failures, and no verdict."""
    with_failures(kit)


def broken_off(kit: Kit) -> None:
    """Half of the prompts were never settled, one of them has a ticket."""
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, "seed_check", "limit_probe", "inference")
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = CASE WHEN place = 1 THEN 'sent' ELSE 'planned' END, answer = NULL,"
        " settled_at = NULL, sent_at = CASE WHEN place = 1 THEN sent_at END, tries = CASE WHEN place = 1 THEN 1 ELSE 0"
        " END, ticket = CASE WHEN place = 1 THEN ticket END FROM (SELECT prompt_id AS name, row_number() OVER (ORDER BY"
        " prompt_id) AS place FROM daily_runs.answer WHERE attempt_id = %(id)s) AS o"
        " WHERE attempt_id = %(id)s AND prompt_id = name AND place <= 3",
        {"id": work.attempt.attempt_id},
    )


def judged_again_in_half(kit: Kit) -> None:
    """A new judging that broke off after four of its verdicts."""
    done(kit)
    work = again(kit, Rerun.JUDGE_AGAIN)
    kit.run(work, *BEFORE_GATE)
    lost = [row["prompt_id"] for row in kit.answers(work)[:2]]
    given = {"id": work.attempt.attempt_id, "lost": lost}
    kit.store.rows("DELETE FROM daily_runs.judgement WHERE attempt_id = %(id)s AND prompt_id = ANY(%(lost)s)", given)
    kit.store.rows(
        "DELETE FROM daily_runs.verdict v WHERE NOT EXISTS ("
        "SELECT FROM daily_runs.judgement j WHERE j.verdict_key = v.verdict_key)"
    )


def some_unscored(kit: Kit) -> None:
    """Two answers without a verdict; the judge declined one of them for good."""
    work = done(kit)
    for place, kind in ((0, "overloaded"), (1, "judge_refused")):
        kit.store.rows(
            "UPDATE daily_runs.judgement SET status = 'unscored', error_hop = 'model_vendor', error_kind = %(kind)s"
            " WHERE attempt_id = %(id)s AND prompt_id = %(prompt)s",
            {"kind": kind, "id": work.attempt.attempt_id, "prompt": kit.answers(work)[place]["prompt_id"]},
        )
    kit.store.rows(
        "DELETE FROM daily_runs.verdict v USING daily_runs.judgement j"
        " WHERE j.verdict_key = v.verdict_key AND j.status = 'unscored'"
    )


def published(kit: Kit) -> None:
    """A run that lacks nothing."""
    done(kit)


class Order(NamedTuple):
    """A state of the run, what is ordered, and what the order must come to: asked, collected, reused, judged."""

    state: Callable[[Kit], None]
    how: Rerun
    ask: int
    collect: int
    keep_answers: int
    keep_failures: int
    calls: int


ORDERS = (
    Order(nothing, Rerun.ALL, 6, 0, 0, 0, 6),
    Order(published, Rerun.ALL, 6, 0, 0, 0, 6),
    Order(failed_and_unjudged, Rerun.ALL, 0, 0, 4, 2, 4),
    Order(broken_off, Rerun.ALL, 2, 1, 3, 0, 6),
    Order(failed_and_judged, Rerun.MISSING_ANSWERS, 2, 0, 4, 0, 2),
    Order(failed_and_unjudged, Rerun.MISSING_ANSWERS, 2, 0, 4, 0, 6),
    Order(broken_off, Rerun.MISSING_ANSWERS, 2, 1, 3, 0, 6),
    Order(some_unscored, Rerun.MISSING_ANSWERS, 0, 0, 6, 0, 1),
    Order(published, Rerun.MISSING_ANSWERS, 0, 0, 6, 0, 0),
    Order(published, Rerun.JUDGE_AGAIN, 0, 0, 6, 0, 6),
    Order(failed_and_judged, Rerun.JUDGE_AGAIN, 0, 0, 4, 2, 4),
    Order(judged_again_in_half, Rerun.JUDGE_AGAIN, 0, 0, 6, 0, 2),
    Order(published, Rerun.GATE_AND_PUBLISH, 0, 0, 6, 0, 0),
    Order(failed_and_judged, Rerun.GATE_AND_PUBLISH, 0, 0, 4, 2, 0),
)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.how} after {order.state.__name__}")
def test_what_is_promised_is_what_is_asked_reused_and_judged(kit: Kit, order: Order) -> None:
    order.state(kit)
    before = rows_of_all_tables(kit)
    told = promised(kit, order.how)
    assert rows_of_all_tables(kit) == before
    work = told.work
    assert (work.ask, work.collect, work.keep_answers, work.keep_failures, work.verdicts) == order[2:]
    assert work.prompts == PROMPTS == work.ask + work.collect + work.keep_answers + work.keep_failures

    attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, order.how))
    opened = answers.counts(kit.store, attempt.attempt_id)
    assert (attempt.resumed, str(attempt.key)) == (told.goes_on, told.run)
    assert opened.get("answered", 0) == work.keep_answers
    assert opened.get("failed", 0) == work.keep_failures
    sent = sent_by(kit, work_on(kit, attempt), *BEFORE_GATE)
    assert len(paid(sent, ASKS)) == work.ask
    assert len(paid(sent, JUDGES)) == work.verdicts
    judged_new = len(paid(sent, JUDGES)) - work.ask - work.collect
    assert (work.judge, work.keep_verdicts) == (judged_new, work.keep_answers - judged_new)


@pytest.mark.parametrize("how", list(Rerun))
def test_what_is_promised_of_answers_with_two_verdicts_each(kit: Kit, how: Rerun) -> None:
    kit = kit.changed({"features": {FEATURE: {"judge_repeats": 2}}})
    done(kit)
    told = promised(kit, how)
    work = work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, how)))
    assert len(paid(sent_by(kit, work, *BEFORE_GATE), JUDGES)) == told.work.verdicts
    assert told.work.verdicts == {Rerun.ALL: 12, Rerun.JUDGE_AGAIN: 12}.get(how, 0)


@pytest.mark.parametrize("how", list(Rerun))
def test_a_second_judges_calls_are_promised(kit: Kit, how: Rerun) -> None:
    kit = with_second(kit, share=0.5).changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})
    done(kit)
    told = promised(kit, how)
    before = kit.count("daily_runs.second_verdict")
    work = work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, how)))
    calls = len(paid(sent_by(kit, work, *BEFORE_GATE), JUDGES))
    assert calls == told.work.verdicts + told.work.second_verdicts
    assert kit.count("daily_runs.second_verdict") - before == told.work.second_verdicts
    assert (told.work.second_verdicts > 0) is (how in (Rerun.ALL, Rerun.JUDGE_AGAIN))


@pytest.mark.parametrize("hours", [0, 48])
@pytest.mark.parametrize("how", list(Rerun))
def test_frozen_answers_are_promised_where_a_new_day_asks_for_them(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, how: Rerun, hours: int
) -> None:
    texts = frozen_answers(kit)
    monkeypatch.setattr(frozen, "load_frozen", lambda _feature: texts)
    kit = kit.changed({"features": {FEATURE: {"frozen_answers": FROZEN}}})
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, *BEFORE_GATE)
    attempts_end = "UPDATE daily_runs.attempt SET status = 'quarantined', ended_at = now()"
    kit.store.rows(attempts_end)
    for table, column in (("frozen_judging", "began_at"), ("verdict", "judged_at"), ("judgement", "settled_at")):
        kit.store.rows(
            f"UPDATE daily_runs.{table} SET {column} = {column} - make_interval(hours => %(hours)s)", {"hours": hours}
        )
    told = promised(kit, how)
    rerun_work = work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, how)))
    sent = paid(sent_by(kit, rerun_work, *BEFORE_GATE), JUDGES)
    assert len([key for key in sent if "#" not in key]) == told.work.frozen_verdicts
    is_judged = how in (Rerun.ALL, Rerun.JUDGE_AGAIN)
    assert told.work.frozen_verdicts == (FROZEN if is_judged and hours else 0)


def test_what_it_costs_is_the_catalogues_tokens_by_its_prices(kit: Kit) -> None:
    with_failures(kit, "judging")
    told = promised(kit, Rerun.MISSING_ANSWERS)
    feature, prices, judge = kit.catalogue.features[FEATURE], kit.catalogue.prices, kit.catalogue.judge
    assert prices is not None
    account = feature.account_in("staging", kit.catalogue.environments["staging"])
    tokens = feature.limits.tokens_per_prompt
    ask = price_of(prices.of_inference(feature.call, account), tokens.input, tokens.output)
    verdict = price_of(prices.models[judge.model], judge.input_tokens_per_verdict, judge.output_tokens_per_verdict)
    assert told.ask_usd == pytest.approx(2 * ask)
    assert told.judge_usd == pytest.approx(2 * verdict)
    assert told.usd == pytest.approx(2 * ask + 2 * verdict)
    free = promised(kit.changed({"prices": None}), Rerun.MISSING_ANSWERS)
    assert (free.ask_usd, free.judge_usd, free.usd) == (None, None, None)
    assert "of an unknown price" in headline(free)


def test_a_run_costs_what_the_contract_says_before_and_after_its_rerun(kit: Kit) -> None:
    def calls(rows: list[dict[str, Any]]) -> dict[str, int]:
        return {stage: sum(row["calls"] for row in rows if row["stage"] == stage) for stage in ("inference", "judging")}

    def is_alike() -> bool:
        contract = kit.store.rows("SELECT stage, calls, usd FROM contract.costs_v1")
        with kit.store.transaction() as connection:
            found = cost_rows.of_run(connection, str(KEY))
        assert found["usd"] == pytest.approx(sum(row["usd"] for row in contract))
        return calls(found["rows"]) == calls(contract)

    with_failures(kit, "judging")
    assert is_alike()
    kit.run(again(kit, Rerun.MISSING_ANSWERS), *pipeline.STAGES)
    assert is_alike()


def test_the_words_say_that_nothing_is_spent_where_nothing_is_sent(kit: Kit) -> None:
    done(kit)
    told = promised(kit, Rerun.GATE_AND_PUBLISH)
    assert headline(told) == "Nothing is sent and nothing is spent: all 6 prompts keep what they have."
    assert ["together, at most", "", "0.0000"] in section(told).rows


def test_the_words_name_counts_and_price(kit: Kit) -> None:
    with_failures(kit, "judging")
    told = headline(promised(kit, Rerun.MISSING_ANSWERS))
    assert told.startswith("2 of 6 prompts are asked, 4 answers are reused, at most 2 are judged: at most about 0.0")
    assert told.endswith(" USD (nobody pays for a sandbox's calls).")


def test_an_order_that_would_be_refused_is_refused_in_the_same_words(kit: Kit) -> None:
    work, _ = with_failures(kit)
    with pytest.raises(ParameterError) as told:
        promised(kit, Rerun.GATE_AND_PUBLISH)
    with pytest.raises(ParameterError) as carried_out:
        again(kit, Rerun.GATE_AND_PUBLISH)
    assert str(told.value) == str(carried_out.value)
    with (
        exclusive(kit.store, attempts.lock_name("judging", work.attempt.attempt_id), 0),
        pytest.raises(StageError, match="is being worked on now"),
    ):
        promised(kit, Rerun.MISSING_ANSWERS)


def test_a_run_that_has_no_answers_has_nothing_to_explain(kit: Kit) -> None:
    with pytest.raises(ParameterError, match="has no answers to take over"):
        promised(kit, Rerun.MISSING_ANSWERS)
    assert kit.count("daily_runs.run") == 0


def test_a_form_that_leaves_the_environment_open_is_explained_for_each_arm_that_has_answers(kit: Kit) -> None:
    for environment in ("staging", "production"):
        work = kit.work(FEATURE, PROMPTS, environment)
        kit.run(work, *pipeline.STAGES)
    form = trigger_form.read((), {"rerun": "judge_again", "run": DAY.date().isoformat()})
    feature = kit.catalogue.features[FEATURE]
    found = explain_form(kit.store, kit.catalogue, feature, form, DAY, by="somebody")
    assert {one.run for one in found} == {str(KEY), str(KEY._replace(environment="production"))}
    assert all(one.work.judge == PROMPTS for one in found)


def test_a_form_that_asks_for_a_sample_is_explained_as_one(kit: Kit) -> None:
    form = trigger_form.read((), {"environment": "staging", "prompts": 2})
    (found,) = explain_form(kit.store, kit.catalogue, kit.catalogue.features[FEATURE], form, DAY, by="somebody")
    assert found.run.startswith(f"{KEY}/sample-")
    assert (found.work.ask, found.work.verdicts, found.taken_from) == (2, 2, None)

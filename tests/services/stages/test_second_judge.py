"""A second judge judges the share that the catalogue names, makes no score, stops no run and is not paid twice."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.conftest import Kit

from daily_runs.clock import Clock
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging.judge import Judge
from daily_runs.quota import spending_rows
from daily_runs.stages import pipeline
from daily_runs.stages.verdicts.second import is_chosen
from daily_runs.stages.work import Work

TO_JUDGING = ("seed_check", "limit_probe", "inference", "judging")
FEATURE, PROMPTS, SECOND = "duo_chat", 12, "claude-opus-4-8"


def with_second(kit: Kit, share: float = 1.0, model: str = SECOND) -> Kit:
    price = kit.catalogue.model_dump(mode="json")["prices"]["models"][kit.catalogue.judge.model]
    price |= {"input_usd_per_million": 7, "output_usd_per_million": 35}
    patch: dict[str, Any] = {"judge": {"second_model": model}, "prices": {"models": {model: price}}}
    return kit.changed(patch | {"features": {FEATURE: {"second_judge_share": share, "prompts_per_run": PROMPTS}}})


def judged_prompts(kit: Kit, work: Work) -> list[str]:
    """The attempt's prompts, each as often as somebody judged its answer."""
    own = {row["prompt_id"] for row in kit.answers(work)}
    return [entry["key"] for entry in kit.sandbox.entries() if entry["operation"] == "messages" and entry["key"] in own]


def second_verdicts(kit: Kit) -> list[dict[str, Any]]:
    return kit.store.rows("SELECT * FROM daily_runs.second_verdict ORDER BY prompt_id")


def published(kit: Kit) -> Work:
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, *pipeline.STAGES)
    return work


def test_it_judges_each_answer_once_and_its_agreement_is_published_with_the_run(kit: Kit) -> None:
    kit = with_second(kit)
    work = published(kit)
    rows = second_verdicts(kit)
    assert [row["prompt_id"] for row in rows] == sorted(row["prompt_id"] for row in kit.answers(work))
    assert {(row["status"], row["judge_model"], row["tries"]) for row in rows} == {("scored", SECOND, 1)}
    found = kit.store.row("SELECT * FROM contract.judge_agreement_v1")
    run = kit.store.row("SELECT * FROM contract.runs_v2")
    assert (found["run_key"], found["second_judge"], found["answers"]) == (run["run_key"], SECOND, PROMPTS)
    assert found["first_mean"] == pytest.approx(run["item_mean"])
    assert found["low"] <= found["difference"] <= found["high"]


def test_its_calls_are_in_the_costs_and_in_the_months_bill_by_its_own_models_price(kit: Kit) -> None:
    kit = with_second(kit)
    published(kit)
    query = "SELECT calls, basis, input_tokens, output_tokens, usd FROM contract.costs_v1 WHERE model = %(model)s"
    row = kit.store.row(query, {"model": SECOND})
    assert (row["calls"], row["basis"]) == (PROMPTS, "measured")
    assert row["usd"] == pytest.approx((7 * row["input_tokens"] + 35 * row["output_tokens"]) / 1e6)
    since = Clock.now() - dt.timedelta(hours=1)
    spent = spending_rows.second_verdicts(kit.store, FEATURE, since, model=SECOND, input_tokens=0, output_tokens=0)
    assert spent == {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]}


def test_its_verdicts_change_no_figure_of_the_run(kit: Kit) -> None:
    published(kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}}))
    query = "SELECT mean_score, scored, unscored, item_mean, verdict FROM contract.runs_v2"
    alone = kit.store.row(query)
    kit.store.rows("TRUNCATE daily_runs.run CASCADE")
    published(with_second(kit))
    assert kit.store.row(query) == alone


def test_a_share_is_judged_and_the_same_prompts_each_time(kit: Kit) -> None:
    published(with_second(kit, 0.4))
    chosen = [row["prompt_id"] for row in second_verdicts(kit)]
    assert 0 < len(chosen) < PROMPTS
    assert all(is_chosen(prompt_id, 0.4) for prompt_id in chosen)


def test_of_many_prompts_the_share_is_chosen_and_a_larger_share_holds_a_smaller_one() -> None:
    ids = [f"rca-{n:03}#{turn}" for n in range(1000) for turn in range(1, 4)]
    tenth = {one for one in ids if is_chosen(one, 0.1)}
    half = {one for one in ids if is_chosen(one, 0.5)}
    assert tenth < half
    assert 0.08 < len(tenth) / len(ids) < 0.12
    assert not any(is_chosen(one, 0.0) for one in ids)
    assert all(is_chosen(one, 1.0) for one in ids)


def test_a_further_try_of_the_stage_pays_for_nothing_again(kit: Kit) -> None:
    kit = with_second(kit)
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, *TO_JUDGING)
    asked = judged_prompts(kit, work)
    assert len(asked) == 2 * PROMPTS
    (report,) = kit.run(work, "judging")
    assert judged_prompts(kit, work) == asked
    assert report.details["second_judge"] == {"model": SECOND, "chosen": PROMPTS}


def test_a_second_judge_that_cannot_be_asked_stops_no_run(kit: Kit) -> None:
    kit = with_second(kit, model="claude-none-1")
    work = kit.work(FEATURE, PROMPTS)
    *_, judging = kit.run(work, *TO_JUDGING)
    assert "claude-none-1 can't be asked" in judging.details["second_judge"]["stopped"]
    kit.run(work, "validation", "publish")
    assert kit.store.row("SELECT scored FROM contract.runs_v2")["scored"] == PROMPTS
    assert kit.store.rows("SELECT * FROM contract.judge_agreement_v1") == []


def test_a_second_judge_whose_model_is_out_holds_nobody_back_from_the_first(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other runs use the first judge at that time; one breaker for both would have them wait, and end."""
    real = Judge.judge

    async def overloaded(self: Judge, *asked: Any, **more: Any) -> Any:
        if self._settings.model != SECOND:
            return await real(self, *asked, **more)
        raise CallError(Hop.MODEL_VENDOR, "vendor_overloaded", blame=Blame.PROVIDER, retryable=True)

    monkeypatch.setattr(Judge, "judge", overloaded)
    kit = with_second(kit)
    work = published(kit)
    states = kit.store.rows("SELECT provider, reason FROM daily_runs.breaker WHERE provider LIKE 'anthropic%%'")
    reasons = {row["provider"]: row["reason"] for row in states}
    assert reasons.pop("anthropic EVAL") == ""
    assert "vendor_overloaded" in reasons[f"anthropic EVAL {SECOND}"]
    assert kit.store.row("SELECT scored FROM contract.runs_v2")["scored"] == PROMPTS
    assert work.attempt.asked == PROMPTS


def test_without_a_second_judge_nobody_is_asked_twice(kit: Kit) -> None:
    work = published(kit)
    assert second_verdicts(kit) == []
    assert len(judged_prompts(kit, work)) == PROMPTS
    assert work.catalogue.judge.second is None

"""What the store's verdicts are still used for, and what is judged anew: a judge that changed must be seen."""

from __future__ import annotations

import datetime as dt
import json
import statistics
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import anthropic
import pytest
from tests.conftest import DAY

from daily_runs import connections
from daily_runs.connections import Connect
from daily_runs.errors import CatalogueError, StageError
from daily_runs.gitlab.answers import Answer
from daily_runs.judging import rubric_versions, ruler
from daily_runs.records import attempts, gate, judgements
from daily_runs.records.answers import AnswerRows
from daily_runs.records.run import RunKey
from daily_runs.runs import opening, rerun
from daily_runs.runs.rerun import RerunOrder
from daily_runs.stages import pipeline
from daily_runs.statuses import Rerun
from daily_runs.store.exclusive import exclusive

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Script

    from daily_runs.records.run import Attempt
    from daily_runs.stages.work import Work

ITEMS = 8


def work_on(kit: Kit, attempt: Attempt) -> Work:
    return pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))


def of_day(kit: Kit, days: int, prompts: int = ITEMS, feature: str = "duo_chat") -> Work:
    """The run of so many days after the test's day, each of whose prompts got its item's reference as the answer."""
    key = RunKey(feature, "staging", DAY + dt.timedelta(days=days))
    work = work_on(kit, opening.plan(kit.store, kit.catalogue, key, limit=prompts))
    rows = AnswerRows(kit.store, work.attempt.attempt_id)
    for row in kit.answers(work):
        rows.sent(row["prompt_id"], "evaluation-1")
        rows.answered(row["prompt_id"], Answer(" ".join(work.items[row["item_id"]].reference.values())))
    return work


def again(kit: Kit, work: Work, how: Rerun) -> Work:
    return work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(work.attempt.key, how)))


def scores(kit: Kit, work: Work) -> list[float | None]:
    return [row["score"] for row in judged(kit, work)]


def judged(kit: Kit, work: Work) -> list[dict[str, Any]]:
    """The attempt's prompts as the gate sees them."""
    return gate.read(kit.store, work.attempt.attempt_id, list)


def mean(kit: Kit, work: Work) -> float:
    return statistics.fmean(score for score in scores(kit, work) if score is not None)


def paid(kit: Kit) -> int:
    return len(kit.sandbox.entries("messages", paid=True))


def judge_with(kit: Kit, serve: Callable[[Script], str], reply: Callable[[int], bytes], **judge: Any) -> Kit:
    """A judge of which the n-th call gets this reply, one call at a time."""
    calls: list[int] = []

    def script(_: Any) -> tuple[int, bytes]:
        calls.append(len(calls))
        return 200, reply(calls[-1])

    return kit.changed({"judge": {"address": serve(script), "in_flight_max": 1, **judge}})


def message(kit: Kit, points: int | None = None, **changes: Any) -> bytes:
    """A message with one verdict of so many points on each criterion, or with none."""
    rubric = rubric_versions.current(kit.catalogue.features["duo_chat"])
    names = [criterion.name for criterion in rubric.criteria]
    given = {"reasons": "Fits.", "scores": dict.fromkeys(names, points)}
    content = [] if points is None else [{"type": "text", "text": json.dumps(given)}]
    whole = {"type": "message", "model": kit.catalogue.judge.model, "content": content, "stop_reason": "end_turn"}
    return json.dumps({**whole, "usage": {"input_tokens": 100, "output_tokens": 10}, **changes}).encode()


def test_a_judge_that_became_worse_between_two_days_moves_the_second_days_mean(kit: Kit) -> None:
    """The same answers on both days, so that all that differs is the judge."""
    first = of_day(kit, 0)
    kit.run(first, "judging")
    kit.sandbox.change(judge_worse=1.0)
    second = of_day(kit, 1)
    kit.run(second, "judging")
    assert paid(kit) == 2 * ITEMS
    assert mean(kit, second) < mean(kit, first) - 0.02


def test_a_judge_that_stayed_gives_the_second_day_verdicts_of_its_own(kit: Kit) -> None:
    first, second = of_day(kit, 0), of_day(kit, 1)
    kit.run(first, "judging")
    (report,) = kit.run(second, "judging")
    assert report.details["verdicts_reused"] == 0
    assert scores(kit, first) == scores(kit, second)
    assert kit.count("daily_runs.verdict") == 2 * ITEMS


def test_a_stage_that_died_before_it_pointed_at_its_verdicts_does_not_pay_for_them_again(kit: Kit) -> None:
    work = of_day(kit, 0)
    kit.run(work, "judging")
    kit.store.rows("UPDATE daily_runs.judgement SET status = 'sent', settled_at = NULL")
    (report,) = kit.run(work, "judging")
    assert (report.answered, report.details["verdicts_reused"]) == (ITEMS, ITEMS)
    assert paid(kit) == ITEMS


def test_a_rerun_of_what_is_missing_goes_on_with_the_same_judging(kit: Kit) -> None:
    """Also with verdicts that a task stored, and died before it said so."""
    work = of_day(kit, 0)
    kit.run(work, "judging")
    before = scores(kit, work)
    kit.store.rows("DELETE FROM daily_runs.judgement WHERE prompt_id = (SELECT min(prompt_id) FROM daily_runs.answer)")
    missing = again(kit, work, Rerun.MISSING_ANSWERS)
    (report,) = kit.run(missing, "judging")
    assert (report.answered, report.details["verdicts_reused"]) == (ITEMS, 1)
    assert paid(kit) == ITEMS
    assert scores(kit, missing) == before


@pytest.fixture
def thrice(kit: Kit) -> Kit:
    """Each answer is judged three times."""
    return kit.changed({"features": {"duo_chat": {"judge_repeats": 3}}})


def test_an_answer_that_is_judged_three_times_scores_the_mean_and_shows_the_judges_noise(
    thrice: Kit, serve_script: Callable[[Script], str]
) -> None:
    replies = [message(thrice, points) for points in (2, 3, 5, 4, 4, 4)]
    kit = judge_with(thrice, serve_script, replies.__getitem__)
    work = of_day(kit, 0, prompts=2)
    (report,) = kit.run(work, "judging")
    assert (report.asked, report.answered) == (2, 2)
    rows = judged(kit, work)
    assert [row["score"] for row in rows] == pytest.approx([(0.25 + 0.5 + 1.0) / 3, 0.75])
    assert list(rows[0]["scores"].values()) == pytest.approx([10 / 3] * len(work.rubric.criteria), abs=1e-6)
    assert set(rows[1]["scores"].values()) == {4}
    verdicts = kit.store.rows("SELECT repeat, repeat_of, verdict_key FROM daily_runs.verdict ORDER BY judged_at")
    assert [row["repeat"] for row in verdicts] == [1, 2, 3] * 2
    first = verdicts[0]["verdict_key"]
    assert [row["repeat_of"] for row in verdicts[:3]] == [None, first, first]
    within = sum((score - (0.25 + 0.5 + 1.0) / 3) ** 2 for score in (0.25, 0.5, 1.0))
    assert report.details["judge_std"] == pytest.approx((within / 4) ** 0.5)  # two answers: 6 verdicts, 4 degrees


def test_one_verdict_an_answer_tells_nothing_of_the_judges_noise(kit: Kit) -> None:
    (report,) = kit.run(of_day(kit, 0), "judging")
    assert report.details["judge_std"] is None


def test_of_three_verdicts_those_that_are_there_are_not_paid_again(thrice: Kit) -> None:
    work = of_day(thrice, 0, prompts=2)
    thrice.run(work, "judging")
    thrice.store.rows("DELETE FROM daily_runs.verdict WHERE repeat = 3")
    thrice.store.rows("UPDATE daily_runs.judgement SET status = 'sent', settled_at = NULL, tries = 0")
    (report,) = thrice.run(work, "judging")
    assert (report.answered, report.details["verdicts_reused"]) == (2, 4)
    assert paid(thrice) == 6 + 2


def test_an_answer_of_which_one_verdict_is_refused_is_unscored_and_the_others_are_not_asked_for(
    thrice: Kit, serve_script: Callable[[Script], str]
) -> None:
    replies = [message(thrice, 4), message(thrice, stop_reason="refusal"), *[message(thrice, 4)] * 3]
    kit = judge_with(thrice, serve_script, replies.__getitem__)
    work = of_day(kit, 0, prompts=2)
    (report,) = kit.run(work, "judging")
    assert (report.answered, report.failed) == (1, 1)
    assert report.details["failures"] == {"model_vendor: judge_refused": 1}
    assert scores(kit, work) == [None, pytest.approx(0.75)]


@pytest.mark.parametrize("stop_reason", ["refusal", "max_tokens"])
def test_a_rerun_sends_a_refused_and_a_cut_off_verdict_not_again_unless_the_request_changed(
    kit: Kit, serve_script: Callable[[Script], str], stop_reason: str
) -> None:
    calls: list[int] = []

    def reply(number: int) -> bytes:
        calls.append(number)
        return message(kit, stop_reason=stop_reason) if number == 0 else message(kit, 4)

    asked = judge_with(kit, serve_script, reply)
    work = of_day(asked, 0, prompts=2)
    asked.run(work, "judging")
    assert len(calls) == 2
    missing = again(asked, work, Rerun.MISSING_ANSWERS)
    (report,) = asked.run(missing, "judging")
    kind = {"refusal": "judge_refused", "max_tokens": "verdict_cut_off"}[stop_reason]
    assert report.details["failures"] == {f"model_vendor: {kind}": 1}
    assert len(calls) == 2
    roomier = asked.changed({"judge": {"max_output_tokens": 16_000}})
    (report,) = roomier.run(again(roomier, missing, Rerun.MISSING_ANSWERS), "judging")
    assert (report.answered, len(calls)) == (2, 3)


def test_a_verdict_says_what_it_was_made_with_and_by_whom(kit: Kit, serve_script: Callable[[Script], str]) -> None:
    """An alias answers by its dated id."""
    dated = f"{kit.catalogue.judge.model}-20260928"
    asked = judge_with(kit, serve_script, lambda _: message(kit, 4, model=dated))
    work = of_day(asked, 0, prompts=2)
    (report,) = asked.run(work, "judging")
    settings, made_with = kit.catalogue.judge, ruler.ruler_of(work.rubric.version, kit.catalogue.judge)
    rows = kit.store.rows("SELECT * FROM daily_runs.verdict")
    assert len(rows) == 2
    for row in rows:
        assert (row["judge_model"], row["answered_by"]) == (settings.model, dated)
        assert {name: row[name] for name in made_with._fields} == made_with._asdict()
        assert (row["judge_effort"], row["sdk_version"]) == (settings.asked_as.effort, anthropic.__version__)
        assert row["tries"] == 1
    assert report.details["judges"] == {dated: 2}
    attempt = kit.store.row(
        "SELECT * FROM daily_runs.attempt WHERE attempt_id = %(id)s", {"id": work.attempt.attempt_id}
    )
    assert {name: attempt[name] for name in made_with._fields} == made_with._asdict()


def test_the_calls_that_a_verdict_took_are_kept_with_it(kit: Kit, serve_script: Callable[[Script], str]) -> None:
    asked = judge_with(kit, serve_script, lambda number: message(kit, 4 if number == 2 else 9))
    asked.run(of_day(asked, 0, prompts=1), "judging")
    assert [row["tries"] for row in kit.store.rows("SELECT tries FROM daily_runs.verdict")] == [3]


EFFORT: dict[str, Any] = {"judge": {"models": {"claude-sonnet-5-5": {"effort": "high"}}}}


def test_an_attempt_whose_judge_works_harder_now_stops_and_from_its_seed_check_on_judges_all_again(kit: Kit) -> None:
    work = of_day(kit, 0)
    kit.run(work, "judging")
    harder = kit.changed(EFFORT)
    with pytest.raises(CatalogueError, match="judge_effort: was medium when .* and is high now"):
        work_on(harder, work.attempt)
    resumed = opening.plan(harder.store, harder.catalogue, work.attempt.key, limit=ITEMS)
    assert resumed.attempt_id == work.attempt.attempt_id
    (report,) = harder.run(work_on(harder, resumed), "judging")
    assert (report.answered, report.details["verdicts_reused"]) == (ITEMS, 0)
    assert paid(kit) == 2 * ITEMS
    assert {row["answer"] is None for row in kit.answers(work)} == {False}


def test_an_attempt_that_is_being_judged_is_not_given_another_judge(kit: Kit) -> None:
    work = of_day(kit, 0)
    harder = kit.changed(EFFORT)
    with (
        exclusive(kit.store, attempts.lock_name("judging", work.attempt.attempt_id), None),
        pytest.raises(StageError, match="is being worked on now"),
    ):
        opening.plan(harder.store, harder.catalogue, work.attempt.key, limit=ITEMS)


def forget_template(kit: Kit) -> None:
    """As an older version opened attempts."""
    kit.store.rows("UPDATE daily_runs.attempt SET judge_effort = NULL, judge_thinking = NULL, prompt_template = NULL")


def test_what_an_older_version_opened_goes_on_and_says_what_it_is_judged_with(kit: Kit) -> None:
    work = of_day(kit, 0)
    forget_template(kit)
    (report,) = kit.run(work_on(kit, work.attempt), "judging")
    assert report.answered == ITEMS
    row = kit.store.row("SELECT judge_effort, prompt_template FROM daily_runs.attempt")
    assert (row["judge_effort"], row["prompt_template"]) == ("medium", ruler.template_version())


def test_what_an_older_version_half_judged_stays_without_a_template(kit: Kit) -> None:
    work = of_day(kit, 0)
    kit.run(work, "judging")
    forget_template(kit)
    kit.store.rows("DELETE FROM daily_runs.judgement WHERE prompt_id = (SELECT min(prompt_id) FROM daily_runs.answer)")
    kit.run(work_on(kit, work.attempt), "judging")
    assert kit.store.row("SELECT prompt_template FROM daily_runs.attempt")["prompt_template"] is None


def test_what_code_finds_of_an_answer_is_kept_beside_its_score_and_moves_nothing(kit: Kit) -> None:
    work = of_day(kit, 0, feature="code_suggestions")
    broken = kit.answers(work)[0]["prompt_id"]
    kit.store.rows("UPDATE daily_runs.answer SET answer = '(' WHERE prompt_id = %(prompt)s", {"prompt": broken})
    kit.run(work, "judging")
    facts = {row["prompt_id"]: row["facts"] for row in kit.answers(work)}
    assert {prompt: one["completed_file_parses"] for prompt, one in facts.items()} == {
        prompt: prompt != broken for prompt in facts
    }
    assert all(one["latency_seconds"] >= 0 and one["length_characters"] > 0 for one in facts.values())
    assert all(score is not None for score in scores(kit, work))
    taken_over = again(kit, work, Rerun.GATE_AND_PUBLISH)
    assert {row["prompt_id"]: row["facts"] for row in kit.answers(taken_over)} == facts


def test_facts_are_found_before_the_judge_is_asked_so_an_outage_of_it_hides_none(kit: Kit) -> None:
    kit.sandbox.change(unscorable_share=1.0)
    work = of_day(kit, 0)
    kit.run(work, "judging")
    assert all(row["facts"]["refuses"] is False for row in kit.answers(work))


def test_an_answer_without_a_time_of_sending_has_no_latency(kit: Kit) -> None:
    work = of_day(kit, 0)
    kit.store.rows("UPDATE daily_runs.answer SET sent_at = NULL")
    kit.run(work, "judging")
    assert {row["facts"]["latency_seconds"] for row in kit.answers(work)} == {None}


def test_the_verdicts_of_a_first_and_of_further_repeats_are_told_apart_from_those_of_other_answers(
    thrice: Kit,
) -> None:
    work = of_day(thrice, 0)
    thrice.run(work, "judging")
    assert judgements.judges_of(thrice.store, work.attempt.attempt_id) == {thrice.catalogue.judge.model: 3 * ITEMS}
    assert {row["verdicts"] for row in thrice.store.rows("SELECT verdicts FROM daily_runs.judged")} == {3}

"""Frozen answers: judged once a feature, ruler and day, shared, paid once; and the gate refuses a ruler that moved."""

from __future__ import annotations

import json
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import DAY
from tests.services.stages.test_judging_anew import ITEMS, again, judge_with, message, of_day, work_on

from daily_runs.catalogue import folders
from daily_runs.clock import Clock
from daily_runs.dataset import load_feature_dataset
from daily_runs.errors import AccessError, DatasetError, GateFailedError, StageError
from daily_runs.frozen_answers import FrozenAnswer, asked_first, frozen_sha256
from daily_runs.judging import rubric_versions, ruler
from daily_runs.quota.month_budget import month_budget
from daily_runs.records import frozen_judgings, gate
from daily_runs.records.run import RunKey
from daily_runs.results.ruler_check import AS_MADE, AS_STEADY, JUDGED, NO_REFERENCE, OF_EACH_DAY, SAME_MEAN
from daily_runs.runs import opening
from daily_runs.stages.judge_trial import YOUNG_HOURS
from daily_runs.stages.verdicts import frozen
from daily_runs.statuses import Rerun
from daily_runs.store.exclusive import exclusive

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.services.stages.conftest import Script

    from daily_runs.stages.work import Work

FROZEN = 30


def frozen_answers(kit: Kit) -> tuple[FrozenAnswer, ...]:
    """Half of them the reference itself, half a refusal to help."""
    feature = kit.catalogue.features["duo_chat"]
    names = [criterion.name for criterion in rubric_versions.current(feature).criteria]
    found = []
    for number, item in enumerate(load_feature_dataset(feature)[:FROZEN]):
        made, expected = ("reference", (4, 5)) if number % 2 else ("refusal", (1, 2))
        text = "\n\n".join(item.reference.values()) if number % 2 else "Sorry, this is beyond what I do."
        found.append(
            FrozenAnswer(
                id=f"{item.id}-{made}".replace("_", "-"),
                item=item.id,
                made=made,
                answer=text,
                expected=dict.fromkeys(names, expected),
            )
        )
    return tuple(found)


@pytest.fixture
def watched(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """A catalogue whose chat has frozen answers, and full runs as short as the test's."""
    answers = frozen_answers(kit)
    monkeypatch.setattr(frozen, "load_frozen", lambda _feature: answers)
    return kit.changed({"features": {"duo_chat": {"frozen_answers": FROZEN, "prompts_per_run": ITEMS}}})


def asked(kit: Kit) -> list[str]:
    """The frozen answers that the judge was paid for, one entry a payment. A prompt's id has a `#`."""
    return [key for key in kit.sandbox.paid_keys("messages") if "#" not in key]


def production(kit: Kit) -> Work:
    """The other arm of the day, with nothing answered: its judging has only the frozen answers to look at."""
    return work_on(kit, opening.plan(kit.store, kit.catalogue, RunKey("duo_chat", "production", DAY), limit=ITEMS))


def age(kit: Kit, hours: float) -> None:
    """Let all frozen answers that were judged so far have been judged so much earlier."""
    kit.store.rows(
        "UPDATE daily_runs.frozen_judging SET began_at = began_at - make_interval(secs => %(seconds)s)",
        {"seconds": hours * 3600},
    )


def age_verdicts(kit: Kit, hours: float) -> None:
    """Let all verdicts on runs' own answers have come so much earlier."""
    for change in ("judgement SET settled_at = settled_at", "verdict SET judged_at = judged_at"):
        kit.store.rows(
            f"UPDATE daily_runs.{change} - make_interval(secs => %(seconds)s)",
            {"seconds": hours * 3600},
        )


def later(kit: Kit, hours: float) -> None:
    """Let so many hours pass."""
    age(kit, hours)
    age_verdicts(kit, hours)


def links(kit: Kit, work: Work) -> list[str]:
    found = frozen_judgings.of_attempt(kit.store, work.attempt.attempt_id, YOUNG_HOURS)
    return [row["frozen_judging_id"] for row in found]


def failing(kit: Kit, work: Work) -> dict[str, str]:
    found = gate.results(kit.store, work.attempt.attempt_id)
    return {row["expectation"]: row["observed"] for row in found if not row["passed"]}


def test_a_feature_without_frozen_answers_has_none_judged_and_no_question_in_its_gate(kit: Kit) -> None:
    work = of_day(kit, 0)
    judging, gated = kit.run(work, "judging", "validation")
    assert "frozen_answers" not in judging.details
    assert kit.count("daily_runs.frozen_judging") == 0
    assert gated.answered == 16


def test_frozen_answers_are_judged_with_a_run_and_the_gate_says_what_they_say(watched: Kit) -> None:
    work = of_day(watched, 0)
    judging, gated = watched.run(work, "judging", "validation")
    told = judging.details["frozen_answers"]
    assert (told["scored"], told["of"], told["asked_now"]) == (FROZEN, FROZEN, FROZEN)
    assert len(asked(watched)) == len(set(asked(watched))) == FROZEN
    assert (judging.asked, judging.answered) == (ITEMS, ITEMS)  # they are no part of the run's own counts
    assert gated.answered == 16 + 6
    found = {row["expectation"]: row["observed"] for row in gate.results(watched.store, work.attempt.attempt_id)}
    assert found[JUDGED] == f"{FROZEN} of {FROZEN} have a verdict"
    assert found[AS_MADE] == f"1.000, {FROZEN} of {FROZEN}"


def test_one_half_is_judged_before_the_runs_own_answers_and_one_after_them(watched: Kit) -> None:
    """Each half has both ways of making, so a judge that drifts meanwhile shows in the whole scale."""
    work = of_day(watched, 0)
    watched.run(work, "judging")
    paid = [entry["key"] for entry in watched.sandbox.entries("messages", paid=True)]
    own = [place for place, key in enumerate(paid) if "#" in key]
    before, after = paid[: own[0]], paid[own[-1] + 1 :]
    assert len(own) == ITEMS
    assert sorted(before + after) == sorted(answer.id for answer in frozen_answers(watched))
    assert len(before) == len(after) == FROZEN / 2
    for half in (before, after):
        assert 7 <= sum(key.endswith("refusal") for key in half) <= 8


def test_only_the_task_of_the_first_shard_has_them_judged(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(replace(work, shard=1), "judging")
    assert asked(watched) == []
    watched.run(replace(work, shard=0), "judging")
    assert len(asked(watched)) == FROZEN


def test_the_other_arm_a_sample_and_a_further_try_use_what_is_young(watched: Kit) -> None:
    first, other, sample = of_day(watched, 0), production(watched), of_day(watched, 1, prompts=3)
    for work in (first, first, other, sample):
        watched.run(work, "judging")
    assert len(asked(watched)) == FROZEN
    assert links(watched, first) == links(watched, other) == links(watched, sample)


def test_after_twenty_hours_they_are_judged_anew(watched: Kit) -> None:
    watched.run(of_day(watched, 0), "judging")
    age(watched, YOUNG_HOURS - 0.1)
    watched.run(of_day(watched, 1), "judging")
    assert len(asked(watched)) == FROZEN
    age(watched, 0.2)
    later = of_day(watched, 2)
    watched.run(later, "judging")
    assert len(asked(watched)) == 2 * FROZEN
    assert watched.count("daily_runs.frozen_judging") == 2
    assert len(links(watched, later)) == 1


def test_verdicts_of_today_are_watched_today_also_if_another_shard_gave_the_last_of_them(watched: Kit) -> None:
    """The first shard's task may come when all others are done: then no answer is unjudged any more."""
    work = of_day(watched, 0)
    watched.run(work, "judging")
    age(watched, 30)  # the frozen judging alone: the verdicts came a day later
    watched.run(work, "judging")
    assert len(links(watched, work)) == 2
    later(watched, 30)  # an attempt of last week whose task somebody clears
    (report,) = watched.run(work, "judging")
    assert "frozen_answers" not in report.details
    assert len(links(watched, work)) == 2


@pytest.mark.parametrize(
    "patch",
    [{"judge": {"models": {"claude-sonnet-5-5": {"effort": "high"}}}}, {"judge": {"model": "claude-sonnet-4-6"}}],
)
def test_another_ruler_has_frozen_judgings_of_its_own(watched: Kit, patch: dict[str, Any]) -> None:
    watched.run(of_day(watched, 0), "judging")
    other = watched.changed(patch)
    other.run(of_day(other, 1), "judging")
    assert len(asked(watched)) == 2 * FROZEN


def test_two_arms_at_once_pay_once_and_both_are_watched_by_it(watched: Kit) -> None:
    works = [of_day(watched, 0), production(watched)]
    with ThreadPoolExecutor(2) as pool:
        reports = [report for (report,) in pool.map(lambda work: watched.run(work, "judging"), works)]
    assert sum(report.details["frozen_answers"]["asked_now"] for report in reports) == FROZEN
    assert set(Counter(asked(watched)).values()) == {1}
    assert links(watched, works[0]) == links(watched, works[1])


@dataclass
class Holder:
    """Another run that has the frozen answers judged, until it is told to die."""

    kit: Kit
    work: Work

    def __post_init__(self) -> None:
        self.holds, self.dies = threading.Event(), threading.Event()

    def __call__(self) -> None:
        order = order_of(self.kit, self.work)
        with exclusive(self.kit.store, f"frozen answers of {order.feature}, {order.key[:12]}", None):
            judging = frozen_judgings.begin(
                self.kit.store, self.work.attempt.attempt_id, order, frozen_answers(self.kit)
            )
            rows = frozen_judgings.FrozenRows(self.kit.store, judging.frozen_judging_id)
            rows.sent([frozen_answers(self.kit)[0].id], "", 1)  # in flight when it dies
            self.holds.set()
            self.dies.wait(30)


def order_of(kit: Kit, work: Work) -> frozen_judgings.FrozenOrder:
    now = ruler.ruler_of(work.rubric.version, kit.catalogue.judge)
    return frozen_judgings.FrozenOrder("duo_chat", now, frozen_sha256(frozen_answers(kit)))


def test_a_run_waits_for_the_one_that_has_them_judged_and_takes_over_when_it_dies(watched: Kit) -> None:
    holder = Holder(watched, production(watched))
    work = of_day(watched, 0)
    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(holder)
        assert holder.holds.wait(30)
        waiting = pool.submit(watched.run, work, "judging")
        threading.Event().wait(0.5)
        assert not waiting.done()
        assert asked(watched) == []
        holder.dies.set()
        held.result(30)
        (report,) = waiting.result(60)
    assert report.details["frozen_answers"]["asked_now"] == FROZEN
    assert watched.count("daily_runs.frozen_judging") == 1
    assert links(watched, work)


def test_one_that_takes_too_long_is_not_waited_for_without_end(watched: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "WAIT_SECONDS", 0.3)
    holder = Holder(watched, production(watched))
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(holder)
        assert holder.holds.wait(30)
        with pytest.raises(StageError, match="frozen answers of duo_chat.*another task works on this now"):
            watched.run(of_day(watched, 0), "judging")
        holder.dies.set()
        held.result(30)


def test_after_a_death_only_what_has_no_outcome_is_asked_again(watched: Kit) -> None:
    """Of three that were in flight, one was begun three times: nobody asks for it a fourth time."""
    work = of_day(watched, 0)
    watched.run(work, "judging")
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'sent', points = NULL, score = NULL, settled_at = NULL,"
        " tries = CASE WHEN frozen_id = (SELECT min(frozen_id) FROM daily_runs.frozen_verdict) THEN 3 ELSE 1 END"
        " WHERE frozen_id IN (SELECT frozen_id FROM daily_runs.frozen_verdict ORDER BY frozen_id LIMIT 3)"
    )
    (report,) = watched.run(work, "judging")
    told = report.details["frozen_answers"]
    assert (told["asked_now"], told["scored"]) == (3, FROZEN - 1)
    assert len(asked(watched)) == FROZEN + 2
    assert watched.store.row("SELECT error_kind FROM daily_runs.frozen_verdict WHERE status = 'unscored'") == {
        "error_kind": "tries_used_up"
    }


def test_a_judge_that_refuses_the_account_stops_the_stage_and_what_was_judged_is_kept(
    watched: Kit, serve_script: Callable[[Script], str]
) -> None:
    calls: list[int] = []

    def script(_: Any) -> tuple[int, bytes]:
        calls.append(len(calls))
        refusal = {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}
        return (401, json.dumps(refusal).encode()) if len(calls) == 5 else (200, message(watched, 4))

    kit = watched.changed({"judge": {"address": serve_script(script), "in_flight_max": 1}})
    work = of_day(kit, 0)
    with pytest.raises(AccessError, match="can't be asked"):
        kit.run(work, "judging")
    assert len(calls) == 5
    assert kit.store.rows("SELECT DISTINCT status FROM daily_runs.judgement") == []
    (report,) = kit.run(work, "judging")
    assert report.details["frozen_answers"]["asked_now"] == FROZEN - 4
    assert len(calls) == 5 + FROZEN - 4 + ITEMS


def test_without_verdicts_the_gate_blocks_and_names_the_kind_and_the_next_try_asks_again(watched: Kit) -> None:
    watched.sandbox.change(unscorable_share=1.0)
    work = of_day(watched, 0)
    watched.run(work, "judging")
    with pytest.raises(GateFailedError, match=r"not published\. .*frozen answers are judged: 0 of 30") as caught:
        watched.run(work, "validation")
    assert "ruler moved" not in str(caught.value)
    assert failing(watched, work)[JUDGED].startswith(f"0 of {FROZEN} have a verdict ({FROZEN} ")
    watched.sandbox.change(unscorable_share=0.0)
    (report,) = watched.run(again(watched, work, Rerun.MISSING_ANSWERS), "judging")
    assert report.details["frozen_answers"]["scored"] == FROZEN


def test_calls_for_a_verdict_that_did_not_come_stay_in_the_bill_when_it_is_asked_for_again(watched: Kit) -> None:
    watched.sandbox.change(unscorable_share=1.0)
    work = of_day(watched, 0)
    watched.run(work, "judging")
    watched.sandbox.change(unscorable_share=0.0)
    watched.run(again(watched, work, Rerun.MISSING_ANSWERS), "judging")
    paid = len(watched.sandbox.entries("messages", paid=True))
    assert paid == 4 * (FROZEN + ITEMS)  # three tries in vain, and a verdict
    bill = "SELECT sum(calls)::int AS calls FROM contract.costs_v1 WHERE stage = 'judging'"
    assert watched.store.row(bill) == {"calls": paid}


def test_an_attempt_that_nobody_watched_is_blocked_with_what_to_do(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.changed({"features": {"duo_chat": {"frozen_answers": 0}}}).run(
        replace(work, feature=work.feature.model_copy(update={"frozen_answers": 0})), "judging"
    )
    with pytest.raises(GateFailedError, match="frozen answers are judged: not for this attempt.*clear the task"):
        watched.run(work, "validation")


def test_a_frozen_judging_that_broke_off_blocks(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'sent', points = NULL, score = NULL"
        " WHERE frozen_id = (SELECT min(frozen_id) FROM daily_runs.frozen_verdict)"
    )
    with pytest.raises(GateFailedError, match=f"1 of {FROZEN} are not settled"):
        watched.run(work, "validation")


def broke_off(kit: Kit, *, first_half: bool = True) -> None:
    """Let the frozen judging have ended before its second half, or within its first one."""
    first = asked_first({answer.id: answer.made for answer in frozen_answers(kit)})
    gone = {answer.id for answer in frozen_answers(kit)} - first | (set() if first_half else {min(first)})
    kit.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'planned', points = NULL, score = NULL, settled_at = NULL,"
        " tries = 0 WHERE frozen_id = ANY(%(ids)s)",
        {"ids": sorted(gone)},
    )


def unjudged_again(kit: Kit, count: int) -> None:
    """Let so many of the run's own answers never have been judged."""
    few = "prompt_id IN (SELECT prompt_id FROM daily_runs.answer ORDER BY prompt_id LIMIT %(count)s)"
    keys = [
        row["verdict_key"]
        for row in kit.store.rows(
            f"DELETE FROM daily_runs.judgement WHERE {few} RETURNING verdict_key",
            {"count": count},
        )
    ]
    kit.store.rows("DELETE FROM daily_runs.verdict WHERE verdict_key = ANY(%(keys)s)", {"keys": keys})


HALF = f"{FROZEN // 2} of {FROZEN // 2} have a verdict (it broke off before {FROZEN // 2} more)"


def of_the_day_before(kit: Kit, work: Work) -> dict[str, str]:
    """What the gate found by the frozen judging of the attempt's first day."""
    found = gate.results(kit.store, work.attempt.attempt_id)
    return {row["expectation"]: row["observed"] for row in found if "(those of " in row["expectation"]}


def test_a_judging_that_broke_off_and_is_gone_on_with_days_later_is_held_by_what_was_asked_on_both(
    watched: Kit,
) -> None:
    """Nobody asks the judge of the first day for the second half any more, so a remedy would be of no use."""
    work = of_day(watched, 0)
    watched.run(work, "judging")
    broke_off(watched)
    unjudged_again(watched, 3)
    later(watched, 30)
    watched.run(work, "judging", "validation")
    assert len(links(watched, work)) == 2
    (judged,) = (said for name, said in of_the_day_before(watched, work).items() if name.startswith(f"{JUDGED} ("))
    assert judged == HALF


def test_a_noisy_judge_is_seen_by_the_half_that_was_asked_before_it_broke_off(watched: Kit) -> None:
    first_days(watched, 3)
    watched.sandbox.change(judge_worse=1.0)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    newest = links(watched, work)[0]
    first = asked_first({answer.id: answer.made for answer in frozen_answers(watched)})
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'planned', points = NULL, score = NULL"
        " WHERE frozen_judging_id = %(newest)s::uuid AND frozen_id <> ALL(%(first)s)",
        {"newest": newest, "first": sorted(first)},
    )
    watched.sandbox.change(judge_worse=0.0)
    later(watched, 30)
    watched.run(work, "judging")
    with pytest.raises(GateFailedError, match="The ruler moved"):
        watched.run(work, "validation")
    assert AS_STEADY in failing(watched, work)


def test_a_run_whose_second_half_was_never_asked_passes_by_the_first_one(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    broke_off(watched)
    later(watched, 30)
    watched.run(work, "judging", "validation")
    assert len(links(watched, work)) == 1
    found = {row["expectation"]: row["observed"] for row in gate.results(watched.store, work.attempt.attempt_id)}
    assert found[JUDGED] == HALF


def test_a_frozen_judging_that_broke_off_before_any_verdict_came_is_not_asked(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    broke_off(watched, first_half=False)
    unjudged_again(watched, ITEMS)
    later(watched, 30)
    watched.run(work, "judging", "validation")
    assert len(links(watched, work)) == 2
    assert of_the_day_before(watched, work) == {}


def test_two_that_broke_off_do_not_excuse_each_other(watched: Kit) -> None:
    """The verdicts are within a day of both: one of them has to be asked, and here it is the one with a whole half."""
    work = of_day(watched, 0)
    watched.run(work, "judging")
    broke_off(watched, first_half=False)
    unjudged_again(watched, ITEMS)
    later(watched, 21)
    watched.run(work, "judging")
    newest = links(watched, work)[-1]
    first = asked_first({answer.id: answer.made for answer in frozen_answers(watched)})
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET status = 'planned', points = NULL, score = NULL"
        " WHERE frozen_judging_id = %(newest)s::uuid AND frozen_id <> ALL(%(first)s)",
        {"newest": newest, "first": sorted(first)},
    )
    later(watched, 21)
    watched.run(work, "judging", "validation")
    found = {row["expectation"]: row["observed"] for row in gate.results(watched.store, work.attempt.attempt_id)}
    assert found[JUDGED] == HALF
    assert found[OF_EACH_DAY] == f"all {ITEMS}"
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET points = '{\"clarity\": 1}' WHERE frozen_judging_id = %(newest)s::uuid"
        " AND points IS NOT NULL",
        {"newest": newest},
    )
    with pytest.raises(GateFailedError, match="is quarantined"):
        watched.run(again(watched, work, Rerun.GATE_AND_PUBLISH), "validation")


def test_verdicts_of_a_day_whose_first_half_broke_off_need_new_ones(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging")
    broke_off(watched, first_half=False)
    later(watched, 30)
    with pytest.raises(GateFailedError, match="16 of 30 are not settled, required all are: choose rerun: judge_again"):
        watched.run(work, "validation")
    (name,) = failing(watched, work)
    assert name.startswith(f"{JUDGED} (those of ")
    watched.run(again(watched, work, Rerun.JUDGE_AGAIN), "judging", "validation")


def test_a_run_that_begins_while_a_frozen_judging_is_young_may_judge_on_for_hours(watched: Kit) -> None:
    watched.run(of_day(watched, 0), "judging")
    age(watched, YOUNG_HOURS - 0.1)
    work = of_day(watched, 1)
    watched.run(work, "judging")
    age(watched, 3)  # the verdicts came three hours after the task began
    watched.run(work, "validation")
    age(watched, 2)
    with pytest.raises(GateFailedError, match="8 of 8 verdicts are of another day"):
        watched.run(work, "validation")


def first_days(kit: Kit, count: int) -> None:
    """So many earlier days, a day apart, on which the judge judged as it does."""
    for number in range(count):
        kit.run(of_day(kit, number), "judging")
        age(kit, 24)


def test_a_judge_that_became_noisy_is_the_ruler_that_moved_and_readers_keep_what_was(watched: Kit) -> None:
    first_days(watched, 3)
    published = of_day(watched, 10)
    watched.run(published, "judging", "validation", "publish")
    age(watched, 24)
    before = watched.store.rows("SELECT * FROM contract.runs_v1")
    assert len(before) == 1
    watched.sandbox.change(judge_worse=1.0)
    noisy = again(watched, published, Rerun.JUDGE_AGAIN)
    watched.run(noisy, "judging")
    with pytest.raises(GateFailedError, match="is quarantined, not published. The ruler moved, so its scores say"):
        watched.run(noisy, "validation")
    assert {AS_STEADY} <= failing(watched, noisy).keys()
    assert "in 4 days since" in failing(watched, noisy)[AS_STEADY]
    with pytest.raises(StageError):
        watched.run(noisy, "publish")
    assert watched.store.rows("SELECT * FROM contract.runs_v1") == before


def lenient_today(kit: Kit) -> None:
    """Let each earlier day have been a point stricter where there is room: so today's judge is more lenient."""
    kit.store.rows(
        """
        UPDATE daily_runs.frozen_verdict f SET points = (
            SELECT jsonb_object_agg(key, greatest(1, value::int - 1)) FROM jsonb_each_text(f.points))
        FROM daily_runs.frozen_judging g
        WHERE g.frozen_judging_id = f.frozen_judging_id AND g.began_at < clock_timestamp() - interval '20 hours'
        """
    )


def test_a_lenient_judge_is_named_with_the_size_of_the_move(watched: Kit) -> None:
    first_days(watched, 2)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    lenient_today(watched)
    with pytest.raises(
        GateFailedError, match=r"The ruler moved.*mean moved by \+0\.1\d\d \[0\.\d+, 0\.\d+\] against 2 days"
    ):
        watched.run(work, "validation")
    assert SAME_MEAN in failing(watched, work)


def three_weeks_without_a_verdict(kit: Kit, status: str) -> None:
    """Let the ruler have begun with 21 frozen judgings that say nothing of the judge."""
    kit.store.rows(
        """
        WITH first AS (SELECT * FROM daily_runs.frozen_judging ORDER BY began_at LIMIT 1),
        older AS (
            INSERT INTO daily_runs.frozen_judging (frozen_key, feature, attempt_id, rubric_version, judge_model,
                                                   judge_effort, judge_thinking, prompt_template, answers_sha256,
                                                   began_at)
            SELECT frozen_key, feature, attempt_id, rubric_version, judge_model, judge_effort, judge_thinking,
                   prompt_template, answers_sha256, began_at - make_interval(days => n)
            FROM first, generate_series(1, 21) n RETURNING frozen_judging_id)
        INSERT INTO daily_runs.frozen_verdict (frozen_judging_id, frozen_id, item_id, made, expected, status, tries)
        SELECT older.frozen_judging_id, v.frozen_id, v.item_id, v.made, v.expected, %(status)s, 1
        FROM older, first JOIN daily_runs.frozen_verdict v USING (frozen_judging_id)
        """,
        {"status": status},
    )


@pytest.mark.parametrize("status", ["sent", "unscored"])
def test_a_ruler_whose_first_weeks_say_nothing_is_watched_by_the_days_after_them(watched: Kit, status: str) -> None:
    first_days(watched, 2)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    lenient_today(watched)
    three_weeks_without_a_verdict(watched, status)
    with pytest.raises(GateFailedError, match=r"The ruler moved.*against 2 days"):
        watched.run(work, "validation")


def test_a_judge_that_changed_is_accepted_by_a_line_in_the_rubric(
    watched: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_days(watched, 2)
    work = of_day(watched, 10)
    watched.run(work, "judging")
    lenient_today(watched)
    with pytest.raises(GateFailedError, match="The ruler moved"):
        watched.run(work, "validation")
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / folder, tmp_path / folder)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    with (tmp_path / "rubrics" / "duo_chat.yaml").open("a") as file:
        file.write("ruler_since: 2026-11-20\n")
    accepted = again(watched, work, Rerun.JUDGE_AGAIN)
    watched.run(accepted, "judging", "validation", "publish")
    assert links(watched, accepted) != links(watched, work)
    found = {row["expectation"]: row["observed"] for row in gate.results(watched.store, accepted.attempt.attempt_id)}
    assert found[SAME_MEAN] == NO_REFERENCE


def test_gate_and_publish_again_keeps_the_days_ruler_and_judge_again_takes_a_new_one(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging", "validation", "publish")
    later(watched, 72)
    gated = again(watched, work, Rerun.GATE_AND_PUBLISH)
    (report, _) = watched.run(gated, "judging", "validation")
    assert "frozen_answers" not in report.details
    assert links(watched, gated) == links(watched, work)
    anew = again(watched, work, Rerun.JUDGE_AGAIN)
    watched.run(anew, "judging", "validation")
    assert len(links(watched, anew)) == 1
    assert links(watched, anew) != links(watched, work)
    assert len(asked(watched)) == 2 * FROZEN


def test_an_attempt_that_was_judged_on_two_days_is_held_by_the_rulers_of_both(watched: Kit) -> None:
    """Else missing answers, judged on a good day, would publish the verdicts of a bad one."""
    watched.sandbox.change(judge_worse=1.0)
    work = of_day(watched, 0)
    watched.run(work, "judging")
    age(watched, 30)
    watched.sandbox.change(judge_worse=0.0)
    watched.store.rows(
        "DELETE FROM daily_runs.judgement WHERE prompt_id = (SELECT min(prompt_id) FROM daily_runs.answer)"
    )
    missing = again(watched, work, Rerun.MISSING_ANSWERS)
    watched.run(missing, "judging")
    assert len(links(watched, missing)) == 2
    with pytest.raises(GateFailedError, match="The ruler moved"):
        watched.run(missing, "validation")
    (which,) = {name for name in failing(watched, missing) if name.startswith(AS_MADE)}
    assert which.startswith(f"{AS_MADE} (those of ")


def test_verdicts_of_a_day_without_a_frozen_judging_are_blocked_until_there_is_one(watched: Kit) -> None:
    """A person clears the failed task of one shard, days later: the first shard's task does not run again."""
    work = of_day(watched, 0)
    first, second = replace(work, shard=0), replace(work, shard=1)
    watched.run(first, "judging")
    later(watched, 30)
    (late,) = watched.run(second, "judging")
    assert 0 < late.asked < ITEMS
    with pytest.raises(GateFailedError, match=f"{late.asked} of 8 verdicts are of another day, required none: clear"):
        watched.run(work, "validation")
    assert set(failing(watched, work)) == {OF_EACH_DAY}
    watched.run(first, "judging")
    watched.run(work, "validation")


def test_what_they_cost_is_counted_once_in_bill_and_budget(watched: Kit) -> None:
    live = watched.changed({"features": {"duo_chat": {"budget_usd_per_month": 100}}})
    first, other = of_day(live, 0), production(live)
    for work in (first, other):
        live.run(work, "judging")
    bill = "SELECT sum(calls)::int AS calls, sum(usd)::float8 AS usd FROM contract.costs_v1 WHERE stage = %(stage)s"
    assert watched.store.row(bill, {"stage": "judging"})["calls"] == ITEMS + FROZEN
    real = live.catalogue.environments["staging"].model_copy(update={"provenance": "live"})
    counted = month_budget(live.store, live.catalogue, live.catalogue.features["duo_chat"], real)
    assert counted is not None
    usd = [watched.store.row(bill, {"stage": stage})["usd"] for stage in ("inference", "judging")]
    assert counted.spent_usd == pytest.approx(sum(usd))


def test_readers_see_each_frozen_answer_and_version_one_is_as_it_was(watched: Kit) -> None:
    work = of_day(watched, 0)
    watched.run(work, "judging", "validation", "publish")
    rows = watched.store.rows("SELECT * FROM contract.frozen_answers_v1 ORDER BY frozen_id")
    assert len(rows) == FROZEN
    assert {row["made"] for row in rows} == {"reference", "refusal"}
    assert all(row["in_range"] and row["day"] == Clock.now().date() and row["provenance"] == "sandbox" for row in rows)
    watched.store.rows(
        "UPDATE daily_runs.frozen_verdict SET points = points || '{\"clarity\": 3}' WHERE frozen_id = %(id)s",
        {"id": rows[0]["frozen_id"]},
    )
    out = watched.store.rows("SELECT frozen_id FROM contract.frozen_answers_v1 WHERE NOT in_range")
    assert out == [{"frozen_id": rows[0]["frozen_id"]}]
    assert watched.store.rows("SELECT scored FROM contract.runs_v1") == [{"scored": ITEMS}]
    assert watched.count("contract.results_v1") == ITEMS
    criteria = len(work.rubric.criteria)
    assert watched.count("contract.verdicts_v1") == ITEMS * criteria


def test_an_expected_criterion_that_the_rubric_lacks_is_refused_before_anything_is_sent(
    watched: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = frozen_answers(watched)
    odd = first.model_copy(update={"expected": {"charm": (1, 2)}})
    monkeypatch.setattr(frozen, "load_frozen", lambda _feature: (odd, *others))
    with pytest.raises(DatasetError, match="expects points of 'charm'"):
        watched.run(of_day(watched, 0), "judging")
    assert watched.sandbox.entries("messages") == []


def test_a_refused_and_a_cut_off_frozen_answer_is_not_sent_again(
    watched: Kit, serve_script: Callable[[Script], str]
) -> None:
    kit = judge_with(watched, serve_script, lambda number: message(watched, stop_reason="refusal"))
    work = of_day(kit, 0, prompts=1)
    kit.run(work, "judging")
    kit.run(again(kit, work, Rerun.MISSING_ANSWERS), "judging")
    rows = kit.store.rows("SELECT DISTINCT error_kind, tries FROM daily_runs.frozen_verdict")
    assert rows == [{"error_kind": "judge_refused", "tries": 1}]

"""The gate: it fails closed, names each failing check, stores all of them, and quarantines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from daily_runs.errors import Blame, CallError, GateFailedError, Hop, StageError
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.ruler import Ruler
from daily_runs.judging.verdict import Verdict
from daily_runs.records import gate
from daily_runs.records.answers import AnswerRows
from daily_runs.records.judgements import JudgementRows
from daily_runs.stages import validation

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.stages.work import Work


DROPPED = CallError(Hop.UNKNOWN, "dropped_connection", blame=Blame.PROVIDER, retryable=True)
NO_VERDICT = CallError(Hop.MODEL_VENDOR, "unusable_verdict", blame=Blame.PROVIDER, retryable=True)
PROMPTS = 20


def sound(kit: Kit, score: float = 0.75, feature: str = "root_cause_analysis") -> Work:
    """Work on an attempt of 20 prompts, all answered and scored."""
    work = kit.work(feature, PROMPTS)
    answers, verdicts = rows_of(kit, work)
    for number, row in enumerate(kit.answers(work)):
        prompt_id = row["prompt_id"]
        answers.sent(prompt_id, "evaluation-1")
        answers.answered(prompt_id, Answer(f"The job failed, see line {number}."))
        verdict = Verdict("Good.", {"correctness": 4}, score, 100, 10)
        verdicts.keep(f"key-{number}", verdict, Ruler("r", "judge"))
        verdicts.scored([prompt_id], f"key-{number}")
    return work


def rows_of(kit: Kit, work: Work) -> tuple[AnswerRows, JudgementRows]:
    return AnswerRows(kit.store, work.attempt.attempt_id), JudgementRows(kit.store, work.attempt.attempt_id)


def prompt_ids(kit: Kit, work: Work) -> list[str]:
    return [row["prompt_id"] for row in kit.answers(work)]


def status(kit: Kit, work: Work) -> str:
    query = "SELECT status FROM daily_runs.attempt WHERE attempt_id = %(id)s"
    return str(kit.store.row(query, {"id": work.attempt.attempt_id})["status"])


def failing(kit: Kit, work: Work) -> set[str]:
    return {row["expectation"] for row in gate.results(kit.store, work.attempt.attempt_id) if not row["passed"]}


def test_a_sound_attempt_passes_and_every_check_is_on_record(kit: Kit) -> None:
    work = sound(kit)
    (report,) = kit.run(work, "validation")
    found = gate.results(kit.store, work.attempt.attempt_id)
    assert report.answered == len(found) == 16
    assert all(row["passed"] and row["observed"] and row["required"] for row in found)
    assert status(kit, work) == "running"


def delete_rows(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.judgement")
    kit.store.rows("DELETE FROM daily_runs.answer")


def lose_one_prompt(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.judgement WHERE prompt_id = %(p)s", {"p": prompt_ids(kit, work)[0]})
    kit.store.rows("DELETE FROM daily_runs.answer WHERE prompt_id = %(p)s", {"p": prompt_ids(kit, work)[0]})


def lose_one_judgement(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.judgement WHERE prompt_id = %(p)s", {"p": prompt_ids(kit, work)[0]})


def lose_all_judgements(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.judgement")


def lose_one_verdict(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.verdict WHERE verdict_key = 'key-3'")


def lose_all_verdicts(kit: Kit, work: Work) -> None:
    kit.store.rows("DELETE FROM daily_runs.verdict")


def send_one_to_the_judge(kit: Kit, work: Work) -> None:
    rows_of(kit, work)[1].sent([prompt_ids(kit, work)[0]], "key-x")


def leave_one_sent(kit: Kit, work: Work) -> None:
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'sent', answer = NULL WHERE prompt_id = %(p)s",
        {"p": prompt_ids(kit, work)[0]},
    )


def judge_a_failure(kit: Kit, work: Work) -> None:
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'failed', answer = NULL, error_kind = 'timeout' WHERE prompt_id = %(p)s",
        {"p": prompt_ids(kit, work)[0]},
    )


def store_an_error_text(kit: Kit, work: Work) -> None:
    text = "I'm sorry, I can't generate a response. Please try again. Error code: A1001"
    store_answer(text)(kit, work)


def store_answer(text: str) -> Callable[[Kit, Work], None]:
    def change(kit: Kit, work: Work) -> None:
        rows_of(kit, work)[0].answered(prompt_ids(kit, work)[0], Answer(text))

    return change


def fail(count: int) -> Callable[[Kit, Work], None]:
    def change(kit: Kit, work: Work) -> None:
        for prompt_id in prompt_ids(kit, work)[:count]:
            kit.store.rows("DELETE FROM daily_runs.judgement WHERE prompt_id = %(p)s", {"p": prompt_id})
            kit.store.rows(
                "UPDATE daily_runs.answer SET answer = NULL, status = 'planned' WHERE prompt_id = %(p)s",
                {"p": prompt_id},
            )
            rows_of(kit, work)[0].failed(prompt_id, DROPPED)

    return change


def leave_unscored(count: int) -> Callable[[Kit, Work], None]:
    def change(kit: Kit, work: Work) -> None:
        rows_of(kit, work)[1].unscored(prompt_ids(kit, work)[:count], "key-x", NO_VERDICT)

    return change


class Case(NamedTuple):
    """A sound attempt, what is done to it, and exactly the checks that must fail."""

    name: str
    change: Callable[[Kit, Work], None]
    failing: frozenset[str]


def case(name: str, change: Callable[[Kit, Work], None], *failing: str) -> Case:
    return Case(name, change, frozenset(failing))


def blank_an_answer(kit: Kit, work: Work) -> None:
    kit.store.rows(
        "UPDATE daily_runs.answer SET answer = E' \\n' WHERE prompt_id = %(p)s", {"p": prompt_ids(kit, work)[0]}
    )


JUDGED = "every answer is judged"
SETTLED = "every prompt is settled"
SOUNDLY = "every answered prompt has its text, every failed one its reason, no other has either"
SOUND_SCORE = "every scored answer has a score, no other has one"
ERROR_TEXT = "no answer is an error text"
UNKNOWN_MEAN = "mean score is known"
CASES = (
    case("no rows at all", delete_rows, "the attempt has rows"),
    case("one prompt gone", lose_one_prompt, "number of prompts"),
    case("one answer without judgement", lose_one_judgement, JUDGED),
    case("no judgements", lose_all_judgements, JUDGED, UNKNOWN_MEAN),
    case("one verdict gone", lose_one_verdict, SOUND_SCORE),
    case("all scores null", lose_all_verdicts, SOUND_SCORE, UNKNOWN_MEAN),
    case("one still with the judge", send_one_to_the_judge, JUDGED),
    case("one prompt not settled", leave_one_sent, SETTLED, JUDGED),
    case("an answer of blanks", blank_an_answer, SOUNDLY),
    case("a judged failure", judge_a_failure, JUDGED),
    case("an answer that shows nothing", store_answer("\u200b\ufeff"), SOUNDLY),
    case("one error text among the answers", store_an_error_text, ERROR_TEXT),
    case("one without a code", store_answer("I'm sorry, I couldn't respond in time. Please try again."), ERROR_TEXT),
    case("one in German", store_answer("Das ging nicht. Fehlercode: [A1001](https://x#error-a1001)"), ERROR_TEXT),
    case("too few answered", fail(3), "answered share"),
    case("none answered", fail(PROMPTS), "answered share", "unscored share is known", UNKNOWN_MEAN),
    case("too many unscored", leave_unscored(2), "unscored share"),
    case("all unscored", leave_unscored(PROMPTS), "unscored share", UNKNOWN_MEAN),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_gate_fails_closed_on(case: Case, kit: Kit) -> None:
    work = sound(kit)
    case.change(kit, work)
    found = {check.expectation for check in checks(kit, work) if not check.passed}
    assert found >= case.failing
    assert found - case.failing <= {"scores are on the scale"}  # it has nothing to look at where all scores are null


@pytest.mark.parametrize("feature", ["code_suggestions", "vulnerability_resolution"])
def test_code_that_only_resembles_an_error_text_passes_the_gate(feature: str, kit: Kit) -> None:
    work = sound(kit, feature=feature)
    store_answer('throw new Error("A1001");')(kit, work)
    assert ERROR_TEXT not in {check.expectation for check in checks(kit, work) if not check.passed}
    store_an_error_text(kit, work)
    assert ERROR_TEXT in {check.expectation for check in checks(kit, work) if not check.passed}


class Nasty(NamedTuple):
    """What no row of the store should hold, laid over one sound row or all, and the checks that must fail."""

    name: str
    columns: dict[str, Any]
    failing: frozenset[str]
    every_row: bool = False


NASTY = (
    Nasty("no status", {"status": None}, frozenset({"every prompt has a status", SOUNDLY, JUDGED})),
    Nasty(
        "no status anywhere",
        {"status": None},
        frozenset({"every prompt has a status", SOUNDLY, JUDGED, "answered share", "unscored share is known"}),
        every_row=True,
    ),
    Nasty("an unknown status", {"status": "done"}, frozenset({SETTLED, SOUNDLY, JUDGED})),
    Nasty("an answer of null", {"answer": None}, frozenset({SOUNDLY})),
    Nasty("answers of null", {"answer": None}, frozenset({SOUNDLY}), every_row=True),
    Nasty("an empty answer", {"answer": ""}, frozenset({SOUNDLY})),
    Nasty("an answer with an error", {"error_kind": "timeout"}, frozenset({SOUNDLY})),
    Nasty("a failure with an answer", {"status": "failed", "error_kind": "timeout"}, frozenset({SOUNDLY, JUDGED})),
    Nasty(
        "a failure without a reason",
        {"status": "failed", "answer": None, "judgement": None, "score": None},
        frozenset({SOUNDLY}),
    ),
    Nasty("a planned prompt with an answer", {"status": "planned"}, frozenset({SETTLED, SOUNDLY, JUDGED})),
    Nasty("no prompt id", {"prompt_id": None}, frozenset({"prompt ids are there"})),
    Nasty("a score that is no number", {"score": float("nan")}, frozenset({SOUND_SCORE})),
    Nasty("an infinite score", {"score": float("inf")}, frozenset({"scores are on the scale"})),
)


@pytest.mark.parametrize("nasty", NASTY, ids=lambda nasty: nasty.name)
def test_no_null_and_no_contradiction_slips_through(nasty: Nasty, kit: Kit) -> None:
    work = sound(kit)
    rows = gate.read(kit.store, work.attempt.attempt_id, list)
    for row in rows if nasty.every_row else rows[:1]:
        row.update(nasty.columns)
    assert {
        check.expectation for check in validation.check(validation.prompt_frame(rows, work), work) if not check.passed
    } == nasty.failing


def test_a_published_attempt_stays_published_under_a_stricter_gate(kit: Kit) -> None:
    work = sound(kit)
    fail(1)(kit, work)
    kit.run(work, "validation", "publish")
    strict = kit.changed({"features": {"root_cause_analysis": {"thresholds": {"answered_share_min": 1.0}}}})
    with pytest.raises(StageError, match="is published already"):
        kit.run(replace(work, feature=strict.catalogue.features["root_cause_analysis"]), "validation")
    assert status(kit, work) == "published"
    assert kit.count("daily_runs.published_result") == PROMPTS - 1


def test_a_mean_below_the_floor_is_published_as_a_verdict(kit: Kit) -> None:
    work = sound(kit, score=0.2)
    _, report = kit.run(work, "validation", "publish")
    run = kit.store.row("SELECT verdict, verdict_reason, item_mean, item_mean_high FROM contract.runs_v2")
    assert (run["verdict"], run["item_mean"]) == ("below_floor", pytest.approx(0.2))
    assert run["item_mean_high"] < 0.5
    assert run["verdict_reason"].startswith("below the floor: mean 0.200 [")
    assert report.details["quality"] == run["verdict_reason"]


def test_an_answer_that_arrives_after_the_gate_is_not_published_without_it(kit: Kit) -> None:
    work = sound(kit)
    kit.run(work, "validation")
    store_an_error_text(kit, work)
    with pytest.raises(StageError, match="its rows changed since the gate"):
        kit.run(work, "publish")
    assert kit.count("contract.runs_v2") == 0


def checks(kit: Kit, work: Work) -> list[Any]:
    frame = gate.read(kit.store, work.attempt.attempt_id, lambda rows: validation.prompt_frame(rows, work))
    return list(validation.check(frame, work))


AT_THE_LIMIT = (
    case("answered share at its threshold", fail(2)),
    case("unscored share at its threshold", leave_unscored(1)),
)


@pytest.mark.parametrize("case", AT_THE_LIMIT, ids=lambda case: case.name)
def test_a_figure_at_its_threshold_passes(case: Case, kit: Kit) -> None:
    work = sound(kit)
    case.change(kit, work)
    kit.run(work, "validation")
    assert failing(kit, work) == set()


def test_a_failing_attempt_is_quarantined_with_its_rows_and_its_reasons(kit: Kit) -> None:
    work = sound(kit)
    fail(4)(kit, work)
    rows_of(kit, work)[1].unscored(prompt_ids(kit, work)[-2:], "key-x", NO_VERDICT)
    with pytest.raises(GateFailedError) as caught:
        kit.run(work, "validation")
    text = str(caught.value)
    assert f"{work.attempt.key} is quarantined, not published" in text
    assert "answered share: 0.8, required >= 0.9" in text
    assert "unscored share: 0.125, required <= 0.05" in text
    assert failing(kit, work) == {"answered share", "unscored share"}
    assert status(kit, work) == "quarantined"
    assert kit.count("daily_runs.answer") == PROMPTS


def test_a_quarantined_attempt_cannot_be_published(kit: Kit) -> None:
    work = sound(kit)
    leave_unscored(2)(kit, work)
    with pytest.raises(GateFailedError):
        kit.run(work, "validation")
    with pytest.raises(StageError, match="has not passed the gate"):
        kit.run(work, "publish")
    assert kit.count("contract.runs_v2") == 0


def test_without_a_gate_nothing_is_published(kit: Kit) -> None:
    work = sound(kit)
    with pytest.raises(StageError, match=r"has not passed the gate\. Run validation first\."):
        kit.run(work, "publish")
    assert kit.count("contract.runs_v2") == 0
    assert status(kit, work) == "running"


def test_a_gate_that_runs_again_replaces_what_it_found(kit: Kit) -> None:
    work = sound(kit)
    kept = kit.store.rows("SELECT prompt_id, verdict_key FROM daily_runs.judgement")
    leave_unscored(2)(kit, work)
    with pytest.raises(GateFailedError):
        kit.run(work, "validation")
    for row in kept:
        kit.store.rows(
            "UPDATE daily_runs.judgement SET status = 'scored', verdict_key = %(verdict_key)s, error_hop = NULL,"
            " error_kind = NULL WHERE prompt_id = %(prompt_id)s",
            row,
        )
    kit.run(work, "validation", "publish")
    assert failing(kit, work) == set()
    assert status(kit, work) == "published"


def test_publishing_a_sound_attempt_twice_gives_the_same_receipt(kit: Kit) -> None:
    work = sound(kit)
    fail(1)(kit, work)
    _, first, second = kit.run(work, "validation", "publish", "publish")
    assert (first.asked, first.answered, first.failed) == (PROMPTS, PROMPTS - 1, 1)
    assert second == first
    run = kit.store.row("SELECT * FROM contract.runs_v2")
    assert (run["asked"], run["scored"], run["failed"], run["rows_sha256"]) == (
        PROMPTS,
        PROMPTS - 1,
        1,
        first.details["rows_sha256"],
    )

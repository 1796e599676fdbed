"""The gate's rules over rows as the store gives them: what each finds, in which words; nothing slips through."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pandas as pd
import pytest

from daily_runs.catalogue.features import Thresholds
from daily_runs.errors import GateFailedError, StageError
from daily_runs.records import answers, gate, judgements
from daily_runs.records.run import Report
from daily_runs.results import ruler_check
from daily_runs.stages import expectations, validation
from daily_runs.stages.expectations import Check, check_prompts, check_shares
from daily_runs.stages.verdicts import ruler_gate
from daily_runs.stages.work import Work

PROMPTS = 20
ERROR_TEXT = "I'm sorry, I can't generate a response. Please try again. Error code: A1001"
LOOKS_LIKE_ONE = 'throw new Error("A1001");'
Rows = list[dict[str, Any]]


def work(asked: int = PROMPTS, call: str = "chat") -> Work:
    """As much of a stage's work as the gate reads; it has no store."""
    thresholds = Thresholds(answered_share_min=0.9, unscored_share_max=0.05, mean_score_min=0.5, target_score=0.8)
    feature = SimpleNamespace(call=call, thresholds=thresholds, frozen_answers=0)
    attempt = SimpleNamespace(asked=asked, attempt_id="an-attempt", key="duo_chat/staging/2026-08-17T00:00:00Z")
    return cast(Work, SimpleNamespace(feature=feature, attempt=attempt, store=None))


def sound() -> Rows:
    return [
        {
            "prompt_id": f"item#{n}",
            "status": "answered",
            "answer": f"The job failed, see line {n}.",
            "error_kind": None,
            "judgement": "scored",
            "score": 0.75,
        }
        for n in range(PROMPTS)
    ]


def checks(rows: Rows, given: Work | None = None) -> list[Check]:
    given = given or work()
    return validation.check(validation.prompt_frame(rows, given), given)


def failing(rows: Rows, given: Work | None = None) -> set[tuple[str, str, str]]:
    return {(c.expectation, c.observed, c.required) for c in checks(rows, given) if not c.passed}


SOUND = [
    ("prompt ids are there", "all 20", "no null"),
    ("prompt ids are distinct", "all 20", "no repeat"),
    ("every prompt has a status", "all 20", "no null"),
    ("every prompt is settled", "all 20", "answered or failed"),
    (
        "every answered prompt has its text, every failed one its reason, no other has either",
        "all 20",
        "a text that is not blank, a kind of error",
    ),
    ("no answer is an error text", "all 20", "no error code or error text in an answer"),
    ("every answer is judged", "all 20", "scored or unscored, nothing else is judged"),
    ("every scored answer has a score, no other has one", "all 20", "score where scored"),
    ("scores are on the scale", "all 20", "0 to 1"),
    ("number of prompts is known", "all 1", "a number"),
    ("number of prompts", "all 1", "20"),
    ("answered share is known", "all 1", "a number"),
    ("answered share", "all 1", ">= 0.9"),
    ("unscored share is known", "all 1", "a number"),
    ("unscored share", "all 1", "<= 0.05"),
    ("mean score is known", "all 1", "a number"),
]
IDS, DISTINCT, STATUS, SETTLED, SOUNDLY, TEXT, JUDGED, SCORES, SCALE, _, NUMBER, _, ANSWERED, _, UNSCORED, MEAN = SOUND


def test_a_sound_attempt_passes_every_rule_and_each_is_told() -> None:
    found = checks(sound())
    assert [(c.expectation, c.observed, c.required) for c in found] == SOUND
    assert all(c.passed is True for c in found)
    assert {c.expectation for c in found if c.may_be_overridden} == {ANSWERED[0], UNSCORED[0]}


class Fault(NamedTuple):
    """What is laid over the first rows of a sound attempt, and what the gate must find, with the words for it."""

    name: str
    columns: dict[str, Any]
    found: dict[tuple[str, str, str], str]
    rows: int = 1


FAILED = {"status": "failed", "answer": None, "error_kind": "timeout", "judgement": None, "score": None}
LEFT = {"judgement": "unscored", "score": None}
ONE = "1 of 20: False"
FAULTS = (
    Fault("no prompt id", {"prompt_id": None}, {IDS: "1 of 20: nan"}),
    Fault("a prompt twice", {"prompt_id": "item#19"}, {DISTINCT: "2 of 20: item#19"}),
    Fault("no status", {"status": None}, {STATUS: "1 of 20: nan", SOUNDLY: ONE, JUDGED: ONE}),
    Fault("an unknown status", {"status": "done"}, {SETTLED: "1 of 20: done", SOUNDLY: ONE, JUDGED: ONE}),
    Fault("in flight", {"status": "sent", "answer": None}, {SETTLED: "1 of 20: sent", JUDGED: ONE}),
    Fault(
        "a planned prompt with a text", {"status": "planned"}, {SETTLED: "1 of 20: planned", SOUNDLY: ONE, JUDGED: ONE}
    ),
    Fault("an answer without a text", {"answer": None}, {SOUNDLY: ONE}),
    Fault("a blank answer", {"answer": " \n\u200b"}, {SOUNDLY: ONE}),
    Fault("an answer with an error", {"error_kind": "timeout"}, {SOUNDLY: ONE}),
    Fault("a failure without a kind", FAILED | {"error_kind": None}, {SOUNDLY: ONE}),
    Fault("a failure with a text", FAILED | {"answer": "text"}, {SOUNDLY: ONE}),
    Fault("an error text", {"answer": ERROR_TEXT}, {TEXT: "1 of 20: True"}),
    Fault("a judged failure", FAILED | {"judgement": "scored", "score": 0.5}, {JUDGED: ONE}),
    Fault("an answer without a judgement", {"judgement": None, "score": None}, {JUDGED: ONE}),
    Fault("an answer that is still with the judge", {"judgement": "sent", "score": None}, {JUDGED: ONE}),
    Fault("a verdict without a score", {"score": None}, {SCORES: ONE}),
    Fault("a score without a verdict", {"judgement": "unscored"}, {SCORES: ONE}),
    Fault("a score that is no number", {"score": float("nan")}, {SCORES: ONE}),
    Fault("a score above the scale", {"score": 1.0000001}, {SCALE: "1 of 20: 1.0000001"}),
    Fault("a score below the scale", {"score": -0.25}, {SCALE: "1 of 20: -0.25"}),
    Fault("an infinite score", {"score": float("inf")}, {SCALE: "1 of 20: inf"}),
    Fault("too few answers", FAILED, {ANSWERED: "0.85"}, rows=3),
    Fault("too many unscored", LEFT, {UNSCORED: "0.1"}, rows=2),
    Fault("all unscored", LEFT, {UNSCORED: "1", MEAN: "nan"}, rows=PROMPTS),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_is_found_by_its_rule_and_told(fault: Fault) -> None:
    rows = sound()
    for row in rows[: fault.rows]:
        row.update(fault.columns)
    found = {(name, required): observed for name, observed, required in failing(rows)}
    expected = {(name, required): observed for (name, _, required), observed in fault.found.items()}
    assert found == expected


def test_of_many_wrong_values_three_are_told_in_order_and_each_once() -> None:
    rows = sound()
    for row, score in zip(rows, (1.4, 1.2, 1.3, 1.1, 1.2, 1.123456), strict=False):
        row["score"] = score
    assert failing(rows) == {(SCALE[0], "6 of 20: 1.1, 1.123, 1.2", SCALE[2])}


@pytest.mark.parametrize(("failed", "unscored"), [(2, 0), (0, 1)])
def test_a_share_at_its_bound_passes(failed: int, unscored: int) -> None:
    rows = sound()
    for row in rows[:failed]:
        row.update(FAILED)
    for row in rows[failed : failed + unscored]:
        row.update(LEFT)
    assert failing(rows) == set()


def test_an_attempt_without_rows_is_refused_before_anything_is_evaluated() -> None:
    assert checks([]) == [Check("the attempt has rows", False, "0 rows", "at least 1")]


@pytest.mark.parametrize("asked", [PROMPTS - 1, PROMPTS + 1])
def test_each_prompt_that_was_asked_has_a_row_and_no_other_has(asked: int) -> None:
    assert failing(sound(), work(asked)) == {("number of prompts", "20", str(asked))}


def test_none_answered_has_no_share_of_unscored_and_no_mean() -> None:
    found = {name for name, _, _ in failing([row | FAILED for row in sound()])}
    assert found == {"answered share", "unscored share is known", "mean score is known"}


def test_nobody_mistakes_code_for_an_error_text() -> None:
    rows = [row | {"answer": LOOKS_LIKE_ONE} for row in sound()]
    assert failing(rows, work(call="complete_code")) == set()
    assert failing(rows[:1] + sound()[1:], work(call="complete_code")) == set()
    rows[0]["answer"] = ERROR_TEXT
    assert {name for name, _, _ in failing(rows, work(call="complete_code"))} == {TEXT[0]}


# What Great Expectations would let pass.


@pytest.mark.parametrize("column", ["status", "is_error_text", "score"])
def test_a_column_that_is_not_there_passes_nothing(column: str) -> None:
    frame = validation.prompt_frame(sound(), work())
    frame["is_judged"] = frame["is_scored_soundly"] = True
    found = {c.expectation: c for c in check_prompts(frame.drop(columns=column))}
    broken = [c for c in found.values() if not c.passed]
    assert broken
    assert {c.observed for c in broken} == {"could not be evaluated"}


def test_a_column_of_nulls_passes_no_rule_that_has_to_see_a_value() -> None:
    shares = pd.DataFrame(
        {"prompts": [20], "answered_share": [None], "unscored_share": [float("nan")], "mean_score": [0.7]}
    )
    found = {c.expectation for c in check_shares(shares, work().feature.thresholds, 20) if not c.passed}
    assert found == {"answered share is known", "unscored share is known"}


def test_a_rule_that_was_not_evaluated_stops_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectations, "_name", lambda configuration: ("the same", "for every rule"))
    with pytest.raises(StageError, match=r"gate: 7 expectations, but 1 evaluated\. Clear this task to try again\."):
        check_shares(validation._shares(validation.prompt_frame(sound(), work())), work().feature.thresholds, 20)


# The stage.


class Kept:
    """The gate's rows, in place of the store's."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.saved = rows, list[tuple[str, list[Any], str | None]]()
        self.order: gate.GateOverride | None = None
        self.failures, self.unscored = dict[str, int](), dict[str, int]()

    def read(self, store: object, attempt_id: str, use: Callable[[Rows], Any]) -> Any:
        assert attempt_id == "an-attempt"
        return use(self.rows)

    def ordered_override(self, store: object, attempt_id: str) -> gate.GateOverride | None:
        assert attempt_id == "an-attempt"
        return self.order

    def save(self, store: object, attempt_id: str, found: list[Any], *, passed: str | None) -> None:
        self.saved.append((attempt_id, found, passed))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    rows = Kept(sound())
    monkeypatch.setattr(gate, "read", rows.read)
    monkeypatch.setattr(gate, "save", rows.save)
    monkeypatch.setattr(gate, "ordered_override", rows.ordered_override)
    monkeypatch.setattr(answers, "failures", lambda store, attempt_id: rows.failures)
    monkeypatch.setattr(judgements, "failures", lambda store, attempt_id: rows.unscored)
    return rows


def test_a_sound_attempt_is_kept_with_its_digest_and_counted(kept: Kept) -> None:
    assert validation.run(work()) == Report("validation", asked=16, answered=16)
    ((attempt, found, passed),) = kept.saved
    assert (attempt, len(found), passed) == ("an-attempt", 16, gate.digest(kept.rows))


def test_a_failing_attempt_is_kept_without_a_digest_and_every_reason_is_told(kept: Kept) -> None:
    for row in kept.rows[:4]:
        row.update(FAILED)
    for row in kept.rows[-2:]:
        row.update(LEFT)
    with pytest.raises(GateFailedError) as caught:
        validation.run(work())
    assert str(caught.value) == (
        "duo_chat/staging/2026-08-17T00:00:00Z is quarantined, not published. answered share: 0.8, required >= 0.9;"
        " unscored share: 0.125, required <= 0.05. Its rows are kept: docs/runbooks/gate.md."
    )
    ((_, found, passed),) = kept.saved
    assert (len(found), passed) == (16, None)


def test_the_most_frequent_failures_of_prompts_and_verdicts_are_named(kept: Kept) -> None:
    for row in kept.rows[:4]:
        row.update(FAILED)
    kept.failures = {"gitlab: rack_attack": 2, "ai_gateway: answer_timeout": 1, "client: dropped": 1}
    kept.unscored = {"model_vendor: request_too_large": 6}
    with pytest.raises(GateFailedError) as caught:
        validation.run(work())
    told = "model_vendor: request_too_large (6), gitlab: rack_attack (2), ai_gateway: answer_timeout (1)"
    assert f"required >= 0.9. Failed most of all: {told}. Its rows are kept" in str(caught.value)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_an_order_lets_shares_pass_and_nothing_else(kept: Kept, fault: Fault) -> None:
    for row in kept.rows[: fault.rows]:
        row.update(fault.columns)
    kept.order = gate.GateOverride("the hop was repaired", "jo")
    if set(fault.found) <= {ANSWERED, UNSCORED}:
        report = validation.run(work())
        assert (report.failed, kept.saved[0][2]) == (len(fault.found), gate.digest(kept.rows))
        return
    with pytest.raises(GateFailedError, match=r" No order can override this\. "):
        validation.run(work())
    assert kept.saved[0][2] is None


def test_an_order_that_overrides_something_is_told_in_the_report_and_in_the_log(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    for row in kept.rows[:3]:
        row.update(FAILED)
    kept.order = gate.GateOverride("the hop was repaired", "jo")
    told = "answered share: 0.85, required >= 0.9"
    assert validation.run(work()) == Report("validation", asked=16, answered=15, failed=1, details={"overridden": told})
    assert [record.getMessage() for record in caplog.records if record.name == validation.__name__] == [
        f"the gate is overridden by jo (the hop was repaired): {told}"
    ]


def test_an_order_that_overrides_nothing_is_not_told(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.order = gate.GateOverride("the hop was repaired", "jo")
    assert validation.run(work()) == Report("validation", asked=16, answered=16)
    assert not [record for record in caplog.records if record.name == validation.__name__]


MOVED_RULER = Check(ruler_check.SAME_MEAN, False, "moved by +0.2", "no move")
FEW_JUDGED = Check(ruler_check.JUDGED, False, "3 of 30 have a verdict", "0.9 of them")


@pytest.mark.parametrize(("found", "moved"), [(MOVED_RULER, True), (FEW_JUDGED, False)])
def test_a_ruler_that_failed_blocks_and_is_named_where_it_moved(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, found: Check, moved: bool
) -> None:
    given = work()
    monkeypatch.setattr(ruler_gate, "checks", lambda work: [found] if work is given else [])
    with pytest.raises(GateFailedError) as caught:
        validation.run(given)
    why = "The ruler moved, so its scores say nothing of the feature. " if moved else ""
    assert f"is quarantined, not published. {why}{found.expectation}: {found.observed}, required" in str(caught.value)
    assert "No order" not in str(caught.value)
    ((_, rows, passed),) = kept.saved
    assert (rows[-1], passed) == ((found.expectation, False, found.observed, found.required), None)


def test_an_order_lets_a_moved_ruler_pass(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruler_gate, "checks", lambda given: [MOVED_RULER])
    kept.order = gate.GateOverride("the judge's version was agreed", "jo")
    report = validation.run(work())
    assert (report.asked, report.failed, kept.saved[0][2]) == (17, 1, gate.digest(kept.rows))


def test_an_order_cannot_override_rows_that_are_not_whole_beside_a_moved_ruler(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ruler_gate, "checks", lambda given: [MOVED_RULER])
    kept.rows[0]["score"] = None
    kept.order = gate.GateOverride("the judge's version was agreed", "jo")
    with pytest.raises(GateFailedError) as caught:
        validation.run(work())
    told = f"{SCORES[0]}: {ONE}, required {SCORES[2]}"
    assert f"not published. {told}. No order can override this. Its rows" in str(caught.value)

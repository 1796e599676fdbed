"""What counts as a verdict; the rest is unscored."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging.rubric import Criterion, Rubric
from daily_runs.judging.verdict import parse

SCALE = {1: "no", 5: "yes"}
RUBRIC = Rubric(
    feature="duo_chat",
    guidance="Judge.",
    criteria=(
        Criterion(name="correctness", weight=0.75, question="Right?", scale=SCALE),
        Criterion(name="clarity", weight=0.25, question="Clear?", scale=SCALE),
    ),
)
SCORES = {"correctness": 5, "clarity": 3}


class Case(NamedTuple):
    name: str
    given: Any
    evidence: str


UNUSABLE = (
    Case("nothing", None, "no reasons"),
    Case("a text", "5 of 5", "no reasons"),
    Case("no reasons", {"scores": SCORES}, "no reasons"),
    Case("blank reasons", {"reasons": " \n", "scores": SCORES}, "no reasons"),
    Case("reasons that are a list", {"reasons": ["good"], "scores": SCORES}, "no reasons"),
    Case("no scores", {"reasons": "good"}, "criteria differ from the rubric's"),
    Case("scores as a text", {"reasons": "good", "scores": '{"clarity": 5}'}, "criteria differ from the rubric's"),
    Case("a criterion left out", {"reasons": "good", "scores": {"clarity": 3}}, "criteria differ from the rubric's"),
    Case("one made up", {"reasons": "good", "scores": {**SCORES, "style": 5}}, "criteria differ from the rubric's"),
    Case("zero points", {"reasons": "good", "scores": {**SCORES, "clarity": 0}}, "points off the scale"),
    Case("six points", {"reasons": "good", "scores": {**SCORES, "clarity": 6}}, "points off the scale"),
    Case("half a point", {"reasons": "good", "scores": {**SCORES, "clarity": 3.5}}, "points off the scale"),
    Case("points as text", {"reasons": "good", "scores": {**SCORES, "clarity": "3"}}, "points off the scale"),
    Case("a yes", {"reasons": "good", "scores": {**SCORES, "clarity": True}}, "points off the scale"),
    Case("null points", {"reasons": "good", "scores": {**SCORES, "clarity": None}}, "points off the scale"),
)


@pytest.mark.parametrize("case", UNUSABLE, ids=lambda case: case.name)
def test_what_is_no_verdict_is_unusable_and_worth_another_try(case: Case) -> None:
    with pytest.raises(CallError) as caught:
        parse(case.given, RUBRIC, 100, 10)
    error = caught.value
    kind = "points_off_scale" if case.evidence == "points off the scale" else "unusable_verdict"
    assert (error.kind, error.hop, error.blame) == (kind, Hop.MODEL_VENDOR, Blame.PROVIDER)
    assert (error.evidence, error.retryable) == (case.evidence, True)


def test_a_verdict_carries_points_score_and_cost() -> None:
    verdict = parse({"reasons": "Right, but long.", "scores": SCORES}, RUBRIC, 100, 10)
    assert (verdict.reasons, verdict.points) == ("Right, but long.", SCORES)
    assert (verdict.input_tokens, verdict.output_tokens) == (100, 10)
    assert verdict.score == pytest.approx(0.875)


def test_what_stands_beside_the_verdict_is_ignored() -> None:
    assert parse({"reasons": "Fine.", "scores": SCORES, "mood": "good"}, RUBRIC, 1, 1).points == SCORES


@pytest.mark.parametrize("points", [4.0, 1.0, 5.0, 5])
def test_whole_numbers_are_points_however_they_are_written(points: float) -> None:
    """JSON Schema: a number without a fraction is an integer, so 4.0 is what was asked for."""
    found = parse({"reasons": "good", "scores": {**SCORES, "clarity": points}}, RUBRIC, 1, 1).points["clarity"]
    assert (found, type(found)) == (int(points), int)


@pytest.mark.parametrize("points", [4.5, 0.0, 6.0, float("nan"), float("inf"), 10**400, -4.0, False, "4.0"])
def test_other_numbers_are_no_points(points: object) -> None:
    with pytest.raises(CallError, match="points off the scale"):
        parse({"reasons": "good", "scores": {**SCORES, "clarity": points}}, RUBRIC, 1, 1)

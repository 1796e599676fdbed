"""A verdict as the judge must give it; anything else is unscored, never a zero."""

from __future__ import annotations

from typing import Any, NamedTuple

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging.rubric import SCALE_MAX, SCALE_MIN, Rubric


class Verdict(NamedTuple):
    """Reasons, points by criterion (1..5) and the weighted score (0..1), with what it cost."""

    reasons: str
    points: dict[str, int]
    score: float
    input_tokens: int
    output_tokens: int


def parse(given: Any, rubric: Rubric, input_tokens: int, output_tokens: int) -> Verdict:
    """Check what the judge gave against the schema we asked for.

    Raises:
        CallError: of kind `unusable_verdict`, worth another try.
    """
    reasons = given.get("reasons") if isinstance(given, dict) else None
    points = given.get("scores") if isinstance(given, dict) else None
    names = {criterion.name for criterion in rubric.criteria}
    if not isinstance(reasons, str) or not reasons.strip():
        raise unusable("no reasons")
    if not isinstance(points, dict) or set(points) != names:
        raise unusable("criteria differ from the rubric's")
    if any(type(value) is not int or not SCALE_MIN <= value <= SCALE_MAX for value in points.values()):
        raise unusable("points off the scale")
    return Verdict(reasons, points, rubric.score(points), input_tokens, output_tokens)


def unusable(evidence: str) -> CallError:
    """The judge answered, but not with a verdict."""
    return CallError(Hop.MODEL_VENDOR, "unusable_verdict", blame=Blame.PROVIDER, retryable=True, evidence=evidence)

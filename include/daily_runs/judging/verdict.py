"""A verdict as the judge must give it; anything else is unscored, never a zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from daily_runs.errors import Blame, CallError, Hop
from daily_runs.judging.rubric import SCALE_MAX, SCALE_MIN, Rubric

NO_VERDICT_KINDS: Mapping[str, bool] = {
    "judge_refused": False,
    "verdict_cut_off": False,
    "canary_repeated": False,
    "no_verdict": True,
    "unusable_verdict": True,
    "points_off_scale": True,
}
"""Why an answer of the judge is no verdict, and whether the same request is sent again.

A refusal and a cut-off come of what was sent, so the same request would usually be paid for the same outcome. A judge
that repeated the secret obeyed the data: whoever asks until it does not, picks the verdict that hides it.
"""
NOT_AGAIN = tuple(kind for kind, again in NO_VERDICT_KINDS.items() if not again)
"""Without a verdict for one of these reasons, the same request is not sent again within its judging."""


class Verdict(NamedTuple):
    """Reasons, points by criterion (1..5), weighted score (0..1), and what it cost (None: the vendor did not say).

    `answered_by`: the model as the answer itself names it, which may be the dated id of the alias that was asked.
    `sdk_version`: of the client that asked.
    """

    reasons: str
    points: dict[str, int]
    score: float
    input_tokens: int | None
    output_tokens: int | None
    answered_by: str = ""
    sdk_version: str = ""


def parse(given: Any, rubric: Rubric, input_tokens: int | None, output_tokens: int | None) -> Verdict:
    """Check what the judge gave against the schema we asked for.

    Raises:
        CallError: of kind `unusable_verdict` or `points_off_scale`, worth another try.
    """
    reasons = given.get("reasons") if isinstance(given, dict) else None
    scores = given.get("scores") if isinstance(given, dict) else None
    names = {criterion.name for criterion in rubric.criteria}
    if not isinstance(reasons, str) or not reasons.strip():
        raise none_given("unusable_verdict", "no reasons")
    if not isinstance(scores, dict) or set(scores) != names:
        raise none_given("unusable_verdict", "criteria differ from the rubric's")
    points = {name: on_scale for name, value in scores.items() if (on_scale := _on_scale(value)) is not None}
    if len(points) < len(names):
        raise none_given("points_off_scale", "points off the scale")
    return Verdict(reasons, points, rubric.score(points), input_tokens, output_tokens)


def _on_scale(value: object) -> int | None:
    """Points on the scale, or None. `4.0` is an integer (JSON Schema 2020-12, validation §6.1.1); `true` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value in range(SCALE_MIN, SCALE_MAX + 1) else None


def none_given(kind: str, evidence: str) -> CallError:
    """The judge answered, but not with a verdict that counts; `kind` is one of `NO_VERDICT_KINDS`."""
    again = NO_VERDICT_KINDS[kind]
    return CallError(Hop.MODEL_VENDOR, kind, blame=Blame.PROVIDER, retryable=again, evidence=evidence)

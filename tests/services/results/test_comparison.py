"""Comparing what two arms really published: from judged rows through gate and publishing to the verdict."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import quality_facts

from daily_runs.catalogue.features import Quality
from daily_runs.errors import StageError
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.verdict import Verdict
from daily_runs.records import gate
from daily_runs.records.answers import AnswerRows
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import Prompt, RunKey
from daily_runs.results import comparison, published
from daily_runs.results.comparison import compare

if TYPE_CHECKING:
    from daily_runs.store.database import Store

DAY = dt.datetime(2026, 8, 17, tzinfo=dt.UTC)
PRODUCTION, STAGING = (RunKey("duo_chat", environment, DAY) for environment in ("production", "staging"))
BEFORE = [0.5 + n / 100 for n in range(40)]


def publish(
    store: Store,
    key: RunKey,
    scores: Sequence[float],
    *,
    rubric: str = "r",
    provider: str | None = None,
    judges: Sequence[str] = ("judge-20260101",),
    **measured: str,
) -> None:
    """A run of one prompt an item, published with these scores, which these models gave in turn."""
    prompts = [Prompt(f"item-{n}#1", f"item-{n}", 0) for n in range(len(scores))]
    plan = AttemptPlan(key, prompts, 1, f"{key}", "sandbox", "data", rubric, "judge", None, "", **measured)  # type: ignore[arg-type]
    attempt = open_attempt(store, plan)
    answers, verdicts = AnswerRows(store, attempt.attempt_id), JudgementRows(store, attempt.attempt_id)
    for prompt, score, judge in zip(prompts, scores, itertools.cycle(judges), strict=False):
        answers.sent(prompt.prompt_id, "evaluation-1")
        answers.answered(prompt.prompt_id, Answer("An answer.", provider, "claude", 10, 5))
        verdict = Verdict("Good.", {"correctness": 4}, score, 100, 10, judge)
        verdicts.keep(f"{key}-{prompt.prompt_id}", verdict, plan.ruler)
        verdicts.scored([prompt.prompt_id], f"{key}-{prompt.prompt_id}")
    digest = gate.read(store, attempt.attempt_id, gate.digest)
    gate.save(store, attempt.attempt_id, [("mean score", True, "all 1", ">= 0.5")], passed=digest)
    published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=1.0)


def test_a_drop_that_was_published_is_called_regressed(store: Store) -> None:
    publish(store, PRODUCTION, BEFORE)
    publish(store, STAGING, [score - 0.1 for score in BEFORE])
    outcome = compare(store, [PRODUCTION, STAGING], Quality())
    found = outcome["difference"]
    assert (found["verdict"], found["items"], found["estimate"]) == ("regressed", 40, pytest.approx(-0.1))
    assert outcome["sentence"].startswith("staging against production: regressed, -0.100 [")
    (kept,) = store.rows("SELECT * FROM contract.comparisons_v1 WHERE against <> 'reference'")
    assert (kept["run_key"], kept["against"], kept["treatment"]) == (str(STAGING), str(PRODUCTION), "environment")
    assert (kept["verdict"], kept["estimate"], kept["part"]) == ("regressed", found["estimate"], "")
    assert outcome["arms"]["staging"]["mean_score"] == pytest.approx(sum(BEFORE) / 40 - 0.1)


@pytest.mark.parametrize(
    ("scores", "rubric", "provider", "differs"),
    [
        pytest.param(BEFORE, "another", None, "rubric_version", id="another rubric"),
        pytest.param(BEFORE, "r", "vertex", "providers", id="another provider"),
        pytest.param(BEFORE[:30], "r", None, "prompts", id="a sample"),
    ],
)
def test_what_has_another_ruler_provider_or_selection_is_not_compared(
    store: Store, scores: list[float], rubric: str, provider: str | None, differs: str
) -> None:
    publish(store, PRODUCTION, BEFORE)
    publish(store, STAGING, scores, rubric=rubric, provider=provider)
    outcome = compare(store, [PRODUCTION, STAGING], Quality())
    assert outcome["difference"] == {"verdict": "incomparable", "differs": [differs]}
    assert outcome["sentence"] == f"staging against production: incomparable, since {differs} differ"


@pytest.mark.parametrize("overridden", [(PRODUCTION,), (STAGING,), (PRODUCTION, STAGING)])
def test_an_arm_whose_gate_was_overridden_is_compared_with_nobody(store: Store, overridden: Sequence[RunKey]) -> None:
    publish(store, PRODUCTION, BEFORE)
    publish(store, STAGING, [score - 0.1 for score in BEFORE])
    store.rows(
        "WITH found AS (INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)"
        " SELECT attempt_id, 'answered share', false, '0.6', '>= 0.9' FROM daily_runs.attempt"
        " WHERE run_key = ANY(%(keys)s))"
        " INSERT INTO daily_runs.gate_override (attempt_id, reason, ordered_by)"
        " SELECT attempt_id, 'we need it', 'alice' FROM daily_runs.attempt WHERE run_key = ANY(%(keys)s)",
        {"keys": [str(key) for key in overridden]},
    )
    found = compare(store, [PRODUCTION, STAGING], Quality())
    assert found["difference"] == {"verdict": "incomparable", "differs": ["gate_override"]}
    assert set(found["arms"]) == {"production", "staging"}
    kept = store.row("SELECT verdict, estimate FROM contract.comparisons_v1 WHERE treatment = 'environment'")
    assert kept == {"verdict": "incomparable", "estimate": None}


@pytest.mark.parametrize("anew", [PRODUCTION, STAGING])
def test_an_arm_that_is_published_anew_while_it_is_compared_keeps_no_comparison(
    store: Store, monkeypatch: pytest.MonkeyPatch, anew: RunKey
) -> None:
    publish(store, PRODUCTION, BEFORE)
    publish(store, STAGING, [score - 0.1 for score in BEFORE])
    decide = comparison.difference

    def meanwhile(*sides: Any) -> dict[str, Any]:
        publish(store, anew, BEFORE)
        return decide(*sides)

    monkeypatch.setattr(comparison, "difference", meanwhile)
    with pytest.raises(StageError, match="was published anew meanwhile"):
        compare(store, [PRODUCTION, STAGING], Quality())
    assert store.rows("SELECT * FROM contract.comparisons_v1 WHERE against <> 'reference'") == []


def test_an_arm_that_published_nothing_is_compared_with_nobody(store: Store) -> None:
    publish(store, PRODUCTION, BEFORE)
    outcome = compare(store, [PRODUCTION, STAGING], Quality())
    assert (list(outcome["arms"]), outcome["difference"]) == (["production"], None)
    assert "sentence" not in outcome


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"judge_effort": "high"}, ["judge_effort"]),
        ({"judge_thinking": "adaptive"}, ["judge_thinking"]),
        ({"prompt_template": "other"}, ["prompt_template"]),
        ({"judges": ("judge-20260601",)}, ["judges"]),
        ({"judges": ("judge-20260101", "judge-20260601")}, ["judges"]),
    ],
    ids=str,
)
def test_runs_that_were_judged_with_something_else_are_incomparable_and_it_is_said_what(
    store: Store, changed: dict[str, Any], differs: list[str]
) -> None:
    """An alias of the catalogue may lead to another model from one day to the next, or within one."""
    same: dict[str, Any] = {"judge_effort": "medium", "prompt_template": "t"}
    publish(store, PRODUCTION, BEFORE, **same)
    publish(store, STAGING, BEFORE, **(same | changed))
    found = compare(store, [PRODUCTION, STAGING], Quality())["difference"]
    assert (found["verdict"], found["differs"]) == ("incomparable", differs)


def test_two_judges_by_turns_are_two_scales_also_where_both_arms_had_them(store: Store) -> None:
    both = ("judge-20260101", "judge-20260601")
    publish(store, PRODUCTION, BEFORE, judges=both)
    publish(store, STAGING, BEFORE, judges=both)
    assert compare(store, [PRODUCTION, STAGING], Quality())["difference"]["differs"] == ["judges"]

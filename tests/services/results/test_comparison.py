"""Comparing what two arms really published: from judged rows through gate and publishing to the verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
from tests.conftest import quality_facts

from daily_runs.catalogue.features import Quality
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.verdict import Verdict
from daily_runs.records import gate
from daily_runs.records.answers import AnswerRows
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import Prompt, RunKey
from daily_runs.results import published
from daily_runs.results.comparison import compare

if TYPE_CHECKING:
    from daily_runs.store.database import Store

DAY = dt.datetime(2026, 8, 17, tzinfo=dt.UTC)
PRODUCTION, STAGING = (RunKey("duo_chat", environment, DAY) for environment in ("production", "staging"))
BEFORE = [0.5 + n / 100 for n in range(40)]


def publish(
    store: Store, key: RunKey, scores: Sequence[float], *, rubric: str = "r", provider: str | None = None
) -> None:
    """A run of one prompt an item, published with these scores."""
    prompts = [Prompt(f"item-{n}#1", f"item-{n}", 0) for n in range(len(scores))]
    plan = AttemptPlan(key, prompts, 1, f"{key}", "sandbox", "data", rubric, "judge", None, "")
    attempt = open_attempt(store, plan)
    answers, verdicts = AnswerRows(store, attempt.attempt_id), JudgementRows(store, attempt.attempt_id)
    for prompt, score in zip(prompts, scores, strict=True):
        answers.sent(prompt.prompt_id, "evaluation-1")
        answers.answered(prompt.prompt_id, Answer("An answer.", provider, "claude", 10, 5))
        verdict = Verdict("Good.", {"correctness": 4}, score, 100, 10)
        cache_key = f"{key}-{prompt.prompt_id}"
        verdicts.scored([prompt.prompt_id], cache_key, verdict, rubric_version=rubric, judge_model="judge")
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


def test_an_arm_that_published_nothing_is_compared_with_nobody(store: Store) -> None:
    publish(store, PRODUCTION, BEFORE)
    outcome = compare(store, [PRODUCTION, STAGING], Quality())
    assert (list(outcome["arms"]), outcome["difference"]) == (["production"], None)
    assert "sentence" not in outcome

"""Whole runs for tests: published through the store, gate and verdict, with answers and scores that the test says."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from daily_runs.records import gate
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.run import Prompt, RunKey
from daily_runs.results import published
from daily_runs.results.quality import RunVerdict
from daily_runs.store.database import Store
from tests.conftest import quality_facts

CLASSES = [f"class-{number}" for number in range(8)]
ITEMS = [f"item-{number:02}" for number in range(80)]
CLASS_OF = {item: CLASSES[number % 8] for number, item in enumerate(ITEMS)}
ASKS = 2
FIRST = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC)


class Day(NamedTuple):
    """A run of a feature: its day, and what is special in it.

    `fell`: by how much each class lies lower. `failed`: so many prompts, the first ones, have no answer.
    `points`: of the one criterion, faithfulness, for every answer. `repeated_by`: the model that judged each answer
    once more, with the same points; empty: each has one verdict.
    """

    number: int
    rubric: str = "rubric"
    sample: str = ""
    fell: Mapping[str, float] = {}
    provider: Callable[[int], str] = lambda _number: "anthropic"
    failed: int = 0
    judged: Mapping[str, str] = MappingProxyType({})
    environment: str = "staging"
    points: int = 4
    asks: int = ASKS
    repeated_by: str = ""


class Published(NamedTuple):
    """What was published: key, verdict, and each scored answer as (item, class, score)."""

    key: RunKey
    verdict: RunVerdict
    answers: list[tuple[str, str, float]]


def scores(day: Day) -> dict[str, float]:
    """A score for each prompt: items differ, days and askings hardly; classes fall by what the day says."""
    dice = np.random.default_rng(day.number)
    level = np.random.default_rng(99).uniform(0.75, 0.95, len(ITEMS))
    return {
        f"{item}#{ask + 1}": float(np.clip(level[i] + dice.normal(0, 0.02) - day.fell.get(CLASS_OF[item], 0.0), 0, 1))
        for i, item in enumerate(ITEMS)
        for ask in range(day.asks)
    }


def publish(store: Store, day: Day, **facts: Any) -> Published:
    """Publish a run whose answers and verdicts are written straight into the store."""
    key = RunKey("duo_chat", day.environment, FIRST + dt.timedelta(days=day.number), day.sample)
    found = scores(day)
    prompts = [Prompt(prompt, prompt.split("#")[0], 0) for prompt in found]
    plan = AttemptPlan(
        key, prompts, 1, f"{key}", "sandbox", "data", day.rubric, "judge", None, "", selection_sha256="all"
    )
    attempt = open_attempt(store, plan)
    rows: list[dict[str, Any]] = [
        {"prompt": prompt, "score": score, "provider": day.provider(number), "failed": number < day.failed}
        for number, (prompt, score) in enumerate(found.items())
    ]
    given = {"id": attempt.attempt_id, "rows": json.dumps(rows)}
    of_rows = "jsonb_to_recordset(%(rows)s::jsonb) AS g (prompt text, score float8, provider text, failed boolean)"
    store.rows(
        f"UPDATE daily_runs.answer SET status = CASE WHEN failed THEN 'failed' ELSE 'answered' END, sent_at = now(),"
        f" settled_at = now(), answer = CASE WHEN NOT failed THEN 'text' END, serving_provider = provider,"
        f" error_hop = CASE WHEN failed THEN 'gitlab' END, error_kind = CASE WHEN failed THEN 'timeout' END,"
        f" error_blame = CASE WHEN failed THEN 'provider' END"
        f" FROM {of_rows} WHERE attempt_id = %(id)s::uuid AND prompt_id = prompt",
        given,
    )
    store.rows(
        "INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, paid_by)"
        " SELECT %(id)s::text || prompt, 'rubric', 'judge', 'Good.', %(points)s::jsonb, score, %(id)s::uuid"
        f" FROM {of_rows}",
        {**given, "points": json.dumps({"faithfulness": day.points})},
    )
    store.rows(
        "INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, settled_at)"
        f" SELECT %(id)s::uuid, prompt, %(id)s::text || prompt, 'scored', now() FROM {of_rows} WHERE NOT failed",
        given,
    )
    for column, value in day.judged.items():
        table, of = ("verdict", "verdict_key LIKE") if column == "answered_by" else ("attempt", "attempt_id::text LIKE")
        store.rows(
            f"UPDATE daily_runs.{table} SET {column} = %(value)s WHERE {of} %(id)s || '%%'",
            {"value": value, "id": attempt.attempt_id},
        )
    if day.repeated_by:
        store.rows(
            "INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, repeat,"
            " repeat_of, answered_by)"
            " SELECT verdict_key || ' 2', rubric_version, judge_model, reasons, scores, score, 2, verdict_key, %(by)s"
            " FROM daily_runs.verdict WHERE verdict_key LIKE %(id)s || '%%'",
            {"by": day.repeated_by, "id": attempt.attempt_id},
        )
    gate.save(
        store,
        attempt.attempt_id,
        [("number of prompts", True, "all", "all")],
        passed=gate.read(store, attempt.attempt_id, gate.digest),
    )
    told = quality_facts(store, attempt.attempt_id, classes=CLASS_OF, **facts)
    done = published.replace(store, attempt, told, time_scale=1.0)
    answers = [(row["prompt"].split("#")[0], CLASS_OF[row["prompt"].split("#")[0]], row["score"]) for row in rows]
    return Published(key, done.verdict, answers[day.failed :])

"""What published runs have measured, on a real Postgres."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daily_runs.capacity import measured_rows
from daily_runs.store import database, logins

if TYPE_CHECKING:
    from daily_runs.store.database import Store
    from daily_runs.store.embedded import EmbeddedPostgres


def publish(
    store: Store, day: int, prompts: list[tuple[int | None, int | None]], verdict: tuple[int, int], **more: str
) -> None:
    """A published run of code suggestions with these tokens of each prompt, and of each verdict."""
    facts = {"provenance": "live", "judge_model": "judge", "feature": "code_suggestions", **more}
    date, run_key = f"2026-08-{day:02d}T12:00:00Z", f"{facts['feature']}/staging/{day}/{facts['provenance']}"
    key = {"run_key": run_key, "date": date, "asked": len(prompts), **facts}
    store.rows(
        "INSERT INTO daily_runs.run VALUES (%(run_key)s, %(feature)s, %(run_key)s, %(date)s)",
        key,
    )
    attempt = store.row(
        "INSERT INTO daily_runs.attempt (run_key, status, plan_hash, asked, shards, provenance, dataset_sha256,"
        " rubric_version, judge_model) VALUES (%(run_key)s, 'published', 'p', %(asked)s, 1, %(provenance)s, 'd', 'r',"
        " %(judge_model)s) RETURNING attempt_id",
        key,
    )
    key |= attempt
    store.rows(
        "INSERT INTO daily_runs.published_run VALUES (%(run_key)s, %(attempt_id)s, %(feature)s, 'staging', %(date)s,"
        " %(provenance)s, %(asked)s, %(asked)s, 0, %(asked)s, 0, 0.9, 0, 0.9, 0.9, 'd', 'r', %(judge_model)s, 'h')",
        key,
    )
    for number, (given, made) in enumerate(prompts):
        one = key | {"id": f"p{number}", "in": given, "out": made, "verdict": f"{run_key}{number}"}
        one |= {"verdict_in": verdict[0], "verdict_out": verdict[1]}
        store.rows(
            "INSERT INTO daily_runs.published_result VALUES (%(run_key)s, %(id)s, 'i', 'scored', 0.9, '{}', null, null,"
            " 1, %(in)s, %(out)s)",
            one,
        )
        store.rows(
            "INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, answer)"
            " VALUES (%(attempt_id)s, %(id)s, 'i', 0, 'answered', 'a')",
            one,
        )
        store.rows(
            "INSERT INTO daily_runs.verdict VALUES (%(verdict)s, 'r', 'judge', 'x', '{}', 0.9, %(verdict_in)s,"
            " %(verdict_out)s)",
            one,
        )
        store.rows(
            "INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status)"
            " VALUES (%(attempt_id)s, %(id)s, %(verdict)s, 'scored')",
            one,
        )


def test_the_mean_is_over_prompts_whose_tokens_are_known(store: Store) -> None:
    publish(store, 1, [(1000, 100), (2000, 200), (None, None)], (3000, 300))
    assert measured_rows.prompts(store, "live") == [("code_suggestions", 1500, 150, 2)]
    assert measured_rows.verdicts(store, "live", "judge") == [("code_suggestions", 3000, 300, 3)]


def test_unknown_tokens_measure_nothing(store: Store) -> None:
    publish(store, 1, [(None, None)], (3000, 300))
    assert measured_rows.prompts(store, "live") == []


def test_a_sandbox_measures_nothing_for_real_runs_and_another_judge_nothing_for_this_one(store: Store) -> None:
    publish(store, 1, [(1000, 100)], (3000, 300), provenance="sandbox")
    publish(store, 2, [(4000, 400)], (5000, 500), judge_model="other")
    assert measured_rows.prompts(store, "live") == [("code_suggestions", 4000, 400, 1)]
    assert measured_rows.verdicts(store, "live", "judge") == []
    assert measured_rows.verdicts(store, "sandbox", "judge") == [("code_suggestions", 3000, 300, 1)]


def test_only_the_newest_runs_count(store: Store) -> None:
    for day in range(1, measured_rows.RUNS_LOOKED_AT + 2):
        publish(store, day, [(1000 * day, 100)], (3000, 300))
    days = range(2, measured_rows.RUNS_LOOKED_AT + 2)
    mean = sum(1000 * day for day in days) / len(days)
    (found,) = measured_rows.prompts(store, "live")
    assert found.input_tokens == pytest.approx(mean)
    assert found.calls == len(days)


def test_a_server_that_runs_is_found_without_being_started(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    assert database.running_url(tmp_path / "postgres") is None
    database.migrate(postgres.url("daily_runs"))
    used_by_runs = logins.writer_url(postgres, "daily_runs")
    assert database.running_url(postgres.root) == used_by_runs

"""A store that an older version left, with a finished and a half-finished run, is migrated and goes on."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any, cast

import pytest
from alembic import command
from tests.conftest import Kit, SandboxView

from daily_runs import connections
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.connections import Connect
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.stages import pipeline
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres

LEFT = Path(__file__).with_name("left_by_0004.sql")
HALF_DONE = RunKey("root_cause_analysis", "staging", dt.datetime(2026, 8, 22, tzinfo=dt.UTC))
PROMPTS, ANSWERED = 20, 6
ASKED = ", ".join(f"rca-{number:03}#1" for number in range(1, PROMPTS + 1))
"""A sample was the data set's first items then."""
OPENED_UNDER = str(HALF_DONE)
"""The key of the unfinished attempt, which asks a sample: samples had no keys of their own then."""


@pytest.fixture
def left(postgres: EmbeddedPostgres, catalogue: Catalogue) -> str:
    """The URL of the store as the older version left it.

    What its unfinished attempt was opened with is set to the data set, rubric and judge of now: a data set that is
    edited is another matter, and so is how these are hashed (`test_a_plan_of_release_0_1_is_still_the_same_work`).
    """
    url = postgres.url(f"left_{uuid.uuid4().hex[:8]}")
    command.upgrade(database._alembic(url), "0004")
    now = opening.planned(catalogue, HALF_DONE, limit=None, only=ASKED)
    opened_with = {
        name: getattr(now, name) for name in ("plan_hash", "dataset_sha256", "rubric_version", "judge_model")
    }
    with database.connect(url) as connection:
        connection.execute(LEFT.read_bytes())
        asked = connection.execute(
            "SELECT prompt_id FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id) WHERE run_key = %s",
            [str(HALF_DONE)],
        ).fetchall()
        assert {row["prompt_id"] for row in asked} == {prompt.prompt_id for prompt in now.prompts}
        connection.execute(
            "UPDATE daily_runs.attempt SET plan_hash = %(plan_hash)s, dataset_sha256 = %(dataset_sha256)s,"
            " rubric_version = %(rubric_version)s, judge_model = %(judge_model)s WHERE status = 'running'",
            opened_with,
        )
    return url


def published(url: str) -> dict[str, list[dict[str, Any]]]:
    """What readers see of the finished run."""
    with database.connect(url) as connection:
        return {
            view: connection.execute(
                f"SELECT * FROM contract.{view} WHERE feature = 'duo_chat' ORDER BY 1, 7".encode()
            ).fetchall()
            for view in ("runs_v1", "results_v1", "failures_v1")
        }


def answers_of(store: Store) -> dict[str, dict[str, Any]]:
    """The unfinished attempt's rows by prompt."""
    query = """
        SELECT answer.* FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
        WHERE starts_with(run_key, %(key)s)
    """
    return {row["prompt_id"]: row for row in store.rows(query, {"key": OPENED_UNDER})}


def test_what_was_published_stays_to_the_letter(left: str) -> None:
    before = published(left)
    assert [len(rows) for rows in before.values()] == [1, 6, 0]
    assert database.migrate(left) == database.newest_revision()
    assert published(left) == before


def test_a_half_finished_run_goes_on_and_pays_only_for_what_has_no_answer(
    left: str, sandbox: SandboxView, catalogue: Catalogue
) -> None:
    database.migrate(left)
    with database.open_store(left, connections=16) as store:
        before = answers_of(store)
        paid_for = {prompt for prompt, row in before.items() if row["status"] == "answered"}
        assert len(paid_for) == ANSWERED
        attempt = opening.plan(store, catalogue, HALF_DONE, only=ASKED)
        assert attempt.resumed
        assert str(attempt.key).startswith(f"{OPENED_UNDER}/sample-")
        kit = Kit(store, sandbox, catalogue)
        work = pipeline.work_for(store, catalogue, attempt, cast(Connect, connections.find))
        reports = kit.run(work, *pipeline.STAGES)
        after = answers_of(store)
        run = store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(attempt.key)})
    assert {report.stage: report.missing for report in reports if report.stage != "limit_probe"} == dict.fromkeys(
        set(pipeline.STAGES) - {"limit_probe"}, 0
    )
    looked_at = [row.pop("facts") for row in (*before.values(), *after.values())]  # judging looks at each answer once
    assert sum(facts is not None for facts in looked_at) == PROMPTS
    assert {prompt: after[prompt] for prompt in paid_for} == {prompt: before[prompt] for prompt in paid_for}
    assert sandbox.paid_keys("aiAction") == sorted(set(before) - paid_for)
    assert (run["attempt_id"], run["asked"], run["answered"]) == (uuid.UUID(attempt.attempt_id), PROMPTS, PROMPTS)

"""A store of the version before, which did not keep who paid for a verdict, is told it by the migration."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from alembic import command

from daily_runs.store import database
from daily_runs.store.embedded import EmbeddedPostgres

RUN = Path(__file__).with_name("v1_run.sql")
ATTEMPT = "5f1c1d5e-0000-4000-8000-000000000001"
BEFORE = "0018"
VERDICT = """
INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score, judged_at, repeat_of)
VALUES (%(key)s, %(rubric)s, 'claude-sonnet-5-5', 'Good.', '{"fit": 5}', 0.8, %(judged_at)s, %(repeat_of)s)
"""
"""As a worker of the version before keeps one."""
IN_THE_ATTEMPT, BEFORE_IT = "2026-08-17 06:03Z", "2026-08-17 05:00Z"


def verdict(key: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "rubric": "rubric-1", "judged_at": IN_THE_ATTEMPT, "repeat_of": None} | more


@pytest.fixture
def left(postgres: EmbeddedPostgres) -> str:
    """The URL of a store of the version before, with one unfinished attempt."""
    url = postgres.url(f"payers_{uuid.uuid4().hex[:8]}")
    command.upgrade(database._alembic(url), BEFORE)
    with database.connect(url) as connection:
        connection.execute(RUN.read_bytes())
    return url


def payers(url: str) -> dict[str, str | None]:
    with database.connect(url) as connection:
        rows = connection.execute("SELECT verdict_key, paid_by::text FROM daily_runs.verdict").fetchall()
    return {row["verdict_key"]: row["paid_by"] for row in rows}


def test_a_verdict_was_paid_by_the_attempt_that_it_judged_and_so_were_its_repeats(left: str) -> None:
    with database.connect(left) as connection:
        connection.execute(VERDICT.encode(), verdict("v1 2", repeat_of="v1", judged_at=BEFORE_IT))
    database.migrate(left)
    assert payers(left) == dict.fromkeys(("v1", "v2", "v3", "v1 2"), ATTEMPT)


def test_a_verdict_whose_judgement_was_deleted_was_paid_by_the_attempt_of_its_rubric_that_was_under_way(
    left: str,
) -> None:
    with database.connect(left) as connection:
        for given in (
            verdict("given up"),
            verdict("of another feature", rubric="rubric-2"),
            verdict("of another day", judged_at=BEFORE_IT),
        ):
            connection.execute(VERDICT.encode(), given)
    database.migrate(left)
    found = payers(left)
    assert found["given up"] == ATTEMPT
    assert (found["of another feature"], found["of another day"]) == (None, None)


def test_what_was_sent_when_the_store_was_migrated_counts_unless_its_verdict_has_it(left: str) -> None:
    with database.connect(left) as connection:
        connection.execute(b"UPDATE daily_runs.judgement SET status = 'sent', settled_at = NULL, error_kind = NULL")
    database.migrate(left)
    with database.connect(left) as connection:
        rows = connection.execute("SELECT prompt_id, tries FROM daily_runs.judgement WHERE tries > 0").fetchall()
        calls = connection.execute("SELECT sum(tries) AS n FROM daily_runs.judge_calls").fetchone()
    assert rows == [{"prompt_id": "java-1#2", "tries": 3}]
    assert calls == {"n": 3 + 3}  # and one of each verdict


def test_a_worker_of_the_version_before_goes_on_and_its_verdict_names_the_attempt_that_sent_for_it(left: str) -> None:
    database.migrate(left)
    with database.connect(left) as connection:
        connection.execute(
            b"INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries)"
            b" VALUES (%s, 'node-1#2', 'new', 'sent', 1)",
            [ATTEMPT],
        )
        connection.execute(VERDICT.encode(), verdict("new"))
        connection.execute(VERDICT.encode(), verdict("new 2", repeat_of="new"))
    found = payers(left)
    assert (found["new"], found["new 2"]) == (ATTEMPT, ATTEMPT)

"""What readers see, and what no row may be."""

from __future__ import annotations

from typing import Any, NamedTuple

import psycopg
import pytest

from daily_runs.store.database import Store


def test_no_answer_or_prompt_is_in_the_contract_and_the_judges_reasons_are_in_one_view_of_it(store: Store) -> None:
    rows = store.rows(
        "SELECT table_name AS view, column_name AS name FROM information_schema.columns WHERE table_schema = 'contract'"
    )
    names = {row["name"] for row in rows}
    assert "run_key" in names
    assert not names & {"answer", "prompt", "question", "evaluation_user", "error_evidence"}
    assert {row["view"] for row in rows if row["name"] == "reasons"} == {"reasons_v1"}


class Case(NamedTuple):
    name: str
    statement: str
    constraint: type[psycopg.Error]


ATTEMPT = "00000000-0000-4000-8000-000000000001"
CHECK, UNIQUE = psycopg.errors.CheckViolation, psycopg.errors.UniqueViolation
REFUSED = (
    Case("an unknown status of an attempt", "UPDATE attempt SET status = 'done'", CHECK),
    Case("an attempt that asks nothing", "UPDATE attempt SET asked = 0", CHECK),
    Case("an attempt without shards", "UPDATE attempt SET shards = 0", CHECK),
    Case("an unknown provenance", "UPDATE attempt SET provenance = 'guess'", CHECK),
    Case(
        "a second running attempt",
        "INSERT INTO attempt (run_key, plan_hash, asked, shards, provenance, dataset_sha256, rubric_version,"
        " judge_model) SELECT run_key, plan_hash, asked, shards, provenance, dataset_sha256, rubric_version,"
        " judge_model FROM attempt",
        UNIQUE,
    ),
    Case("an unknown status of an answer", "UPDATE answer SET status = 'lost'", CHECK),
    Case("answered without an answer", "UPDATE answer SET status = 'answered'", CHECK),
    Case("an answer that is only planned", "UPDATE answer SET answer = 'Because.'", CHECK),
    Case("a failure without a kind", "UPDATE answer SET status = 'failed'", CHECK),
    Case("a kind without a failure", "UPDATE answer SET error_kind = 'timeout'", CHECK),
    Case(
        "an unknown blame",
        "UPDATE answer SET status = 'failed', error_kind = 'timeout', error_blame = 'them'",
        CHECK,
    ),
    Case("a score off the scale", "INSERT INTO verdict VALUES ('k', 'r', 'j', 'why', '{}', 1.01, 1, 1)", CHECK),
    Case("a score that is not a number", "INSERT INTO verdict VALUES ('k', 'r', 'j', 'why', '{}', 'NaN', 1, 1)", CHECK),
    Case(
        "unscored without a reason",
        "INSERT INTO judgement (attempt_id, prompt_id, verdict_key, status)"
        f" VALUES ('{ATTEMPT}', 'p#1', 'k', 'unscored')",
        CHECK,
    ),
    Case(
        "a judgement of no prompt",
        "INSERT INTO judgement (attempt_id, prompt_id, verdict_key, status)"
        f" VALUES ('{ATTEMPT}', 'q#1', 'k', 'scored')",
        psycopg.errors.ForeignKeyViolation,
    ),
    Case(
        "counts that do not add up",
        f"INSERT INTO stage_report VALUES ('{ATTEMPT}', 'inference', 0, 3, 1, 1, 0, 1.0, '{{}}')",
        CHECK,
    ),
    Case(
        "an unknown verdict of a probe",
        "INSERT INTO limit_probe (attempt_id, environment, feature, hop, limit_name, needed, unit, source, verdict,"
        f" evidence) VALUES ('{ATTEMPT}', 'staging', 'f', 'gitlab', 'x', 1, 'calls', 'measured', 'maybe', '')",
        CHECK,
    ),
    Case("an unknown state of a seed", "INSERT INTO seed_binding VALUES ('staging', 'f', 's', 'gone')", CHECK),
    Case(
        "published counts that do not add up",
        "INSERT INTO published_run SELECT run_key, attempt_id, 'f', 'staging', now(), 'sandbox', 3, 1, 1, 1, 0, 0.5, 0,"
        " 0.5, 0.5, 'd', 'r', 'j', 'c' FROM attempt",
        CHECK,
    ),
    Case(
        "published answers neither scored nor unscored",
        "INSERT INTO published_run SELECT run_key, attempt_id, 'f', 'staging', now(), 'sandbox', 3, 2, 1, 1, 0, 0.5, 0,"
        " 0.5, 0.5, 'd', 'r', 'j', 'c' FROM attempt",
        CHECK,
    ),
)


@pytest.fixture
def one_prompt(store: Store) -> Store:
    """A running attempt that asks one prompt."""
    parameters: dict[str, Any] = {"attempt": ATTEMPT}
    store.rows("INSERT INTO daily_runs.run VALUES ('key', 'f', 'staging', now())")
    store.rows(
        "INSERT INTO daily_runs.attempt (attempt_id, run_key, plan_hash, asked, shards, provenance, dataset_sha256,"
        " rubric_version, judge_model) VALUES (%(attempt)s, 'key', 'h', 1, 1, 'sandbox', 'd', 'r', 'j')",
        parameters,
    )
    store.rows(
        "INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard) VALUES (%(attempt)s, 'p#1', 'p', 0)",
        parameters,
    )
    return store


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_the_store_refuses(case: Case, one_prompt: Store) -> None:
    with one_prompt.transaction() as connection:
        connection.execute("SET LOCAL search_path = daily_runs")
        with pytest.raises(case.constraint), connection.transaction():
            connection.execute(case.statement.encode())

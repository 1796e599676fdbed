"""What the store tells of a failed task: counts, kinds, failed checks, and money by the report's reckoning."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conftest import DAY
from tests.services.stages.test_judging_anew import work_on

from daily_runs.errors import GateFailedError
from daily_runs.incidents.incident_rows import facts_of
from daily_runs.records.run import RunKey
from daily_runs.results.run_report import cost_rows
from daily_runs.runs import rerun
from daily_runs.statuses import Rerun

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.stages.work import Work

RUN_ID = "manual__2026-08-17"
PROMPTS = 24  # so many that chance lets neither all nor none of them fail


@pytest.fixture
def blocked(kit: Kit) -> Work:
    """A sample whose gate blocks, as Airflow would have opened it."""
    kit.sandbox.change(error_code_share=0.7)
    order = rerun.RerunOrder(RunKey("duo_chat", "staging", DAY), Rerun.ALL, prompts=PROMPTS, airflow_run_id=RUN_ID)
    work = work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, order))
    kit.run_again_while_out(work, "seed_check", "limit_probe", "inference", "judging")
    with pytest.raises(GateFailedError):
        kit.run(work, "validation")
    return work


def test_counts_kinds_failed_checks_and_money_are_those_of_the_attempt(kit: Kit, blocked: Work) -> None:
    facts = facts_of(kit.store, RUN_ID, "duo_chat", "staging")
    assert facts is not None
    assert (facts.attempt_id, facts.run_key) == (blocked.attempt.attempt_id, str(blocked.attempt.key))
    row = kit.store.row(
        "SELECT asked, answered, failed, scored FROM contract.attempts_v1 WHERE attempt_id::text = %(id)s",
        {"id": facts.attempt_id},
    )
    assert (facts.asked, facts.answered, facts.failed, facts.scored) == tuple(row.values())
    assert facts.asked == PROMPTS == facts.answered + facts.failed
    assert sum(facts.failures.values()) == facts.failed
    assert list(facts.failures.values()) == sorted(facts.failures.values(), reverse=True)
    assert all(kind.startswith("answer_error_code at ") for kind in facts.failures)
    assert "answered share" in facts.blocked_by
    with kit.store.transaction() as connection:
        assert facts.spent_usd == cost_rows.of_run(connection, facts.run_key)["usd"]
    assert facts.spent_usd
    assert facts.missing_usd
    assert facts.missing_usd > 0


def test_of_a_run_that_opened_nothing_nothing_is_known(kit: Kit, blocked: Work) -> None:
    assert facts_of(kit.store, RUN_ID, "duo_chat", "production") is None
    assert facts_of(kit.store, "another", "duo_chat", "staging") is None
    assert facts_of(kit.store, RUN_ID, "code_suggestions", "staging") is None


def test_an_attempt_that_another_run_opened_is_found_by_its_id(kit: Kit, blocked: Work) -> None:
    facts = facts_of(kit.store, "another", "duo_chat", "staging", blocked.attempt.attempt_id)
    assert facts is not None
    assert facts.run_key == str(blocked.attempt.key)


def test_before_anything_was_asked_nothing_was_spent(kit: Kit) -> None:
    order = rerun.RerunOrder(RunKey("duo_chat", "staging", DAY), Rerun.ALL, prompts=PROMPTS, airflow_run_id=RUN_ID)
    rerun.open_attempt(kit.store, kit.catalogue, order)
    facts = facts_of(kit.store, RUN_ID, "duo_chat", "staging")
    assert facts is not None
    assert (facts.spent_usd, facts.answered, facts.failures, facts.blocked_by) == (0.0, 0, {}, [])

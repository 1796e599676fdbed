"""All six stages, one after the other: on a sound path, and on one that breaks here and there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from daily_runs.errors import Blame, CallError, Hop, ParameterError
from daily_runs.gitlab.hops.error_codes import error_code_in
from daily_runs.sandbox.gitlab.resolvers import GITLAB_REVISION, GITLAB_VERSION
from daily_runs.stages import judge_trial, pipeline

if TYPE_CHECKING:
    from tests.conftest import Kit

    from daily_runs.records.run import Report
    from daily_runs.stages.work import Work


FEATURES = (
    "root_cause_analysis",
    "duo_chat",
    "vulnerability_explanation",
    "vulnerability_resolution",
    "code_suggestions",
)
PROMPTS = 300


@pytest.mark.parametrize("feature", FEATURES)
def test_a_run_of_each_feature_is_published_with_counts_that_add_up(kit: Kit, feature: str) -> None:
    work = kit.work(feature, 12)
    begun: list[tuple[str, int]] = []

    def begins(stage: str, prompts: int) -> Callable[[int], None]:
        begun.append((stage, prompts))
        return lambda _: None

    reports = list(pipeline.run_all(work, begins))
    assert [report.stage for report in reports] == list(pipeline.STAGES)
    assert begun == [(stage, 12) for stage in pipeline.STAGES]
    run = kit.store.row("SELECT * FROM contract.runs_v2")
    assert (run["asked"], run["answered"], run["scored"], run["provenance"]) == (12, 12, 12, "sandbox")
    assert kit.count("daily_runs.published_result") == 12
    assert kit.sandbox.process.summary()["outcomes"]  # it was the sandbox that answered
    assert kit.count("daily_runs.stage_report") == len(pipeline.STAGES)
    context = kit.store.row("SELECT context FROM daily_runs.published_run")["context"]
    assert (context["gitlab_version"], context["gitlab_revision"]) == (GITLAB_VERSION, GITLAB_REVISION)


def test_a_second_run_of_the_day_is_a_new_attempt_and_replaces_the_first(kit: Kit) -> None:
    first = kit.work("duo_chat", 4)
    list(pipeline.run_all(first, lambda *_: lambda _: None))
    second = kit.work("duo_chat", 4)
    assert second.attempt.attempt_id != first.attempt.attempt_id
    list(pipeline.run_all(second, lambda *_: lambda _: None))
    assert str(kit.store.row("SELECT attempt_id FROM contract.runs_v2")["attempt_id"]) == second.attempt.attempt_id


@pytest.mark.parametrize("feature", ["duo_chat", "code_suggestions"])
def test_every_paid_call_names_its_run_so_that_the_same_prompt_of_another_run_is_told_apart(
    kit: Kit, feature: str
) -> None:
    work = kit.work(feature, 4)
    list(pipeline.run_all(work, lambda *_: lambda _: None))
    paid = kit.sandbox.entries(paid=True)
    assert {entry["side"] for entry in paid} == {"staging", "anthropic"}
    assert {entry["run"] for entry in paid} == {str(work.attempt.key)}


def run_with_task_retries(stage: str, work: Work) -> Report:
    """As a scheduler does: a stage that could not look (three tries in a row, one look in 3,000) is run again."""
    for _ in range(2):
        try:
            return pipeline.run_stage(stage, work)
        except CallError:
            continue
    return pipeline.run_stage(stage, work)


@pytest.mark.parametrize(("error_code_share", "answered_share_min"), [(0.01, 0.9), (0.1, 0.7)])
def test_a_faulty_path_is_survived_and_every_failure_has_its_name(
    kit: Kit, error_code_share: float, answered_share_min: float
) -> None:
    """5 % server errors, 2 % dropped connections, 1 % error codes in place of answers; then ten times as many of those.

    Three tries get nearly every prompt through that, so half of them start with two tries spent by a task that died.
    """
    kit = kit.changed(
        {
            "features": {
                "root_cause_analysis": {
                    "limits": {"requests_per_minute": None, "batches_per_minute": None},
                    "thresholds": {"answered_share_min": answered_share_min},
                }
            }
        }
    )
    kit.sandbox.change(server_error_share=0.05, drop_share=0.02, error_code_share=error_code_share)
    work = kit.work("root_cause_analysis", PROMPTS)
    kit.store.rows("UPDATE daily_runs.answer SET tries = 2, status = 'sent' WHERE hashtext(prompt_id) % 2 = 0")
    reports = {stage: run_with_task_retries(stage, work) for stage in pipeline.STAGES}
    rows = kit.answers(work)
    by_status = {
        status: [row for row in rows if row["status"] == status] for status in ("answered", "failed", "planned", "sent")
    }

    # It completed: everything is settled, published, and adds up.
    assert not by_status["planned"]
    assert not by_status["sent"]
    run = kit.store.row("SELECT * FROM contract.runs_v2")
    assert run["asked"] == PROMPTS == run["answered"] + run["failed"]
    assert run["answered"] == len(by_status["answered"]) == reports["publish"].answered
    assert kit.count("daily_runs.published_failure") == len(by_status["failed"])

    # The path did break, in each of the three ways.
    outcomes = {entry["outcome"] for entry in kit.sandbox.entries()}
    assert any(entry["status"] >= 500 for entry in kit.sandbox.entries())
    assert outcomes & {"dropped_request", "dropped_answer"}
    assert "error_code" in outcomes or error_code_share == 0.01  # one in a hundred may strike none of 300

    # Some prompts failed of it. Each failure has a hop, a kind, somebody to blame, and three tries at most.
    assert len({(row["error_hop"], row["error_kind"]) for row in by_status["failed"]}) > 1
    for row in by_status["failed"]:
        assert row["error_hop"] in set(Hop)
        assert row["error_kind"]
        assert row["error_blame"] in set(Blame)
        assert row["answer"] is None
    assert max(row["tries"] for row in rows) <= 3

    # No error text was stored as an answer, sent to the judge, or scored.
    assert not any(error_code_in(row["answer"]) for row in by_status["answered"])
    answered = {row["prompt_id"] for row in by_status["answered"]}
    judged = {row["prompt_id"] for row in kit.store.rows("SELECT prompt_id FROM daily_runs.judgement")}
    assert judged == answered
    assert {entry["key"] for entry in kit.sandbox.entries("messages")} <= answered | {judge_trial.PROMPT_ID}


@pytest.mark.parametrize(
    ("feature", "environment", "limit", "message"),
    [
        ("duo_chats", "staging", 4, "feature: 'duo_chats' is not in the catalogue. Known: code_suggestions, duo_chat"),
        ("duo_chat", "stage", 4, "environment: 'stage' is not in the catalogue. Known: "),
        ("duo_chat", "staging", 0, "--limit: 0 prompts cannot be asked. Give 1 or more."),
    ],
)
def test_what_cannot_be_planned_is_one_line_and_nothing_is_written(
    kit: Kit, feature: str, environment: str, limit: int, message: str
) -> None:
    with pytest.raises(ParameterError) as caught:
        kit.attempt(feature, limit, environment)
    assert str(caught.value).startswith(message)
    assert kit.count("daily_runs.run") == 0


def test_no_shard_is_empty(kit: Kit) -> None:
    kit = kit.changed({"accounts": {"EVAL": {"slot_tokens_per_minute": 1000}}})
    attempt = kit.attempt("duo_chat", 40)
    rows = kit.store.rows("SELECT DISTINCT shard FROM daily_runs.answer ORDER BY 1")
    assert [row["shard"] for row in rows] == list(range(attempt.shards))

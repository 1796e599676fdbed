"""Attempts: resumed when the work is the same, superseded when it is not, one running at most."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from daily_runs.errors import AccessError, Blame, CallError, Hop, ParameterError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.records import answers, attempts, judgements
from daily_runs.records.answers import AnswerRows
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import Attempt, Prompt, Report, RunKey
from daily_runs.statuses import AttemptStatus

if TYPE_CHECKING:
    from daily_runs.store.database import Store


KEY = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 17, tzinfo=dt.UTC))
PROMPTS = (Prompt("a#1", "a", 0), Prompt("b#1", "b", 1), Prompt("a#2", "a", 0))
LIMIT = CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True, evidence="status 429")


def plan(key: RunKey = KEY, **changes: Any) -> AttemptPlan:
    base = AttemptPlan(
        key=key,
        prompts=PROMPTS,
        shards=2,
        plan_hash="work-1",
        provenance="sandbox",
        dataset_sha256="d",
        rubric_version="r",
        judge_model="judge",
        airflow_run_id=None,
        note="",
    )
    return base._replace(**changes)


def statuses(store: Store) -> list[str]:
    rows = store.rows("SELECT status FROM daily_runs.attempt ORDER BY started_at")
    return [row["status"] for row in rows]


def test_a_new_attempt_has_every_prompt_written_before_any_is_asked(store: Store) -> None:
    attempt = open_attempt(store, plan())
    assert (attempt.asked, attempt.shards, attempt.resumed) == (3, 2, False)
    assert answers.counts(store, attempt.attempt_id) == {"planned": 3}
    assert answers.counts(store, attempt.attempt_id, 1) == {"planned": 1}
    assert attempts.items_used(store, attempt.attempt_id) == {"a", "b"}


def test_the_same_work_resumes_the_unfinished_attempt_with_its_own_shards(store: Store) -> None:
    first = open_attempt(store, plan())
    again = open_attempt(store, plan(shards=7))
    assert again == first._replace(resumed=True)
    assert statuses(store) == ["running"]


def test_other_work_supersedes_the_unfinished_attempt_and_keeps_its_rows(store: Store) -> None:
    first = open_attempt(store, plan())
    second = open_attempt(store, plan(plan_hash="work-2"))
    assert second.attempt_id != first.attempt_id
    assert not second.resumed
    assert statuses(store) == ["superseded", "running"]
    assert answers.counts(store, first.attempt_id) == {"planned": 3}


@pytest.mark.parametrize("status", [AttemptStatus.PUBLISHED, AttemptStatus.QUARANTINED])
def test_an_ended_attempt_is_not_resumed_but_followed_by_a_new_one(store: Store, status: AttemptStatus) -> None:
    first = open_attempt(store, plan())
    with store.transaction() as connection:
        attempts.end_attempt(connection, first.attempt_id, status)
    second = open_attempt(store, plan())
    assert second.attempt_id != first.attempt_id
    assert statuses(store) == [status, "running"]


def test_runs_of_other_days_and_environments_do_not_meet(store: Store) -> None:
    keys = (KEY, KEY._replace(environment="production"), KEY._replace(logical_date=KEY.logical_date + dt.timedelta(1)))
    found = [open_attempt(store, plan(key=key)).attempt_id for key in keys]
    assert len(set(found)) == 3
    assert statuses(store) == ["running"] * 3


def test_two_that_open_at_once_get_one_attempt(store: Store) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_attempt(store, plan()), range(8)))
    assert len({attempt.attempt_id for attempt in found}) == 1
    assert sorted(attempt.resumed for attempt in found) == [False] + [True] * 7
    assert answers.counts(store, found[0].attempt_id) == {"planned": 3}


def test_however_many_open_other_work_at_once_one_is_left_running(store: Store) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: open_attempt(store, plan(plan_hash=f"work-{n}")), range(8)))
    assert sorted(statuses(store)) == ["running"] + ["superseded"] * 7


def test_a_plan_that_cannot_be_written_leaves_nothing(store: Store) -> None:
    twice = (PROMPTS[0], PROMPTS[0])
    with pytest.raises(Exception, match="UniqueViolation"):
        open_attempt(store, plan(prompts=twice))
    assert statuses(store) == []
    assert store.rows("SELECT * FROM daily_runs.run") == []


def test_an_attempt_is_found_by_its_id_as_other_processes_need_it(store: Store) -> None:
    attempt = open_attempt(store, plan())
    assert attempts.find_attempt(store, attempt.attempt_id) == attempt._replace(resumed=True)


@pytest.fixture
def attempt(store: Store) -> Attempt:
    return open_attempt(store, plan())


def row_of(store: Store, attempt: Attempt, prompt_id: str) -> dict[str, Any]:
    query = "SELECT * FROM daily_runs.answer WHERE attempt_id = %(attempt)s AND prompt_id = %(prompt)s"
    return store.row(query, {"attempt": attempt.attempt_id, "prompt": prompt_id})


def test_a_prompt_goes_from_planned_over_sent_and_ticket_to_its_answer(store: Store, attempt: Attempt) -> None:
    rows = AnswerRows(store, attempt.attempt_id)
    rows.sent("a#1", "evaluation-1")
    sent = row_of(store, attempt, "a#1")
    assert (sent["status"], sent["tries"], sent["evaluation_user"], sent["ticket"]) == ("sent", 1, "evaluation-1", None)
    rows.accepted("a#1", Ticket("request", "resource", "thread"))
    ticket = {"request_id": "request", "resource_id": "resource", "detail": "thread"}
    assert row_of(store, attempt, "a#1")["ticket"] == ticket
    rows.answered("a#1", Answer("Because.", None, "claude", None, 0))
    row = row_of(store, attempt, "a#1")
    assert (row["status"], row["answer"], row["serving_model"]) == ("answered", "Because.", "claude")
    assert (row["input_tokens"], row["output_tokens"]) == (None, 0)  # unknown is not zero
    assert row["sent_at"] <= row["settled_at"]


def test_a_new_try_forgets_the_ticket_of_the_one_before(store: Store, attempt: Attempt) -> None:
    rows = AnswerRows(store, attempt.attempt_id)
    rows.sent("a#1", "evaluation-1")
    rows.accepted("a#1", Ticket("request", "resource", ""))
    rows.sent("a#1", "evaluation-2")
    row = row_of(store, attempt, "a#1")
    assert (row["tries"], row["ticket"], row["evaluation_user"]) == (2, None, "evaluation-2")


def test_a_failure_has_hop_kind_blame_and_evidence(store: Store, attempt: Attempt) -> None:
    AnswerRows(store, attempt.attempt_id).failed("b#1", LIMIT)
    row = row_of(store, attempt, "b#1")
    found = [row[name] for name in ("status", "error_hop", "error_kind", "error_blame", "error_evidence")]
    assert found == ["failed", "gitlab", "rack_attack", "rate_limit", "status 429"]
    assert answers.failures(store, attempt.attempt_id) == {"gitlab: rack_attack": 1}
    assert answers.failures(store, attempt.attempt_id, 0) == {}


def test_unsettled_are_paid_tickets_first_then_intents_then_plans(store: Store, attempt: Attempt) -> None:
    rows = AnswerRows(store, attempt.attempt_id)
    rows.sent("a#2", "evaluation-1")
    rows.sent("b#1", "evaluation-1")
    rows.accepted("b#1", Ticket("request", "resource", ""))
    assert [row["prompt_id"] for row in answers.unsettled(store, attempt.attempt_id, None)] == ["b#1", "a#2", "a#1"]
    assert [row["prompt_id"] for row in answers.unsettled(store, attempt.attempt_id, 0)] == ["a#2", "a#1"]
    rows.answered("b#1", Answer("Because."))
    rows.failed("a#2", LIMIT)
    assert [row["prompt_id"] for row in answers.unsettled(store, attempt.attempt_id, None)] == ["a#1"]


@pytest.mark.parametrize(("text", "stored"), [("one\x00two", "one?two"), ("half \ud83d", "half ?"), ("😀 ñ", "😀 ñ")])
def test_an_answer_that_postgres_cannot_hold_is_stored_with_question_marks(
    store: Store, attempt: Attempt, text: str, stored: str
) -> None:
    AnswerRows(store, attempt.attempt_id).answered("a#1", Answer(text))
    assert row_of(store, attempt, "a#1")["answer"] == stored


def test_judgements_count_what_has_none_as_missing(store: Store, attempt: Attempt) -> None:
    for prompt in PROMPTS:
        AnswerRows(store, attempt.attempt_id).answered(prompt.prompt_id, Answer("Because."))
    rows = JudgementRows(store, attempt.attempt_id)
    rows.sent(["a#1", "a#2"], "key")
    assert judgements.counts(store, attempt.attempt_id) == {"missing": 3}
    rows.unscored(["a#1"], "key", LIMIT)
    assert judgements.counts(store, attempt.attempt_id) == {"missing": 2, "unscored": 1}
    left = judgements.unjudged(store, attempt.attempt_id, None)
    assert [(row["prompt_id"], row["tries"]) for row in left] == [("a#2", 1), ("b#1", 0)]
    assert [row["prompt_id"] for row in judgements.unjudged(store, attempt.attempt_id, 1)] == ["b#1"]


def test_a_stage_that_runs_again_replaces_its_report_and_shards_add_up(store: Store, attempt: Attempt) -> None:
    for shard, report in (
        (0, Report("inference", 2, 1, 0, 1)),
        (0, Report("inference", 2, 2)),
        (1, Report("inference", 1, 0, 1)),
    ):
        attempts.save_report(store, attempt, shard, report, 1.5)
    (row,) = attempts.reports(store, attempt.attempt_id)
    found = [row[name] for name in ("stage", "asked", "answered", "failed", "missing", "tasks")]
    assert found == ["inference", 3, 2, 1, 0, 2]


def test_a_store_of_sandbox_rows_refuses_a_live_run_and_writes_nothing(store: Store) -> None:
    open_attempt(store, plan()._replace(provenance="sandbox"))
    before = store.row("SELECT count(*) AS n FROM daily_runs.attempt")
    with pytest.raises(AccessError, match="holds sandbox rows, and this run is live. Give this run a database"):
        open_attempt(store, plan()._replace(provenance="live"))
    assert store.row("SELECT count(*) AS n FROM daily_runs.attempt") == before


def paid(store: Store, count: int = 2) -> Attempt:
    """An unfinished attempt of DAG run `first` with so many prompts answered or accepted."""
    attempt = open_attempt(store, plan(airflow_run_id="first"))
    rows = AnswerRows(store, attempt.attempt_id)
    for prompt in PROMPTS[:count]:
        rows.sent(prompt.prompt_id, "evaluation-1")
        rows.accepted(prompt.prompt_id, Ticket("request", "resource", ""))
    rows.answered(PROMPTS[0].prompt_id, Answer("Because."))
    return attempt


OTHER_SET: dict[str, Any] = {"plan_hash": "work-2", "dataset_sha256": "e", "prompts": PROMPTS[:1]}


@pytest.mark.parametrize(
    "how",
    [
        {"airflow_run_id": None},
        {"airflow_run_id": "first"},
        {"airflow_run_id": "first", "anew": True},
        {"airflow_run_id": "scheduled__2"},
    ],
    ids=["the command once more", "the task once more", "the form's own task once more", "a scheduled run"],
)
def test_a_changed_data_set_does_not_throw_paid_answers_away(store: Store, how: dict[str, Any]) -> None:
    attempt = paid(store)
    with pytest.raises(ParameterError) as caught:
        open_attempt(store, plan(**OTHER_SET, **how))
    assert f"data set: it changed since 2 prompts of unfinished attempt {attempt.attempt_id}" in str(caught.value)
    assert "run: 2026-08-17T00:00:00Z and rerun: all" in caught.value.remedy
    assert statuses(store) == ["running"]
    assert open_attempt(store, plan(airflow_run_id="first")).resumed, "with the old data set back it goes on"


@pytest.mark.parametrize("run_id", [None, "manual__2"])
def test_who_orders_all_anew_gets_an_attempt_of_the_changed_data_set(store: Store, run_id: str | None) -> None:
    paid(store)
    assert not open_attempt(store, plan(**OTHER_SET, airflow_run_id=run_id, anew=True)).resumed
    assert statuses(store) == ["superseded", "running"]


def test_a_changed_data_set_replaces_an_attempt_of_which_nothing_was_paid(store: Store) -> None:
    open_attempt(store, plan())
    open_attempt(store, plan(**OTHER_SET))
    assert statuses(store) == ["superseded", "running"]

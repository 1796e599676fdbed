"""Publishing: one transaction, the same rows however often, never a mix."""

from __future__ import annotations

import datetime as dt
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from tests.conftest import quality_facts

from daily_runs.errors import Blame, CallError, Hop, StageError
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.ruler import Ruler
from daily_runs.judging.verdict import Verdict
from daily_runs.records import gate
from daily_runs.records.answers import AnswerRows
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import Attempt, Prompt, RunKey
from daily_runs.results import published

if TYPE_CHECKING:
    from daily_runs.store.database import Store


KEY = RunKey("duo_chat", "staging", dt.datetime(2026, 8, 17, tzinfo=dt.UTC))
DROPPED = CallError(Hop.UNKNOWN, "dropped_connection", blame=Blame.PROVIDER, retryable=True)
NO_VERDICT = CallError(Hop.MODEL_VENDOR, "unusable_verdict", blame=Blame.PROVIDER, retryable=True)
SCALE = 10.0
FAILED = [("mean score", False, "0.1", ">= 0.5")]


def judged_attempt(store: Store, plan_hash: str, score: float, prompts: int = 4) -> Attempt:
    """An attempt whose first prompt failed, whose second is unscored, and whose others have this score."""
    names = [f"item-{n}" for n in range(prompts)]
    plan = AttemptPlan(
        KEY, [Prompt(f"{n}#1", n, 0) for n in names], 1, plan_hash, "sandbox", "data", "rubric", "judge", None, ""
    )
    attempt = open_attempt(store, plan)
    rows, verdicts = AnswerRows(store, attempt.attempt_id), JudgementRows(store, attempt.attempt_id)
    for number, name in enumerate(names):
        prompt_id = f"{name}#1"
        rows.sent(prompt_id, "evaluation-1")
        if number == 0:
            rows.failed(prompt_id, DROPPED)
            continue
        rows.answered(prompt_id, Answer(f"Answer {plan_hash}.", None, "claude", 10, 5))
        if number == 1:
            verdicts.unscored([prompt_id], f"{plan_hash}-{number}", NO_VERDICT)
        else:
            verdict = Verdict("Good.", {"correctness": 4}, score, 100, 10)
            verdicts.keep(f"{plan_hash}-{number}", verdict, Ruler("rubric", "judge"))
            verdicts.scored([prompt_id], f"{plan_hash}-{number}")
    return attempt


def publish(store: Store, attempt: Attempt) -> published.Receipt:
    """Publish what has passed the gate."""
    pass_gate(store, attempt)
    return published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=SCALE).receipt


def pass_gate(store: Store, attempt: Attempt) -> None:
    digest = gate.read(store, attempt.attempt_id, gate.digest)
    gate.save(store, attempt.attempt_id, [("mean score", True, "all 1", ">= 0.5")], passed=digest)


def seen(store: Store) -> dict[str, list[dict[str, Any]]]:
    """What readers see, apart from the moment of publishing."""
    found = {
        view: store.rows(f"SELECT * FROM contract.{view} ORDER BY 1, 7")
        for view in ("runs_v1", "results_v1", "failures_v1")
    }
    for row in found["runs_v1"]:
        row.pop("published_at")
    return found


def statuses(store: Store) -> list[str]:
    return [row["status"] for row in store.rows("SELECT status FROM daily_runs.attempt ORDER BY started_at")]


def test_the_rows_say_what_was_scored_what_was_not_and_what_failed(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    receipt = publish(store, attempt)
    found = seen(store)
    (run,) = found["runs_v1"]
    counts = [run[name] for name in ("asked", "answered", "failed", "scored", "unscored")]
    assert counts == [4, 3, 1, 2, 1]
    assert (run["mean_score"], run["provenance"], run["rows_sha256"]) == (0.75, "sandbox", receipt.rows_sha256)
    by_prompt = {row["prompt_id"]: row for row in found["results_v1"]}
    assert [(row["status"], row["score"]) for row in by_prompt.values()] == [
        ("unscored", None),
        ("scored", 0.75),
        ("scored", 0.75),
    ]
    assert by_prompt["item-2#1"]["scores"] == {"correctness": 4}
    failure = found["failures_v1"][0]
    assert [failure[name] for name in ("prompt_id", "error_hop", "error_kind", "error_blame")] == [
        "item-0#1",
        "unknown",
        "dropped_connection",
        "provider",
    ]


def test_latency_is_in_domain_seconds(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    store.rows("UPDATE daily_runs.answer SET settled_at = sent_at + interval '0.5 seconds'")
    publish(store, attempt)
    assert {row["latency_seconds"] for row in seen(store)["results_v1"]} == {0.5 * SCALE}


def test_publishing_twice_leaves_the_same_rows_and_checksum(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    first, before = publish(store, attempt), seen(store)
    assert publish(store, attempt) == first
    assert seen(store) == before
    assert statuses(store) == ["published"]


def test_a_newer_attempt_replaces_every_row_of_the_older_one(store: Store) -> None:
    old = judged_attempt(store, "old", 0.25, prompts=6)
    first = publish(store, old)
    new = judged_attempt(store, "new", 0.75, prompts=3)
    assert publish(store, new).rows_sha256 != first.rows_sha256
    found = seen(store)
    assert {row["attempt_id"] for rows in found.values() for row in rows} == {found["runs_v1"][0]["attempt_id"]}
    assert str(found["runs_v1"][0]["attempt_id"]) == new.attempt_id
    assert len(found["results_v1"]) == 2
    assert statuses(store) == ["superseded", "published"]


def test_an_older_attempt_cannot_take_the_place_of_a_newer_one(store: Store) -> None:
    old = judged_attempt(store, "old", 0.25)
    new = judged_attempt(store, "new", 0.75)
    with pytest.raises(StageError, match=f"attempt {old.attempt_id} is not published: {new.attempt_id} is newer"):
        publish(store, old)
    publish(store, new)
    before = seen(store)
    with pytest.raises(StageError, match="Nothing was changed"):
        publish(store, old)
    assert seen(store) == before
    assert statuses(store) == ["superseded", "published"]


def test_a_quarantined_newer_attempt_does_not_unpublish_or_block_the_older_one(store: Store) -> None:
    old = judged_attempt(store, "old", 0.25)
    publish(store, old)
    before = seen(store)
    new = judged_attempt(store, "new", 0.75)
    gate.save(store, new.attempt_id, FAILED, passed=None)
    publish(store, old)
    assert seen(store) == before
    assert statuses(store) == ["published", "quarantined"]


def test_a_crash_in_the_middle_leaves_the_old_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(store, judged_attempt(store, "old", 0.25))
    before = seen(store)
    new = judged_attempt(store, "new", 0.75)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(published, "end_attempt", die)  # the transaction's last step
    with pytest.raises(KeyboardInterrupt):
        publish(store, new)
    assert seen(store) == before
    assert statuses(store) == ["published", "running"]


def test_counts_that_do_not_add_up_are_refused_by_the_store_itself(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    store.rows("UPDATE daily_runs.attempt SET asked = 5")
    with pytest.raises(StageError, match="CheckViolation .*constraint published_run_check"):
        publish(store, attempt)
    assert seen(store)["runs_v1"] == []
    assert statuses(store) == ["running"]


CHANGES = {
    "an answer": "UPDATE daily_runs.answer SET answer = answer || '!' WHERE prompt_id = 'item-2#1'",
    "a score": "UPDATE daily_runs.verdict SET score = 0.7500001 WHERE verdict_key = 'one-3'",
    "a judgement": "UPDATE daily_runs.judgement SET status = 'unscored', error_kind = 'x' WHERE prompt_id = 'item-2#1'",
    "a row gone": "DELETE FROM daily_runs.answer WHERE prompt_id = 'item-0#1'",
}


@pytest.mark.parametrize("statement", CHANGES.values(), ids=CHANGES.keys())
def test_rows_that_changed_since_the_gate_are_not_published(statement: str, store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    pass_gate(store, attempt)
    store.rows(statement)
    with pytest.raises(StageError, match=r"its rows changed since the gate\. Run validation again\."):
        published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=SCALE)
    assert seen(store)["runs_v1"] == []
    assert statuses(store) == ["running"]


def test_what_never_passed_the_gate_or_fails_it_now_is_not_published(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    for _ in range(2):
        with pytest.raises(StageError, match=r"has not passed the gate\. Run validation first\."):
            published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=SCALE)
        pass_gate(store, attempt)
        gate.save(store, attempt.attempt_id, FAILED, passed=None)
    assert statuses(store) == ["quarantined"]


def test_a_superseded_attempt_is_not_published_though_its_successor_is_quarantined(store: Store) -> None:
    old = judged_attempt(store, "old", 0.25)
    pass_gate(store, old)
    gate.save(store, judged_attempt(store, "new", 0.75).attempt_id, FAILED, passed=None)
    with pytest.raises(StageError, match=r"is not published: another took its place\. Nothing was changed\."):
        published.replace(store, old, quality_facts(store, old.attempt_id), time_scale=SCALE)
    assert statuses(store) == ["superseded", "quarantined"]


def test_a_published_attempt_that_fails_a_stricter_gate_stays_published_with_what_it_passed(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    publish(store, attempt)
    before, passed = seen(store), gate.results(store, attempt.attempt_id)
    with pytest.raises(StageError, match="fails the gate as it stands now, but is published already"):
        gate.save(store, attempt.attempt_id, FAILED, passed=None)
    assert statuses(store) == ["published"]
    assert seen(store) == before
    assert gate.results(store, attempt.attempt_id) == passed
    published.replace(store, attempt, quality_facts(store, attempt.attempt_id), time_scale=SCALE)


def test_a_refusal_names_the_constraint_and_nothing_of_the_row(store: Store) -> None:
    attempt = judged_attempt(store, "one", 0.75)
    with pytest.raises(StageError, match=r"CheckViolation \(sqlstate 23514, constraint answer_.*check") as caught:
        store.rows(
            "UPDATE daily_runs.answer SET status = 'failed' WHERE attempt_id = %(id)s", {"id": attempt.attempt_id}
        )
    said = "".join(traceback.format_exception(caught.value))
    assert "Answer one." not in said
    assert "DETAIL" not in said


def test_readers_never_see_a_mix(store: Store) -> None:
    attempts = [judged_attempt(store, "even", 0.25, prompts=30)]
    publish(store, attempts[0])
    torn: list[list[dict[str, Any]]] = []
    looks = 0
    done = threading.Event()

    def read() -> None:
        nonlocal looks
        while not done.is_set():
            rows = store.rows(
                "SELECT u.attempt_id, u.answered, count(r.prompt_id) AS results, count(DISTINCT r.score) AS scores"
                " FROM contract.runs_v1 u LEFT JOIN contract.results_v1 r USING (run_key, attempt_id) GROUP BY 1, 2"
            )
            looks += 1
            if len(rows) != 1 or rows[0]["answered"] != rows[0]["results"] or rows[0]["scores"] != 1:
                torn.append(rows)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(12):
            attempts.append(judged_attempt(store, f"turn-{number}", (number % 2) / 2 + 0.25, prompts=5 + number))
            publish(store, attempts[-1])
    finally:
        done.set()
        for reader in readers:
            reader.join()
    assert torn == []
    assert looks > 12


def test_a_run_that_was_never_published_is_none(store: Store) -> None:
    assert published.of_run(store, str(KEY)) is None

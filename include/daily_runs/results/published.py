"""The published rows behind the contract views (docs/data_contract.md)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from daily_runs.errors import StageError
from daily_runs.records import gate, judgements
from daily_runs.records.attempts import end_attempt
from daily_runs.records.gate import AttemptRows
from daily_runs.records.run import Attempt
from daily_runs.results import quality_rows
from daily_runs.results.quality import RunVerdict
from daily_runs.results.quality_rows import QualityFacts
from daily_runs.results.scores import Summary, summarise
from daily_runs.statuses import AnswerStatus, AttemptStatus, JudgementStatus
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row

RESULT_COLUMNS = (
    "run_key, prompt_id, item_id, status, score, scores, serving_provider, serving_model, latency_seconds,"
    " input_tokens, output_tokens"
)
FAILURE_COLUMNS = "run_key, prompt_id, item_id, error_hop, error_kind, error_blame"


class Receipt(NamedTuple):
    """What was published: rows by kind, and the SHA-256 (hex) over them in order of prompt id."""

    results: int
    failures: int
    rows_sha256: str


class PublishedRun(NamedTuple):
    """What `replace` did."""

    receipt: Receipt
    verdict: RunVerdict


def replace(store: Store, attempt: Attempt, facts: QualityFacts, *, time_scale: float) -> PublishedRun:
    """Replace the run's published rows by the rows that passed the gate, in one transaction, under the run's lock.

    The verdict over their quality is published with them.

    Raises:
        StageError: the attempt did not pass the gate, its rows changed since, a newer attempt of the run took its
            place, or it was superseded; nothing was changed.
    """
    return store.retrying(lambda connection: _replaced(connection, attempt, facts, time_scale))  # each time the same


def _replaced(connection: Connection, attempt: Attempt, facts: QualityFacts, time_scale: float) -> PublishedRun:
    run_key, attempt_id = str(attempt.key), attempt.attempt_id
    connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [run_key])
    _must_be_the_newest(connection, run_key, attempt_id)
    passed = _passed_the_gate(connection, run_key, attempt_id)
    with gate.rows_within(connection, attempt_id) as rows:
        if gate.digest(rows) != passed:
            place = f"{run_key}: attempt {attempt_id}"
            raise StageError(f"{place} is not published: its rows changed since the gate. Run validation again.")
        receipt = _receipt(run_key, rows, time_scale)
        summary = summarise((r["item_id"], r["score"]) for r in rows if r["judgement"] == JudgementStatus.SCORED)
        _forget(connection, run_key, attempt_id)
        _insert_run(connection, attempt, summary, receipt)
        _copy(connection, f"daily_runs.published_result ({RESULT_COLUMNS})", _results(run_key, rows, time_scale))
        _copy(connection, f"daily_runs.published_failure ({FAILURE_COLUMNS})", _failures(run_key, rows))
    end_attempt(connection, attempt_id, AttemptStatus.PUBLISHED)
    return PublishedRun(receipt, quality_rows.judge(connection, attempt, facts))


def _passed_the_gate(connection: Connection, run_key: str, attempt_id: str) -> str:
    """The digest of the rows that passed the gate; the attempt is locked until the transaction ends."""
    found = connection.execute(
        "SELECT status, gated_sha256 FROM daily_runs.attempt WHERE attempt_id = %s FOR UPDATE", [attempt_id]
    ).fetchone()
    place = f"{run_key}: attempt {attempt_id}"
    if found is None or found["status"] == AttemptStatus.SUPERSEDED:
        raise StageError(f"{place} is not published: another took its place. Nothing was changed.")
    if found["gated_sha256"] is None:
        raise StageError(f"{place} has not passed the gate. Run validation first.")
    return str(found["gated_sha256"])


def _receipt(run_key: str, rows: AttemptRows, time_scale: float) -> Receipt:
    """Counts, and the SHA-256 over `json.dumps([results, failures])`: a promise of the data contract."""
    found = hashlib.sha256(b"[")
    results = _hashed(found, _results(run_key, rows, time_scale))
    found.update(b", ")
    failures = _hashed(found, _failures(run_key, rows))
    found.update(b"]")
    return Receipt(results, failures, found.hexdigest())


def _hashed(into: hashlib._Hash, entries: Iterator[tuple[Any, ...]]) -> int:
    """Feed a list, as JSON, into a hash; how many entries it has."""
    parts = 0
    for part in gate.json_list(entries):
        into.update(part)
        parts += 1
    return parts - 1  # the last one closes the list


def of_run(store: Store, run_key: str) -> Row | None:
    """The published run, full or a sample, as readers see it."""
    found = store.rows("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": run_key})
    return found[0] if found else None


def measured_with(store: Store, run: Row) -> dict[str, Any]:
    """What a published run (a row of `of_run`) was judged with, beyond that row.

    `judge_effort`, `judge_thinking` and `prompt_template` as in `judging.ruler`; `judges`: the names of the models that
    gave its verdicts, as the answers themselves bear them, in order; `is_overridden`: whether it was published by an
    order to override the gate, so that nothing can be concluded from it.
    """
    query = (
        "SELECT judge_effort, judge_thinking, prompt_template,"
        " EXISTS (SELECT FROM daily_runs.overridden_attempt g WHERE g.attempt_id = t.attempt_id) AS is_overridden"
        " FROM daily_runs.attempt t WHERE attempt_id = %(attempt)s"
    )
    row = store.row(query, {"attempt": run["attempt_id"]})
    return {**row, "judges": tuple(judgements.judges_of(store, run["attempt_id"]))}


def _results(run_key: str, rows: AttemptRows, time_scale: float) -> Iterator[tuple[Any, ...]]:
    """`RESULT_COLUMNS` of each answer."""
    for row in rows:
        if row["status"] == AnswerStatus.ANSWERED:
            scores = json.dumps(row["scores"], sort_keys=True) if row["scores"] is not None else None
            latency_seconds = round(row["wall_seconds"] * time_scale, 3)
            named = (row["prompt_id"], row["item_id"], row["judgement"], row["score"], scores)
            served = (row["serving_provider"], row["serving_model"], latency_seconds)
            yield (run_key, *named, *served, row["input_tokens"], row["output_tokens"])


def _failures(run_key: str, rows: AttemptRows) -> Iterator[tuple[Any, ...]]:
    """`FAILURE_COLUMNS` of each prompt without an answer."""
    for row in rows:
        if row["status"] == AnswerStatus.FAILED:
            yield (run_key, row["prompt_id"], row["item_id"], row["error_hop"], row["error_kind"], row["error_blame"])


def _must_be_the_newest(connection: Connection, run_key: str, attempt_id: str) -> None:
    """A task of a superseded attempt may still live; it must not put old rows in the place of new ones."""
    found = connection.execute(
        "SELECT attempt_id::text FROM daily_runs.attempt WHERE run_key = %s AND status IN ('running', 'published')"
        " AND started_at > (SELECT started_at FROM daily_runs.attempt WHERE attempt_id = %s)",
        [run_key, attempt_id],
    ).fetchone()
    if found:
        newer = found["attempt_id"]
        raise StageError(f"{run_key}: attempt {attempt_id} is not published: {newer} is newer. Nothing was changed.")


def _forget(connection: Connection, run_key: str, attempt_id: str) -> None:
    connection.execute("DELETE FROM daily_runs.published_run WHERE run_key = %s", [run_key])
    connection.execute(
        "UPDATE daily_runs.attempt SET status = 'superseded'"
        " WHERE run_key = %s AND status = 'published' AND attempt_id <> %s",
        [run_key, attempt_id],
    )


def _insert_run(connection: Connection, attempt: Attempt, summary: Summary, receipt: Receipt) -> None:
    connection.execute(
        """
        INSERT INTO daily_runs.published_run
            (run_key, attempt_id, feature, environment, logical_date, provenance, asked, answered, failed, scored,
             unscored, mean_score, score_std, mean_score_low, mean_score_high, dataset_sha256, rubric_version,
             judge_model, rows_sha256, sample, selection_sha256)
        SELECT run_key, attempt_id, %(feature)s, %(environment)s, %(logical_date)s, provenance, asked, %(answered)s,
               %(failed)s, %(scored)s, %(answered)s - %(scored)s, %(mean)s, %(std)s, %(low)s, %(high)s,
               dataset_sha256, rubric_version, judge_model, %(rows_sha256)s, %(sample)s, selection_sha256
        FROM daily_runs.attempt WHERE attempt_id = %(attempt_id)s
        """,
        {
            **attempt.key._asdict(),
            **summary._asdict(),
            "attempt_id": attempt.attempt_id,
            "answered": receipt.results,
            "failed": receipt.failures,
            "rows_sha256": receipt.rows_sha256,
        },
    )


def _copy(connection: Connection, target: str, rows: Iterator[tuple[Any, ...]]) -> None:
    """Store the rows, some at a time: a connection that copies cannot read the next ones."""
    while some := list(islice(rows, gate.BATCH)):
        with connection.cursor() as cursor, cursor.copy(f"COPY {target} FROM STDIN".encode()) as copy:
            for row in some:
                copy.write_row(row)


class PublishedAnswer(NamedTuple):
    """A prompt of a published run; `score` is None if it has no answer or none that could be judged."""

    prompt_id: str
    item_id: str
    score: float | None
    answered: bool
    serving_provider: str | None


def answers_of(store: Store, run: Row) -> list[PublishedAnswer]:
    """Every prompt that a published run (a row of `of_run`) asked, in order of prompt id.

    Raises:
        StageError: the run was published anew after its row was read.
    """
    rows = store.rows(
        """
        WITH run AS (SELECT run_key FROM daily_runs.published_run WHERE run_key = %(key)s AND attempt_id = %(attempt)s)
        SELECT prompt_id, item_id, score, true AS answered, serving_provider
        FROM daily_runs.published_result JOIN run USING (run_key)
        UNION ALL
        SELECT prompt_id, item_id, NULL, false, NULL FROM daily_runs.published_failure JOIN run USING (run_key)
        ORDER BY prompt_id
        """,
        {"key": run["run_key"], "attempt": run["attempt_id"]},
    )
    if len(rows) != run["asked"]:
        raise StageError(
            f"{run['run_key']} was published anew meanwhile. Clear this task to compare what is there now."
        )
    return [PublishedAnswer(**row) for row in rows]


def score_histogram(store: Store, run_key: str, bins: int = 10) -> list[int]:
    """How many scores fall into each of `bins` equal parts of 0..1."""
    rows = store.rows(
        """
        SELECT least(floor(score * %(bins)s), %(bins)s - 1)::int AS bin, count(*)::int AS n
        FROM daily_runs.published_result WHERE run_key = %(key)s AND score IS NOT NULL GROUP BY 1
        """,
        {"key": run_key, "bins": bins},
    )
    counts = {row["bin"]: row["n"] for row in rows}
    return [counts.get(number, 0) for number in range(bins)]

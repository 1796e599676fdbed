"""Publishing: one transaction replaces a run's published rows by this attempt's; running it again changes nothing."""

from __future__ import annotations

from daily_runs.errors import StageError
from daily_runs.run import Report, Work
from daily_runs.scores import summarise
from daily_runs.statuses import AnswerStatus, JudgementStatus
from daily_runs.store import gate, published


def run(work: Work) -> Report:
    """Publish the attempt; its run's readers see either the old rows or the new ones.

    Raises:
        StageError: the attempt did not pass the gate.
    """
    attempt_id = work.attempt.attempt_id
    results = gate.results(work.store, attempt_id)
    if not results or not all(result["passed"] for result in results):
        raise StageError(f"{work.attempt.key}: attempt {attempt_id} has not passed the gate. Run validation first.")
    rows = gate.rows(work.store, attempt_id)
    judged = [row for row in rows if row["status"] == AnswerStatus.ANSWERED]
    summary = summarise((row["item_id"], row["score"]) for row in judged if row["judgement"] == JudgementStatus.SCORED)
    receipt = published.replace(work.store, work.attempt, rows, summary, time_scale=work.environment.time_scale)
    return Report(
        "publish",
        asked=len(rows),
        answered=receipt.results,
        failed=receipt.failures,
        details={"rows_sha256": receipt.rows_sha256},
    )

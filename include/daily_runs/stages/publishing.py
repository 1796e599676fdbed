"""Publishing: one transaction replaces a run's published rows by this attempt's; running it again changes nothing."""

from __future__ import annotations

from daily_runs.records.run import Report
from daily_runs.results import published
from daily_runs.stages.work import Work


def run(work: Work) -> Report:
    """Publish the attempt; its run's readers see either the old rows or the new ones.

    Raises:
        StageError: these rows did not pass the gate, or a newer attempt has the run (see `published.replace`).
    """
    receipt = published.replace(work.store, work.attempt, time_scale=work.environment.time_scale)
    return Report(
        "publish",
        asked=work.attempt.asked,
        answered=receipt.results,
        failed=receipt.failures,
        details={"rows_sha256": receipt.rows_sha256},
    )

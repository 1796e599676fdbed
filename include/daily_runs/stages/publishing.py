"""Publishing: one transaction replaces a run's published rows by this attempt's; running it again changes nothing."""

from __future__ import annotations

import hashlib
import logging

from daily_runs.catalogue.features import environments_of
from daily_runs.records.run import Report
from daily_runs.results import published
from daily_runs.results.quality_rows import QualityFacts
from daily_runs.stages.work import Work

log = logging.getLogger(__name__)

CATALOGUE_DIGITS = 8


def run(work: Work) -> Report:
    """Publish the attempt; its run's readers see either the old rows or the new ones.

    Raises:
        StageError: these rows did not pass the gate, or a newer attempt has the run (see `published.replace`).
    """
    done = published.replace(work.store, work.attempt, _facts(work), time_scale=work.environment.time_scale)
    receipt, verdict = done.receipt, done.verdict
    log.info("quality of %s: %s", work.attempt.key, verdict.reason)
    return Report(
        "publish",
        asked=work.attempt.asked,
        answered=receipt.results,
        failed=receipt.failures,
        details={"rows_sha256": receipt.rows_sha256, "verdict": verdict.verdict.value, "quality": verdict.reason},
    )


def _facts(work: Work) -> QualityFacts:
    feature, catalogue = work.feature, work.catalogue
    declared = feature.model_dump_json(exclude={"quality", "thresholds", "owner", "budget_usd_per_month"})
    return QualityFacts(
        classes={item.id: item.item_class for item in work.items.values()},
        quality=feature.quality,
        floor=feature.thresholds.mean_score_min,
        target=feature.thresholds.target_score,
        streams=sum(len(environments_of(one)) for one in catalogue.features.values()),
        context={
            "phase": str(feature.phase_at(work.attempt.key.logical_date).phase),
            "catalogue": hashlib.sha256(declared.encode()).hexdigest()[:CATALOGUE_DIGITS],
        },
    )

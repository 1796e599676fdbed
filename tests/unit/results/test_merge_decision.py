"""The merge gate's decision over hand-made runs."""

from __future__ import annotations

import datetime as dt

from daily_runs.catalogue.features import Quality
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.merge_gate.decision import WHOLE, MergeDecision, MergeOutcome, decide
from daily_runs.results.quality import RULER, EarlierRun
from daily_runs.statuses import QualityVerdict

ITEMS, ASKS = 115, 8


def run(day: int, change: float, scored: int) -> EarlierRun:
    """A run of which each item lost so many of its answers."""
    items = [
        PublishedItem(f"item {n}", "one", "anthropic", ASKS, scored, 0, 0.6 + 0.03 * (n % 7) + change, 0.0, {})
        for n in range(ITEMS)
    ]
    date = dt.datetime(2026, 8, 1, tzinfo=dt.UTC) + dt.timedelta(days=day)
    return EarlierRun(f"run {day}", date, dict.fromkeys(RULER, "same"), {}, items)


def decided(change: float, scored_before: int, scored: int) -> MergeDecision:
    return decide([run(0, 0.0, scored_before)], run(1, change, scored), Quality(), {WHOLE: 0.1})


def test_answers_that_both_sides_lost_of_one_item_do_not_hide_each_other() -> None:
    """Both lost one of eight of each item: nobody says that it was the same one."""
    assert decided(0.0, ASKS, ASKS).outcome is MergeOutcome.PASS
    found = decided(0.0, ASKS - 1, ASKS - 1)
    assert (found.outcome, found.seen, found.verdict) == (
        MergeOutcome.UNDECIDED,
        QualityVerdict.NO_WORSE,
        QualityVerdict.INCONCLUSIVE,
    )
    assert decided(-0.1, ASKS, ASKS).outcome is MergeOutcome.FAIL
    assert decided(-0.1, ASKS - 1, ASKS - 1).verdict is QualityVerdict.INCONCLUSIVE

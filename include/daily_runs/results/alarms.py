"""Alarms over a stream of runs: a drift below its reference, and daily means under the owner's lines.

Pure: rows are in `alarm_rows`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.features import Quality
from daily_runs.results.drift import follow, reference_of, rule_for
from daily_runs.results.intervals import beside
from daily_runs.results.regression import RUNS_MIN, RunEffect, RunMean
from daily_runs.statuses import AlarmKind

log = logging.getLogger(__name__)

IN_A_ROW = 3
"""Daily means under the target before somebody is warned (docs/domain.md §8)."""
PAGE_BELOW = 0.75
"""A daily mean under which somebody is called (docs/domain.md §8)."""


class RaisedAlarm(NamedTuple):
    """What a stream's newest run raises.

    Attributes:
        since: index of the run with which it began.
        size: points of the 0 to 1 scale by which the mean since then lies below the reference or the line.
    """

    kind: AlarmKind
    since: int
    size: float
    reason: str


def raised(runs: Sequence[RunMean], quality: Quality, target: float, streams: int) -> list[RaisedAlarm]:
    """The alarms that the last of a stream's runs raises; the first `RUNS_MIN` are its reference.

    Args:
        runs: all of one comparability key since the reference was pinned, oldest first.
        target: the mean that the feature's owner wants (`target_score`).
        streams: how many streams share the false alarms of the drift detector.

    A reference that is too noisy for any bound raises no alarm of drift: the log says so.
    """
    means = [run.mean for run in runs]
    return [*_drift(runs, means, quality, streams), *_under_a_line(means, target)]


def _drift(runs: Sequence[RunMean], means: Sequence[float], quality: Quality, streams: int) -> list[RaisedAlarm]:
    if len(runs) <= RUNS_MIN:
        return []
    prior = RunEffect.declared(quality.run_effect, quality.run_effect_runs)
    reference = reference_of(runs[:RUNS_MIN], prior)
    try:
        rule = rule_for(reference, allowance=quality.drift_allowance, drop=quality.drift_drop, streams=streams)
    except ValueError as error:  # the run's rows are sound all the same, so they must be published
        log.warning("nobody watches this stream for a drift: %s", error)
        return []
    last = follow(reference, rule, means[RUNS_MIN:])[-1]
    if not last.alarm or last.since is None:
        return []
    since = RUNS_MIN + last.since
    size = reference.mean - _mean(means[since:])
    reason = (
        f"{len(means) - since} runs lie {size:.3f} below the reference of {RUNS_MIN} runs ({reference.mean:.3f});"
        f" sum {last.total:.3f}, bound {rule.bound:.3f}"
    )
    return [RaisedAlarm(AlarmKind.DRIFT, since, size, reason)]


def _under_a_line(means: Sequence[float], target: float) -> list[RaisedAlarm]:
    for kind, line, least in ((AlarmKind.PAGE, PAGE_BELOW, 1), (AlarmKind.WARNING, target, IN_A_ROW)):
        below = len(means) - next((i + 1 for i in reversed(range(len(means))) if means[i] >= line), 0)
        if below >= least:
            reason = f"the last {below} daily means are under {line:g}; the last one is {beside(means[-1], line)}"
            return [RaisedAlarm(kind, len(means) - below, line - _mean(means[-below:]), reason)]
    return []


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)

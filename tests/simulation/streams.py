"""The daily detector: how often it cries wolf over all streams, and how soon it finds a drop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from daily_runs.results.drift import DriftReference, DriftRule, reference_of, rule_for
from daily_runs.results.regression import RUNS_MIN, RunEffect, RunMean

STREAMS = 10
"""Five features in two environments."""
ALLOWANCE, DROP = 0.0075, 0.03
FOUND_WITHIN, FOUND_LEAST, FALSE_ALARMS_MOST = 4, 0.9, 1.0
LONGEST_DELAY = 30


class Stream(NamedTuple):
    """A feature's runs: standard deviations of their mean by answers alone, and of the effect of a run's day."""

    title: str
    answers: float
    effect: float


class Watched(NamedTuple):
    """What watching gave.

    Attributes:
        false_alarms: in 1,000 runs over all streams, while nothing changed.
        found: share of drops that raise an alarm within `FOUND_WITHIN` runs.
        delay: median number of runs until the alarm.
    """

    stream: str
    false_alarms: float
    found: float
    delay: float


PRIOR = RunEffect.declared(0.006, 28)
STREAMS_SHOWN = (
    Stream("115 items asked 8 times", 0.0049, 0.006),
    Stream("150 items asked 6 times", 0.005, 0.006),
    Stream("60 items asked 4 times", 0.0097, 0.006),
    Stream("30 items asked 4 times", 0.0137, 0.006),
    Stream("115 items, run effect half as large again as the prior", 0.0049, 0.009),
)


def measure(stream: Stream, references: int, runs: int, rng: np.random.Generator) -> Watched:
    """Pin that many references of 14 runs each, and watch each of them for as many unchanged runs, and for drops."""
    deviation = (stream.answers**2 + stream.effect**2) ** 0.5
    pinned = [_pin(stream, deviation, rng) for _ in range(references)]
    means = np.array([reference.mean for reference, _ in pinned])
    slack = np.array([rule.slack for _, rule in pinned])
    bound = np.array([rule.bound for _, rule in pinned])
    total, alarms = np.zeros(references), 0
    for _ in range(runs):
        total = np.maximum(0, total + means - rng.normal(0, deviation, references) - slack)
        alarms += int((total > bound).sum())
        total[total > bound] = 0
    delays = np.full(references, LONGEST_DELAY + 1.0)
    total = np.zeros(references)
    for day in range(1, LONGEST_DELAY + 1):
        total = np.maximum(0, total + means - rng.normal(-DROP, deviation, references) - slack)
        delays = np.where((total > bound) & (delays > day), day, delays)
    found = float((delays <= FOUND_WITHIN).mean())
    return Watched(stream.title, alarms / (references * runs) * 1000 * STREAMS, found, float(np.median(delays)))


def _pin(stream: Stream, deviation: float, rng: np.random.Generator) -> tuple[DriftReference, DriftRule]:
    runs = [RunMean(float(mean), stream.answers**2) for mean in rng.normal(0, deviation, RUNS_MIN)]
    reference = reference_of(runs, PRIOR)
    return reference, rule_for(reference, allowance=ALLOWANCE, drop=DROP, streams=STREAMS)

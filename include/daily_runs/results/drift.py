"""Every day's look at one stream of runs (a feature in an environment): has its level dropped below a pinned reference?

A verdict that is asked for every day is wrong every so often even if nothing changes. This detector is built the other
way round: its false alarms are bounded first, over all streams together, then it finds what it can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, roots_genlaguerre, roots_hermitenorm

from daily_runs.results.intervals import on_scale
from daily_runs.results.regression import RUNS_MIN, RunEffect, RunMean

Floats = npt.NDArray[np.float64]

FALSE_ALARMS_PER_RUN = 0.001
"""Over all streams together."""
_CELLS = 50
"""Of the Markov chain; 100 move the bound by less than 1 %."""
_SPREADS, _ERRORS = 16, 7
"""Nodes of the quadratures over what the reference does not know."""
_LONGEST = 1e14
"""Runs between alarms beyond which the chain's equations are too close to singular to be told apart."""
_STEPS = 20
"""Slacks of a deviation that a bound is computed for: streams that are much alike share one."""
_SMALLEST, _LARGEST = 0.02, 150.0
"""Bounds that are looked at, in deviations of a run."""


class DriftReference(NamedTuple):
    """The runs that a stream is compared with.

    Attributes:
        mean: of their mean scores.
        deviation: standard deviation of one run's mean score.
        degrees: of freedom of that deviation.
        runs: how many there are.
    """

    mean: float
    deviation: float
    degrees: float
    runs: int


class DriftRule(NamedTuple):
    """When an alarm is raised (both in points of the 0 to 1 scale).

    Attributes:
        slack: what a run may be below the reference without adding to the sum.
        bound: the sum above which there is an alarm.
    """

    slack: float
    bound: float


class DriftState(NamedTuple):
    """Where a stream stands after a run.

    Attributes:
        total: what the runs fell short of the reference, less the slack of each, since it was last 0.
        since: index of the run with which the total began to grow; None while it is 0.
    """

    total: float
    since: int | None
    alarm: bool


def reference_of(runs: Sequence[RunMean], prior: RunEffect) -> DriftReference:
    """The reference that these runs make.

    Fourteen runs tell little of their own spread, and a bound that is safe for each spread that they may come from
    finds nothing in time. So the catalogue's run effect counts beside them, by its degrees of freedom.

    Raises:
        ValueError: fewer than `RUNS_MIN` runs.
    """
    if len(runs) < RUNS_MIN:
        raise ValueError(f"a reference needs {RUNS_MIN} runs, there are {len(runs)}")
    means = [run.mean for run in runs]
    within = math.fsum(run.within for run in runs) / len(runs)
    seen, degrees = float(np.var(means, ddof=1)), len(runs) - 1
    if math.isinf(prior.degrees):
        variance = prior.variance + within
    else:
        variance = (degrees * seen + prior.degrees * (prior.variance + within)) / (degrees + prior.degrees)
    return DriftReference(math.fsum(means) / len(means), math.sqrt(variance), degrees + prior.degrees, len(runs))


def rule_for(reference: DriftReference, *, allowance: float, drop: float, streams: int) -> DriftRule:
    """A one-sided CUSUM (Page 1954) against a drop, with the bound that keeps false alarms rare.

    The slack lies half-way between the allowance and the drop to find, which is the likelihood ratio's choice for a
    mean of `reference - allowance` against `reference - drop` (Hawkins and Olwell, Cumulative Sum Charts, 1998, 3.1).

    The bound follows from how often an unchanged stream raises an alarm, computed as a Markov chain (Brook and Evans
    1972), on average over what the reference does not know: its mean is off by its own error, its deviation by chance.
    So the promise holds with the reference estimated. It is a promise for a stream whose level did not change at all:
    where it is lower by the whole allowance, alarms are some fifty times as frequent.

    Args:
        allowance: how far below the reference a level is still of no interest; it makes the slack larger.
        drop: the drop to find.
        streams: how many streams share the false alarms.

    Raises:
        ValueError: a drop that is not above the allowance, or a reference too noisy for any bound to keep the promise.
    """
    if not 0 <= allowance < drop:
        raise ValueError(f"the drop to find, {drop}, is not above the allowance, {allowance}")
    if reference.deviation <= 0:
        raise ValueError("a reference without any spread gives no bound: its prior must be above 0")
    slack = (allowance + drop) / 2
    ratio = math.floor(slack / reference.deviation * _STEPS) / _STEPS  # a smaller slack asks for a larger bound
    bound = _bound(ratio, reference.degrees, reference.runs, FALSE_ALARMS_PER_RUN / streams)
    return DriftRule(slack, bound * reference.deviation)


def follow(reference: DriftReference, rule: DriftRule, means: Sequence[float]) -> list[DriftState]:
    """Where the stream stands after each run since the reference was pinned. After an alarm the sum goes on.

    Raises:
        ValueError: a mean that is not within 0 to 1; a NaN would set the sum back to 0.
    """
    states: list[DriftState] = []
    total, since = 0.0, None
    for index, mean in enumerate(means):
        total = max(0.0, total + reference.mean - on_scale(mean) - rule.slack)
        since = None if total == 0 else index if since is None else since
        states.append(DriftState(total, since, total > rule.bound))
    return states


@lru_cache(maxsize=1024)
def _bound(slack: float, degrees: float, runs: int, rate: float) -> float:
    """The bound, in deviations, at which an unchanged stream raises `rate` alarms a run."""
    spreads, likely = _true_spreads(degrees)
    errors, chances = roots_hermitenorm(_ERRORS)
    spread, error = (grid.ravel() for grid in np.meshgrid(spreads, errors / math.sqrt(runs), indexing="ij"))
    weights = np.outer(likely, chances / chances.sum()).ravel()

    def excess(log_bound: float) -> float:
        found = float((weights * _alarms_per_run(math.exp(log_bound) / spread, slack / spread - error)).sum())
        return math.log(max(found, 1 / _LONGEST)) - math.log(rate)

    low = math.log(_SMALLEST)
    if excess(low) <= 0:
        return _SMALLEST
    high = low
    while excess(high) > 0:  # from below: of far too large a bound the chain tells nothing
        low, high = high, high + 0.7
        if high > math.log(_LARGEST):
            raise ValueError("the reference's runs differ so much that no bound keeps false alarms rare: pin more runs")
    return math.exp(float(brentq(excess, low, high, xtol=0.01)))


def _true_spreads(degrees: float) -> tuple[Floats, Floats]:
    """What the true deviation may be, for one that was estimated as 1, and how likely each is (as of a chi-squared)."""
    if math.isinf(degrees):
        return np.ones(1), np.ones(1)
    halves, weights = roots_genlaguerre(_SPREADS, degrees / 2 - 1)
    return np.sqrt(degrees / (2 * halves)), weights / weights.sum()


def _alarms_per_run(bounds: Floats, slacks: Floats) -> Floats:
    """One over the average run length of a CUSUM of standard normal steps that starts at 0, for each pair."""
    width = bounds[:, None, None] / (_CELLS - 0.5)  # the first cell, where the sum rests, is half as wide
    cells = np.arange(_CELLS)
    upper = (cells[None, None, :] - cells[None, :, None] + 0.5) * width + slacks[:, None, None]
    chain = ndtr(upper) - ndtr(upper - width)
    chain[:, :, 0] = ndtr(upper[:, :, 0])
    still = np.eye(_CELLS) * (1 + 1 / _LONGEST)  # more than 1, so that a chain that never ends has a solution, too
    lengths = np.linalg.solve(still - chain, np.ones((len(bounds), _CELLS, 1)))[:, 0, 0]
    rates: Floats = 1 / np.where((lengths >= 1) & (lengths < _LONGEST), lengths, _LONGEST)
    return rates

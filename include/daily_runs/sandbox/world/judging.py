"""What the scenario adds to the scores of the sandbox's judge: a shift, one that grows, and noise of each verdict."""

from __future__ import annotations

import random
from typing import NamedTuple

from daily_runs.sandbox.world.scenario import Scenario

_HOUR_SECONDS = 3600.0


class ScoreError(NamedTuple):
    """The error of one verdict, in points of a score from 0 to 1.

    Attributes:
        shift: what every criterion's score gets.
        noise: the standard deviation of what each gets beside that.
        draw: the seed of this verdict's noise.
    """

    shift: float = 0.0
    noise: float = 0.0
    draw: str = ""

    def of(self, criterion: str) -> float:
        """What is added to one criterion's score; the score is cut at the ends of its scale afterwards."""
        if not self.noise:
            return self.shift
        return self.shift + random.Random(f"{self.draw} {criterion}").gauss(0.0, self.noise)


EXACT = ScoreError()


class JudgeState:
    """How many verdicts were given, and since when the judge drifts.

    Args:
        now: domain seconds.
    """

    def __init__(self, now: float) -> None:
        self._verdicts, self._drift_from = 0, (0, now)

    def begin_drift(self, now: float) -> None:
        """A drift that is ordered begins at nothing."""
        self._drift_from = (self._verdicts, now)

    def given(self) -> None:
        """Count a verdict: the next one has noise of its own."""
        self._verdicts += 1

    def error(self, scenario: Scenario, now: float) -> ScoreError:
        """The error of the verdict that comes next."""
        drift, (verdicts, since) = scenario.judge_drift, self._drift_from
        drifted = drift.per_hundred_verdicts * (self._verdicts - verdicts) / 100
        drifted += drift.per_hour * (now - since) / _HOUR_SECONDS
        shift = scenario.judge_shift + drifted
        return ScoreError(shift, scenario.judge_noise, f"{scenario.rng_seed} verdict {self._verdicts}")

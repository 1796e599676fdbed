"""The daily detector: how often it cries wolf over all streams, and how soon it finds a drop (`alarms.raised`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from daily_runs import dataset
from daily_runs.catalogue.features import environments_of
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.results.alarms import raised
from daily_runs.results.drift import follow, reference_of, rule_for
from daily_runs.results.quality import REFERENCE_RUNS, run_means
from daily_runs.results.regression import RunEffect, RunMean
from daily_runs.statuses import AlarmKind
from tests.simulation.verdicts import NOISE, QUALITY, RUN_EFFECT, Shape, simulated

FOUND_WITHIN, FOUND_LEAST, FALSE_ALARMS_MOST = 4, 0.9, 1.0
LONGEST_DELAY = 60
LEVEL = 0.8
SIMULATED_REFERENCES = 8
NO_TARGET = 0.0


class Stream(NamedTuple):
    """A feature's runs: how they ask, and the standard deviation of the effect of a run's day."""

    shape: Shape
    effect: float = RUN_EFFECT

    @property
    def title(self) -> str:
        """For the table."""
        more = "" if self.effect == RUN_EFFECT else f", run effect {self.effect:g} instead of {RUN_EFFECT:g}"
        return f"{self.shape.title}{more}"

    @property
    def deviation(self) -> float:
        """Standard deviation of a run's mean."""
        return float(np.hypot(NOISE / (self.shape.classes * self.shape.items * self.shape.asks) ** 0.5, self.effect))


class Watched(NamedTuple):
    """What watching gave.

    Attributes:
        false_alarms: alarms that began in 1,000 runs over all streams, while nothing changed.
        found: share of drops that raise an alarm within `FOUND_WITHIN` runs.
        delay: median number of runs until the alarm; None if most drops were not found in `LONGEST_DELAY` runs.
    """

    stream: str
    false_alarms: float
    found: float
    delay: float | None


def streams_of_the_catalogue() -> tuple[list[Stream], int]:
    """Each shipped feature as its file says it is asked, and how many streams share the false alarms."""
    features = catalogue_files.load().features
    found = []
    for name, feature in sorted(features.items()):
        items = len(dataset.load_feature_dataset(feature))
        asks = max(1, feature.prompts_per_run // items)
        found.append(Stream(Shape(f"{name}: {items} items asked {asks} times", 1, items, asks)))
    return found, sum(len(environments_of(feature)) for feature in features.values())


FIXED = (
    Stream(Shape("115 items asked 8 times", 1, 115, 8)),
    Stream(Shape("115 items asked 8 times", 1, 115, 8), effect=1.5 * RUN_EFFECT),
)


def measure(stream: Stream, streams: int, references: int, runs: int, rng: np.random.Generator) -> Watched:
    """Pin that many references, and watch each for as many unchanged runs, and for a drop after it."""
    withins = _withins(stream, rng)
    pinned = [_reference(stream, withins, rng) for _ in range(references)]
    quiet = [_false_alarms(reference, stream, streams, runs, rng) for reference in pinned]
    delays = [_delay(reference, stream, streams, rng) for reference in pinned]
    delay = float(np.median(delays))
    return Watched(
        stream.title,
        sum(quiet) / (references * runs) * 1000 * streams,
        float(np.mean([days <= FOUND_WITHIN for days in delays])),
        delay if delay <= LONGEST_DELAY else None,
    )


def _withins(stream: Stream, rng: np.random.Generator) -> list[float]:
    """What the product takes for the variance of a run's mean by its answers alone, in some references of the stream.

    All items lie in the middle of the scale, where nothing cuts their answers: they vary as the stream says.
    """
    shape = stream.shape
    levels = np.full(shape.classes * shape.items, 0.5)
    references = [
        [simulated(shape, rng, levels, day) for day in range(REFERENCE_RUNS)] for _ in range(SIMULATED_REFERENCES)
    ]
    return [run_means(runs)[0].within for runs in references]


def _reference(stream: Stream, withins: list[float], rng: np.random.Generator) -> list[RunMean]:
    """The runs that a stream begins with: their means are drawn as such, for items of each day would take minutes."""
    within = float(rng.choice(withins))
    return [RunMean(float(mean), within) for mean in rng.normal(LEVEL, stream.deviation, REFERENCE_RUNS)]


def _false_alarms(reference: list[RunMean], stream: Stream, streams: int, runs: int, rng: np.random.Generator) -> int:
    """Alarms while nothing changes, as `alarms.raised` finds them for each run; those since the same run are one."""
    prior = RunEffect.declared(QUALITY.run_effect, QUALITY.run_effect_runs)
    pinned = reference_of(reference, prior)
    try:
        rule = rule_for(pinned, allowance=QUALITY.drift_allowance, drop=QUALITY.drift_drop, streams=streams)
    except ValueError:  # nobody watches such a stream
        return 0
    means = np.clip(rng.normal(LEVEL, stream.deviation, runs), 0, 1).tolist()
    return len({state.since for state in follow(pinned, rule, means) if state.alarm})


def _delay(reference: list[RunMean], stream: Stream, streams: int, rng: np.random.Generator) -> int:
    """Runs with a drop until there is an alarm; more than `LONGEST_DELAY` if there is none."""
    runs = list(reference)
    within = reference[0].within
    for day in range(1, LONGEST_DELAY + 1):
        mean = float(np.clip(rng.normal(LEVEL - QUALITY.drift_drop, stream.deviation), 0, 1))
        runs.append(RunMean(mean, within))
        if any(alarm.kind is AlarmKind.DRIFT for alarm in raised(runs, QUALITY, NO_TARGET, streams)):
            return day
    return LONGEST_DELAY + 1

"""How often the 95 % intervals that are published (`quality.populations`) hold the truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from daily_runs.results.quality import populations
from tests.simulation.worlds import World, beta, nearly_perfect, sample, truth

LEAST = 0.93

WORLDS = (
    World("115 items asked 8 times", 1, 115, beta(0.85, 0.15)),
    World("14 items", 1, 14, beta(0.85, 0.12)),
    World("14 items near the ceiling", 1, 14, nearly_perfect(0.8)),
    World("5 items", 1, 5, beta(0.85, 0.15)),
    World("5 items near the ceiling", 1, 5, nearly_perfect(0.8)),
    World("14 items, 5 % complete misses", 1, 14, beta(0.9, 0.08, missed=0.05)),
    World("14 equal items, 5 % complete misses", 1, 14, beta(0.95, 0.001, missed=0.05), noise=0.0),
    World("115 items, 2 % complete misses", 1, 115, beta(0.9, 0.05, missed=0.02)),
    World("115 equal items, 2 % complete misses", 1, 115, beta(0.999, 0.001, missed=0.02), noise=0.0),
    World("60 items in 5 classes", 5, 12, beta(0.8, 0.12), class_spread=0.08),
    World("150 items in 10 classes", 10, 15, beta(0.8, 0.15), asks=6, class_spread=0.08),
    World("uneven prompts an item", 1, 60, beta(0.75, 0.18), uneven=True),
    World("hard items lose a third of their answers", 1, 60, beta(0.75, 0.18), lost=1 / 3),
    World("20 new classes", 20, 8, beta(0.75, 0.1), class_spread=0.08, new_classes=True),
    World("8 new classes", 8, 12, beta(0.75, 0.1), class_spread=0.08, new_classes=True),
)


class Covered(NamedTuple):
    """What a world's runs gave: the share of intervals that hold the truth, their mean and their smallest width."""

    world: str
    runs: int
    share: float
    width: float
    narrowest: float

    @property
    def holds(self) -> bool:
        """Whether the interval keeps its promise."""
        return self.share >= LEAST and self.narrowest > 0


def measure(world: World, runs: int, rng: np.random.Generator) -> Covered:
    """Simulate that many runs of a world, with classes of one draw unless they are new each time."""
    class_levels = rng.normal(0, world.class_spread, world.classes)
    true = truth(world, rng, class_levels)
    widths, held = [], 0
    for _ in range(runs):
        (found,) = populations(sample(world, rng, class_levels))
        interval = found.new_classes if world.new_classes else found.mean
        assert interval is not None
        held += interval.low <= true <= interval.high
        widths.append(interval.high - interval.low)
    return Covered(world.title, runs, held / runs, float(np.mean(widths)), min(widths))

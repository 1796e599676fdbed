"""Worlds whose truth is known: items drawn from classes, answers drawn from items, answers that go missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daily_runs.results.intervals import ItemScore

Floats = npt.NDArray[np.float64]
DRAWS_OF_TRUTH = 400_000


class World(NamedTuple):
    """A population of items, and how a run asks them.

    Attributes:
        title: for the table.
        classes: how many there are in a run.
        items: in each class.
        asks: answers an item.
        draw: levels of that many items; the level is an item's true mean score.
        class_spread: standard deviation of a class's own level around 0.
        noise: standard deviation of one answer around its item's level, before it is cut to the scale.
        new_classes: a run's classes are drawn anew, so the truth is the mean over classes nobody asked yet.
        uneven: items are asked 1 to 2 * asks - 1 times, hard items more often.
        lost: share of the answers of hard items (level under 0.7) that never come.
    """

    title: str
    classes: int
    items: int
    draw: Callable[[np.random.Generator, int], Floats]
    asks: int = 8
    class_spread: float = 0.0
    noise: float = 0.1
    new_classes: bool = False
    uneven: bool = False
    lost: float = 0.0


def beta(mean: float, spread: float, *, missed: float = 0.0) -> Callable[[np.random.Generator, int], Floats]:
    """Levels of a beta distribution, of which a share are complete misses."""

    def draw(rng: np.random.Generator, number: int) -> Floats:
        strength = mean * (1 - mean) / spread**2 - 1
        levels: Floats = rng.beta(mean * strength, (1 - mean) * strength, number)
        levels[rng.random(number) < missed] = 0.0
        return levels

    return draw


def nearly_perfect(share: float) -> Callable[[np.random.Generator, int], Floats]:
    """Most items at the very top of the scale, the others at a quarter, half or three quarters of it."""

    def draw(rng: np.random.Generator, number: int) -> Floats:
        levels: Floats = np.where(rng.random(number) < share, 1.0, rng.choice([0.25, 0.5, 0.75], number))
        return levels

    return draw


def answers(rng: np.random.Generator, levels: Floats, asks: int, noise: float) -> Floats:
    """Scores, items x asks; complete misses stay at 0."""
    scores: Floats = np.clip(levels[:, None] + rng.normal(0, noise, (len(levels), asks)), 0, 1)
    scores[levels == 0] = 0.0
    return scores


def truth(world: World, rng: np.random.Generator, class_levels: Floats) -> float:
    """The mean that an endless run over such items would have."""
    number = DRAWS_OF_TRUTH // 8
    shifts = rng.normal(0, world.class_spread, number) if world.new_classes else np.resize(class_levels, number)
    levels = _levels(world, rng, shifts)
    return float(answers(rng, levels, 4, world.noise).mean())


def sample(world: World, rng: np.random.Generator, class_levels: Floats) -> list[ItemScore]:
    """One run's items; those that lost all their answers are not among them."""
    shifts = rng.normal(0, world.class_spread, world.classes) if world.new_classes else class_levels
    levels = _levels(world, rng, np.repeat(shifts, world.items))
    scores = answers(rng, levels, 2 * world.asks, world.noise)
    found = []
    for number, level in enumerate(levels):
        asked = _asked(world, rng, float(level))
        came = scores[number, :asked][rng.random(asked) >= (world.lost if level < 0.7 else 0.0)]
        if len(came):
            variance = float(came.var(ddof=1)) if len(came) > 1 else 0.0
            name = f"class {number // world.items}"
            found.append(ItemScore(f"item {number}", name, float(came.mean()), variance, len(came)))
    return found


def _levels(world: World, rng: np.random.Generator, shifts: Floats) -> Floats:
    levels = world.draw(rng, len(shifts))
    return np.where(levels == 0, 0.0, np.clip(levels + shifts, 0, 1))


def _asked(world: World, rng: np.random.Generator, level: float) -> int:
    if not world.uneven:
        return world.asks
    most = 2 * world.asks - 1
    return int(rng.integers(world.asks, most + 1)) if level < 0.7 else int(rng.integers(1, world.asks + 1))

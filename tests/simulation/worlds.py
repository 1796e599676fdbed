"""Worlds whose truth is known: items drawn from classes, answers drawn from items, answers that go missing.

What they give is what the store keeps of a published run: `PublishedItem`, which the product's own statistics take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from daily_runs.results.item_rows import UNKNOWN, PublishedItem

Floats = npt.NDArray[np.float64]
DRAWS_OF_TRUTH = 400_000
CRITERIA = ("correctness", "clarity")
"""Of a rubric that weighs both alike: a score is their mean."""


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


class Prompts(NamedTuple):
    """An item's prompts in a run.

    Attributes:
        item_class: the item's class.
        scores: of each answer that was judged, 0 to 1.
        points: of the same answers by criterion, on 0 to 1.
        unscored: answers that the judge could not score.
        failed: prompts without an answer.
    """

    item_id: str
    item_class: str
    scores: Floats
    points: Mapping[str, Floats] = {}
    unscored: int = 0
    failed: int = 0


def published(prompts: Sequence[Prompts], provider: str = UNKNOWN) -> list[PublishedItem]:
    """What the store keeps of these items when one provider served them all."""
    found = []
    for item in prompts:
        scored = len(item.scores)
        counts = (scored + item.unscored, scored, item.failed)
        mean = float(item.scores.mean()) if scored else None
        variance = float(item.scores.var(ddof=1)) if scored > 1 else 0.0
        criteria = {name: float(points.mean()) for name, points in item.points.items()} if scored else {}
        found.append(PublishedItem(item.item_id, item.item_class, provider, *counts, mean, variance, criteria))
    return found


def published_alike(scores: Floats, classes: Sequence[str]) -> list[PublishedItem]:
    """The same of items x asks x criteria of which no answer is missing: quick, since thousands of runs are made so."""
    whole = scores.mean(axis=2)
    means, by_name, asks = whole.mean(axis=1), scores.mean(axis=1), scores.shape[1]
    variances = whole.var(axis=1, ddof=1) if asks > 1 else np.zeros(len(whole))
    return [
        PublishedItem(
            f"item {n}", name, UNKNOWN, asks, asks, 0, mean, variance, dict(zip(CRITERIA, points, strict=True))
        )
        for n, (name, mean, variance, points) in enumerate(
            zip(classes, means.tolist(), variances.tolist(), by_name.tolist(), strict=True)
        )
    ]


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


def by_criterion(rng: np.random.Generator, levels: Floats, asks: int, noise: float) -> Floats:
    """Scores by criterion, items x asks x criteria: an answer is better in the one than in the other."""
    answer = levels[:, None] + rng.normal(0, noise, (len(levels), asks))
    lean = rng.normal(0, noise / 3, answer.shape)
    scores: Floats = np.clip(np.stack([answer + lean, answer - lean], axis=2), 0, 1)
    return scores


def truth(world: World, rng: np.random.Generator, class_levels: Floats) -> float:
    """The mean that an endless run over such items would have."""
    number = DRAWS_OF_TRUTH // 8
    shifts = rng.normal(0, world.class_spread, number) if world.new_classes else np.resize(class_levels, number)
    levels = _levels(world, rng, shifts)
    return float(answers(rng, levels, 4, world.noise).mean())


def sample(world: World, rng: np.random.Generator, class_levels: Floats) -> list[PublishedItem]:
    """One run's items; those that lost all their answers are among them without a score."""
    shifts = rng.normal(0, world.class_spread, world.classes) if world.new_classes else class_levels
    levels = _levels(world, rng, np.repeat(shifts, world.items))
    scores = answers(rng, levels, 2 * world.asks, world.noise)
    found = []
    for number, level in enumerate(levels):
        asked = _asked(world, rng, float(level))
        came = scores[number, :asked][rng.random(asked) >= (world.lost if level < 0.7 else 0.0)]
        found.append(Prompts(f"item {number}", f"class {number // world.items}", came, failed=asked - len(came)))
    return published(found)


def _levels(world: World, rng: np.random.Generator, shifts: Floats) -> Floats:
    levels = world.draw(rng, len(shifts))
    return np.where(levels == 0, 0.0, np.clip(levels + shifts, 0, 1))


def _asked(world: World, rng: np.random.Generator, level: float) -> int:
    if not world.uneven:
        return world.asks
    most = 2 * world.asks - 1
    return int(rng.integers(world.asks, most + 1)) if level < 0.7 else int(rng.integers(1, world.asks + 1))

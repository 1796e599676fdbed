"""The seed project of one GitLab environment: data set items as live jobs, issues, vulnerabilities and files.

The ids differ between environments and stay the same while seeds go missing or come back. A changed seed is there under
its key with other content; a missing one is not there at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from daily_runs.dataset import CiJob, Item, Vulnerability, WorkItem

CHANGED_LINE = "\n(edited after seeding)\n"
_ID_STRIDE = 17
"""Ids of neighbours differ by more than one, as where others work too."""


class Seed(NamedTuple):
    """One item as a live resource. `content` is what GitLab holds, which a changed seed's item no longer says."""

    number: int
    item: Item
    content: str


class SeedShares(NamedTuple):
    """How much of the seeding is not as it should be: shares of all seeds."""

    missing: float = 0.0
    changed: float = 0.0


class Project:
    """What is there now, by kind and by id. Built anew when the shares change."""

    def __init__(self, environment: str, items: Iterable[Item], shares: SeedShares, rng_seed: int) -> None:
        self.id = first_id(environment, "project")
        self.jobs: dict[int, Seed] = {}
        self.issues: dict[int, Seed] = {}
        self.vulnerabilities: dict[int, Seed] = {}
        self.blobs: dict[str, str] = {}
        for index, item in enumerate(items):
            if _unit(rng_seed, environment, "missing", item.seed_key) < shares.missing:
                continue
            changed = _unit(rng_seed, environment, "changed", item.seed_key) < shares.changed
            self._add(environment, index, item, item.resource.content + CHANGED_LINE * changed)

    def _add(self, environment: str, index: int, item: Item, content: str) -> None:
        seed = Seed(first_id(environment, item.resource.type) + index * _ID_STRIDE, item, content)
        if isinstance(item.resource, CiJob):
            self.jobs[seed.number] = seed
        elif isinstance(item.resource, WorkItem):
            self.issues[seed.number] = seed
        elif isinstance(item.resource, Vulnerability):
            self.vulnerabilities[seed.number] = seed
            self.blobs[location(item)] = content


def seedable(items_by_feature: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Every item that has a resource in GitLab, once per kind and seed key."""
    items: dict[tuple[str, str], Item] = {}
    for feature_items in items_by_feature.values():
        for item in feature_items:
            if item.resource.type != "code_cut":
                items.setdefault((item.resource.type, item.seed_key), item)
    return list(items.values())


def location(item: Item) -> str:
    """Where a vulnerability's file is in the seed project."""
    assert isinstance(item.resource, Vulnerability)
    return f"seeds/{item.seed_key}/{PurePosixPath(item.resource.file_name).name}"


def first_id(environment: str, kind: str) -> int:
    """The first id of a kind of resource in an environment."""
    return 1_000_000 + int(_unit(environment, kind) * 8_000_000)


def _unit(*parts: object) -> float:
    """A number from 0 to below 1 that depends on nothing but its arguments."""
    text = "\x00".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) / 2**64

"""The seed project of one GitLab environment: data set items as live jobs, issues, vulnerabilities and files.

The ids differ between environments and stay the same while seeds go missing or come back. A changed seed is there under
its key with other content; a missing one is not there at all. A surplus one is there under a key that no data set has.
Only a job gets another id when it changes: the log of one that has finished stays as it is, until somebody erases it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from daily_runs.dataset import SENT_TYPES, CiJob, Item, Vulnerability, WorkItem

CHANGED_LINE = "\n(edited after seeding)\n"
SURPLUS_SUFFIX = "-left-over"
_ID_STRIDE = 17
"""Ids of neighbours differ by more than one, as where others work too."""
_CHANGED_ID, _SURPLUS_ID = 1, 2
"""How far from the id of an item's seed that of its other resources lies."""


class SandboxSeed(NamedTuple):
    """One item as a live resource. `content` is what GitLab holds, which a changed seed's item no longer says.

    `spoilt`: it cannot be asked about: a job's log was erased, an issue's text deleted, a finding dismissed.
    """

    number: int
    item: Item
    content: str
    spoilt: bool


class SeedShares(NamedTuple):
    """How much of the seeding is not as it should be: shares of all seeds."""

    missing: float = 0.0
    changed: float = 0.0
    wrong_state: float = 0.0
    surplus: float = 0.0


class SeedPlaces:
    """Which place an item has, and keeps when others come or go: the ids of resources follow from it."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}

    def of(self, items: Iterable[Item]) -> dict[int, Item]:
        """The items by place; one that is new gets the next."""
        placed = {}
        for item in items:
            key = (item.resource.type, item.seed_key)
            placed[self._places.setdefault(key, len(self._places))] = item
        return placed


class Project:
    """What is there now, by kind and by id. Built anew when the shares or the data sets change.

    Args:
        items: by place (`SeedPlaces`).
    """

    def __init__(self, environment: str, items: Mapping[int, Item], shares: SeedShares, rng_seed: int) -> None:
        self.id = first_id(environment, "project")
        self.jobs: dict[int, SandboxSeed] = {}
        self.issues: dict[int, SandboxSeed] = {}
        self.vulnerabilities: dict[int, SandboxSeed] = {}
        self.blobs: dict[str, str] = {}
        for index, item in items.items():
            struck = {
                name: _unit(rng_seed, environment, name, item.seed_key) < share
                for name, share in shares._asdict().items()
            }
            number = first_id(environment, item.resource.type) + index * _ID_STRIDE
            if struck["surplus"]:
                left_over = item.model_copy(update={"seed_key": item.seed_key + SURPLUS_SUFFIX})
                self._add(SandboxSeed(number + _SURPLUS_ID, left_over, item.resource.content, spoilt=False))
            if struck["missing"]:
                continue
            if struck["changed"] and isinstance(item.resource, CiJob):
                number += _CHANGED_ID
            content = item.resource.content + CHANGED_LINE * struck["changed"]
            self._add(SandboxSeed(number, item, content, spoilt=struck["wrong_state"]))

    def _add(self, seed: SandboxSeed) -> None:
        item = seed.item
        if isinstance(item.resource, CiJob):
            self.jobs[seed.number] = seed
        elif isinstance(item.resource, WorkItem):
            self.issues[seed.number] = seed
        elif isinstance(item.resource, Vulnerability):
            self.vulnerabilities[seed.number] = seed
            self.blobs[location(item)] = seed.content


def seedable(items_by_feature: Mapping[str, Sequence[Item]]) -> list[Item]:
    """Every item that has a resource in GitLab, once per kind and seed key."""
    items: dict[tuple[str, str], Item] = {}
    for feature_items in items_by_feature.values():
        for item in feature_items:
            if item.resource.type not in SENT_TYPES:
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

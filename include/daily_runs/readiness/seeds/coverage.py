"""What a look at seeds amounts to: the share that is bound, each fault with its remedy, and what a team must create."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.features import Feature
from daily_runs.readiness.seeds.find import Seed, SeedsSeen
from daily_runs.statuses import SeedStatus

NAMED_MAX = 10
SURPLUS = "surplus"
SURPLUS_REMEDY = "no data set asks about it: remove it, or add its item to the data set"
_REMEDIES: Mapping[SeedStatus, str] = {
    SeedStatus.MISSING: "create it",
    SeedStatus.CHANGED: "restore its content, or update the data set",
    SeedStatus.WRONG_STATE: "mend its state, or create it anew",
}


class Coverage(NamedTuple):
    """How much of a feature's seeding is there: `asked` = `bound` + the `faults`, which go by key."""

    feature: str
    asked: int
    bound: int
    required_share: float
    faults: Mapping[str, SeedStatus]
    surplus: tuple[str, ...]
    owner: str

    @property
    def share(self) -> float:
        """Share of the seeds that are bound. A feature without seeds counts as 100 % bound."""
        return self.bound / self.asked if self.asked else 1.0

    @property
    def ready(self) -> bool:
        """Whether a run may start. A surplus seed is in nobody's way."""
        return self.share >= self.required_share

    def count(self, status: SeedStatus) -> int:
        """Seeds of a status."""
        return self.bound if status is SeedStatus.BOUND else sum(s is status for s in self.faults.values())

    def stated(self) -> str:
        """`98.2% of 115 seeds bound, 100% required`."""
        return f"{percent(self.share)} of {self.asked} seeds bound, {self.required_share * 100:g}% required"

    def groups(self) -> dict[str, Sequence[str]]:
        """Keys by fault, in words; only the faults that there are."""
        by_status = {said(status): [key for key, s in self.faults.items() if s is status] for status in SeedStatus}
        return {words: keys for words, keys in {**by_status, SURPLUS: self.surplus}.items() if keys}

    def reason(self) -> str:
        """One line for people: `98.2% of 115 seeds bound, 100% required: 2 missing (a, b); owner: feature team`."""
        parts = [f"{len(keys)} {words} ({_listed(keys)})" for words, keys in self.groups().items()]
        return f"{self.stated()}{': ' if parts else ''}{', '.join(parts)}; owner: {self.owner}"

    def as_json(self) -> dict[str, Any]:
        """For a script, or for details in the store: plain values, with a count by status."""
        counts = {str(status): self.count(status) for status in SeedStatus}
        faults = {key: str(status) for key, status in self.faults.items()}
        plain = self._asdict() | {"faults": faults, "surplus": list(self.surplus)}
        return plain | counts | {"share": self.share, "ready": self.ready}


def coverage(feature: Feature, seen: SeedsSeen) -> Coverage:
    """What a look found, against what the catalogue requires."""
    faults = {seed.key: seed.status for seed in seen.seeds if seed.status is not SeedStatus.BOUND}
    asked, seeding = len(seen.seeds), feature.seeding
    bound = asked - len(faults)
    return Coverage(feature.feature, asked, bound, seeding.required_share, faults, seen.surplus, seeding.owner)


def percent(share: float) -> str:
    """One decimal, rounded down: what is not all is never shown as 100 %."""
    tenths = math.floor(round(share * 1000, 9))
    return f"{tenths / 10:g}%"


def said(status: SeedStatus) -> str:
    """A status in words."""
    return status.replace("_", " ")


def remedies(environment: str, feature: str, seen: SeedsSeen) -> list[str]:
    """What to do, a line for each kind of fault, such as `missing (create it): a, b`; last, how each must be made."""
    lines = []
    for status, advice in _REMEDIES.items():
        of_status = [seed for seed in seen.seeds if seed.status is status]
        if of_status:
            lines.append(f"{said(status)} ({advice}): {_listed([seed.key + _detail(seed) for seed in of_status])}")
    if lines:
        lines.append(made_of(environment, feature))
    return lines + ([f"{SURPLUS} ({SURPLUS_REMEDY}): {_listed(seen.surplus)}"] if seen.surplus else [])


def remedy(seed: Seed) -> str:
    """What to do about one seed that is not bound."""
    return _REMEDIES[seed.status] + _detail(seed)


def made_of(environment: str, feature: str) -> str:
    """Where it is told what seeds must be made of."""
    return f"What they must be made of: daily-runs seeds {environment} {feature} --manifest"


def _detail(seed: Seed) -> str:
    """The resource that is at fault, and why it is in the wrong state."""
    if seed.resource_id is None:
        return ""
    return f" ({seed.resource_id}: {seed.fault})" if seed.fault else f" ({seed.resource_id})"


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - NAMED_MAX
    return ", ".join(keys[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")

"""What the rules of the catalogue work on, and what they yield."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from daily_runs.catalogue.accounts import Account, JudgeSettings
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading.yaml_lines import KeyPath


class BrokenRule(NamedTuple):
    """A broken rule. `problem` follows the key path in the message.

    `features`: which it leaves out. None: that of the path; a path outside of `features` leaves out none, and the whole
    catalogue is refused.
    """

    path: KeyPath
    problem: str
    remedy: str
    features: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """The parts that are sound by themselves; `named`: all names of each section that could be read."""

    accounts: Mapping[str, Account]
    environments: Mapping[str, Environment]
    features: Mapping[str, Feature]
    judge: JudgeSettings | None
    named: Mapping[str, Collection[str]]
    include: Path


def as_catalogue(draft: Draft) -> Catalogue:
    """The draft's parts as a catalogue, without the checks that a finished one has passed."""
    return Catalogue.model_construct(
        accounts=draft.accounts, judge=draft.judge, environments=draft.environments, features=draft.features
    )

"""What a run is: its key, its attempt, the prompts it asks, and what a stage gets and gives.

A run is one day's evaluation of one feature in one environment. Each execution of it is an attempt. Every stage has the
one signature `Stage`: it gets a `Work` and returns a `Report`, or raises.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from daily_runs.catalogue import Catalogue, Feature
from daily_runs.catalogue_environments import Environment
from daily_runs.catalogue_watch import Declared
from daily_runs.clock import Clock
from daily_runs.connections import Connection
from daily_runs.dataset import Item
from daily_runs.errors import CountsError
from daily_runs.judging.rubric import Rubric
from daily_runs.statuses import Redo
from daily_runs.store.database import Store

LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
"""Of a catalogue whose files nobody watches: any watched one is newer."""


class RunKey(NamedTuple):
    """Stable name of a run; `logical_date` is UTC."""

    feature: str
    environment: str
    logical_date: dt.datetime

    def __str__(self) -> str:
        """`feature/environment/2026-08-15T06:00:00Z`, with microseconds where there are any."""
        moment = self.logical_date.astimezone(dt.UTC).replace(tzinfo=None)
        return f"{self.feature}/{self.environment}/{moment.isoformat()}Z"


class Prompt(NamedTuple):
    """One question of a run: an item of the data set, asked for the n-th time."""

    prompt_id: str
    item_id: str
    shard: int


class Attempt(NamedTuple):
    """One execution of a run, as the store knows it; `redo`: what it does anew (`daily_runs.redo`)."""

    attempt_id: str
    key: RunKey
    asked: int
    shards: int
    resumed: bool
    redo: Redo = Redo.ALL


def choose_prompts(items: Sequence[Item], count: int, shards: int) -> tuple[Prompt, ...]:
    """`count` prompts with distinct ids: the data set in order, again from its start when it is shorter.

    All prompts of one item fall in one shard: what must be done one after the other for a resource, and verdicts that
    can be used again, then stay within one task.
    """
    turns = range(-(-count // len(items)))
    asked = [Prompt(f"{item.id}#{turn + 1}", item.id, 0) for turn in turns for item in items]
    return dealt(asked[:count], shards)


def dealt(prompts: Sequence[Prompt], shards: int) -> tuple[Prompt, ...]:
    """The same prompts with their items dealt out over so many shards, in order of appearance."""
    numbers: dict[str, int] = {}
    return tuple(prompt._replace(shard=numbers.setdefault(prompt.item_id, len(numbers)) % shards) for prompt in prompts)


def plan_hash(prompts: Sequence[Prompt], items: Sequence[Item], rubric_version: str, judge_model: str) -> str:
    """What makes two executions the same work, so that an unfinished attempt can be resumed."""
    parts = [[*prompt] for prompt in prompts], dataset_sha256(items), rubric_version, judge_model
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def dataset_sha256(items: Sequence[Item]) -> str:
    """Content hash of a data set (hex)."""
    return hashlib.sha256("\n".join(item.model_dump_json() for item in items).encode()).hexdigest()


class Connect(Protocol):
    """Finds a connection: `daily_runs.connections.find`, or the Airflow one of the plugin."""

    def __call__(
        self, connection_id: str, *, default_address: str, users: Sequence[str], sandbox: bool
    ) -> Connection: ...


@dataclass(frozen=True)
class Work:
    """All that a stage needs.

    `shard` is the part of the prompts that a mapped task takes (None = all). `settled` is called with the number of
    prompts that were just settled, for a progress bar. `watch` tells edits of the catalogue: limits count at once, all
    else stays what the attempt was opened with.
    """

    attempt: Attempt
    catalogue: Catalogue
    feature: Feature
    items: Mapping[str, Item]
    rubric: Rubric
    store: Store
    connect: Connect
    shard: int | None = None
    settled: Callable[[int], None] = lambda _count: None
    watch: Callable[[], Declared] | None = None

    def declared(self) -> Declared:
        """The catalogue as it stands now; without a watch, as it stood at the start."""
        return self.watch() if self.watch else Declared(self.catalogue, LONG_AGO)

    @property
    def environment(self) -> Environment:
        """The environment that this attempt runs in."""
        return self.catalogue.environments[self.attempt.key.environment]

    @property
    def clock(self) -> Clock:
        """Domain time of that environment."""
        return Clock(self.environment.time_scale)

    def owner(self, stage: str) -> str:
        """What a stage holds of the accounts, it holds as this (see `Pacer`)."""
        return f"{stage} {self.attempt.attempt_id[:8]}/{'all' if self.shard is None else self.shard}"

    def connection(self, connection_id: str, default_address: str, users: Sequence[str]) -> Connection:
        """One of the environment's connections (see `Connect`)."""
        sandbox = self.environment.provenance == "sandbox"
        return self.connect(connection_id, default_address=default_address, users=users, sandbox=sandbox)


@dataclass(frozen=True)
class Report:
    """What a stage did, in prompts (in the seed check: seeds; in the limit probe: limits).

    Raises:
        CountsError: when asked ≠ answered + failed + missing.
    """

    stage: str
    asked: int
    answered: int
    failed: int = 0
    missing: int = 0
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Counts must add up, in every stage."""
        if self.asked != self.answered + self.failed + self.missing:
            raise CountsError(
                f"{self.stage}: asked {self.asked} ≠ answered {self.answered} + failed {self.failed} + missing "
                f"{self.missing}. Rows are safe in the store; clear this task to run it again."
            )


Stage = Callable[[Work], Report]

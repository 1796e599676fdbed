"""What a run is: its key, its attempt, the prompts it asks, and what a stage gets and gives.

A run is one day's evaluation of one feature in one environment. Each execution of it is an attempt. Every stage has one
signature, `stages.work.Stage`: it gets a `Work` and returns a `Report`, or raises.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daily_runs.dataset import Item, dataset_sha256
from daily_runs.errors import CountsError
from daily_runs.records.sample import sampled
from daily_runs.statuses import Rerun

SAMPLE = "sample-"
"""What stands before a sample's id in a run's key."""
TRIAL = "rubric-"
"""What stands before the version of a trial's rubric in a run's key."""
SAMPLE_DIGITS = 8
"""Of a selection's hash, in a run's key: a date has few samples."""


class RunKey(NamedTuple):
    """Stable name of a run; `logical_date` is UTC.

    A run that asks only some of the prompts is a sample: a run of its own beside the full run of that date, whose rows
    it never replaces. `sample` says which prompts it asks (`sample_of`); it is empty for a full run.

    A trial is a run of its own, too: another run's answers, judged by a rubric that is not the catalogue's. Its
    `sample` is the other run's, then `TRIAL` and the rubric's version. So only a full run has an empty `sample`.
    """

    feature: str
    environment: str
    logical_date: dt.datetime
    sample: str = ""

    def __str__(self) -> str:
        """`feature/environment/2026-08-15T06:00:00Z`, with microseconds where there are any; then `part_of_key`."""
        moment = self.logical_date.astimezone(dt.UTC).replace(tzinfo=None)
        return f"{self.feature}/{self.environment}/{moment.isoformat()}Z{part_of_key(self.sample)}"

    @property
    def trial(self) -> str:
        """The rubric's version that a trial judges by; empty for any other run."""
        return prompts_and_rubric(self.sample)[1]

    @property
    def untried(self) -> RunKey:
        """The run whose answers a trial judges; any other run itself."""
        return self._replace(sample=prompts_and_rubric(self.sample)[0])

    def tried(self, rubric_version: str) -> RunKey:
        """The trial of a rubric on this run's answers."""
        return self._replace(sample=f"{self.untried.sample}/{TRIAL}{rubric_version}".removeprefix("/"))


def prompts_and_rubric(sample: str) -> tuple[str, str]:
    """Which prompts a `RunKey.sample` names, and by which rubric's version a trial judges; each may be empty."""
    prompts, _, version = f"/{sample}".partition(f"/{TRIAL}")
    return prompts.removeprefix("/"), version


def part_of_key(sample: str) -> str:
    """How a key ends that has this `RunKey.sample`: `/sample-1a2b3c4d/rubric-0a1b2c3d4e5f`, one of both, or nothing."""
    prompts, version = prompts_and_rubric(sample)
    return (f"/{SAMPLE}{prompts}" if prompts else "") + (f"/{TRIAL}{version}" if version else "")


def date_and_sample(end: str) -> tuple[str, str]:
    """The date and the `RunKey.sample` in a key's end, as people name a feature's run: `2026-08-15/sample-1a2b3c4d`."""
    date, _, part = end.partition("/")
    return date, part.removeprefix(SAMPLE)


class Prompt(NamedTuple):
    """One question of a run: an item of the data set, asked for the n-th time."""

    prompt_id: str
    item_id: str
    shard: int


class Attempt(NamedTuple):
    """One execution of a run, as the store knows it; `rerun`: what it does anew (`daily_runs.runs.rerun`)."""

    attempt_id: str
    key: RunKey
    asked: int
    shards: int
    resumed: bool
    rerun: Rerun = Rerun.ALL


def choose_prompts(items: Sequence[Item], count: int, shards: int) -> tuple[Prompt, ...]:
    """`count` prompts with distinct ids: the data set in order, turn by turn; of the last turn a sample (`limited`).

    All prompts of one item fall in one shard: what must be done one after the other for a resource, and verdicts that
    can be used again, then stay within one task.
    """
    turns = range(-(-count // len(items)))
    asked = [Prompt(f"{item.id}#{turn + 1}", item.id, 0) for turn in turns for item in items]
    return dealt(limited(asked, items, count), shards)


def limited(prompts: Sequence[Prompt], items: Sequence[Item], count: int) -> tuple[Prompt, ...]:
    """At most `count` of the prompts, in their order: whole turns, and of the turn that does not fit a sample by class.

    An item's first prompt among those given is of the first turn, its second one of the second, whatever their numbers.
    """
    turns: dict[int, list[Prompt]] = {}
    often: Counter[str] = Counter()
    for prompt in prompts:
        often[prompt.item_id] += 1
        turns.setdefault(often[prompt.item_id], []).append(prompt)
    kept: set[str] = set()
    for turn in turns.values():
        asked = {prompt.item_id for prompt in turn}
        chosen = {item.id for item in sampled([item for item in items if item.id in asked], count - len(kept))}
        kept |= {prompt.prompt_id for prompt in turn if prompt.item_id in chosen}
    return tuple(prompt for prompt in prompts if prompt.prompt_id in kept)


def dealt(prompts: Sequence[Prompt], shards: int) -> tuple[Prompt, ...]:
    """The same prompts with their items dealt out over so many shards, in order of appearance."""
    numbers: dict[str, int] = {}
    return tuple(prompt._replace(shard=numbers.setdefault(prompt.item_id, len(numbers)) % shards) for prompt in prompts)


def selection_sha256(prompts: Sequence[Prompt]) -> str:
    """Which prompts are asked, whatever their order and shards (hex)."""
    return hashlib.sha256("\n".join(sorted(prompt.prompt_id for prompt in prompts)).encode()).hexdigest()


def sample_of(prompts: Sequence[Prompt], whole: Sequence[Prompt]) -> str:
    """`RunKey.sample` of a run that asks these prompts, where a full run asks `whole`; empty if it asks all of them."""
    asked = selection_sha256(prompts)
    return "" if asked == selection_sha256(whole) else asked[:SAMPLE_DIGITS]


def plan_hash(prompts: Sequence[Prompt], items: Sequence[Item], rubric_version: str, judge_model: str) -> str:
    """What makes two executions the same work, so that an unfinished attempt can be resumed."""
    parts = [[*prompt] for prompt in prompts], dataset_sha256(items), rubric_version, judge_model
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


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

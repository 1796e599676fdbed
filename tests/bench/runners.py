"""Who runs: ours and the rivals, each as processes of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.cases import Case, Prompt
from tests.bench.environments import rival_python
from tests.bench.processes import Runner, job_of
from tests.bench.store import BenchStore

MakeRunners = Callable[[str, list[list[Prompt]]], list[Runner]]
HERE = Path(sys.executable)


class Rival(NamedTuple):
    """Somebody else's way: its title, the pinned requirements, the module."""

    title: str
    requirements: str
    module: str


RIVALS = {
    "inspect": Rival("Inspect AI", "inspect_ai", "tests.bench.rivals.inspect_ai_eval"),
    "sdk": Rival("anthropic SDK, 20 workers", "sdk", "tests.bench.rivals.sdk"),
    "aiolimiter": Rival("aiolimiter + SDK", "aiolimiter", "tests.bench.rivals.aiolimiter_sdk"),
}
OURS, OURS_TITLE = "ours", "Daily Runs"
PLAIN, PLAIN_MODULE = "plain", "tests.bench.plain"
TITLES = {OURS: OURS_TITLE, **{name: rival.title for name, rival in RIVALS.items()}, PLAIN: "plain httpx, no limits"}


def rival_runners(name: str, case: Case) -> MakeRunners:
    """How to start a rival in a case.

    Raises:
        UnavailableError: its packages cannot be had.
    """
    rival = RIVALS[name]
    return _others(rival_python(rival.requirements), rival.module, case)


def plain_runners(case: Case) -> MakeRunners:
    """Plain httpx at the known rate: what a call costs without anybody who keeps limits for real."""
    return _others(HERE, PLAIN_MODULE, case)


def our_runners(
    case: Case,
    store: BenchStore,
    lanes: Sequence[tuple[str, float]] = (("bench", 1.0),),
    spare_of: int | None = None,
) -> MakeRunners:
    """How to start ours; `lanes` (name, share) are dealt to the processes in turn.

    `spare_of`: one process more, with the same prompts as that one, by the store's word on what is left to do.
    """

    def make(address: str, parts: list[list[Prompt]]) -> list[Runner]:
        planned = store.plan(parts)
        runners = []
        shards = [*range(len(parts)), *([] if spare_of is None else [spare_of])]
        for shard in shards:
            lane, share = lanes[shard % len(lanes)]
            more = {
                "figures": case.figures.to_json(),
                "store_url": planned.url,
                "attempt_id": planned.attempt_id,
                "shard": shard,
                "lane": lane,
                "share": share,
            }
            runners.append(Runner(HERE, "tests.bench.ours", job_of(case, address, parts[shard], more=more)))
        return runners

    return make


def _others(python: Path, module: str, case: Case) -> MakeRunners:
    def make(address: str, parts: list[list[Prompt]]) -> list[Runner]:
        return [Runner(python, module, job_of(case, address, part, len(parts))) for part in parts]

    return make

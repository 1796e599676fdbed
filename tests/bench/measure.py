"""From the sandbox's own ledger and the runners' words to the figures of one row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from tests.bench.processes import Result


class Figures(NamedTuple):
    """One runner in one case.

    `makespan_seconds`: from the go signal to the arrival of the last accepted send at the sandbox. `refusals`: answers
    of 429. `waste`: requests that were refused or failed. `lost`: prompts without an answer. `paid_twice`: payments
    beyond the first of a prompt. `cpu_ms_per_prompt`: of its processes and of the store's server, whose part is also
    told apart. `peak_rss_mb`: the sum over its processes.
    """

    asked: int
    makespan_seconds: float
    floor_seconds: float
    last_answer_seconds: float
    refusals: int
    waste: int
    lost: int
    paid_twice: int
    cpu_ms_per_prompt: float
    store_cpu_ms_per_prompt: float
    peak_rss_mb: float

    @property
    def ratio(self) -> float:
        """Makespan ÷ floor. It says nothing where prompts were lost: whoever gives up early is done early."""
        return self.makespan_seconds / self.floor_seconds


def figures_of(
    keys: Sequence[str],
    entries: Sequence[dict[str, Any]],
    results: Sequence[Result],
    go_at_seconds: float,
    floor_seconds: float,
    store_cpu_seconds: float = 0.0,
) -> Figures:
    """Count.

    Args:
        keys: the prompts asked.
        entries: the sandbox's ledger since the go signal.
        results: one of each process.
        go_at_seconds: the go signal in the sandbox's time.
        floor_seconds: see `floor`.
        store_cpu_seconds: what the store's server used meanwhile.

    Raises:
        ValueError: nothing was paid, or the ledger has a prompt that nobody asked.
    """
    asked = [entry for entry in entries if entry["operation"] == "messages"]
    paid = Counter(entry["key"] for entry in asked if entry["paid"])
    if not paid or not paid.keys() <= set(keys):
        raise ValueError(f"{len(paid)} keys paid, {len(paid.keys() - set(keys))} of them unknown")
    answered = {key for result in results for key in result.answered}
    cpu_seconds = store_cpu_seconds + sum(result.cpu_seconds for result in results)
    return Figures(
        asked=len(keys),
        makespan_seconds=max(entry["at_seconds"] for entry in asked if entry["paid"]) - go_at_seconds,
        floor_seconds=floor_seconds,
        last_answer_seconds=max(result.last_answer_seconds for result in results),
        refusals=sum(entry["status"] == 429 for entry in asked),
        waste=sum(entry["status"] != 200 for entry in asked),
        lost=len(set(keys) - answered),
        paid_twice=sum(times - 1 for times in paid.values()),
        cpu_ms_per_prompt=1000 * cpu_seconds / len(keys),
        store_cpu_ms_per_prompt=1000 * store_cpu_seconds / len(keys),
        peak_rss_mb=sum(result.peak_rss_mb for result in results),
    )

"""One runner through one case: sandbox, processes, go signal, ledger, figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from daily_runs.sandbox.process import Sandbox
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.sandbox.world.world import foreign_seed
from tests.bench.account_server import account_of
from tests.bench.cases import ACCOUNT, Case, Prompt
from tests.bench.floor import Change, Foreign, Size, send_moments
from tests.bench.measure import Figures, figures_of
from tests.bench.processes import Result, Runner, run_all

GIVE_UP_RATIO = 12
"""A runner that needs longer than so many floors is stopped."""
_GIVE_UP_SECONDS = 60.0


class Measured(NamedTuple):
    """The figures, and what they come from: the sandbox's ledger since the go signal, and the runners' words."""

    figures: Figures
    entries: list[dict[str, Any]]
    results: list[Result]


def sandbox_for(case: Case) -> Sandbox:
    """The sandbox with the case's account, in real time, with the case's scenario."""
    command = [sys.executable, "-m", "tests.bench.account_server", case.figures.to_json()]
    return Sandbox(1.0, case.full_scenario, command=command)


def parts_of(prompts: Sequence[Prompt], parts: int) -> list[list[Prompt]]:
    """Dealt like cards, so that every part has all sizes."""
    return [list(prompts[number::parts]) for number in range(parts)]


class GoSignal:
    """Remembers the moment of the signal in the sandbox's time, and lets the limits halve from then on if asked."""

    def __init__(self, sandbox: Sandbox, case: Case) -> None:
        self._sandbox, self._case = sandbox, case
        self.at_seconds = 0.0
        self.change: Change | None = None

    def __call__(self) -> None:
        self.at_seconds = self._sandbox.now_seconds()
        if self._case.halves_after_seconds is not None:
            self.change = Change(self.at_seconds + self._case.halves_after_seconds, 0.5)
            self._sandbox.change_scenario({"limit_factor": self.change._asdict()})
            self.at_seconds = self._sandbox.now_seconds()


def floor_seconds(case: Case, prompts: Sequence[Prompt], go_at_seconds: float, change: Change | None) -> float:
    """The floor of a case that started at a moment of its sandbox."""
    sizes = [Size(prompt.input_tokens, prompt.output_tokens) for prompt in prompts]
    share, foreign = case.foreign_share, None
    if share > 0:
        foreign = Foreign(share, foreign_seed(Scenario().rng_seed, ACCOUNT))
    return send_moments(account_of(case.figures), sizes, go_at_seconds, change, foreign)[-1]


def run_case(
    case: Case, make_runners: Callable[[str, list[list[Prompt]]], list[Runner]], store_cpu: Callable[[], float]
) -> Measured:
    """Put a runner through a case.

    Args:
        case: which.
        make_runners: from the sandbox's address and each process' prompts.
        store_cpu: CPU seconds of the store's server until now; 0 where there is none.

    Raises:
        RunnerError: a process failed, or took too long.
    """
    prompts = case.make_prompts()
    with sandbox_for(case) as sandbox, ExitStack() as stack:
        parts = parts_of(prompts, case.processes)
        runners = [stack.enter_context(runner) for runner in make_runners(sandbox.address, parts)]
        signal = GoSignal(sandbox, case)
        cpu_before = 0.0

        def at_go() -> None:
            nonlocal cpu_before
            cpu_before = store_cpu()
            signal()

        expected = floor_seconds(case, prompts, 0.0, None)
        results = run_all(runners, GIVE_UP_RATIO * expected + _GIVE_UP_SECONDS, at_go)
        cpu = store_cpu() - cpu_before
        floor = floor_seconds(case, prompts, signal.at_seconds, signal.change)
        entries = [entry for entry in sandbox.ledger() if entry["at_seconds"] >= signal.at_seconds]
        keys = [prompt.key for prompt in prompts]
        return Measured(figures_of(keys, entries, results, signal.at_seconds, floor, cpu), entries, results)

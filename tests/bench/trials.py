"""What only ours can be put through: features that share an account, a feature that wakes, crashes, the bare ledger.

Each gives the figures that its promise is about; `docs/benchmark.md` says what they mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from daily_runs.quota.ledger import Ledger
from daily_runs.quota.tariff import ExpectedTokens, Tariff
from daily_runs.sandbox.process import Sandbox
from daily_runs.store.database import open_store
from tests.bench import windows
from tests.bench.account_server import account_of
from tests.bench.cases import ACCOUNT, Case, Figures, Prompt
from tests.bench.go import GoSignal, sandbox_for
from tests.bench.processes import Runner
from tests.bench.runners import our_runners
from tests.bench.store import BenchStore
from tests.bench.windows import Send

Findings = dict[str, float]
RESULT_SECONDS_MAX = 240.0
ASKERS, LEDGER_SECONDS, LEDGER_BLOCK = 8, 5.0, 128


def two_features(store: BenchStore) -> Findings:
    """Two features with shares 3:1 that both want all they can get; measured while both do."""
    case = Case("two_features", "two features, 3:1", prompts=360)
    prompts = case.make_prompts()
    sends = _ours(store, case, [prompts[:240], prompts[240:]], [("larger", 0.75), ("smaller", 0.25)], _all_at_once)
    until = min(windows.last_of(sends, 0), windows.last_of(sends, 1))
    got = [windows.count(sends, shard, 2.0, until) for shard in (0, 1)]
    return {"share_of_the_larger": got[0] / sum(got), "wanted": 0.75, "refusals": windows.refusals(sends)}


def wakes(store: BenchStore) -> Findings:
    """A feature alone on an account of two equal ones, until the other wakes, and again when that one is done."""
    case = Case("wakes", "one idle, then waking", prompts=300)
    prompts = case.make_prompts()
    woken: list[float] = []

    def start(sandbox: Sandbox, runners: Sequence[Runner], go_at: float) -> None:
        runners[0].go()
        time.sleep(8.0)
        woken.append(sandbox.now_seconds() - go_at)
        runners[1].go()

    sends = _ours(store, case, [prompts[:250], prompts[250:]], [("first", 0.5), ("second", 0.5)], start)
    ended = windows.last_of(sends, 1)
    return {
        "share_used_while_the_other_idles": windows.count(sends, 0, 2.0, woken[0]) / (10 * (woken[0] - 2.0)),
        "give_back_seconds": windows.seconds_until_rate(sends, 1, woken[0], 5.0),
        "take_over_seconds": windows.seconds_until_rate(sends, 0, ended, 10.0),
        "refusals": windows.refusals(sends),
    }


def store_killed(store: BenchStore) -> Findings:
    """kill -9 of Postgres in mid-run; it is back some seconds later."""
    case = Case("store_killed", "Postgres killed in mid-run")
    times: list[float] = []

    def start(sandbox: Sandbox, runners: Sequence[Runner], go_at: float) -> None:
        _all_at_once(sandbox, runners, go_at)
        time.sleep(8.0)
        offset = sandbox.now_seconds() - go_at - time.monotonic()
        times.extend(moment + offset for moment in store.kill_and_restart(3.0))

    sends = _ours(store, case, [case.make_prompts()], [("bench", 1.0)], start)
    killed, back = times
    return {
        "away_seconds": back - killed,
        "sent_while_away": windows.count(sends, 0, killed, back),
        "last_sent_after_the_kill_seconds": windows.last_before(sends, back) - killed,
        "resumed_after_seconds": windows.first_after(sends, 0, back) - back,
        **_losses(case.prompts, sends, store),
    }


def worker_killed(store: BenchStore) -> Findings:
    """kill -9 of one of two workers; another one takes up its prompts."""
    case = Case("worker_killed", "worker killed in mid-run")
    prompts = case.make_prompts()
    back: list[float] = []
    in_flight: list[int] = []

    def start(sandbox: Sandbox, runners: Sequence[Runner], go_at: float) -> None:
        _all_at_once(sandbox, runners[:2], go_at)
        time.sleep(8.0)
        runners[1].kill()
        in_flight.append(store.statuses()[1, "sent"])
        time.sleep(1.0)
        back.append(sandbox.now_seconds() - go_at)
        runners[2].go()

    sends = _ours(store, case, [prompts[::2], prompts[1::2]], [("bench", 1.0)], start, spare_of=1)
    return {
        "resumed_after_seconds": windows.first_after(sends, 1, back[0]) - back[0],
        "in_flight_at_the_kill": in_flight[0],
        **_losses(case.prompts, sends, store),
    }


def ledger_alone(store: BenchStore) -> Findings:
    """Grants a second from eight connections that ask all the time, on an account that has plenty."""
    planned = store.plan([])
    plenty = Figures(requests_per_minute=60_000_000, burst_seconds=60.0)
    tariff = Tariff(ACCOUNT, account_of(plenty), lane="bench", share=1.0, priority=1)
    until = time.monotonic() + LEDGER_SECONDS
    with open_store(planned.url, ASKERS) as opened:
        ledger = Ledger(opened, 1.0)
        calls = [ExpectedTokens(100, 30)] * LEDGER_BLOCK

        def ask(number: int) -> int:
            granted = 0
            while time.monotonic() < until:
                granted += len(ledger.reserve(f"asker {number}", tariff, calls).grants)
            return granted

        with ThreadPoolExecutor(ASKERS) as pool:
            granted = sum(pool.map(ask, range(ASKERS)))
    return {"grants_per_second": granted / LEDGER_SECONDS, "connections": ASKERS, "calls_a_block": LEDGER_BLOCK}


TRIALS: dict[str, Callable[[BenchStore], Findings]] = {
    "two_features": two_features,
    "wakes": wakes,
    "store_killed": store_killed,
    "worker_killed": worker_killed,
    "ledger_alone": ledger_alone,
}


def _losses(asked: int, sends: Sequence[Send], store: BenchStore) -> Findings:
    answered = sum(number for (_, status), number in store.statuses().items() if status == "answered")
    return {
        "lost": asked - answered,
        "paid_twice": windows.paid_twice(sends),
        "refusals": windows.refusals(sends),
        "makespan_seconds": max(send.at for send in sends if send.paid),
    }


Start = Callable[[Sandbox, Sequence[Runner], float], None]


def _all_at_once(_: Sandbox, runners: Sequence[Runner], __: float) -> None:
    for runner in runners:
        runner.go()


def _ours(
    store: BenchStore,
    case: Case,
    parts: list[list[Prompt]],
    lanes: Sequence[tuple[str, float]],
    start: Start,
    spare_of: int | None = None,
) -> list[Send]:
    """Run processes as `start` wants; what reached the sandbox, in seconds after the go signal.

    `spare_of`: one process more, with the prompts of that one, which has the last runner's place then.
    """
    with sandbox_for(case) as sandbox, ExitStack() as stack:
        make = our_runners(case, store, lanes, spare_of)
        runners = [stack.enter_context(runner) for runner in make(sandbox.address, parts)]
        for runner in runners:
            runner.wait_until_ready()
        signal = GoSignal(sandbox, case)
        signal()
        start(sandbox, runners, signal.at_seconds)
        for shard, runner in enumerate(runners):
            if shard != spare_of:
                runner.result(RESULT_SECONDS_MAX)
        shard_of = {prompt.key: shard for shard, part in enumerate(parts) for prompt in part}
        return windows.sends_of(sandbox.ledger(), shard_of, signal.at_seconds)

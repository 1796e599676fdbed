"""`python -m tests.bench`: put ours and the rivals through the cases, one at a time, and say how each did."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Console

from tests.bench.cases import CASES, Case
from tests.bench.environments import UnavailableError
from tests.bench.go import run_case
from tests.bench.picture import svg
from tests.bench.processes import RunnerError
from tests.bench.report import Outcome, Row, from_json, markdown, short
from tests.bench.runners import OURS, PLAIN, RIVALS, TITLES, our_runners, plain_runners, rival_runners
from tests.bench.store import BenchStore, bench_store
from tests.bench.trials import TRIALS

QUICK: dict[str, tuple[str, ...]] = {
    "known_limit": (OURS, *RIVALS, PLAIN),
    "input_binds": (OURS, "inspect", "sdk"),
    "limit_halves": (OURS, *RIVALS),
    "two_processes": (OURS, *RIVALS),
    "full_bucket": (OURS,),
    "fast": (OURS, PLAIN),
}
"""What `make bench` runs unless told otherwise: the table of the README, in about eleven minutes."""
QUICK_TRIALS = ("ledger_alone",)


def main(words: Sequence[str] | None = None) -> int:
    """Run; 1 when one of ours failed or lost a prompt, or a trial failed."""
    given = _parser().parse_args(words)
    console, start = Console(stderr=True, highlight=False), time.monotonic()
    plan, trials = _plan(given)
    failed = False
    outcome = from_json(given.join.read_text()) if given.join else Outcome()
    with bench_store() as store:
        for case, runner in plan:
            row = _run(case, runner, store)
            outcome.rows = [*(r for r in outcome.rows if (r.case, r.runner) != (row.case, row.runner)), row]
            console.print(f"{case.title:24} {TITLES[runner]:28} {short(row)}")
        for name in trials:
            try:
                outcome.trials[name] = TRIALS[name](store)
            except (RunnerError, ValueError) as error:
                failed = True
                console.print(f"{name.replace('_', ' '):24} failed: {error}")
            else:
                console.print(f"{name.replace('_', ' '):24} {outcome.trials[name]}")
    outcome.seconds += time.monotonic() - start
    _write(outcome, given)
    console.print(f"{time.monotonic() - start:.0f} s in all")
    ours = [row for row in outcome.rows if row.runner == OURS]
    return int(failed or any(row.figures is None or row.figures.lost for row in ours))


def _parser() -> argparse.ArgumentParser:
    names = [case.name for case in CASES]
    parser = argparse.ArgumentParser(prog="make bench BENCH=...", description=__doc__)
    parser.add_argument("--all", action="store_true", help="every case with every runner, and every trial (45 min)")
    parser.add_argument("--cases", help=f"comma-separated: {', '.join(names)}; or none")
    parser.add_argument("--runners", help=f"comma-separated: {', '.join(TITLES)}")
    parser.add_argument("--trials", help=f"comma-separated: {', '.join(TRIALS)}; or none")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--picture", type=Path, help="draw makespan over floor to this SVG file")
    parser.add_argument("--markdown", type=Path, help="write the tables to this file; else they are printed")
    parser.add_argument("--join", type=Path, help="a JSON file of an earlier run, whose other rows are kept")
    return parser


def _plan(given: argparse.Namespace) -> tuple[list[tuple[Case, str]], Sequence[str]]:
    """Which runner goes through which case; which trials."""
    by_name = {case.name: case for case in CASES}
    cases = _chosen(given.cases, by_name, by_name if given.all or given.runners else QUICK)
    runners = _chosen(given.runners, TITLES, TITLES)
    everything = given.all or given.cases is not None or given.runners is not None
    pairs = [
        (by_name[case], runner) for case in cases for runner in runners if everything or runner in QUICK.get(case, ())
    ]
    default = tuple(TRIALS) if given.all else () if everything else QUICK_TRIALS
    return pairs, _chosen(given.trials, TRIALS, default)


def _chosen(words: str | None, known: Collection[str], default: Collection[str]) -> list[str]:
    if words is None:
        return list(default)
    names = [] if words == "none" else words.split(",")
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"{', '.join(unknown)}: unknown. Choose from {', '.join(known)}.")
    return names


def _run(case: Case, runner: str, store: BenchStore) -> Row:
    """One row; a rival that cannot be had or fails is told in it."""
    try:
        if runner == OURS:
            make = our_runners(case, store)
        else:
            make = plain_runners(case) if runner == PLAIN else rival_runners(runner, case)
        measured = run_case(case, make, store.cpu_seconds if runner == OURS else _no_store)
    except UnavailableError as error:
        return Row(case.name, case.title, runner, None, f"not installed: {error}")
    except (RunnerError, ValueError) as error:
        return Row(case.name, case.title, runner, None, f"failed: {' '.join(str(error).split())[-160:]}")
    return Row(case.name, case.title, runner, measured.figures)


def _no_store() -> float:
    return 0.0


def _write(outcome: Outcome, given: argparse.Namespace) -> None:
    if given.json:
        given.json.write_text(outcome.to_json())
    if given.picture:
        given.picture.write_text(svg(outcome))
    if given.markdown:
        given.markdown.write_text(markdown(outcome))
    else:
        sys.stdout.write(markdown(outcome))


if __name__ == "__main__":
    sys.exit(main())

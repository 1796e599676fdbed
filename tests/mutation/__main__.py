"""`make mutation`: change statistics and gate rules a line at a time, and count the changes that tests notice.

mutmut makes the changes (mutants) in a copy of the library and runs the unit tests over each in a process of its own.
It lives in an environment of its own that also sees this one's packages, so requirements.lock stays without it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from daily_runs.local.settings import PROJECT
from daily_runs.store.embedded import state_root

MODULES = (
    "results/intervals",
    "results/missing",
    "results/power",
    "results/regression",
    "results/quality",
    "results/drift",
    "results/alarms",
    "results/comparison",
    "results/ruler_check",
    "results/ruler_days",
    "stages/validation",
    "stages/expectations",
)
FIRST = "power"
"""The module that is done first, and whole: it is small, and doing it tells the names of all mutants."""
TESTS = ("tests/unit/results", "tests/unit/stages/test_expectations.py", "tests/unit/stages/test_gate_rules.py")
LEAST = 0.9
SEED = 20261127
NOTICED = {1: "a test failed", 3: "pytest broke", 24: "too slow", -24: "too slow", 36: "too slow", 152: "too slow"}
"""Exit codes of a mutant that does not pass for the code as it is."""
SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {modules}
# Words for programmers, and what only a type checker reads: nobody acts on them, so no test holds them to the letter.
do_not_mutate_patterns = ["raise ValueError", "raise StageError", "^ *log\\\\.", "strict=True", "warnings\\\\."]
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-seed=0", "-k", "not unchanged_days"]
timeout_multiplier = 5.0
timeout_constant = 4.0
"""


class Tally(NamedTuple):
    """What became of a module's mutants; `survivors`: names of those that no test noticed."""

    module: str
    made: int
    tried: int
    survivors: list[str]

    @property
    def share(self) -> float:
        """Noticed ones among those tried."""
        return 1 - len(self.survivors) / self.tried if self.tried else 1.0


def main(words: Sequence[str] | None = None) -> int:
    """Mutate; 1 when too many changes stay unnoticed."""
    parser = argparse.ArgumentParser(prog="make mutation", description=__doc__)
    parser.add_argument("--sample", type=int, help="so many mutants of each module, drawn by the seed; else all")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="a module's name, such as quality")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    given = parser.parse_args(words)
    start, home = time.monotonic(), state_root() / "mutation"
    mutmut, work = _installed(home / "python"), _copied(home / "work")
    _run(mutmut, work, given.processes, [f"daily_runs.results.{FIRST}.*"])
    names = _chosen(work, given.sample, random.Random(given.seed), given.only)
    if names:
        _run(mutmut, work, given.processes, names)
    found = [_tally(work, module) for module in MODULES if module.endswith(given.only)]
    sys.stdout.write("\n| module | mutants | tried | noticed |\n|---|---|---|---|\n")
    for one in found:
        sys.stdout.write(f"| {one.module} | {one.made} | {one.tried} | {one.share:.1%} |\n")
    tried, survived = sum(one.tried for one in found), sum(len(one.survivors) for one in found)
    share = 1 - survived / max(1, tried)
    sys.stdout.write(f"\n{share:.1%} of {tried} noticed, at least {LEAST:.0%}; {time.monotonic() - start:.0f} s\n")
    for name in (name for one in found for name in one.survivors):
        sys.stdout.write(f"  not noticed: {name}\n")
    sys.stdout.write(f"See one: cd {work} && {mutmut} show NAME\n")
    return int(share < LEAST)


def _installed(home: Path) -> Path:
    """The mutmut of an environment of its own, made on first use and when its list of packages changes."""
    requirements, stamp = Path(__file__).with_name("mutmut.txt"), home / "installed"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        uv = str(Path(sys.executable).parent / "uv")
        python = str(home / "bin" / "python")
        subprocess.run([uv, "--quiet", "venv", "--clear", "--python", sys.executable, str(home)], check=True)
        install = [uv, "--quiet", "pip", "sync", "--python", python, "--require-hashes", str(requirements)]
        subprocess.run(install, check=True)
        where = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip()
        (Path(own) / "daily_runs_packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
        stamp.write_text(wanted)
    return home / "bin" / "mutmut"


def _copied(work: Path) -> Path:
    """A fresh copy of library and tests, laid out as mutmut wants it: the library below `src`."""
    shutil.rmtree(work, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "include" / "daily_runs", work / "src" / "daily_runs", ignore=ignored)
    shutil.copytree(PROJECT / "tests", work / "tests", ignore=ignored)
    modules = [f"src/daily_runs/{module}.py" for module in MODULES]
    settings = SETTINGS.format(modules=json.dumps(modules), tests=json.dumps(TESTS))
    (work / "pyproject.toml").write_text((PROJECT / "pyproject.toml").read_text() + settings)
    return work


def _run(mutmut: Path, work: Path, processes: int, names: Sequence[str]) -> None:
    """Try these mutants; mutmut keeps what became of each beside the mutated file."""
    environment = {
        **os.environ,
        "DAILY_RUNS_INCLUDE": str(PROJECT / "include"),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    environment.pop("PYTHONPATH", None)
    command = [str(mutmut), "run", "--max-children", str(processes), *names]
    subprocess.run(command, cwd=work, env=environment, check=True)


def _exit_codes(work: Path, module: str) -> dict[str, int | None]:
    """What became of each mutant of a module by name; None: not tried."""
    kept: dict[str, dict[str, int | None]] = json.loads(
        (work / "mutants" / "src" / "daily_runs" / f"{module}.py.meta").read_text()
    )
    return kept["exit_code_by_key"]


def _chosen(work: Path, sample: int | None, dice: random.Random, only: str) -> list[str]:
    """Names of the mutants to try: a sample of each module, or a pattern for all of it."""
    names = []
    for module in (module for module in MODULES if module.endswith(only) and not module.endswith(FIRST)):
        every = sorted(_exit_codes(work, module))
        dotted = module.replace("/", ".")
        names += dice.sample(every, min(sample, len(every))) if sample else [f"daily_runs.{dotted}.*"]
    return names


def _tally(work: Path, module: str) -> Tally:
    codes = _exit_codes(work, module)
    tried = {name: code for name, code in codes.items() if code is not None}
    return Tally(module, len(codes), len(tried), [name for name, code in tried.items() if code not in NOTICED])


if __name__ == "__main__":
    sys.exit(main())

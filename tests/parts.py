"""All tests, in parts that run side by side: `python -m tests.parts [--coverage]`.

The tests on a real Airflow mostly wait for its scheduler; the others work meanwhile, at a lower priority, so that
Airflow and the tests that measure it find a processor when they need one. Each part runs to its end whatever the other
does; the last lines say how each ended, in pytest's own words, and the exit code is 0 only if both passed.

With `--coverage` the part on a real Airflow is left out: measuring each function call of Airflow's own processes made
its tests six times slower, so that they timed out. What only Airflow runs shows as not covered (docs/testing.md).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

WORKERS = os.environ.get("WORKERS", "2")
BESIDE_AIRFLOW = 10
"""Niceness: with it a process gets a tenth of the processor's time while others want all of it."""
PYTEST = ("-m", "pytest", "--color=no")
MEASURED = ("-m", "coverage", "run", *PYTEST)


class Part(NamedTuple):
    """Some of the tests: pytest's arguments, how far the part stands back, and whether its coverage is measured."""

    name: str
    arguments: tuple[str, ...]
    niceness: int = 0
    is_measured: bool = True


PARTS = (
    Part("airflow", ("tests/airflow",), is_measured=False),
    Part(
        "others", ("--ignore=tests/airflow", "-n", WORKERS, "--dist=loadfile", "--no-loadscope-reorder"), BESIDE_AIRFLOW
    ),
)


def run(part: Part, python: Sequence[str]) -> tuple[int, str]:
    """Run a part, print what it prints as it comes; its exit code and last line."""
    command = ["nice", "-n", str(part.niceness), sys.executable, *python, *part.arguments]
    last = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            sys.stdout.write(f"{part.name:<8}{line}")
            sys.stdout.flush()
    return process.returncode, last


def main() -> int:
    """Run all parts, or those whose coverage is measured; 1 if any failed."""
    measured = "--coverage" in sys.argv[1:]
    python = MEASURED if measured else PYTEST
    parts = [part for part in PARTS if part.is_measured or not measured]
    with ThreadPoolExecutor(len(parts)) as pool:
        ended = list(pool.map(lambda part: run(part, python), parts))
    sys.stdout.write("\n")
    for part, (code, last) in zip(parts, ended, strict=True):
        sys.stdout.write(f"{part.name:<8}{last.strip('= ')}{f', exit code {code}' if code else ''}\n")
    return int(any(code for code, _ in ended))


if __name__ == "__main__":
    sys.exit(main())

"""All tests, in parts that run side by side: `python -m tests.parts`.

The tests on a real Airflow mostly wait for its scheduler; the others work meanwhile, at a lower priority, so that
Airflow and the tests that measure it find a processor when they need one. Each part runs to its end whatever the other
does; the last lines name each test that failed and say how each part ended, in pytest's own words. The exit code is 0
only if both passed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

WORKERS = os.environ.get("WORKERS", "2")
BESIDE_AIRFLOW = 10
"""Niceness: with it a process gets a tenth of the processor's time while others want all of it."""
PYTEST = ("-m", "pytest", "--color=no")


class Part(NamedTuple):
    """Some of the tests: pytest's arguments, and how far the part stands back."""

    name: str
    arguments: tuple[str, ...]
    niceness: int = 0


PARTS = (
    Part("airflow", ("tests/airflow",)),
    Part(
        "others", ("--ignore=tests/airflow", "-n", WORKERS, "--dist=loadfile", "--no-loadscope-reorder"), BESIDE_AIRFLOW
    ),
)


class Ended(NamedTuple):
    """How a part ended: its exit code, pytest's last line, and its lines of the summary that name what failed."""

    code: int
    last: str
    failures: tuple[str, ...]


def run(part: Part) -> Ended:
    """Run a part, print what it prints as it comes."""
    command = ["nice", "-n", str(part.niceness), sys.executable, *PYTEST, *part.arguments]
    last = ""
    failures = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            last = line.strip() or last
            if re.match("(FAILED|ERROR) [^ ]", line):  # a log's own ERROR has more spaces
                failures.append(line.rstrip())
            sys.stdout.write(f"{part.name:<8}{line}")
            sys.stdout.flush()
    return Ended(process.returncode, last, tuple(failures))


def main() -> int:
    """Run all parts; 1 if any failed."""
    with ThreadPoolExecutor(len(PARTS)) as pool:
        ended = list(pool.map(run, PARTS))
    sys.stdout.write("\n")
    for part, it in zip(PARTS, ended, strict=True):
        for failure in it.failures:
            sys.stdout.write(f"{part.name:<8}{failure}\n")
    for part, it in zip(PARTS, ended, strict=True):
        sys.stdout.write(f"{part.name:<8}{it.last.strip('= ')}{f', exit code {it.code}' if it.code else ''}\n")
    return int(any(it.code for it in ended))


if __name__ == "__main__":
    sys.exit(main())

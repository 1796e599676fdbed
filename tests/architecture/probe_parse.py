"""Parses DAG files: `watch FILE…` prints what each looks at outside, `time FILE` how long Airflow's parser takes."""

from __future__ import annotations

import runpy
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from tests.architecture.outside import watched
from tests.architecture.project import DAGS, LIBRARY, PLUGINS, say

TIMED_RUNS = 3


def looks_outside(file: str) -> list[str]:
    """What a DAG file, and all that it imports, looks at while it is parsed."""
    with watched(LIBRARY, PLUGINS, DAGS, Path(file).parent) as seen:
        runpy.run_path(file)
    return seen


def parse(file: str) -> dict[str, Any]:
    """How long a DAG file takes, by the clock and of the processor, and what it makes."""
    clock, processor = time.perf_counter(), time.process_time()
    bag = DagBag(file)
    return {
        "seconds": time.perf_counter() - clock,
        "processor_seconds": time.process_time() - processor,
        "dags": len(bag.dags),
        "errors": bag.import_errors,
    }


if __name__ == "__main__":
    mode, *files = sys.argv[1:]
    if mode == "watch":
        say({file: looks_outside(file) for file in files})
    else:
        warm_up, *timed = [parse(files[0]) for _ in range(TIMED_RUNS + 1)]
        say(timed)

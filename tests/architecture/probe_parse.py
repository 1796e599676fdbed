"""Executes DAG files as Airflow's parser does: `watch FILE…` prints what each looks at outside, `time FILE` how long."""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path

import airflow.sdk
import croniter  # noqa: F401 - starts `file` when first imported, to learn the machine; Airflow imports it too
from tests.architecture.outside import watched
from tests.architecture.project import DAGS, LIBRARY, PLUGINS

TIMED_RUNS = 3


def looks_outside(file: str) -> list[str]:
    """What a DAG file, and all that it imports, looks at while it is parsed."""
    with watched(LIBRARY, PLUGINS, DAGS, Path(file).parent) as seen:
        runpy.run_path(file)
    return seen


def seconds(file: str) -> float:
    """How long a DAG file takes."""
    started = time.perf_counter()
    found = runpy.run_path(file)
    taken = time.perf_counter() - started
    assert isinstance(found["DAG"], type(airflow.sdk.DAG))
    return taken


if __name__ == "__main__":
    mode, *files = sys.argv[1:]
    if mode == "watch":
        print(json.dumps({file: looks_outside(file) for file in files}))
    else:
        warm_up, *timed = [seconds(files[0]) for _ in range(TIMED_RUNS + 1)]
        print(json.dumps({"warm_up": warm_up, "timed": timed}))

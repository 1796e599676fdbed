"""Parses DAG files: `watch FILE…` prints what each looks at outside, `time FILE` its time beside that of plain DAGs."""

from __future__ import annotations

import runpy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag

from tests.architecture.outside import watched
from tests.architecture.project import DAGS, LIBRARY, PLUGINS, say

ROUNDS = 2
PLAIN = """
import datetime as dt
from airflow.sdk import DAG, task

def nothing(text):
    return text

for number in range({dags}):
    with DAG(f"plain_{{number}}", schedule="0 6 * * *", start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)):
        last = "begin"
        for step in range({tasks}):
            last = task(task_id=f"step_{{step}}")(nothing)(last)
"""
"""Airflow's own cost: the same number of DAGs and tasks, made of nothing."""


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
        "tasks": sum(len(dag.tasks) for dag in bag.dags.values()),
        "errors": bag.import_errors,
    }


def beside_plain(file: str) -> dict[str, list[dict[str, Any]]]:
    """A DAG file and as many plain DAGs with as many tasks, parsed by turns: what else runs here slows both."""
    first = parse(file)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.py"
        plain.write_text(PLAIN.format(dags=first["dags"], tasks=first["tasks"] // first["dags"]))
        rounds = [(parse(file), parse(str(plain))) for _ in range(ROUNDS)]
    return {"ours": [ours for ours, _ in rounds], "plain": [plain for _, plain in rounds]}


if __name__ == "__main__":
    mode, *files = sys.argv[1:]
    say({file: looks_outside(file) for file in files} if mode == "watch" else beside_plain(files[0]))

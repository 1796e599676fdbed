"""`daily-runs demo`: one day of root cause analysis through a real Airflow against the sandbox, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from daily_runs.airflow_api import AirflowApi
from daily_runs.catalogue.catalogue import feature_named
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import DailyRunsError, ParameterError
from daily_runs.local import demo_rows
from daily_runs.local.demo_outcome import gather
from daily_runs.local.stack import running, wait_for_end
from daily_runs.store.database import Store, open_store
from daily_runs.store.pool import Row

FEATURE = "root_cause_analysis"
ENVIRONMENT = "staging"
DAG_ID = f"daily_runs_{FEATURE}"
DAG_TIMEOUT_SECONDS = 1200
LOOK_EVERY_SECONDS = 1.0


def run(prompts: int, time_scale: float, *, json_file: Path | None, keep: bool, console: Console) -> bool:
    """Start everything, run the DAG, show it, stop everything; returns whether every promise held.

    Raises:
        UserError: more prompts than a run may ask (before anything is started).
        DailyRunsError: a part did not start, or the DAG run failed.
    """
    _check_prompts(prompts)
    started = time.monotonic()
    with console.status("starting Postgres, Airflow and the sandbox ..."):
        manager = running(port=0, time_scale=time_scale, schedules=False)
        stack = manager.__enter__()
    try:
        console.print(f"Airflow is up after {time.monotonic() - started:.0f} s: {stack.airflow} ({stack.user})")
        console.print(
            f"{prompts} prompts of {FEATURE} in {ENVIRONMENT}; one second is {time_scale:g} s of the sandbox's"
        )
        with open_store(stack.store) as store, stack.api() as api:
            api.unpause(DAG_ID)
            run_id = api.trigger(DAG_ID, {"environment": ENVIRONMENT, "prompts": prompts, "note": "demo"})
            state = _watch(api, store, run_id, prompts, console)
            api.pause(DAG_ID)  # a later `up` on this store must not run it by itself
            outcome = gather(stack, store, FEATURE, run_id, state)
        if json_file:
            json_file.write_text(json.dumps(outcome.as_json(), indent=2, default=str) + "\n")
        console.print(*outcome.render(), sep="\n")
        if keep:
            console.print(
                f"Kept open: {stack.airflow}  user {stack.user}  password {stack.password}  (Ctrl-C stops it)"
            )
            wait_for_end(stack)
        return outcome.holds
    finally:
        with console.status("stopping everything ..."):
            manager.__exit__(None, None, None)


def _check_prompts(prompts: int) -> None:
    most = feature_named(catalogue_files.load(overlay="sandbox"), FEATURE).prompts_per_run
    if prompts > most:
        raise ParameterError("--prompts", f"{prompts} are more than a run of {FEATURE} asks", f"Give {most} or fewer.")


def _watch(api: AirflowApi, store: Store, run_id: str, prompts: int, console: Console) -> str:
    deadline = time.monotonic() + DAG_TIMEOUT_SECONDS
    with _bars(console, prompts) as bars:
        while True:
            state = api.run_state(DAG_ID, run_id)
            for row in demo_rows.progress(store, FEATURE, run_id):
                bars.show(row)
            if state in ("success", "failed"):
                return state
            if time.monotonic() > deadline:
                raise DailyRunsError(f"the DAG run is {state} after {DAG_TIMEOUT_SECONDS} s; see {api.address}")
            time.sleep(LOOK_EVERY_SECONDS)


class _Bars:
    """A bar a stage: prompts for the mapped ones, done or not for the others."""

    def __init__(self, progress: Progress, prompts: int) -> None:
        totals = {"seed_check": 1, "limit_probe": 1, "inference": prompts, "judging": prompts}
        totals |= {"validation": 1, "publish": 1}
        self._progress = progress
        self._bars: dict[str, TaskID] = {
            stage: progress.add_task(stage, total=total, start=False) for stage, total in totals.items()
        }

    def show(self, row: Row) -> None:
        """Move the bars to what the store says."""
        for stage, bar in self._bars.items():
            done = row.get(stage) or (stage in row["reported"])
            if done and not self._progress.tasks[bar].started:
                self._progress.start_task(bar)
            self._progress.update(bar, completed=int(done))


@contextmanager
def _bars(console: Console, prompts: int) -> Iterator[_Bars]:
    columns = TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress, prompts)

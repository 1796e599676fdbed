"""A run that something is done to: where it stands, what it paid, and that it lost nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from daily_runs.local.stack import COMPONENTS
from tests.airflow.conftest import Airflow, DagRun

FEATURE, PROMPTS = "root_cause_analysis", 160
DAG_ID = f"daily_runs_{FEATURE}"


class Cell:
    """A run of root cause analysis in staging, and what the sandbox received since it began."""

    def __init__(self, airflow: Airflow, run: DagRun) -> None:
        self.airflow, self.run = airflow, run
        self._before: list[dict[str, Any]] = []
        self._since = len(airflow.sent())

    @classmethod
    def begun(cls, airflow: Airflow, logical_date: str | None = None, **conf: Any) -> Cell:
        """A run of which a quarter is answered and the rest is not."""
        cell = cls.triggered(airflow, logical_date, **conf)
        airflow.until(lambda: cell.counted("answered") >= PROMPTS // 4, "a quarter of the answers")
        return cell

    @classmethod
    def triggered(cls, airflow: Airflow, logical_date: str | None = None, **conf: Any) -> Cell:
        """A run that was just started by the form, now or for a moment of the calendar."""
        since = len(airflow.sent())
        conf |= {"environment": "staging", "prompts": PROMPTS}
        cell = cls(airflow, airflow.trigger(FEATURE, logical_date, **conf))
        cell._since = since
        return cell

    def counted(self, *statuses: str) -> int:
        """Prompts of the run's attempt in these statuses."""
        query = """
            SELECT count(*)::int AS n FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
            WHERE airflow_run_id = %(run)s AND answer.status = ANY(%(statuses)s)
        """
        asked = {"run": self.run.run_id, "statuses": list(statuses)}
        return int(self.airflow.store.row(query, asked)["n"])

    def open_calls(self) -> set[str]:
        """Prompts whose call has begun and whose acceptance is not stored: what may be paid twice after a kill."""
        query = """
            SELECT prompt_id FROM daily_runs.answer JOIN daily_runs.attempt USING (attempt_id)
            WHERE airflow_run_id = %(run)s AND answer.status = 'sent' AND ticket IS NULL
        """
        return {row["prompt_id"] for row in self.airflow.store.rows(query, {"run": self.run.run_id})}

    def keep_the_sandboxs_memory(self) -> None:
        """The sandbox remembers in memory only: keep what it has received, before it dies."""
        self._before += self.airflow.sent(self._since)
        self._since = 0

    def paid(self) -> list[str]:
        """The prompts that the sandbox was paid for, each time one was."""
        entries = self._before + self.airflow.sent(self._since)
        return [str(entry["key"]) for entry in entries if entry["paid"] and entry["operation"] == "aiAction"]

    def tasks(self, task: str) -> list[Mapping[str, Any]]:
        """The instances of one of the arm's tasks."""
        return self.airflow.tasks(self.run, f"staging.{task}")

    def ends_well(self, may_be_paid_twice: set[str]) -> str:
        """The run publishes every prompt; nothing is lost, and paid twice is at most what was in flight.

        Returns a sentence with the figures, for the command's output.
        """
        assert self.airflow.wait(self.run) == "success"
        key = self.airflow.attempt(self.run)["run_key"]
        query = "SELECT asked, answered, failed, scored FROM contract.runs_v2 WHERE run_key = %(key)s"
        assert self.airflow.store.row(query, {"key": key}) == {
            "asked": PROMPTS,
            "answered": PROMPTS,
            "failed": 0,
            "scored": PROMPTS,
        }
        paid = self.paid()
        twice = {prompt for prompt in paid if paid.count(prompt) > 1}
        assert len(set(paid)) == PROMPTS
        assert twice <= may_be_paid_twice
        told = f"{PROMPTS} asked, {PROMPTS} published, {len(twice)} paid twice of {len(may_be_paid_twice)} in flight"
        sys.stdout.write(f"{told}\n")
        return told

    def ends_with_reasons(self, may_be_paid_twice: set[str]) -> None:
        """The run publishes, what has no answer has a reason, and a rerun of missing answers gets them all."""
        assert self.airflow.wait(self.run) == "success"
        key = self.airflow.attempt(self.run)["run_key"]
        row = self.airflow.store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": key})
        assert (row["asked"], row["answered"] + row["failed"]) == (PROMPTS, PROMPTS)
        query = (
            "SELECT error_hop, error_kind, count(*)::int AS n FROM daily_runs.published_failure WHERE run_key = %(key)s"
        )
        reasons = self.airflow.store.rows(f"{query} GROUP BY 1, 2 ORDER BY 1, 2", {"key": key})
        assert sum(reason["n"] for reason in reasons) == row["failed"]
        told = ", ".join(f"{reason['n']} {reason['error_hop']}: {reason['error_kind']}" for reason in reasons)
        sys.stdout.write(f"{row['answered']} of {PROMPTS} published, without an answer: {told or 'none'}\n")
        if row["failed"]:
            self.run = self.airflow.trigger(FEATURE, run=key.split("/", 2)[2], rerun="missing_answers")
        self.ends_well(may_be_paid_twice)


class Part(NamedTuple):
    """How a process of the stack was started, so that it can be started again after its death."""

    pid: int
    command: list[str]
    environment: dict[str, str]
    folder: Path

    @classmethod
    def of(cls, airflow: Airflow, name: str) -> Part:
        """A running part by its name in the stack.

        An api-server writes a title over its command and its environment, so what Airflow's parts are started with is
        read of the dag-processor, which does not.
        """
        pid = airflow.stack.processes[name]
        about = Path(f"/proc/{airflow.stack.processes['dag-processor'] if name in COMPONENTS else pid}")
        command = [word.decode() for word in (about / "cmdline").read_bytes().split(b"\0") if word]
        if name in COMPONENTS:
            command = [sys.executable, "-m", "airflow", name, *COMPONENTS[name]]
        pairs = [pair.decode() for pair in (about / "environ").read_bytes().split(b"\0") if b"=" in pair]
        return cls(pid, command, dict(pair.split("=", 1) for pair in pairs), (about / "cwd").resolve())

    def kill(self, *, with_children: bool) -> None:
        """End the process with -9, alone or with the whole group that it leads."""
        (os.killpg if with_children else os.kill)(self.pid, signal.SIGKILL)


class Restarts:
    """Parts that were started again by a cell; they end with the tests."""

    def __init__(self, airflow: Airflow, logs: Path) -> None:
        self._airflow, self._logs = airflow, logs
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, name: str, part: Part) -> None:
        """Start a part again as it was; its log goes to a file of its own."""
        with (self._logs / f"{name}-{len(self._started)}.log").open("wb") as log:
            process = subprocess.Popen(
                part.command,
                env=part.environment,
                cwd=part.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        cast("dict[str, int]", self._airflow.stack.processes)[name] = process.pid

    def stop(self) -> None:
        """End what was started here, with all that it started."""
        for process in self._started:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            process.wait()


def within(seconds: float, condition: Callable[[], object], what: str) -> None:
    """Wait for something, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.2)

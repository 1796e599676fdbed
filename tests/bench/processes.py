"""Runner processes: set up together, started by one go signal, watched until each has said its result."""

from __future__ import annotations

import json
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.cases import ACCOUNT, MAX_TOKENS, MODEL, Case, Prompt

PROJECT = Path(__file__).parents[2]
READY_SECONDS_MAX = 120.0


class RunnerError(Exception):
    """A runner did not get ready, or ended without a result; its last words are in the message."""


@dataclass(frozen=True)
class Result:
    """What one runner process said at its end."""

    answered: list[str]
    errors: dict[str, int]
    cpu_seconds: float
    peak_rss_mb: float
    last_answer_seconds: float
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, line: str) -> Result:
        """From a runner's last line; what it doesn't know goes to `more`."""
        said = json.loads(line)
        known = {name: said.pop(name) for name in cls.__dataclass_fields__ if name != "more"}
        return cls(**known, more=said)


def job_of(
    case: Case, address: str, prompts: Sequence[Prompt], parts: int = 1, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The job of one of `parts` processes (see `rivals.protocol.Job`).

    Its callers know a prompt's input tokens, and of its output the case's mean only.
    """
    figures = case.figures
    per_second = {
        "requests_per_second": figures.requests_per_minute / 60 / parts,
        "input_tokens_per_second": figures.input_tokens_per_minute / 60 / parts,
        "output_tokens_per_second": figures.output_tokens_per_minute / 60 / parts,
    }
    return {
        "address": f"{address}/anthropic",
        "key": f"sandbox-{ACCOUNT}",
        "model": MODEL,
        "max_tokens": MAX_TOKENS,
        "prompts": [[p.key, p.system, p.text, p.input_tokens, case.output_tokens] for p in prompts],
        "workers": max(20, figures.requests_per_minute // 30),
        **per_second,
        "burst_seconds": figures.burst_seconds,
        "more": dict(more or {}),
    }


class Runner:
    """One runner process; a context manager that leaves none behind."""

    def __init__(self, python: Path, module: str, job: Mapping[str, Any]) -> None:
        self._command, self._job = [str(python), "-m", module], job

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="daily-runs-bench-")
        file = Path(self._folder.name) / "job.json"
        file.write_text(json.dumps(self._job), encoding="utf-8")
        self._errors = (Path(self._folder.name) / "errors").open("w+")
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*self._command, str(file)], bufsize=0, cwd=PROJECT, stdin=pipe, stdout=pipe, stderr=self._errors
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            assert stream is not None
            stream.close()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Until it has set up everything.

        Raises:
            RunnerError: it doesn't.
        """
        while self._line(READY_SECONDS_MAX) != "ready":
            pass

    def go(self) -> None:
        """The signal to start."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"go\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()

    def result(self, seconds_max: float) -> Result:
        """Its result.

        Raises:
            RunnerError: none in that time.
        """
        until = time.monotonic() + seconds_max
        while not (line := self._line(until - time.monotonic())).startswith("{"):
            pass
        return Result.from_json(line)

    def _line(self, seconds_max: float) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            line = self._process.stdout.readline() if selector.select(max(0.0, seconds_max)) else b""
        if not line:
            self._errors.flush()
            self._errors.seek(0)
            words = self._errors.read().strip()[-2000:] or "nothing on standard error"
            raise RunnerError(f"{' '.join(self._command)} is silent after {seconds_max:.0f} s; {words}")
        return line.decode().strip()


def run_all(runners: Sequence[Runner], seconds_max: float, at_go: Callable[[], None]) -> list[Result]:
    """Wait for all to be ready, call `at_go`, start them, and wait for their results."""
    for runner in runners:
        runner.wait_until_ready()
    at_go()
    for runner in runners:
        runner.go()
    until = time.monotonic() + seconds_max
    return [runner.result(until - time.monotonic()) for runner in runners]

"""How a runner talks with the bench: a JSON file, `ready`, a line that means go, and a JSON line with the result.

Standard library only, for it runs in every rival's environment.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

PROMPT_HEADER = "x-daily-runs-prompt"
"""Names the prompt to the sandbox's ledger."""


class Prompt(NamedTuple):
    """One prompt, and the tokens that its caller expects it to take (input counted, output the mean)."""

    key: str
    system: str
    text: str
    input_tokens: int
    output_tokens: int


class Job(NamedTuple):
    """What a runner is to do. The limits are this process' part of the account's, for whoever wants to keep them."""

    address: str
    key: str
    model: str
    max_tokens: int
    prompts: list[Prompt]
    workers: int
    requests_per_second: float
    input_tokens_per_second: float
    output_tokens_per_second: float
    burst_seconds: float
    more: dict[str, Any]


def read_job() -> Job:
    """The job in the file named on the command line."""
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    prompts = [Prompt(*prompt) for prompt in content.pop("prompts")]
    return Job(prompts=prompts, **content)


def say(what: str) -> None:
    """One line to the bench."""
    sys.stdout.write(what + "\n")
    sys.stdout.flush()


class Run:
    """From the go signal to the result: CPU and seconds are counted in between."""

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.errors: dict[str, int] = {}
        say("ready")
        sys.stdin.readline()
        self._cpu, self._start, self.last_answer_seconds = cpu_seconds(), time.monotonic(), 0.0

    def answer(self, key: str) -> None:
        """A prompt has its answer."""
        self.answered.append(key)
        self.last_answer_seconds = time.monotonic() - self._start

    def fail(self, error: BaseException) -> None:
        """A prompt will have none."""
        kind = type(error).__name__
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def report(self, **more: Any) -> None:
        """The result."""
        result = {
            "answered": self.answered,
            "errors": self.errors,
            "cpu_seconds": cpu_seconds() - self._cpu,
            "peak_rss_mb": peak_rss_mb(),
            "last_answer_seconds": self.last_answer_seconds,
            **more,
        }
        say(json.dumps(result))


def cpu_seconds() -> float:
    """CPU time of this process and its finished children."""
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_rss_mb() -> float:
    """The most memory this process had. Not `ru_maxrss`: that one starts at what its parent had."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (kilobytes,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024

"""The trace of a CI job as GitLab Runner writes it: never the bare log.

Around what the job printed stand a header, marks of sections without a line's end, colours, progress by carriage
returns, and how the job ended (https://docs.gitlab.com/ci/jobs/job_logs/). Every second job ran on a runner with
`FF_TIMESTAMPS`, which is on by default: each record then begins with 32 characters of time and stream.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from daily_runs.dataset import CiJob
from daily_runs.sandbox.gitlab.seeds import SandboxSeed

_STARTED = datetime(2025, 8, 1, 5, 59, 40, tzinfo=UTC)
_CLEAR, _BOLD, _GREEN, _RED, _RESET = "\x1b[0K", "\x1b[36;1m", "\x1b[32;1m", "\x1b[31;1m", "\x1b[0;m"
_RUNNER, _JOB, _JOB_ERRORS = "00O", "01O", "01E"

_Write = tuple[str, str]
"""Stream and text of one write of the runner."""


def trace_of(seed: SandboxSeed) -> str:
    """What `GET …/jobs/:id/trace` gives for a job that printed the seed's content and failed."""
    writes = _writes(seed)
    return "".join(_stamped(writes)) if seed.number % 2 else "".join(text for _, text in writes)


def _writes(seed: SandboxSeed) -> Iterator[_Write]:
    job = seed.item.resource
    assert isinstance(job, CiJob)
    yield _RUNNER, f"{_CLEAR}Running with gitlab-runner 18.6.0 (5f0d2b6a){_RESET}\n"
    yield _RUNNER, f"{_CLEAR}  on seed-runner ab12cd34, system ID: s_34480d4f5a50{_RESET}\n"
    yield from _section("prepare_executor", 'Preparing the "docker" executor', 2)
    yield _RUNNER, f"{_CLEAR}Using Docker executor with image debian:12 ...{_RESET}\n"
    yield from _section("get_sources", "Getting source from Git repository", 4, after="prepare_executor")
    yield _JOB, "Fetching changes with git depth set to 20...\n"
    yield _JOB_ERRORS, "remote: Counting objects:  50%\rremote: Counting objects: 100%, done.\n"
    yield from _section("step_script", 'Executing "step_script" stage of the job script', 6, after="get_sources")
    yield _JOB, f"{_GREEN}$ cat seed.log{_RESET}\n"
    yield _JOB, seed.content
    yield _JOB, f"{_GREEN}$ exit {job.exit_code}{_RESET}\n"
    yield from _section(
        "cleanup_file_variables", "Cleaning up project directory and file based variables", 8, after="step_script"
    )
    yield _RUNNER, f"{_mark('end', 'cleanup_file_variables', 9)}\n"
    yield _RUNNER, f"{_RED}ERROR: Job failed: exit code {job.exit_code}{_RESET}\n"


def _section(name: str, words: str, second: int, after: str = "") -> Iterator[_Write]:
    if after:
        yield _RUNNER, _mark("end", after, second)
    yield _RUNNER, _mark("start", name, second)
    yield _RUNNER, f"{_CLEAR}{_BOLD}{words}{_RESET}{_RESET}\n"


def _mark(edge: str, name: str, second: int) -> str:
    moment = _STARTED + timedelta(seconds=second)
    return f"section_{edge}:{moment.timestamp():.0f}:{name}\r{_CLEAR}"


def _stamped(writes: Iterable[_Write]) -> Iterator[str]:
    """A record a line. What goes on with a stream's unended line is a record of its own, with a plus."""
    unended: set[str] = set()
    for number, (stream, text) in enumerate(writes):
        moment = (_STARTED + timedelta(milliseconds=137 * number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        *ended, rest = text.split("\n")
        for line in ended:
            yield f"{moment} {stream}{'+' if stream in unended else ' '}{line}\n"
            unended.discard(stream)
        if rest:
            yield f"{moment} {stream}{'+' if stream in unended else ' '}{rest}\n"
            unended.add(stream)

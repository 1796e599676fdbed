"""Runs a scenario for real, in a directory of its own and with a bare environment, and gives its log and exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from rca.scenario import Scenario
from rca.scrub import leaks, scrubbed
from rca.toolbox import BUILD_DIR, Toolbox

LIMIT_SECONDS = 240
NOBODY = 65534
LOG_CHARACTERS = range(300, 12_001)  # shorter says too little, longer costs tokens and says no more


class CaptureError(Exception):
    """The scenario did not fail in the way that its reference describes."""


class Captured(NamedTuple):
    """What a job left: the whole trace and the exit code of the step that failed."""

    log: str
    exit_code: int


def capture(scenario: Scenario, toolbox: Toolbox) -> Captured:
    """Run the scenario's script.

    Raises:
        CaptureError: it succeeded, failed at an earlier step, outran the limit, or its log lacks the evidence, names
            the capturing machine, or is too short or too long.
    """
    with tempfile.TemporaryDirectory(prefix="rca-", ignore_cleanup_errors=True) as top:  # telemetry of go still writes
        work = Path(top, "seeds")
        _write(scenario, work)
        code, output = _run(scenario, work, toolbox)
        places = ((str(work), BUILD_DIR), (top, "/builds/daily-runs"), *toolbox.places)
    if code == 0:
        raise CaptureError("the job succeeded: there is no failure to capture")
    code = 128 - code if code < 0 else code
    body = scrubbed(output, places).strip("\n")
    log = f"{_header(scenario)}\n{body}\nERROR: Job failed: exit code {code}\n"
    _check(scenario, log)
    return Captured(log, code)


def _header(scenario: Scenario) -> str:
    return f"Job {scenario.name}, stage {scenario.stage}, {len(scenario.files)} files in {BUILD_DIR}"


def _check(scenario: Scenario, log: str) -> None:
    steps = [line[2:] for line in log.splitlines() if line.startswith("$ ")]
    if scenario.command.splitlines()[0] not in steps:
        raise CaptureError(f"the job ended before its last step; the steps that ran: {steps}\n{log}")
    for evidence in scenario.evidence:
        if evidence not in log:
            raise CaptureError(f"the log lacks the evidence {evidence!r}:\n{log}")
    if leaks(log):
        raise CaptureError(f"the log names this machine: {', '.join(leaks(log))}\n{log}")
    if len(log) not in LOG_CHARACTERS:
        raise CaptureError(f"the log has {len(log)} characters, outside {LOG_CHARACTERS}")


def _write(scenario: Scenario, work: Path) -> None:
    for name, content in scenario.files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o755 if name in scenario.executable else 0o644)
    for directory in (".tmp", ".home"):
        (work.parent / directory).mkdir(parents=True, exist_ok=True)
    work.mkdir(exist_ok=True)


def _bash(scenario: Scenario) -> str:
    """The steps as one shell, as a CI runner makes it: each is named before it runs, the first failure ends the job."""
    lines = ["set -eo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT"]
    for step in scenario.script:
        lines += [f"printf '%s\\n' {_quoted('$ ' + step)}", step]
    return "\n".join([*lines, ":"])  # without the last line bash would become the last step, and not report its signal


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _environment(scenario: Scenario, work: Path, toolbox: Toolbox) -> dict[str, str]:
    top = work.parent
    return {
        "PATH": os.pathsep.join(toolbox.search_path),
        "HOME": str(top / ".home"),
        "TMPDIR": str(top / ".tmp"),
        "CARGO_HOME": str(top / ".home/cargo"),
        "GOCACHE": str(toolbox.root / "cache/go"),
        "GOPATH": str(top / ".home/go"),
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-buildvcs=false",
        "CI": "true",
        "COLUMNS": "100",
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "TZ": "UTC",
        "GIT_AUTHOR_DATE": "2026-03-02T09:00:00Z",
        "GIT_COMMITTER_DATE": "2026-03-02T09:00:00Z",
        "GIT_CONFIG_NOSYSTEM": "1",
        "NPM_CONFIG_UPDATE_NOTIFIER": "false",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INDEX": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **scenario.env,
    }


def _run(scenario: Scenario, work: Path, toolbox: Toolbox) -> tuple[int, str]:
    user = NOBODY if scenario.unprivileged and os.geteuid() == 0 else None
    if user is not None:
        for path in (work.parent, *work.parent.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    process = subprocess.Popen(
        ["bash", "-c", _bash(scenario)],
        cwd=work,
        env=_environment(scenario, work, toolbox),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
    )
    try:
        output, _ = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise CaptureError(f"the job ran for more than {LIMIT_SECONDS} s") from error
    finally:
        _end_group(process.pid)
    return process.returncode, output.decode("utf-8", errors="replace")


def _end_group(leader: int) -> None:
    """What the script left in the background goes with it."""
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return

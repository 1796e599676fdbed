"""The commands as a person types them: real processes, real exit codes, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import EXIT_FAILED
from tests.conftest import TIME_SCALE, SandboxView

FEATURES = sorted(catalogue_files.load().features)
START_SECONDS = 200
"""A stack is up in 25 on two idle cores; the limit ends a wait that would not end."""


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A state folder that the server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="daily-runs-commands-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def unused_state() -> Iterator[Path]:
    """A state folder whose store holds no sandbox's rows: these commands mean real runs."""
    with tempfile.TemporaryDirectory(prefix="daily-runs-bad-input-") as folder:
        yield Path(folder)


def environment(state: Path, **more: str) -> dict[str, str]:
    """This process's environment with a state folder of its own and nothing else of Daily Runs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAILY_RUNS", "AIRFLOW"))}
    return {**kept, "DAILY_RUNS_STATE": str(state), **more}


def daily_runs(*words: str, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "daily_runs.cli", *words]
    return subprocess.run(command, env=dict(variables), capture_output=True, text=True, timeout=240, check=False)


def overlay(folder: Path, sandbox: SandboxView) -> str:
    """An overlay that points at a test's sandbox."""
    names = ("staging", "production")
    environments = {
        name: {"address": f"{sandbox.address}/{name}", "time_scale": TIME_SCALE, "provenance": "sandbox"}
        for name in names
    }
    judge = {"address": f"{sandbox.address}/anthropic", "provenance": "sandbox"}
    file = folder / "overlay.yaml"
    file.write_text(yaml.safe_dump({"environments": environments, "judge": judge}))
    return str(file)


@pytest.mark.parametrize("feature", FEATURES)
def test_run_takes_each_feature_through_all_six_stages_without_airflow(
    feature: str, state: Path, sandbox: SandboxView
) -> None:
    variables = environment(state, DAILY_RUNS_OVERLAY=overlay(state, sandbox))
    done = daily_runs("run", feature, "--environment", "staging", "--limit", "4", "--json", variables=variables)
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    stages = ["seed_check", "limit_probe", "inference", "judging", "validation", "publish"]
    assert [stage["stage"] for stage in outcome["stages"]] == stages
    assert outcome["published"]["asked"] == 4
    assert outcome["published"]["provenance"] == "sandbox"


class Bad(NamedTuple):
    """A command with something wrong in it, and what its one line must name."""

    words: tuple[str, ...]
    named: tuple[str, ...]
    variables: Mapping[str, str] = {}


RUN = ("run", "duo_chat", "--environment", "staging")
BAD = {
    "an unknown feature": Bad(("run", "duo_chart", "--environment", "staging"), ("duo_chart", "Known:", "duo_chat")),
    "an unknown environment": Bad(
        ("run", "duo_chat", "--environment", "stage"), ("stage", "Known: staging, production")
    ),
    "no prompt at all": Bad((*RUN, "--limit", "0"), ("limit", "0", "1 or more")),
    "a limit that is no number": Bad((*RUN, "--limit", "many"), ("--limit", "many")),
    "a date that is none": Bad((*RUN, "--date", "2026-13-01"), ("--date", "2026-13-01")),
    "an unknown overlay": Bad((*RUN, "--overlay", "sandbx"), ("overlays/sandbx.yaml", "sandbox")),
    "no connection": Bad(RUN, ("DAILY_RUNS_GITLAB_STAGING", "is not set")),
    "a store that is no address": Bad(RUN, ("DAILY_RUNS_STORE", "no Postgres URL"), {"DAILY_RUNS_STORE": "nonsense"}),
    "a catalogue that is not there": Bad(("catalogue", "check", "/nowhere"), ("/nowhere", "is not a folder")),
    "a scenario that is not there": Bad(("sandbox", "--scenario", "/nowhere.json"), ("/nowhere.json",)),
    "more prompts than a run asks": Bad(("demo", "--prompts", "901"), ("--prompts", "901", "Give 900 or fewer")),
    "a file that can't be written": Bad(("demo", "--json", "/nowhere/demo.json"), ("--json", "/nowhere/demo.json")),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_bad_input_gets_one_message_with_place_value_and_remedy_and_exit_code_2(bad: Bad, unused_state: Path) -> None:
    done = daily_runs(*bad.words, variables=environment(unused_state, **bad.variables))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert all(words in done.stderr for words in bad.named), done.stderr
    assert done.stdout == ""


def test_a_store_that_is_away_is_a_failure_of_one_line_with_place_and_remedy(unused_state: Path) -> None:
    away = environment(unused_state, DAILY_RUNS_STORE="postgresql://a:b@127.0.0.1:1/x")
    done = daily_runs(*RUN, variables=away)
    assert (done.returncode, done.stdout) == (EXIT_FAILED, "")
    assert "Traceback" not in done.stderr
    assert all(words in done.stderr for words in ("127.0.0.1:1/x", "does not answer", "try again when it is back"))


@pytest.mark.parametrize("command", ["up", "sandbox"])
def test_an_occupied_port_is_named(command: str, state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = daily_runs(command, "--port", port, variables=environment(state))
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert port in done.stderr
    assert "Traceback" not in done.stderr


HOLDER = """
import subprocess, sys
from daily_runs.local import stack
from daily_runs.store.embedded import state_root
with stack._only_stack(state_root()):
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("words", [("up", "--port", "0"), ("demo",)], ids=["up", "demo"])
def test_a_second_stack_on_one_state_folder_is_refused_until_the_first_has_ended_or_crashed(
    words: tuple[str, ...], state: Path
) -> None:
    variables, pipe = environment(state), subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER], env=variables, stdin=pipe, stdout=pipe, text=True) as first:
        assert first.stdout is not None
        child = int(first.stdout.readline())
        try:
            done = daily_runs(*words, variables=variables)
            first.kill()
            first.wait()
            again = subprocess.run([sys.executable, "-c", HOLDER.replace("600", "0")], env=variables, check=False)
        finally:
            first.kill()
            os.kill(child, signal.SIGKILL)
    assert done.returncode == 2
    assert f"{state}: a stack runs there already. Stop it, or set DAILY_RUNS_STATE." in " ".join(done.stderr.split())
    assert again.returncode == 0


@pytest.mark.parametrize(
    ("number", "words"),
    [(signal.SIGINT, ("demo", "--prompts", "20")), (signal.SIGKILL, ("up", "--port", "0"))],
    ids=["Ctrl-C on demo", "kill -9 of up"],
)
def test_nothing_is_left_running_however_a_stack_ends(number: signal.Signals, words: tuple[str, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="daily-runs-end-") as folder:
        command = [sys.executable, "-m", "daily_runs.cli", *words]
        owner = subprocess.Popen(
            command, env=environment(Path(folder)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            until((Path(folder) / "local.json").exists, "the stack to be up")
            assert len(processes_of(folder)) > 5
        finally:
            owner.send_signal(number)
            code = owner.wait(60)
        assert code == (130 if number is signal.SIGINT else -signal.SIGKILL)
        until(lambda: not processes_of(folder), "every process to end")


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {START_SECONDS} s for {what}"
        time.sleep(0.2)


def processes_of(folder: str) -> list[int]:
    """Every living process that was started with this state folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:  # it has ended meanwhile, or is none of ours
            continue
        if folder.encode() in words and not zombie:
            found.append(int(entry.name))
    return found

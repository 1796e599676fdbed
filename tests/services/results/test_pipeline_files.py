"""The pipeline files on the page of the merge-request gate: their vendors take them, and their gate runs as written.

From the first line to the last they run in `tests/end_to_end/test_pipeline_files.py`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from tests.published_runs import CLASSES, Day, publish

from daily_runs.cli.main import app
from daily_runs.store.database import Store

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operations" / "merge_request_gate.md"
BLOCKS: list[str] = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
"""The page's two files, GitLab's first."""
GITLAB, GITHUB = map(yaml.safe_load, BLOCKS)
ON = True
"""How PyYAML, a reader of YAML 1.1, takes the key `on`."""
GITLAB_LINES: list[str] = GITLAB["evaluation"]["script"]
GITHUB_LINES: list[str] = [
    line for step in GITHUB["jobs"]["gate"]["steps"] for line in step.get("run", "").splitlines()
]
FILES = pytest.mark.parametrize("lines", [GITLAB_LINES, GITHUB_LINES], ids=["GitLab", "GitHub"])


def commands(lines: list[str]) -> Iterator[list[str]]:
    """The words after `daily-runs` of each line that calls it, without what the shell takes."""
    for line in lines:
        words = shlex.split(line)
        if words[0] == "daily-runs":
            yield words[1 : words.index(">") if ">" in words else None]


def run_as_written(lines: list[str], folder: Path, store_url: str) -> int:
    """Run the lines after the evaluation itself in a shell, as a pipeline does; the exit code."""
    (start,) = [number for number, line in enumerate(lines) if line.startswith("CANDIDATE=")]
    script = "\n".join([*lines[start : start + 2], "exit $?"])
    called = folder / "bin" / "daily-runs"
    called.parent.mkdir()
    called.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m daily_runs.cli "$@"\n')
    called.chmod(0o755)
    (called.parent / "python").symlink_to(sys.executable)
    variables = {
        "PATH": f"{called.parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT / 'include'}:{ROOT / 'plugins'}",
        "DAILY_RUNS_STORE": store_url,
        "DAILY_RUNS_OVERLAY": "",
        "FEATURE": "duo_chat",
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode


SCHEMAS = pytest.mark.parametrize(
    ("number", "schema", "key"), [(0, "vendor.gitlab-ci", "image"), (1, "vendor.github-workflows", "runs-on")]
)


def checked(schema: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold a file against a vendor's schema as the package brings it; no network."""
    file = folder / "pipeline.yml"
    file.write_text(text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@SCHEMAS
def test_it_is_a_file_that_its_vendor_takes(number: int, schema: str, key: str, tmp_path: Path) -> None:
    done = checked(schema, BLOCKS[number], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@SCHEMAS
def test_a_key_that_its_vendor_does_not_know_would_be_seen(number: int, schema: str, key: str, tmp_path: Path) -> None:
    """Else the test above would pass for a schema that takes everything."""
    broken = BLOCKS[number].replace(f"{key}:", f"{key}-on:", 1)
    assert broken != BLOCKS[number]
    done = checked(schema, broken, tmp_path)
    assert (done.returncode, f"{key}-on" in done.stdout + done.stderr) == (1, True)


def test_the_gitlab_job_keeps_its_report_whatever_the_outcome() -> None:
    artifacts = GITLAB["evaluation"]["artifacts"]
    assert (artifacts["when"], artifacts["reports"]["junit"]) == ("always", "gate.xml")
    assert all(isinstance(line, str) for line in GITLAB_LINES + GITLAB["evaluation"]["after_script"])


def test_every_step_of_the_github_job_either_uses_or_runs() -> None:
    steps: list[dict[str, Any]] = GITHUB["jobs"]["gate"]["steps"]
    assert [sorted({"uses", "run"} & step.keys()) for step in steps] == [["uses"]] * 2 + [["run"]] * (len(steps) - 2)


def test_the_github_job_runs_for_every_pull_request() -> None:
    assert GITHUB[ON] == "pull_request"


@FILES
def test_its_commands_and_their_options_exist(lines: list[str]) -> None:
    group = typer.main.get_group(app)
    found = [words[0] for words in commands(lines)]
    assert found == ["run", "gate"]
    for name, *options in commands(lines):
        command = group.get_command(typer.Context(group), name)
        assert command is not None
        command.make_context(name, options)  # raises for an option that does not exist, or a value it does not take


@FILES
def test_it_is_a_script_that_a_shell_can_read(lines: list[str]) -> None:
    assert subprocess.run(["bash", "-n", "-c", "\n".join(lines)], check=False).returncode == 0


@FILES
@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        (Day(1, environment="review"), 0),
        (Day(1, environment="review", fell=dict.fromkeys(CLASSES, 0.1)), 1),
        (Day(1, environment="review", rubric="another"), 2),
    ],
    ids=["passes", "regressed", "undecided"],
)
def test_its_gate_runs_as_written_in_an_empty_folder(
    lines: list[str], candidate: Day, code: int, store: Store, store_url: str, tmp_path: Path
) -> None:
    publish(store, Day(0))
    key = str(publish(store, candidate).key)
    row = store.row("SELECT attempt_id FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": key})
    (tmp_path / "run.json").write_text(json.dumps({"published": {"attempt_id": str(row["attempt_id"])}}))
    assert run_as_written(lines, tmp_path, store_url) == code
    assert (tmp_path / "gate.md").read_text(encoding="utf-8").startswith("### Evaluation: ")
    assert (tmp_path / "gate.xml").stat().st_size > 0

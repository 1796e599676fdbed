"""The pipeline files of the merge-request gate, run from their first line to their last in a scratch git repository.

Each outcome by one of the two; which of them says what is in `tests/services/results/test_pipeline_files.py`.
What is not ours is stood in: `make install` lays the tests' own environment where the files expect one, `curl` and `gh`
write down what they are given, and GitLab's review environment is the sandbox.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from daily_runs.sandbox.process import Sandbox
from tests.conftest import TIME_SCALE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations" / "merge_request_gate.md"
GITLAB, GITHUB = map(
    yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
)
RUBRIC = "include/rubrics/duo_chat.yaml"
MADE = ("run.json", "gate.md", "gate.xml", "posted")
USERS = [f"evaluation-{number}" for number in range(1, 7)]
SECRETS = {
    "secrets.REVIEW_CONNECTION": json.dumps({"keys": {user: f"sandbox-{user}" for user in USERS}}),
    "secrets.JUDGE_CONNECTION": json.dumps({"keys": {"EVAL": "sandbox-EVAL"}}),
    "github.token": "a-token",
    "github.event.pull_request.number": "17",
}
INSTALLED = f"""#!/bin/sh
exec {sys.executable} -m daily_runs.cli "$@"
"""
WRITES_DOWN = """#!/bin/sh
printf '%s\\n' "$0" "$@" >> posted
"""


@dataclass(frozen=True)
class Scratch:
    """A project with a review environment: its folder, and the sandbox that serves it."""

    folder: Path
    sandbox: Sandbox
    variables: Mapping[str, str]

    def git(self, *words: str) -> None:
        """A git command, as somebody without settings of his own."""
        named = ("-c", "user.name=tests", "-c", "user.email=tests@example.com")
        subprocess.run(["git", *named, *words], cwd=self.folder, check=True, capture_output=True)

    def shell(self, lines: str, variables: Mapping[str, str], *options: str) -> int:
        """Run lines in a new shell, as a runner does; the exit code."""
        done = subprocess.run(
            ["bash", "-e", *options, "-c", lines],
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def read(self, name: str) -> str:
        """A file that the pipeline left."""
        return (self.folder / name).read_text(encoding="utf-8")


def executable(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def with_review(folder: Path, address: str) -> None:
    """Add the review environment, as the page says, and point the sandbox's overlay at an address."""
    file = folder / "include/catalogue/environments.yaml"
    catalogue = yaml.safe_load(file.read_text())
    staging = catalogue["environments"]["staging"]
    catalogue["environments"]["review"] = {**staging, "connection": "daily_runs_gitlab_review"}
    file.write_text(yaml.safe_dump(catalogue))
    overlay = {
        "environments": {
            name: {"address": f"{address}/{name}", "provenance": "sandbox", "time_scale": TIME_SCALE}
            for name in catalogue["environments"]
        },
        "judge": {"address": f"{address}/anthropic", "provenance": "sandbox"},
    }
    (folder / "include/catalogue/overlays/sandbox.yaml").write_text(yaml.safe_dump(overlay))


@pytest.fixture(scope="module")
def scratch(store_url: str) -> Iterator[Scratch]:
    """The scratch repository, its sandbox, and a run in staging to hold changes against."""
    with tempfile.TemporaryDirectory(prefix="daily-runs-scratch-") as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        shutil.copytree(ROOT / "include", folder / "include", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / ".gitignore").write_text("\n".join([".venv", "stand-ins", "path", *MADE]))
        (folder / "Makefile").write_text("install:\n\t@mkdir -p .venv/bin && cp stand-ins/daily-runs .venv/bin/\n")
        executable(folder / "stand-ins/daily-runs", INSTALLED)
        for stood_in in ("curl", "gh"):
            executable(folder / "stand-ins/bin" / stood_in, WRITES_DOWN)
        (folder / "stand-ins/bin/python").symlink_to(sys.executable)
        with_review(folder, "http://127.0.0.1:8390")
        patch.setenv("DAILY_RUNS_INCLUDE", str(folder / "include"))
        with Sandbox(TIME_SCALE, {"ai_action_calls": 1_000_000}) as sandbox:
            with_review(folder, sandbox.address)
            variables = {
                "PATH": f"{folder / 'stand-ins/bin'}:{os.environ['PATH']}",
                "PYTHONPATH": f"{folder / 'include'}:{ROOT / 'plugins'}",
                "HOME": name,
                "DAILY_RUNS_STORE": store_url,
                "DAILY_RUNS_OVERLAY": "sandbox",
            }
            made = Scratch(folder, sandbox, variables)
            made.git("init", "--initial-branch", "main")
            made.git("add", ".")
            made.git("commit", "--message", "The project with a review environment")
            assert made.shell(f"{folder / 'stand-ins/daily-runs'} run duo_chat --environment staging", {}) == 0
            yield made


@pytest.fixture
def change(scratch: Scratch) -> Iterator[Scratch]:
    """A branch of its own for one merge request, and a healthy model."""
    scratch.git("switch", "--create", "change")
    yield scratch
    scratch.git("switch", "--force", "main")
    scratch.git("branch", "--delete", "--force", "change")
    scratch.sandbox.change_scenario({"worse_model": None})
    for name in (*MADE, "path"):
        (scratch.folder / name).unlink(missing_ok=True)
    shutil.rmtree(scratch.folder / ".venv", ignore_errors=True)


def by_gitlab(scratch: Scratch) -> int:
    """The job as GitLab's runner runs it: the script in one shell, and what comes after it in another, always."""
    job = GITLAB["evaluation"]
    given = {
        **job["variables"],
        "DAILY_RUNS_GITLAB_REVIEW": SECRETS["secrets.REVIEW_CONNECTION"],
        "DAILY_RUNS_ANTHROPIC_EVAL": SECRETS["secrets.JUDGE_CONNECTION"],
        "COMMENT_TOKEN": "a-token",
        "CI_API_V4_URL": "https://gitlab.example.com/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_MERGE_REQUEST_IID": "17",
    }
    code = scratch.shell("\n".join(job["script"]), given, "-o", "pipefail")
    assert scratch.shell("\n".join(job["after_script"]), given, "-o", "pipefail") == 0
    return code


def by_github(scratch: Scratch) -> int:
    """The job as GitHub's runner runs it: a shell for each step; after one that failed only those that ask for it."""
    job, path, failed = GITHUB["jobs"]["gate"], scratch.folder / "path", 0
    secrets = {**SECRETS, "secrets.DAILY_RUNS_STORE": scratch.variables["DAILY_RUNS_STORE"]}
    for step in job["steps"]:
        if "run" not in step or (failed and not _runs_always(step, scratch.folder)):
            continue
        given = {name: _filled(value, secrets) for name, value in {**job["env"], **step.get("env", {})}.items()}
        added = path.read_text().split() if path.exists() else []
        given |= {"GITHUB_PATH": str(path), "PATH": ":".join([*added, scratch.variables["PATH"]])}
        code = scratch.shell(step["run"], given)
        failed = failed or code
    return failed


def _runs_always(step: Mapping[str, Any], folder: Path) -> bool:
    """The one condition that the file has, in Python."""
    condition = step.get("if")
    assert condition in (None, "always() && hashFiles('gate.md') != ''")
    return condition is not None and (folder / "gate.md").exists()


def _filled(value: str, secrets: Mapping[str, str]) -> str:
    """A value with GitHub's expressions replaced."""
    return re.sub(r"\$\{\{ (.+?) \}\}", lambda found: secrets[found[1]], value)


def told(scratch: Scratch) -> tuple[str, dict[str, str], str]:
    """The comment's first line, JUnit's counts, and what was posted."""
    suite = ElementTree.fromstring(scratch.read("gate.xml"))
    counts = {name: suite.attrib[name] for name in ("failures", "errors")}
    return scratch.read("gate.md").splitlines()[0], counts, scratch.read("posted")


def test_a_change_that_makes_nothing_worse_passes_in_gitlab(change: Scratch) -> None:
    """Also where 67 answers show neither a drop nor that there is none: the file says `--inconclusive pass`."""
    assert by_gitlab(change) == 0
    comment, counts, posted = told(change)
    assert comment in ("### Evaluation: pass", "### Evaluation: undecided")
    assert counts == {"failures": "0", "errors": "0"}
    assert "body@gate.md" in posted
    assert "https://gitlab.example.com/api/v4/projects/7/merge_requests/17/notes" in posted


def test_a_change_that_makes_answers_worse_fails_in_github_and_the_comment_says_so_all_the_same(
    change: Scratch,
) -> None:
    change.sandbox.change_scenario({"worse_model": 0.6})
    assert by_github(change) == 1
    comment, counts, posted = told(change)
    assert comment == "### Evaluation: fail"
    assert int(counts["failures"]) > 0
    assert posted.split()[1:] == ["pr", "comment", "17", "--body-file", "gate.md"]


def test_a_change_of_the_rubric_cannot_be_decided_and_ends_with_2_in_gitlab(change: Scratch) -> None:
    """Its scores are on another scale than those of staging; `--inconclusive pass` does not let that through."""
    file = change.folder / RUBRIC
    rubric = yaml.safe_load(file.read_text())
    rubric["guidance"] += "\nBe strict.\n"
    file.write_text(yaml.safe_dump(rubric))
    change.git("commit", "--all", "--message", "A stricter judge")
    assert by_gitlab(change) == 2
    comment, counts, _ = told(change)
    assert comment == "### Evaluation: undecided"
    assert int(counts["errors"]) > 0
    assert "rubric" in change.read("gate.md")

"""The page about a new feature: its commands, typed in their order, lead from nothing to published rows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from daily_runs.sandbox.process import Sandbox
from tests.conftest import TIME_SCALE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations" / "new_feature.md"
IN_ANOTHER_TERMINAL = "daily-runs sandbox"
SCORE = re.compile(r"mean score ([01]\.\d+) ")


def blocks() -> list[str]:
    """The page's indented code, a block each."""
    found, lines = [], []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            lines.append(line[4:])
        elif not line and lines:
            lines.append("")
        elif lines:
            found.append("\n".join(lines).strip())
            lines = []
    return found


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a copy of the shipped catalogue, data sets and rubrics, that the store's server can reach."""
    with tempfile.TemporaryDirectory(prefix="daily-runs-new-feature-") as name:
        for part in ("catalogue", "datasets", "rubrics"):
            shutil.copytree(ROOT / "include" / part, Path(name) / "include" / part)
        yield Path(name)


@pytest.fixture
def variables(folder: Path) -> dict[str, str]:
    """See `variables_of`."""
    return variables_of(folder)


def variables_of(folder: Path) -> dict[str, str]:
    """Nothing of Daily Runs but that folder, and the command as it is installed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DAILY_RUNS", "AIRFLOW"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    own = {"DAILY_RUNS_INCLUDE": str(folder / "include"), "DAILY_RUNS_STATE": str(folder / "state"), "PATH": path}
    return {**kept, **own}


@pytest.fixture
def sandbox(folder: Path, variables: dict[str, str]) -> Iterator[Sandbox]:
    """The page's sandbox, which reads that folder before there is a new feature; the overlay leads to it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAILY_RUNS_INCLUDE", variables["DAILY_RUNS_INCLUDE"])
        process = Sandbox(TIME_SCALE)
        with process:
            file = folder / "include" / "catalogue" / "overlays" / "sandbox.yaml"
            overlay = yaml.safe_load(file.read_text())
            for name, environment in overlay["environments"].items():
                environment |= {"address": f"{process.address}/{name}", "time_scale": TIME_SCALE}
            overlay["judge"]["address"] = f"{process.address}/anthropic"
            file.write_text(yaml.safe_dump(overlay))
            yield process


def typed(block: str, folder: Path, variables: dict[str, str]) -> str:
    """What a block prints; each command must succeed."""
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def printed(said: dict[str, str], command: str) -> str:
    """What the block with a command printed."""
    (text,) = (text for block, text in said.items() if f"daily-runs {command} " in block)
    return text


def test_the_pages_commands_lead_from_nothing_to_published_rows(
    folder: Path, variables: dict[str, str], sandbox: Sandbox
) -> None:
    first, *others = blocks()
    assert first == IN_ANOTHER_TERMINAL
    assert others[0].startswith("daily-runs feature new commit_message ")
    said = {block: typed(block, folder, variables) for block in others}
    assert "commit-message-001, class fix" in printed(said, "dataset show")
    assert "written, 2 items in 2 classes" in printed(said, "dataset import")
    assert "sound, 2 items in 2 classes (fix 1, addition 1)" in printed(said, "dataset check")
    score = SCORE.search(printed(said, "run"))
    assert score, said
    assert 0.6 < float(score[1]) <= 1, "an answer about nothing scores less"
    rows = printed(said, "export").splitlines()
    assert len(rows) == 1 + 2, "a header, and a row for each prompt"
    assert all("commit_message" in row for row in rows[1:])
    assert {entry["operation"] for entry in sandbox.ledger() if entry["paid"]} >= {"aiAction"}


def test_nothing_of_the_new_feature_needed_code(folder: Path, variables: dict[str, str]) -> None:
    before = {file for file in folder.rglob("*") if file.is_file()}
    typed("daily-runs feature new commit_message --resource diff", folder, variables)
    new = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and file not in before}
    assert new == {
        "include/catalogue/features/commit_message.yaml",
        "include/datasets/commit_message.jsonl",
        "include/datasets/commit_message.card.yaml",
        "include/rubrics/commit_message.yaml",
    }

"""What these tests read: the project's own Python files as syntax trees, and ways to run a probe in its own process."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

PROJECT = Path(__file__).parents[2]
LIBRARY, PLUGINS, DAGS = PROJECT / "include" / "daily_runs", PROJECT / "plugins", PROJECT / "dags"
PROBE_TIMEOUT_SECONDS = 270

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module(NamedTuple):
    """A Python file: its path in the project, its lines, its syntax tree."""

    path: str
    lines: int
    tree: ast.Module

    @property
    def name(self) -> str:
        """Dotted, as it is imported."""
        path = self.path.removeprefix("include/").removeprefix("plugins/").removesuffix(".py")
        return path.removesuffix("/__init__").replace("/", ".")

    def imports(self) -> Iterator[str]:
        """Dotted names of everything that is imported, anywhere in the file (`from a import b` gives `a.b`)."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                package = self.name.rsplit(".", node.level)[0] + "." if node.level else ""
                yield from (f"{package}{node.module or ''}.{alias.name}" for alias in node.names)

    def functions(self) -> Iterator[Function]:
        """Every function and method, nested ones too."""
        return (node for node in ast.walk(self.tree) if isinstance(node, Function))


@cache
def modules(*folders: Path) -> tuple[Module, ...]:
    """Every module below some folders; fails when there is none."""
    found = []
    for file in sorted(file for folder in folders for file in folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        found.append(Module(str(file.relative_to(PROJECT)), len(text.splitlines()), ast.parse(text)))
    assert found, f"no Python file in {folders}"
    return tuple(found)


def start_probe(
    name: str, *arguments: str | Path, home: Path, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a probe module of this folder in a process with an Airflow home of its own."""
    cleared = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW", "DAILY_RUNS"))}
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": str(
            PROBE_TIMEOUT_SECONDS
        ),  # by the clock, which shows others' load too
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PLUGINS),
    }
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.architecture.{name}", *map(str, arguments)],
        cwd=PROJECT,
        env=cleared | settings | dict(variables or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def say(result: object) -> None:
    """A probe's last word, for `result_of`."""
    sys.stdout.write(f"{json.dumps(result)}\n")


def result_of(probe: subprocess.Popen[str]) -> Any:
    """What a probe says: the JSON in the last line that it prints."""
    try:
        out, err = probe.communicate(timeout=PROBE_TIMEOUT_SECONDS)
    finally:
        probe.kill()
    assert probe.returncode == 0, f"{out}\n{err}"
    return json.loads(out.splitlines()[-1])

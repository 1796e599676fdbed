"""The folders of the library: who may import whom (`lint-imports`, contracts in pyproject.toml), and what they hold."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.architecture.project import LIBRARY, PLUGINS, PROJECT, modules

MODULES_IN_A_FOLDER_MAX = 15
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def contracts() -> dict[str, dict[str, Any]]:
    """The contracts of pyproject.toml by their ids."""
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"]: contract for contract in settings["tool"]["importlinter"]["contracts"]}


def lint_imports(root: Path) -> str:
    """What `lint-imports` says of the library and the plugin below a folder that holds a pyproject.toml."""
    command = [sys.executable, "-c", LINT_IMPORTS, "--no-cache", "--no-logo"]
    paths = f"{root / 'include'}:{root / 'plugins'}"
    done = subprocess.run(
        command,
        cwd=root,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.stdout


class Crossing(NamedTuple):
    """An import that breaks a contract: in which file, of what, and the contract's id."""

    file: str
    imported: str
    contract: str


CROSSINGS = (
    Crossing("include/daily_runs/capacity/cost.py", "daily_runs.records.run", "floors"),
    Crossing("include/daily_runs/results/scores.py", "daily_runs.runs.routing", "floors"),
    Crossing("include/daily_runs/errors.py", "daily_runs.catalogue.fields", "floors"),
    Crossing("include/daily_runs/stages/publishing.py", "daily_runs.readiness.state", "same-floor"),
    Crossing("include/daily_runs/catalogue/zones.py", "airflow", "no-airflow"),
    Crossing("include/daily_runs/runs/routing.py", "daily_runs_airflow.policies", "no-airflow"),
    Crossing("include/daily_runs/doctor/own.py", "daily_runs.sandbox.app", "sandbox"),
    Crossing("plugins/daily_runs_airflow/docs.py", "daily_runs.local.stack", "plugins"),
    Crossing("include/daily_runs/store/text.py", "daily_runs.statuses", "store"),
    Crossing("include/daily_runs/connections.py", "daily_runs.catalogue.fields", "hops"),
)


@pytest.fixture(scope="module")
def with_crossings(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What `lint-imports` says of a copy of the library that breaks every contract, half of them inside functions."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("include/daily_runs", "plugins"):
        shutil.copytree(PROJECT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", root)
    for number, crossing in enumerate(CROSSINGS):
        with (root / crossing.file).open("a", encoding="utf-8") as file:
            late = "\n\ndef _late() -> None:\n    " if number % 2 else "\n"
            file.write(f"{late}import {crossing.imported}\n")
    return lint_imports(root)


def test_no_import_breaks_a_contract() -> None:
    said = lint_imports(PROJECT)
    assert f"Contracts: {len(contracts())} kept, 0 broken." in said, said


def test_every_contract_has_a_crossing_that_breaks_it() -> None:
    assert {crossing.contract for crossing in CROSSINGS} == set(contracts())


@pytest.mark.parametrize("crossing", CROSSINGS, ids=lambda crossing: f"{crossing.file} imports {crossing.imported}")
def test_a_contract_notices_an_import_that_crosses_it(with_crossings: str, crossing: Crossing) -> None:
    name = contracts()[crossing.contract]["name"]
    assert f"{name} BROKEN" in with_crossings
    importer = crossing.file.removeprefix("include/").removeprefix("plugins/").removesuffix(".py").replace("/", ".")
    _, _, details = with_crossings.partition("Broken contracts")
    assert re.search(rf"{re.escape(importer)} -> {re.escape(crossing.imported)}\b", details), details


def test_every_module_of_the_library_stands_on_a_floor() -> None:
    places = [
        place.strip() for line in contracts()["floors"]["layers"] for place in re.split(r"[|:]", line) if place.strip()
    ]
    homeless = [
        module.name
        for module in modules(LIBRARY)
        if not module.path.endswith("__init__.py")
        and not any(f"{module.name}.".startswith(f"{place}.") for place in places)
    ]
    assert homeless == []


def test_no_folder_holds_more_modules_than_one_can_overlook() -> None:
    """Migrations stand apart: one is added with each change of the schema, and none is ever taken away."""
    names_python_asks_for = ("__init__.py", "__main__.py")
    counts = Counter(
        str(Path(module.path).parent)
        for module in modules(LIBRARY, PLUGINS)
        if not module.path.endswith(names_python_asks_for) and "/migrations/" not in module.path
    )
    assert {folder: count for folder, count in counts.items() if count > MODULES_IN_A_FOLDER_MAX} == {}


def test_every_folder_says_in_one_line_what_it_holds() -> None:
    packages = [module for module in modules(LIBRARY, PLUGINS) if module.path.endswith("__init__.py")]
    others = [module.path for module in packages if module.lines != 1 or not ast.get_docstring(module.tree)]
    assert others == ["include/daily_runs/store/migrations/__init__.py"], "Alembic's folder is empty; no other one is"


def test_a_public_class_has_a_name_of_its_own_in_the_whole_library() -> None:
    homes: dict[str, list[str]] = {}
    for module in modules(LIBRARY, PLUGINS):
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module.path)
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_the_store_knows_no_table_but_its_provenance_and_its_own_version() -> None:
    named = {
        table
        for module in modules(LIBRARY / "store")
        if "migrations" not in module.path
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for table in re.findall(r"\b(?:INTO|FROM|UPDATE|JOIN|TABLE)\s+daily_runs\.(\w+)", node.value)
    }
    assert named == {"store_provenance", "alembic_version"}

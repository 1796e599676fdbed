"""Who may import whom, where SQL stands, and that importing the library does nothing but import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.architecture.project import DAGS, LIBRARY, PLUGINS, PROJECT, Module, modules, result_of, start_probe

SANDBOX_USERS = re.compile(r"daily_runs\.(sandbox|cli|local)(\..*)?")
"""What starts the sandbox; the product itself must not know it."""
PAGES_IMPORT = {"fastapi", "starlette", "sqlalchemy"}
"""Pages are a FastAPI application, since Airflow's rights are FastAPI's dependencies, and Airflow's rows are
SQLAlchemy's."""
PLUGINS_IMPORT = {"airflow", "daily_runs", "daily_runs_airflow", "pendulum", "structlog"} | PAGES_IMPORT
"""Beside the standard library. A timetable's interface is written in pendulum's moments, a task's log by structlog."""
SQL = re.compile(
    r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|TRUNCATE|COPY|FROM|JOIN)\b[^;]*\b(daily_runs|contract)\.[a-z]"
)
SQL_HOMES = re.compile(r"daily_runs\.(.*_rows|records\..*|results\.published|quota\.ledger|store\..*)")


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What importing every module of the library, with airflow out of reach, came to."""
    found: dict[str, Any] = result_of(start_probe("probe_imports", home=tmp_path_factory.mktemp("airflow")))
    return found


def test_every_module_of_the_library_imports_where_there_is_no_airflow(imported: dict[str, Any]) -> None:
    shipped = {module.name for module in modules(LIBRARY)} - {"daily_runs"}
    left_out = shipped - set(imported["modules"])
    assert {name for name in left_out if not name.startswith("daily_runs.store.migrations.")} == {
        "daily_runs.cli.__main__",
        "daily_runs.sandbox.__main__",
    }


def test_importing_the_library_looks_at_no_clock_and_reaches_nothing(imported: dict[str, Any]) -> None:
    assert imported["seen"] == []


class Border(NamedTuple):
    """Modules below `folders` never import these packages."""

    folders: tuple[Path, ...]
    never: tuple[str, ...]


BORDERS = (
    Border((LIBRARY,), ("airflow", "daily_runs_airflow", "daily_runs_plugin", "dags", "tests")),
    Border((PLUGINS,), ("dags", "tests", "daily_runs.sandbox", "daily_runs.local")),
    Border((DAGS,), ("dags", "tests", "daily_runs.sandbox", "daily_runs.store", "daily_runs.gitlab")),
    Border((PROJECT / "tests",), ("dags",)),
)


@pytest.mark.parametrize("border", BORDERS, ids=lambda border: border.folders[0].name)
def test_no_import_crosses_a_border(border: Border) -> None:
    assert crossings(modules(*border.folders), border.never) == []


def crossings(inside: Collection[Module], never: Collection[str]) -> list[str]:
    """Imports of packages that are out of bounds, or of what is in them."""
    return [
        f"{module.path} imports {name}"
        for module in inside
        for name in module.imports()
        if any(f"{name}.".startswith(f"{package}.") for package in never)
    ]


def test_plugins_import_airflow_the_library_and_the_standard_library_only() -> None:
    allowed = PLUGINS_IMPORT | set(sys.stdlib_module_names)
    others = [
        f"{module.path} imports {name}"
        for module in modules(PLUGINS)
        for name in module.imports()
        if name.partition(".")[0] not in allowed
    ]
    assert others == []


def test_only_what_starts_the_sandbox_imports_it() -> None:
    product = [module for module in modules(LIBRARY, PLUGINS, DAGS) if not SANDBOX_USERS.fullmatch(module.name)]
    assert crossings(product, ["daily_runs.sandbox"]) == []


def test_sql_stands_in_the_store_and_in_the_ledger_only() -> None:
    found = {
        module.path: sql_lines(module)
        for module in modules(LIBRARY, PLUGINS, DAGS)
        if not SQL_HOMES.fullmatch(module.name)
    }
    assert {path: lines for path, lines in found.items() if lines} == {}


def test_sql_is_found_where_it_does_stand() -> None:
    homes = [module for module in modules(LIBRARY) if SQL_HOMES.fullmatch(module.name)]
    assert {"include/daily_runs/quota/ledger.py", "include/daily_runs/records/answers.py"} <= {
        module.path for module in homes if sql_lines(module)
    }


def sql_lines(module: Module) -> list[int]:
    """Lines of the strings that read or write the store's tables."""
    return [
        node.lineno
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)
    ]

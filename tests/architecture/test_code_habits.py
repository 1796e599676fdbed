"""Sizes stay near those that are easy to read, and every public thing says what it is."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from typing import NamedTuple

from tests.architecture.project import DAGS, LIBRARY, PLUGINS, Function, Module, modules

MODULE_LINES_MAX, DAG_FILE_LINES_MAX, FUNCTION_LINES_MAX = 300, 120, 40
MODULE_LINES_MEDIAN, FUNCTION_LINES_MEDIAN = 110, 12

OURS = (LIBRARY, PLUGINS, DAGS)


class Size(NamedTuple):
    """How many lines something has, from its first to its last."""

    what: str
    lines: int


def module_sizes() -> list[Size]:
    """Every module; an empty `__init__.py` is none."""
    return [Size(module.path, module.lines) for module in modules(*OURS) if module.lines]


def function_sizes() -> list[Size]:
    """Every function, with its docstring."""
    return [
        Size(f"{module.path}:{function.lineno} {function.name}", (function.end_lineno or 0) - function.lineno + 1)
        for module in modules(*OURS)
        for function in module.functions()
    ]


def test_no_module_is_longer_than_its_ceiling() -> None:
    assert [size for size in module_sizes() if size.lines > MODULE_LINES_MAX] == []


def test_a_dag_file_holds_wiring_only() -> None:
    assert [module.path for module in modules(DAGS) if module.lines > DAG_FILE_LINES_MAX] == []


def test_no_function_is_longer_than_its_ceiling() -> None:
    assert [size for size in function_sizes() if size.lines > FUNCTION_LINES_MAX] == []


def test_the_typical_module_is_short() -> None:
    assert statistics.median(size.lines for size in module_sizes()) <= MODULE_LINES_MEDIAN


def test_the_typical_function_is_short() -> None:
    assert statistics.median(size.lines for size in function_sizes()) <= FUNCTION_LINES_MEDIAN


def test_everything_public_has_a_docstring() -> None:
    assert [place for module in modules(*OURS) for place in undocumented(module)] == []


def undocumented(module: Module) -> Iterator[str]:
    """The module itself, its public classes and functions, and these classes' public methods, without a docstring."""
    if module.lines and not ast.get_docstring(module.tree):
        yield module.path
    public: list[ast.stmt] = list(module.tree.body)
    while public:
        node = public.pop()
        if not isinstance(node, ast.ClassDef | Function) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{module.path}:{node.lineno} {node.name}"
        if isinstance(node, ast.ClassDef):
            public += node.body

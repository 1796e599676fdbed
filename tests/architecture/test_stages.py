"""Six stages, one module each, one signature, one order."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import get_type_hints

import pytest

from daily_runs import stages
from daily_runs.records.run import Report
from daily_runs.stages import pipeline
from daily_runs.stages.work import Stage, Work

ORDER = ("seed_check", "limit_probe", "inference", "judging", "validation", "publish")


def stage_modules() -> list[ModuleType]:
    """Every module of `stages` that has a `run`."""
    found = [
        importlib.import_module(f"daily_runs.stages.{module.name}") for module in pkgutil.iter_modules(stages.__path__)
    ]
    return [module for module in found if hasattr(module, "run")]


def test_the_stages_run_in_the_order_of_the_design() -> None:
    assert tuple(pipeline.STAGES) == ORDER


def test_every_stage_module_is_a_stage_of_the_pipeline_and_no_other() -> None:
    assert {module.run for module in stage_modules()} == set(pipeline.STAGES.values())
    assert len(stage_modules()) == len(ORDER)


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_takes_a_work_and_returns_a_report(name: str) -> None:
    stage: Stage = pipeline.STAGES[name]
    (parameter,) = inspect.signature(stage).parameters.values()
    assert (parameter.name, parameter.kind, parameter.default) == (
        "work",
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.empty,
    )
    assert get_type_hints(stage) == {"work": Work, "return": Report}


def test_what_is_mapped_is_a_stage() -> None:
    assert set(ORDER) >= pipeline.MAPPED

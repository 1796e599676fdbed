"""`daily-runs rubric check`: what is wrong with a rubric, or what it weighs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daily_runs.authoring.check import check_rubric
from daily_runs.cli.authoring import faults
from daily_runs.cli.authoring.faults import counted
from daily_runs.cli.options import AsJson, command_line, print_json

app = command_line()


@app.callback()
def rubrics() -> None:
    """How answers are scored."""


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="A rubric, such as include/rubrics/duo_chat.yaml.")],
    as_json: AsJson = False,
) -> None:
    """Check a rubric: every fault at once, with line, value and remedy."""
    rubric, found = check_rubric(file)
    criteria = {one.name: one.weight for one in rubric.criteria} if rubric else {}
    weighed = ", ".join(f"{name} {weight:g}" for name, weight in criteria.items())
    version = rubric.version if rubric else None
    feature = rubric.feature if rubric else None
    summary = f"{file}: sound, {counted(len(criteria), 'criterion')} for {feature} ({weighed}), version {version}"
    data = {"file": str(file), "feature": feature, "version": version, "criteria": criteria}
    faults.tell(found, summary, as_json=as_json, data=data, prints=print_json)

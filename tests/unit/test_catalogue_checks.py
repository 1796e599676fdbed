"""What `daily-runs catalogue check` shows is computed from the catalogue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from daily_runs import catalogue_checks
from daily_runs.catalogue import Catalogue, Feature

SHIPPED = Path(__file__).parents[2] / "include"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue; its data sets and rubrics only have to be there."""
    shutil.copytree(SHIPPED / "catalogue", tmp_path / "catalogue")
    for feature in (SHIPPED / "catalogue" / "features").glob("*.yaml"):
        for file in (f"datasets/{feature.stem}.jsonl", f"rubrics/{feature.stem}.yaml"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
    return tmp_path / "catalogue"


@pytest.fixture
def catalogue(folder: Path) -> Catalogue:
    checked = catalogue_checks.check(folder)
    assert checked.faults == ()
    assert checked.catalogue is not None
    return checked.catalogue


def shown(catalogue: Catalogue, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(catalogue_checks.render(catalogue))
    return capture.get()


def test_a_broken_catalogue_gives_faults_and_no_catalogue(folder: Path) -> None:
    (folder / "features" / "duo_chat.yaml").write_text("feature: duo_chat\n", encoding="utf-8")
    checked = catalogue_checks.check(folder)
    assert checked.catalogue is None
    assert str(checked.faults[0]) == "features/duo_chat.yaml:1: title: missing. Add it."
    assert len(checked.faults) == len(Feature.model_fields) - 1


def test_the_table_shows_root_cause_analysis_as_documented(catalogue: Catalogue) -> None:
    rows = shown(catalogue, 120).splitlines()
    first = next(index for index, row in enumerate(rows) if "root_cause_analysis" in row)
    assert [cell.strip() for cell in rows[first].strip("│").split("│")] == [
        "root_cause_analysis (priority 1)",
        "production",
        "feature requests",
        "700,000",
        "4 of 40",
        "45 min",
    ]
    assert [cell.strip() for cell in rows[first + 1].strip("│").split("│")] == [
        "2026-07-01 interim_production 0 6 * * 1,3,5",
        "",
        "20/min",
        "8.75% of PROD",
        "",
        "",
    ]


@pytest.mark.parametrize("width", [110, 120, 200])
def test_the_table_cuts_no_text_off(catalogue: Catalogue, width: int) -> None:
    table = shown(catalogue, width)
    assert "…" not in table
    assert all(len(row) <= width for row in table.splitlines())


def test_every_feature_is_in_the_table_by_priority(catalogue: Catalogue) -> None:
    priorities = [line.feature.priority for line in catalogue_checks.lines(catalogue)]
    assert priorities == sorted(priorities)
    assert {line.feature.feature for line in catalogue_checks.lines(catalogue)} == set(catalogue.features)


def test_a_feature_without_any_run_shows_staging_in_brackets(catalogue: Catalogue) -> None:
    lines = [line for line in catalogue_checks.lines(catalogue) if line.feature.feature == "code_suggestions"]
    assert [(line.environment, line.runs) for line in lines] == [("staging", False)]
    assert "(staging)" in shown(catalogue, 120)


def test_the_same_figures_come_as_json(catalogue: Catalogue) -> None:
    data = json.loads(json.dumps(catalogue_checks.as_json(catalogue)))
    rca = data["features"]["root_cause_analysis"]
    assert list(rca["environments"]) == ["production", "staging"]
    assert rca["phases"][0] == {"phase": "interim_production", "starts": "2026-07-01", "schedule": "0 6 * * 1,3,5"}
    production = rca["environments"]["production"]
    assert production.pop("rates")["feature batches"] == 40
    assert production == {
        "account": "PROD",
        "runs": True,
        "binding_limit": "feature requests",
        "prompts_per_minute": 20,
        "tokens_per_minute": 700_000,
        "account_share": 0.0875,
        "pool_slots": 4,
        "run_minutes": 45,
    }

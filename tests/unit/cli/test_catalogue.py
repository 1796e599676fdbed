"""What `daily-runs catalogue check` shows is computed from the catalogue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import get_args

import pytest
from rich.console import Console
from typer.testing import CliRunner

from daily_runs import feature_files
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import ASKED_ABOUT, Feature, FeatureCall
from daily_runs.cli import main
from daily_runs.cli.catalogue import as_json, lines, render
from daily_runs.dataset import CiJob, CodeCut, Vulnerability, WorkItem
from daily_runs.errors import EXIT_BAD_INPUT

SHIPPED = Path(__file__).parents[3] / "include"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue with its data sets and rubrics."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / name, tmp_path / name)
    return tmp_path / "catalogue"


@pytest.fixture
def catalogue(folder: Path) -> Catalogue:
    checked = feature_files.read(folder)
    assert checked.faults == ()
    assert checked.catalogue is not None
    return checked.catalogue


def shown(catalogue: Catalogue, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(catalogue))
    return capture.get()


def test_every_key_that_a_feature_lacks_is_a_fault_of_the_check(folder: Path) -> None:
    (folder / "features" / "duo_chat.yaml").write_text("feature: duo_chat\n", encoding="utf-8")
    checked = feature_files.read(folder)
    assert str(checked.faults[0]) == "features/duo_chat.yaml:1: title: missing. Add it."
    assert len(checked.faults) == len([f for f in Feature.model_fields.values() if f.is_required()]) - 1


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def faults(folder: Path) -> list[str]:
    checked = feature_files.read(folder)
    assert checked.catalogue is not None
    assert list(checked.catalogue.left_out) == ["duo_chat"]
    return [str(fault) for fault in checked.faults]


def test_a_rubric_that_is_written_for_another_feature_is_a_fault(folder: Path) -> None:
    edit(folder / "features" / "duo_chat.yaml", "rubric: duo_chat.yaml", "rubric: code_suggestions.yaml")
    assert faults(folder) == [
        (
            "rubrics/code_suggestions.yaml: is written for 'code_suggestions', yet 'duo_chat' names it. "
            "Correct the one or the other."
        )
    ]


def test_a_data_set_of_another_kind_than_the_call_is_about_is_a_fault(folder: Path) -> None:
    edit(folder / "features" / "duo_chat.yaml", "dataset: duo_chat.jsonl", "dataset: code_suggestions.jsonl")
    file = folder.parent / "datasets" / "code_suggestions.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert faults(folder) == [
        (
            f"{file}: {len(rows)} of {len(rows)} items are no work_item, which chat of duo_chat is about; "
            f"the first is {rows[0]['id']!r}, a code_cut. Correct the items, or the feature's dataset or call."
        )
    ]


def test_rows_and_rubrics_that_break_their_form_are_faults_of_the_check_together(folder: Path) -> None:
    dataset, rubric = (folder.parent / name for name in ("datasets/duo_chat.jsonl", "rubrics/duo_chat.yaml"))
    dataset.write_text("{}\n", encoding="utf-8")
    rubric.write_text("feature: duo_chat\n", encoding="utf-8")
    of_dataset, of_rubric = faults(folder)
    assert of_dataset.startswith(f"{dataset}: 5 faults")
    assert "line 1: id: missing" in of_dataset
    assert of_rubric.startswith("rubrics/duo_chat.yaml: guidance: missing")


def test_the_command_ends_with_2_and_a_line_for_what_a_rubric_has_wrong(folder: Path) -> None:
    (folder.parent / "rubrics" / "duo_chat.yaml").write_text("- 1\n", encoding="utf-8")
    done = CliRunner().invoke(main.app, ["catalogue", "check", str(folder)])
    assert done.exit_code == EXIT_BAD_INPUT
    assert "rubrics/duo_chat.yaml" in done.stderr


def test_the_faults_of_a_data_set_are_told_without_escapes(folder: Path) -> None:
    (folder.parent / "datasets" / "duo_chat.jsonl").write_text("[]\n0\n", encoding="utf-8")
    done = CliRunner().invoke(main.app, ["catalogue", "check", str(folder)])
    assert done.exit_code == EXIT_BAD_INPUT
    (line,) = (line for line in done.stderr.splitlines() if "duo_chat.jsonl" in line)
    assert ": 2 faults; line 1: " in line
    assert "; line 2: " in line
    assert "\\n" not in line


def test_every_call_has_the_type_of_resource_it_is_about() -> None:
    types = {get_args(kind.model_fields["type"].annotation)[0] for kind in (CiJob, WorkItem, Vulnerability, CodeCut)}
    assert set(ASKED_ABOUT) == set(FeatureCall) - {FeatureCall.CHAT_COMMAND}, "whose feature says it"
    assert set(ASKED_ABOUT.values()) == types


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


def test_the_table_names_a_feature_s_time_zone_unless_it_is_utc(catalogue: Catalogue) -> None:
    zoned = catalogue.features["duo_chat"].model_copy(update={"timezone": "America/Argentina/Buenos_Aires"})
    table = shown(catalogue.model_copy(update={"features": catalogue.features | {"duo_chat": zoned}}), 110)
    assert "duo_chat (priority 2, America/Argentina/Buenos_Aires)" in table
    assert "root_cause_analysis (priority 1)" in table


@pytest.mark.parametrize("width", [110, 120, 200])
def test_the_table_cuts_no_text_off(catalogue: Catalogue, width: int) -> None:
    table = shown(catalogue, width)
    assert "…" not in table
    assert all(len(row) <= width for row in table.splitlines())


def test_every_feature_is_in_the_table_by_priority(catalogue: Catalogue) -> None:
    priorities = [line.feature.priority for line in lines(catalogue)]
    assert priorities == sorted(priorities)
    assert {line.feature.feature for line in lines(catalogue)} == set(catalogue.features)


def test_a_feature_without_any_run_shows_staging_in_brackets(catalogue: Catalogue) -> None:
    found = [line for line in lines(catalogue) if line.feature.feature == "code_suggestions"]
    assert [(line.environment, line.runs) for line in found] == [("staging", False)]
    assert "(staging)" in shown(catalogue, 120)


def test_the_same_figures_come_as_json(catalogue: Catalogue) -> None:
    data = json.loads(json.dumps(as_json(catalogue)))
    rca = data["features"]["root_cause_analysis"]
    assert list(rca["environments"]) == ["production", "staging"]
    phase = {"phase": "interim_production", "starts": "2026-07-01", "schedule": "0 6 * * 1,3,5", "approved": True}
    assert rca["phases"][0] == phase
    assert rca["timezone"] == "UTC"
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


def test_a_model_that_ended_is_a_fault_of_the_catalogue(folder: Path) -> None:
    file = folder / "prices.yaml"
    text = file.read_text()
    retired = text.replace("claude-sonnet-4-6", "claude-sonnet-4-20250514")
    assert retired != text
    file.write_text(retired)
    asked = CliRunner().invoke(main.app, ["catalogue", "check", str(folder)])
    assert asked.exit_code == EXIT_BAD_INPUT
    assert "prices.yaml: prices.inference.chat: 'claude-sonnet-4-20250514' ended on 2026-06-15" in asked.stderr

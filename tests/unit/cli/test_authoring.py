"""`daily-runs dataset`, `rubric` and `feature` as they are typed: what they print, their exit codes, their JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import main
from daily_runs.dataset import load, load_feature_dataset
from daily_runs.errors import EXIT_BAD_INPUT, ParameterError
from daily_runs.records.sample import sampled

SHIPPED = Path(__file__).parents[3] / "include"


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the shipped catalogue with its data sets and rubrics, which the commands use."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / name, tmp_path / "include" / name)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
    return tmp_path / "include"


def typed(*words: str | Path) -> Result:
    return CliRunner().invoke(main.app, [str(word) for word in words])


def data_of(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_sound_data_set_is_one_line_with_items_and_classes(include: Path) -> None:
    done = typed("dataset", "check", include / "datasets" / "duo_chat.jsonl")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "sound, 67 items in 6 classes (" in done.stdout
    assert "60 frozen answers" in done.stdout


def test_faults_of_a_data_set_end_with_2_and_a_line_each(include: Path) -> None:
    file = include / "datasets" / "duo_chat.jsonl"
    file.write_text("{}\n[]\n", encoding="utf-8")
    done = typed("dataset", "check", file)
    assert (done.exit_code, done.stdout) == (EXIT_BAD_INPUT, "")
    lines = done.stderr.splitlines()
    assert f"{file}:1: id: missing. Add it." in lines
    assert f"{file}:2: must be a mapping, is a list. Correct the value." in lines
    of_json = typed("dataset", "check", file, "--json")
    assert of_json.exit_code == EXIT_BAD_INPUT
    told = data_of(of_json)
    assert told["sound"] is False
    assert {"file": str(file), "line": 1, "problem": "id: missing", "remedy": "Add it."} in told["faults"]
    assert lines[-1] == f"daily-runs: {len(told['faults'])} faults"


def test_a_fault_cannot_steer_the_terminal(include: Path) -> None:
    file = include / "datasets" / "duo_chat.jsonl"
    file.write_text(json.dumps({"id": "\x1b[2J\u202e"}) + "\n", encoding="utf-8")
    said = typed("dataset", "check", file).stderr
    assert "\x1b" not in said
    assert "\u202e" not in said


def test_a_rubric_is_checked_and_its_weights_are_shown(include: Path) -> None:
    file = include / "rubrics" / "duo_chat.yaml"
    done = typed("rubric", "check", file)
    assert done.exit_code == 0
    assert "sound, 4 criteria for duo_chat (faithfulness 0.4," in done.stdout
    assert data_of(typed("rubric", "check", file, "--json"))["criteria"]["clarity"] == 0.1
    file.write_text(file.read_text().replace("weight: 0.4", "weight: 0.5"))
    wrong = typed("rubric", "check", file)
    assert wrong.exit_code == EXIT_BAD_INPUT
    assert "the criteria's weights sum to 1.1, not to 1" in wrong.stderr


@pytest.mark.parametrize("source", ["duo_chat", "datasets/duo_chat.jsonl"])
def test_an_item_is_shown_by_its_feature_or_its_file(source: str, include: Path) -> None:
    source = source if "/" not in source else str(include / source)
    done = typed("dataset", "show", source, "chat-001")
    assert done.exit_code == 0, done.output
    for words in ("chat-001, class summary", "question:", "work_item description:", "reference answer:"):
        assert words in done.stdout
    item = data_of(typed("dataset", "show", source, "chat-001", "--json"))
    assert item["class"] == "summary"
    assert len(item["checksum"]) == 64


def test_an_item_that_is_not_there_is_answered_with_the_nearest(include: Path) -> None:
    done = typed("dataset", "show", "duo_chat", "chat-01")
    assert isinstance(done.exception, ParameterError)
    assert "Did you mean 'chat-0" in str(done.exception)


def test_a_sample_shows_whom_a_run_of_that_size_asks(include: Path) -> None:
    items = load_feature_dataset(catalogue_files.load().features["duo_chat"])
    told = data_of(typed("dataset", "sample", "duo_chat", "--prompts", "12", "--json"))
    assert [one["item"] for one in told] == [item.id for item in sampled(items, 12)]
    assert "12 prompts: " in typed("dataset", "sample", "duo_chat", "--prompts", "12").stdout


def test_a_sample_larger_than_a_run_is_refused(include: Path) -> None:
    done = typed("dataset", "sample", "duo_chat", "--prompts", "68")
    assert isinstance(done.exception, ParameterError)
    assert "Give 67 or fewer" in str(done.exception)


IMPORT = ("--column", "class=kind", "--column", "question=q", "--column", "reference=a", "--column", "resource.text=t")
FIXED = ("--set", "resource.name=a note")


def test_an_import_writes_set_and_card_and_refuses_to_replace_them(include: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "rows.csv", include / "datasets" / "notes.jsonl"
    source.write_text("kind,q,a,t,extra\nlookup,Who?,Anna.,Anna wrote.,1\n")
    done = typed("dataset", "import", source, "--to", target, *IMPORT, *FIXED)
    assert done.exit_code == 0, done.output
    assert "1 item in 1 class" in done.stdout
    assert "not used: 'extra'" in done.stdout
    assert [item.id for item in load(target)] == ["notes-001"]
    again = typed("dataset", "import", source, "--to", target, *IMPORT, *FIXED)
    assert isinstance(again.exception, ParameterError)
    assert "is there already" in str(again.exception)
    assert typed("dataset", "import", source, "--to", target, *IMPORT, *FIXED, "--force").exit_code == 0


def test_an_import_with_one_faulty_row_writes_nothing(include: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "rows.csv", include / "datasets" / "notes.jsonl"
    source.write_text("kind,q,a,t\nlookup,Who?,Anna.,Anna wrote.\nlookup,Who?,,Anna wrote.\n")
    done = typed("dataset", "import", source, "--to", target, *IMPORT, *FIXED)
    assert done.exit_code == EXIT_BAD_INPUT
    assert f"{source}:3: column 'a' (reference.answer): must not be empty" in done.stderr
    assert not list(include.glob("datasets/*notes*"))


@pytest.mark.parametrize("resource", ["text", "diff"])
def test_a_new_feature_passes_the_catalogue_check_and_is_refused_a_second_time(resource: str, include: Path) -> None:
    done = typed("feature", "new", "commit_message", "--resource", resource)
    assert done.exit_code == 0, done.output
    assert "The catalogue is sound" in done.stdout
    assert typed("catalogue", "check", "--overlay", "").exit_code == 0
    again = typed("feature", "new", "commit_message")
    assert isinstance(again.exception, ParameterError)
    assert "is there already" in str(again.exception)


def test_a_new_feature_is_not_written_over_any_of_its_files(include: Path) -> None:
    (include / "rubrics" / "commit_message.yaml").write_text("mine")
    done = typed("feature", "new", "commit_message")
    assert isinstance(done.exception, ParameterError)
    assert (include / "rubrics" / "commit_message.yaml").read_text() == "mine"
    assert not (include / "catalogue" / "features" / "commit_message.yaml").exists()


def test_a_call_without_its_message_and_a_message_without_its_call_are_faults(include: Path) -> None:
    typed("feature", "new", "commit_message")
    file = include / "catalogue" / "features" / "commit_message.yaml"
    text = file.read_text()
    file.write_text(text.replace("call: chat_command", "call: chat"))
    wrong_call = typed("catalogue", "check", "--overlay", "")
    assert "chat: only the call chat_command has it, and the call is chat" in wrong_call.stderr
    before, _, after = text.partition("chat:\n")
    file.write_text(before + after[after.index("# Who answers") :])
    without = typed("catalogue", "check", "--overlay", "")
    assert without.exit_code == EXIT_BAD_INPUT
    assert "chat: missing, yet the call is chat_command. Say its content and resource." in without.stderr

"""A fault in one feature's files leaves out that feature and no other; any other fault refuses the whole catalogue."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from daily_runs import feature_files
from daily_runs.catalogue import folders
from daily_runs.catalogue.catalogue import Catalogue, feature_named, told_left_out
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError, Fault, FeatureFileError, ParameterError

CHAT, CODE, RCA = "duo_chat", "code_suggestions", "root_cause_analysis"
EXPLANATION, RESOLUTION = "vulnerability_explanation", "vulnerability_resolution"
ALL = {CHAT, CODE, RCA, EXPLANATION, RESOLUTION}


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one's own, with data sets and rubrics."""
    shipped = folders.include_root()
    monkeypatch.delenv("DAILY_RUNS_OVERLAY", raising=False)
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(shipped / name, tmp_path / name)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    return tmp_path


def edit(file: Path, old: str, new: str) -> int:
    """Replace a text; returns the line where it stood."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {file.name}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def yaml_of(include: Path, feature: str) -> Path:
    return include / "catalogue" / "features" / f"{feature}.yaml"


def bad_syntax(include: Path) -> str:
    line = edit(yaml_of(include, CHAT), "priority: 2", "priority: [2")
    return f"features/duo_chat.yaml:{line + 2}: is not YAML"


def empty_file(include: Path) -> str:
    yaml_of(include, CHAT).write_text("")
    return "features/duo_chat.yaml:1: is empty"


def unknown_key(include: Path) -> str:
    line = edit(yaml_of(include, CHAT), "priority: 2", "priority: 2\npriorit: 2")
    return f"features/duo_chat.yaml:{line + 1}: priorit: unknown key. Did you mean 'priority'?"


def wrong_value(include: Path) -> str:
    line = edit(yaml_of(include, CHAT), "priority: 2", "priority: 20")
    return f"features/duo_chat.yaml:{line}: priority: must be less than or equal to 9, is 20"


def other_name(include: Path) -> str:
    line = edit(yaml_of(include, CHAT), "feature: duo_chat", "feature: chat")
    return f"features/duo_chat.yaml:{line}: feature: 'chat' is not the file's name"


def account_nobody_has(include: Path) -> str:
    file = yaml_of(include, CHAT)
    file.write_text(f"{file.read_text()}accounts: {{staging: EVALL}}\n")
    line = len(file.read_text().splitlines())
    return f"features/duo_chat.yaml:{line}: accounts.staging: no account is named 'EVALL'"


def too_large_reservation(include: Path) -> str:
    edit(yaml_of(include, CHAT), "requests_per_minute: 50", "requests_per_minute: 1000")
    line = edit(yaml_of(include, CHAT), "\nlimits:", "\nlimits:") + 1
    return f"features/duo_chat.yaml:{line}: limits: reserves 6,500,000 tokens/min, but account EVAL has 4,000,000"


def call_without_a_model(include: Path) -> str:
    edit(include / "catalogue/prices.yaml", "    chat: claude-sonnet-4-6\n", "")
    line = edit(include / "catalogue/prices.yaml", "  inference:", "  inference:")
    return f"prices.yaml:{line}: prices.inference: names no model for the call chat of duo_chat"


def missing_rubric(include: Path) -> str:
    (include / "rubrics/duo_chat.yaml").unlink()
    line = edit(yaml_of(include, CHAT), "rubric: ", "rubric: ")
    return f"features/duo_chat.yaml:{line}: rubric: there is no file 'duo_chat.yaml' in include/rubrics"


def missing_data_set(include: Path) -> str:
    (include / "datasets/duo_chat.jsonl").unlink()
    line = edit(yaml_of(include, CHAT), "dataset: ", "dataset: ")
    return f"features/duo_chat.yaml:{line}: dataset: there is no file 'duo_chat.jsonl' in include/datasets"


def rubric_key(include: Path) -> str:
    edit(include / "rubrics/duo_chat.yaml", "guidance:", "guidanc:")
    return "rubrics/duo_chat.yaml: guidance: missing (line 1); guidanc: unknown key (line "


def rubric_of_another_feature(include: Path) -> str:
    edit(include / "rubrics/duo_chat.yaml", "feature: duo_chat", "feature: chat")
    return "rubrics/duo_chat.yaml: is written for 'chat', yet 'duo_chat' names it"


def data_set_row(include: Path) -> str:
    file = include / "datasets/duo_chat.jsonl"
    rows = file.read_text().splitlines()
    row = json.loads(rows[2])
    rows[2] = json.dumps(row | {"class": "no_such_class"})
    file.write_text("\n".join(rows) + "\n")
    return f"{file}: 1 faults; line 3: class: 'no_such_class' is not in the card"


def missing_card(include: Path) -> str:
    (include / "datasets/duo_chat.card.yaml").unlink()
    return f"{include / 'datasets/duo_chat.card.yaml'}: cannot be read (No such file or directory)"


def card_key(include: Path) -> str:
    file = include / "datasets/duo_chat.card.yaml"
    line = edit(file, "classes:", "klasses:")
    return f"{file}: 2 faults; {file}:1: classes: missing; {file}:{line}: klasses: unknown key"


def frozen_answer(include: Path) -> str:
    file = include / "datasets/duo_chat.frozen.jsonl"
    file.write_text(f"{file.read_text()}{{}}\n")
    line = len(file.read_text().splitlines())
    return f"{file}: 5 faults; line {line}: id: missing"


KINDS: tuple[Callable[[Path], str], ...] = (
    bad_syntax,
    empty_file,
    unknown_key,
    wrong_value,
    other_name,
    account_nobody_has,
    too_large_reservation,
    call_without_a_model,
    missing_rubric,
    missing_data_set,
    rubric_key,
    rubric_of_another_feature,
    data_set_row,
    missing_card,
    card_key,
    frozen_answer,
)


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_fault_of_one_feature_leaves_that_feature_out_and_is_told_with_its_place(
    include: Path, make: Callable[[Path], str]
) -> None:
    says = make(include)
    catalogue = feature_files.load()
    assert set(catalogue.features) == ALL - {CHAT}
    assert list(catalogue.left_out) == [CHAT]
    faults = catalogue.left_out[CHAT]
    assert str(faults[0]).startswith(says)
    assert feature_files.read().faults == faults


def test_nothing_is_left_out_of_the_shipped_catalogue() -> None:
    catalogue, faults = feature_files.read()
    assert catalogue is not None
    assert (catalogue.left_out, faults) == ({}, ())
    feature_files.must_leave_out_none()


def test_a_rubric_that_two_features_share_leaves_both_out_and_its_fault_is_told_once_by_the_check(
    include: Path,
) -> None:
    edit(yaml_of(include, EXPLANATION), f"rubric: {EXPLANATION}.yaml", "rubric: both.yaml")
    edit(yaml_of(include, RESOLUTION), f"rubric: {RESOLUTION}.yaml", "rubric: both.yaml")
    (include / "rubrics/both.yaml").write_text("- 1\n")
    catalogue, faults = feature_files.read()
    assert catalogue is not None
    assert set(catalogue.features) == ALL - {EXPLANATION, RESOLUTION}
    assert catalogue.left_out == {EXPLANATION: faults, RESOLUTION: faults}
    assert [fault.place for fault in faults] == ["rubrics/both.yaml"]


def test_features_with_faults_of_their_own_are_left_out_each_with_its_own(include: Path) -> None:
    chat, rca = wrong_value(include), edit(yaml_of(include, RCA), "priority: 1", "priority: 0")
    (include / "rubrics/code_suggestions.yaml").write_text("")
    catalogue = feature_files.load()
    assert set(catalogue.features) == {EXPLANATION, RESOLUTION}
    first = f"features/root_cause_analysis.yaml:{rca}: priority: must be greater than or equal to 1, is 0"
    assert [line.partition(". ")[0] for line in told_left_out(catalogue)] == [
        "code_suggestions is left out: rubrics/code_suggestions.yaml: is empty (line 1)",
        f"duo_chat is left out: {chat}",
        f"root_cause_analysis is left out: {first}",
    ]


class Shared(NamedTuple):
    """A fault that belongs to no single feature, and its file."""

    file: str
    old: str
    new: str
    says: str


SHARED = (
    Shared("accounts.yaml", "burst_seconds: 10 ", "burst_seconds: 0 ", "accounts.EVAL.burst_seconds: "),
    Shared("environments.yaml", "account: EVAL", "account: EVALL", "environments.staging.account: no account"),
    Shared("prices.yaml", "    complete_code: codestral@2405", "    complete_code: codestral", "prices.inference."),
    Shared(
        "features/duo_chat.yaml",
        "  requests_per_minute: 50",
        "  requests_per_minute: 50\n  account_share: 0.9",
        "accounts.PROD: from 2026-07-01 on, features ask for 107.5% of it (duo_chat 90.0%, root_cause_analysis 17.5%)",
    ),
)


@pytest.mark.parametrize("case", SHARED, ids=lambda case: case.says)
@pytest.mark.parametrize("load", [catalogue_files.load, feature_files.load], ids=["files", "contents"])
def test_a_fault_that_belongs_to_no_single_feature_refuses_the_whole_catalogue(
    include: Path, case: Shared, load: Callable[[], Catalogue]
) -> None:
    edit(include / "catalogue" / case.file, case.old, case.new)
    with pytest.raises(CatalogueError) as caught:
        load()
    assert case.says in str(caught.value)


def test_beside_a_fault_of_everybodys_those_of_single_features_are_told_too(include: Path) -> None:
    edit(include / "catalogue/accounts.yaml", "burst_seconds: 10 ", "burst_seconds: 0 ")
    chat = wrong_value(include)
    with pytest.raises(CatalogueError) as caught:
        feature_files.load()
    first, second = str(caught.value).splitlines()
    assert first.startswith("accounts.yaml:")
    assert second.startswith(chat)


def test_a_feature_that_is_left_out_is_refused_by_name_with_its_fault_in_one_line(include: Path) -> None:
    says = unknown_key(include)
    with pytest.raises(FeatureFileError) as caught:
        feature_named(catalogue_files.load(), CHAT)
    assert str(caught.value) == says
    with pytest.raises(ParameterError, match="'nobody' is not in the catalogue"):
        feature_named(catalogue_files.load(), "nobody")


def test_of_a_feature_with_several_faults_the_first_is_told_and_how_many_more(include: Path) -> None:
    wrong_value(include)
    edit(yaml_of(include, CHAT), "title: Duo Chat", "titel: Duo Chat")
    with pytest.raises(FeatureFileError) as caught:
        feature_named(catalogue_files.load(), CHAT)
    (line,) = str(caught.value).splitlines()
    assert line.endswith("(2 more: daily-runs catalogue check lists all)")


def test_what_data_sets_and_rubrics_hold_is_left_to_the_stages_where_one_feature_is_worked_on(include: Path) -> None:
    data_set_row(include)
    assert set(catalogue_files.load().features) == ALL


def test_every_feature_may_be_left_out(include: Path) -> None:
    for file in (include / "catalogue/features").glob("*.yaml"):
        file.write_text("[")
    catalogue = feature_files.load()
    assert catalogue.features == {}
    assert set(catalogue.left_out) == ALL


def test_the_error_of_what_is_left_out_has_all_faults_and_ends_with_features_and_places(include: Path) -> None:
    chat = unknown_key(include)
    (include / "rubrics/code_suggestions.yaml").write_text("")
    with pytest.raises(CatalogueError) as caught:
        feature_files.must_leave_out_none()
    first, second, last = str(caught.value).splitlines()
    assert first == chat
    assert second.startswith("rubrics/code_suggestions.yaml: is empty")
    place = chat.partition(": ")[0]
    named = f"code_suggestions (rubrics/code_suggestions.yaml), duo_chat ({place})"
    assert last == f"Left out until their files are mended: {named}. All other features run."


def test_a_catalogue_that_is_refused_as_a_whole_is_told_once_and_not_as_features_left_out(include: Path) -> None:
    edit(include / "catalogue/accounts.yaml", "burst_seconds: 10 ", "burst_seconds: 0 ")
    wrong_value(include)
    feature_files.must_leave_out_none()
    with pytest.raises(CatalogueError):
        feature_files.load()


def test_a_catalogue_with_a_feature_left_out_survives_being_written_and_read(include: Path) -> None:
    wrong_value(include)
    catalogue = feature_files.load()
    again = Catalogue.model_validate(catalogue.model_dump(mode="json"))
    assert again == catalogue
    assert all(isinstance(fault, Fault) for fault in again.left_out[CHAT])

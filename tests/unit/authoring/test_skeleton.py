"""A new feature's files are sound as they are written, beside the shipped catalogue."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from daily_runs import feature_files
from daily_runs.authoring.check import check_dataset, check_rubric
from daily_runs.authoring.skeleton import skeleton
from daily_runs.authoring.skeleton_texts import EXAMPLES
from daily_runs.authoring.written import write_all
from daily_runs.catalogue.features import FeatureCall
from daily_runs.dataset import as_asked, load
from daily_runs.errors import DatasetError, ParameterError
from daily_runs.judging.code_checks import diff_of

SHIPPED = Path(__file__).parents[3] / "include"
TODAY = dt.date(2026, 11, 28)


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """A copy of the shipped catalogue with its data sets and rubrics."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(SHIPPED / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("resource", EXAMPLES)
@pytest.mark.parametrize("team", ["the commit team", 'a "team": with # signs'])
def test_the_catalogue_check_and_the_checks_of_single_files_pass(resource: str, team: str, include: Path) -> None:
    files = skeleton(include, "commit_message", resource, team, TODAY)
    write_all(files)
    catalogue_file, data_set, _, rubric = files
    checked = feature_files.read(include / "catalogue")
    assert checked.faults == ()
    assert checked.catalogue is not None
    feature = checked.catalogue.features["commit_message"]
    assert (feature.call, feature.asked_about, feature.owner.team) == (FeatureCall.CHAT_COMMAND, resource, team)
    found = check_dataset(data_set)
    assert (found.faults, len(found.items)) == ((), 3)
    assert check_rubric(rubric).faults == ()
    asked = as_asked(feature, load(data_set))
    assert all(item.question and "{question}" not in item.question for item in asked)
    assert catalogue_file.read_text().count("#") > 10


@pytest.mark.parametrize("name", ["on", "yes", "null", "true"])
def test_a_name_that_yaml_takes_for_something_else_is_written_so_that_it_stays_a_name(name: str, include: Path) -> None:
    write_all(skeleton(include, name, "text", "a team", TODAY))
    checked = feature_files.read(include / "catalogue")
    assert checked.faults == ()
    assert checked.catalogue is not None
    assert checked.catalogue.features[name].title == name.capitalize()


def test_every_example_diff_is_one(include: Path) -> None:
    files = skeleton(include, "commit_message", "diff", "a team", TODAY)
    write_all(files)
    for item in load(include / "datasets" / "commit_message.jsonl"):
        assert diff_of(item.resource.content), item.id


@pytest.mark.parametrize("name", ["Commit", "commit-message", "1st", "a", "a" * 41, "", "über", "../x", "a b"])
def test_a_name_that_no_feature_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="is no name"):
        skeleton(tmp_path, name, "text", "a team", TODAY)


def test_a_refused_name_is_answered_with_one_that_would_do(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="such as commit_message"):
        skeleton(tmp_path, "Commit-Message", "text", "a team", TODAY)


def test_a_message_of_a_question_alone_needs_questions(include: Path) -> None:
    write_all(skeleton(include, "shorter", "text", "a team", TODAY))
    data_set = include / "datasets" / "shorter.jsonl"
    data_set.write_text(data_set.read_text().replace("Summarise the text in one sentence.", " "))
    (fault,) = feature_files.read(include / "catalogue").faults
    assert "of 1 items nothing would be asked (the first is 'shorter-002')" in fault.problem


def test_another_message_is_another_data_set(include: Path) -> None:
    write_all(skeleton(include, "commit_message", "diff", "a team", TODAY))
    feature = feature_files.read(include / "catalogue").catalogue.features["commit_message"]  # type: ignore[union-attr]
    items = load(include / "datasets" / "commit_message.jsonl")
    assert feature.chat is not None
    other = feature.model_copy(update={"chat": feature.chat.model_copy(update={"content": "{question} Be brief."})})
    assert as_asked(feature, items) != as_asked(other, items)
    assert {item.question for item in as_asked(other, items)} == {"Be brief."}
    bare = feature.model_copy(update={"chat": feature.chat.model_copy(update={"content": "{question}"})})
    with pytest.raises(DatasetError, match="nothing would be asked"):
        as_asked(bare, items)

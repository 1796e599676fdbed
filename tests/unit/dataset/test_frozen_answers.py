"""Frozen answers are read as strictly as data sets, and the catalogue says how many there are."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from daily_runs import feature_files
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.folders import include_root
from daily_runs.catalogue.reading import files
from daily_runs.dataset import Item, WorkItem
from daily_runs.errors import DatasetError
from daily_runs.frozen_answers import (
    MADE,
    POINTS_MAX,
    POINTS_MIN,
    FrozenAnswer,
    frozen_path,
    frozen_sha256,
    load,
    load_frozen,
)
from daily_runs.judging.rubric import SCALE_MAX, SCALE_MIN

ITEM = Item.model_validate(
    {
        "id": "chat-001",
        "seed_key": "chat/one",
        "class": "lookup",
        "question": "What was decided?",
        "resource": WorkItem(type="work_item", kind="issue", title="A title", description="A text."),
        "reference": {"answer": "Nothing."},
    }
)
GOOD: dict[str, Any] = {
    "id": "chat-001-reference",
    "item": "chat-001",
    "made": "reference",
    "answer": "Nothing.",
    "expected": {"faithfulness": [4, 5]},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a data set would be; its frozen answers stand beside it."""
    return tmp_path / "set.jsonl"


def line(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not None})


def test_an_answer_is_read_with_the_lowest_and_highest_points_by_criterion(path: Path) -> None:
    frozen_path(path).write_text(f"{line()}\n\n{line(id='b', expected={'clarity': [1, 1]})}\n", encoding="utf-8")

    first, second = load(path, (ITEM,))

    assert first == FrozenAnswer(
        id="chat-001-reference", item="chat-001", made="reference", answer="Nothing.", expected={"faithfulness": (4, 5)}
    )
    assert second.expected == {"clarity": (1, 1)}


def test_a_data_set_without_the_file_has_no_frozen_answers(path: Path) -> None:
    assert load(path, (ITEM,)) == ()


@dataclass(frozen=True)
class Case:
    """A second line under a good first one, and what the message must say."""

    name: str
    line: str
    says: str


BAD_ROWS = (
    Case("not_json", '{"id": "b",', "line 2: not JSON (Expecting property name"),
    Case("not_an_object", "[1, 2]", "line 2: must be a mapping, is a list"),
    Case("unknown_key", line(id="b", label="human"), "line 2: label: unknown key"),
    Case("missing_field", line(id="b", answer=None), "line 2: answer: missing"),
    Case("repeated_id", line(), "line 2: id 'chat-001-reference' stands already in line 1"),
    Case("unknown_item", line(id="b", item="chat-002"), "line 2: item: 'chat-002' is not in the data set"),
    Case("unknown_made", line(id="b", made="by_hand"), "line 2: made: 'by_hand' is none of reference, "),
    Case("blank_answer", line(id="b", answer=" \n\t"), "line 2: answer: must not be blank"),
    Case("no_points", line(id="b", expected={}), "line 2: expected: must hold 1 or more"),
    Case("below_the_scale", line(id="b", expected={"a": [0, 3]}), "line 2: expected.a[0]: must be greater than"),
    Case("above_the_scale", line(id="b", expected={"a": [3, 6]}), "line 2: expected.a[1]: must be less than"),
    Case("upside_down", line(id="b", expected={"a": [4, 2]}), "line 2: expected.a: 4 to 2 is upside down"),
    Case("no_whole_points", line(id="b", expected={"a": [1, 2.5]}), "line 2: expected.a[1]: must be a whole number"),
    Case("points_as_text", line(id="b", expected={"a": ["1", 2]}), "line 2: expected.a[0]: must be a whole number"),
    Case("one_number", line(id="b", expected={"a": 3}), "line 2: expected.a: must be a list, is 3"),
    Case("three_numbers", line(id="b", expected={"a": [1, 2, 3]}), "line 2: expected.a: must hold 2 or fewer"),
)


@pytest.mark.parametrize("case", BAD_ROWS, ids=lambda case: case.name)
def test_a_bad_row_is_named_with_its_line_and_reason(case: Case, path: Path) -> None:
    frozen_path(path).write_text(f"{line()}\n{case.line}\n", encoding="utf-8")

    with pytest.raises(DatasetError) as raised:
        load(path, (ITEM,))

    assert case.says in str(raised.value)
    assert raised.value.place == str(frozen_path(path))
    assert raised.value.remedy


def test_every_bad_row_is_named_not_only_the_first(path: Path) -> None:
    bad = line(id="b", item="c", made="d", expected={"a": [2, 1]})
    frozen_path(path).write_text(f"{{\n{line()}\n{bad}\n", encoding="utf-8")

    with pytest.raises(DatasetError, match="4 faults") as raised:
        load(path, (ITEM,))

    assert raised.value.problem.count("line 3: ") == 3


def test_a_file_that_cannot_be_read_or_leads_out_of_its_folder_is_refused(path: Path, tmp_path: Path) -> None:
    frozen_path(path).mkdir()
    with pytest.raises(DatasetError, match="cannot be read"):
        load(path, (ITEM,))

    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.jsonl").write_text(line(), encoding="utf-8")
    frozen_path(inner / "set.jsonl").symlink_to(tmp_path / "outside.jsonl")
    with pytest.raises(DatasetError, match="lies outside"):
        load(inner / "set.jsonl", (ITEM,), below=inner)


def test_the_hash_covers_every_part_of_an_answer_and_their_order() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"id": "other"},
        {"item": "chat-002"},
        {"made": "refusal"},
        {"answer": "All."},
        {"expected": {"faithfulness": [3, 5]}},
        {"expected": {"clarity": [4, 5]}},
    )
    answers = [FrozenAnswer.model_validate(GOOD | change) for change in changes]

    assert len({frozen_sha256([answer]) for answer in answers}) == len(answers)
    assert frozen_sha256(answers[:2]) != frozen_sha256(answers[1::-1])
    assert frozen_sha256(answers[:1]) == frozen_sha256([FrozenAnswer.model_validate(GOOD)])


def test_the_points_are_those_of_the_rubrics_scale() -> None:
    assert (POINTS_MIN, POINTS_MAX) == (SCALE_MIN, SCALE_MAX)


def test_each_way_of_making_an_answer_is_told_in_one_sentence() -> None:
    assert all(text.endswith(".") and len(text) >= 20 for text in MADE.values())


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """A copy of catalogue, data sets and rubrics."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(include_root() / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def chat_file(include: Path) -> Path:
    """Where duo_chat's frozen answers are in the copy."""
    return frozen_path(include / "datasets" / "duo_chat.jsonl")


def written(include: Path, chat_file: Path, rows: list[str], number: int) -> list[str]:
    """The check's faults with these rows, if duo_chat's entry says that there are `number`."""
    chat_file.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    entry = include / "catalogue" / "features" / "duo_chat.yaml"
    kept = [text for text in entry.read_text(encoding="utf-8").splitlines() if "frozen_answers:" not in text]
    entry.write_text("\n".join([*kept, f"frozen_answers: {number}", ""]), encoding="utf-8")
    return [str(fault) for fault in feature_files.read(include / "catalogue").faults]


def test_the_check_takes_answers_whose_number_and_criteria_are_right(include: Path, chat_file: Path) -> None:
    assert written(include, chat_file, [line()], 1) == []


def test_another_number_than_the_catalogue_says_is_a_fault_of_the_check(include: Path, chat_file: Path) -> None:
    assert written(include, chat_file, [line()], 2) == [
        f"{chat_file}: holds 1 answers, yet 'duo_chat' says frozen_answers: 2. Correct the one or the other."
    ]


def test_a_criterion_that_the_rubric_does_not_have_is_a_fault_of_the_check(include: Path, chat_file: Path) -> None:
    rows = [line(expected={"faithfulness": [1, 2], "correctness": [1, 2]})]

    (fault,) = written(include, chat_file, rows, 1)

    assert fault.startswith(f"{chat_file}: chat-001-reference: criterion 'correctness' is not in duo_chat.yaml. ")


def test_a_bad_row_is_a_fault_of_the_check_with_its_line(include: Path, chat_file: Path) -> None:
    (fault,) = written(include, chat_file, [line(item="chat-999")], 1)

    assert "line 1: item: 'chat-999' is not in the data set" in fault


def test_a_features_frozen_answers_are_those_beside_its_data_set(
    include: Path, chat_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat_file.write_text(line() + "\n", encoding="utf-8")
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(include))
    feature: Feature = files.load().features["duo_chat"]

    assert [answer.id for answer in load_frozen(feature)] == [GOOD["id"]]

"""One file by itself: every fault of a data set, its card, its frozen answers or a rubric at once, in plain words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.dataset_rows import CHAT_ROW

from daily_runs.authoring.check import check_dataset, check_rubric
from daily_runs.dataset import load
from daily_runs.errors import DatasetError, Fault

CARD = "what: A.\nhow_made: A.\nnot_covered: A.\nclasses:\n  lookup: A.\n  summary: A.\n"
JARGON = re.compile(
    r"pydantic|Input should|Extra inputs|Field required|Value error|pattern|dictionary|tuple|type=|\[key\]|work_item\."
)


def row(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (CHAT_ROW | changes).items() if value is not None})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A data set of one sound row; its card is there."""
    (tmp_path / "set.card.yaml").write_text(CARD)
    (tmp_path / "set.jsonl").write_text(row() + "\n")
    return tmp_path / "set.jsonl"


def places(faults: tuple[Fault, ...]) -> list[str]:
    return [fault.place.rpartition("/")[2] for fault in faults]


def test_a_sound_set_has_its_items_by_class_and_no_fault(path: Path) -> None:
    path.write_text("\n".join([row(), row(id="b", seed_key="b"), row(id="c", seed_key="c", **{"class": "summary"})]))
    found = check_dataset(path)
    assert (found.faults, found.classes, found.frozen) == ((), {"lookup": 2, "summary": 1}, 0)


def test_faults_of_set_card_and_frozen_answers_are_told_at_once_with_their_lines(path: Path) -> None:
    path.write_text(f"{row(tags='new')}\n\n{row(id='B', seed_key='b', reference={})}\n{{\n")
    (path.parent / "set.card.yaml").write_text(CARD + "owner: me\n")
    (path.parent / "set.frozen.jsonl").write_text("{}\n[]\n")
    faults = check_dataset(path).faults
    assert places(faults[:5]) == ["set.card.yaml:7", "set.jsonl:1", "set.jsonl:3", "set.jsonl:3", "set.jsonl:4"]
    assert set(places(faults[5:])) == {"set.frozen.jsonl:1", "set.frozen.jsonl:2"}


def test_a_row_with_one_fault_tells_its_others_at_once_too(path: Path) -> None:
    path.write_text(f"{row()}\n{row(id='chat-001', **{'class': 'riddle'}, reference={}, tags='x')}\n")
    problems = [fault.problem for fault in check_dataset(path).faults]
    for words in (
        "reference: must hold",
        "tags: must be a list",
        "class: 'riddle' is not in the card",
        "id 'chat-001'",
    ):
        assert any(words in problem for problem in problems), words
    assert "seed_key 'chat/one' stands already in line 1" in problems


def test_more_faults_than_a_run_shows_are_all_told(path: Path) -> None:
    path.write_text("{}\n" * 200)
    assert len(check_dataset(path).faults) == 1000


def test_a_check_finds_what_a_run_would_refuse_and_nothing_else(path: Path) -> None:
    for text in (row(), row(question=" "), row(**{"class": "riddle"}), "{", "", f"{row()}\n{row()}"):
        path.write_text(text)
        refused = False
        try:
            load(path)
        except DatasetError:
            refused = True
        assert bool(check_dataset(path).faults) == refused, text


def test_a_file_that_is_not_there_is_a_fault_beside_that_of_its_card(tmp_path: Path) -> None:
    card, data_set = check_dataset(tmp_path / "none.jsonl").faults
    assert "none.card.yaml" in card.place
    assert "cannot be read" in data_set.problem


BAD = {
    "a number for a text": row(id=7),
    "a text for a list": row(tags="a"),
    "a key with blanks": row(seed_key="Chat One"),
    "an unknown key": row(anker=1),
    "no resource": row(resource=None),
    "a resource that is a text": row(resource="issue"),
    "a resource without type": row(resource={"kind": "issue"}),
    "a resource of no kind": row(resource={"type": "wiki"}),
    "a kind that is none": row(resource={"type": "work_item", "kind": "bug", "title": "T", "description": "D"}),
    "an exit code too high": row(
        resource={"type": "ci_job", "name": "a", "stage": "b", "command": "c", "exit_code": 900, "log": "l"}
    ),
    "a diff that is none": row(resource={"type": "diff", "diff": "hello"}),
    "a text without name": row(resource={"type": "text", "text": "hello"}),
    "no reference": row(reference={}),
    "a list for a row": "[]",
    "no JSON": "{",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD.keys())
def test_a_fault_says_place_problem_and_remedy_without_jargon(line: str, path: Path) -> None:
    path.write_text(line)
    faults = check_dataset(path).faults
    assert faults
    for fault in faults:
        assert fault.place == f"{path}:1"
        assert len(fault.remedy) > 5
        assert not JARGON.search(f"{fault.problem} {fault.remedy}"), fault


def test_a_fault_shows_the_value_and_what_to_write_instead(path: Path) -> None:
    path.write_text(row(seed_key="Chat One", resource={"type": "workitem"}))
    key, kind = check_dataset(path).faults
    assert key.problem.endswith(', is "Chat One"')
    assert key.remedy == "Write chat-one, for instance."
    assert kind.problem == 'resource.type: there is no kind "workitem"'
    assert kind.remedy == "Did you mean 'work_item'?"


RUBRIC = """feature: duo_chat
guidance: Judge the answer.
criteria:
  - {name: correctness, weight: 0.75, question: "Right?", scale: {1: wrong, 5: right}}
  - {name: clarity, weight: 0.25, question: "Clear?", scale: {1: muddled, 5: clear}}
"""


def test_every_fault_of_a_rubric_is_told_with_its_line_and_without_jargon(tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    path.write_text(RUBRIC.replace("0.25", "two").replace("guidance", "guidence").replace("{1: wrong,", "{9: wrong,"))
    rubric, faults = check_rubric(path)
    assert rubric is None
    assert sorted(places(faults)) == ["duo_chat.yaml:1", "duo_chat.yaml:2", "duo_chat.yaml:4", "duo_chat.yaml:5"]
    assert not any(JARGON.search(str(fault)) for fault in faults)
    assert all(fault.remedy for fault in faults)


def test_a_sound_rubric_is_read(tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    path.write_text(RUBRIC)
    rubric, faults = check_rubric(path)
    assert faults == ()
    assert rubric is not None
    assert [criterion.name for criterion in rubric.criteria] == ["correctness", "clarity"]

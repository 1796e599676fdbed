"""The bounds that catalogue, data sets and rubrics share, on their data sets' and rubrics' side."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dataset_rows import CHAT_ROW

from daily_runs import dataset
from daily_runs.errors import CatalogueError, DatasetError, UserError
from daily_runs.input_files import json_row, printable, read_text
from daily_runs.judging import rubric

CHAT = CHAT_ROW
GOOD = json.dumps(CHAT)
CODE_CUT = {"type": "code_cut", "file_name": "a.py", "intent": "completion", "above": "x", "below": ""}
CARD = "what: A text.\nhow_made: A text.\nnot_covered: A text.\nclasses: {lookup: A text.}\n"
CODE = json.dumps({**CHAT, "question": "", "resource": CODE_CUT})


class Row(NamedTuple):
    """A row, and what must be said of it."""

    name: str
    line: str
    says: str


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a data set may be written; its card is there."""
    (tmp_path / "set.card.yaml").write_text(CARD)
    return tmp_path / "set.jsonl"


def other(old: str, new: str, line: str = GOOD) -> str:
    assert old in line
    return line.replace(old, new, 1)


ROWS = (
    Row("5,000 digits", GOOD[:-1] + ', "n": ' + "9" * 5000 + "}", "a number of 5,000 digits, at most 40 are read"),
    Row("5,000 digits after the dot", GOOD[:-1] + ', "n": 0.' + "9" * 5000 + "}", "a number of 5,002 digits"),
    Row("a number beyond floats", GOOD[:-1] + ', "n": 1e999}', "1e999 is too large"),
    Row("NaN", GOOD[:-1] + ', "n": NaN}', "NaN is no number"),
    Row(
        "half a pair in the question", other("decided?", r"decided \ud83d?"), "question: holds half of a surrogate pair"
    ),
    Row("half a pair in a cut", other('"above": "x"', r'"above": "x\udc00"', CODE), "resource.above: holds half of a"),
    Row("half a pair in a key", other('"answer"', r'"\ud800"'), "reference: holds half of a surrogate pair"),
    Row("NUL", other("A text.", r"A\u0000"), "resource.description: holds a NUL character"),
    Row("a key twice", GOOD[:-1] + ', "question": "Another?"}', "'question' stands twice in one object"),
    Row("a key twice further in", other('"kind": "issue"', '"kind": "issue", "kind": "epic"'), "'kind' stands twice"),
    Row("deep brackets", "[" * 200_000, "nested more than 32 deep"),
    Row("deep objects", '{"a":' * 100_000, "nested more than 32 deep"),
    Row("a deep reference", other('"Nothing."', "[" * 40 + "]" * 40), "nested more than 32 deep"),
    Row("a line of 5 MB", other("Nothing.", "x" * 5_000_000), "is longer than 4,194,304 characters"),
    Row("a line of 5 MB of brackets", "[" + "[]," * 1_700_000 + "[]]", "is longer than 4,194,304 characters"),
    Row("a line of 5 MB of zeros", '{"id":[' + "0," * 2_500_000 + "0]}", "is longer than 4,194,304 characters"),
    Row("no question for a chat", other("What was decided?", ""), "question: a chat about a work item needs one"),
    Row("an invisible question", other("What was decided?", r" \u200b\ufeff"), "question: a chat about a work item"),
    Row("ESC in a title", other("A title", r"A\u001b[31m"), "resource.title: is not one line without"),
    Row("a title of two lines", other("A title", r"A\ntitle"), "resource.title: is not one line without"),
    Row("a file's name that turns", other("a.py", r"a\u202eyp.exe", CODE), "resource.file_name: is not one"),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_that_would_end_a_run_in_a_traceback_is_named_with_its_line(row: Row, path: Path) -> None:
    path.write_text(f"{other('chat-001', 'chat-000').replace('chat/one', 'chat/0')}\n{row.line}\n")
    with pytest.raises(DatasetError) as caught:
        dataset.load(path)
    assert f"line 2: {row.says}" in str(caught.value)
    assert caught.value.place == str(path)


@pytest.mark.parametrize(
    "line", [GOOD, CODE, other("A text.", r"\u001b[0;31mred\u001b[0m\r\n"), "\ufeff" + GOOD, GOOD + "\r"]
)
def test_what_a_log_or_an_editor_leaves_behind_is_read(line: str, path: Path) -> None:
    path.write_text(line, encoding="utf-8", newline="")
    assert len(dataset.load(path)) == 1


def test_of_very_many_bad_rows_the_first_are_shown_and_the_number_of_the_rest(path: Path) -> None:
    path.write_text("{}\n" * 20_000)
    with pytest.raises(DatasetError) as caught:
        dataset.load(path)
    lines = str(caught.value).splitlines()
    assert lines[0].endswith(": 100000 faults")
    assert len(lines) == 1 + 50 + 1
    assert lines[-1].strip().startswith("and 99,950 more")


def test_a_fault_never_shows_a_whole_value_of_any_length(path: Path) -> None:
    path.write_text(other('"work_item"', json.dumps("x" * 100_000)))
    with pytest.raises(DatasetError) as caught:
        dataset.load(path)
    assert len(str(caught.value)) < 1000


RUBRIC = """feature: duo_chat
guidance: Judge the answer.
criteria:
  - {name: correctness, weight: 0.75, question: "Right?", scale: {1: wrong, 5: right}}
  - {name: clarity, weight: 0.25, question: "Clear?", scale: {1: muddled, 5: clear}}
"""

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
)
RUBRICS = (
    Row("two of one name", other("clarity", "correctness", RUBRIC), "more than one criterion is named 'correctness'"),
    Row("a key twice", other("guidance:", "guidance: Be kind.\nguidance:", RUBRIC), "line 3: guidance: stands already"),
    Row("points twice", other("{1: muddled, 5", "{1: muddled, 1: bad, 5", RUBRIC), "line 5: criteria[1].scale.1: "),
    Row(
        "points written two ways", other("{1: muddled, 5", "{1: muddled, 01: bad, 5", RUBRIC), "must be a whole number"
    ),
    Row("a weight that is a text", other("0.25", '"0.25"', RUBRIC), "criteria[1].weight: must be a number"),
    Row("a weight that is a truth", other("0.25", "true", RUBRIC), "criteria[1].weight: must be a number"),
    Row("a tag", other("duo_chat", "!!timestamp x", RUBRIC), "line 1: feature: has the tag"),
    Row("deep", "feature: " + "[" * 100_000, "line 1: is nested more than 32 deep"),
    Row("an alias bomb", BOMB, "characters with its aliases written out"),
    Row("ESC", other('"Clear?"', r'"\e[2J"', RUBRIC), "line 5: criteria[1].question: holds the control"),
    Row("5,000 digits", other("0.25", "9" * 5000, RUBRIC), "line 5: criteria[1].weight: a number of 5,000 digits"),
)


@pytest.mark.parametrize("row", RUBRICS, ids=lambda row: row.name)
def test_a_rubric_that_would_hang_crash_or_mislead_is_refused_with_its_line(row: Row, tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    path.write_text(row.line)
    with pytest.raises(CatalogueError) as caught:
        rubric.load(path)
    line, _, says = row.says.partition(": ") if row.says.startswith("line ") else ("", "", row.says)
    assert says in caught.value.problem
    assert line in caught.value.problem
    assert caught.value.place == "rubrics/duo_chat.yaml"
    assert str(caught.value).isprintable()


def test_a_scale_keeps_its_points_and_a_yes_is_a_word(tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    path.write_text(other("1: muddled", "1: no", RUBRIC))
    assert rubric.load(path).criteria[1].scale == {1: "no", 5: "clear"}


def peak_of(read: Callable[[str], object], line: str) -> int:
    """The most bytes that were held at once."""
    tracemalloc.start()
    try:
        read(line)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("element", ["0", "12345", "0.5", "null", "true", "[]", "{}", '""', "[[0,0],[]]"])
def test_looking_through_a_row_takes_little_more_memory_than_reading_it(element: str) -> None:
    line = '{"id":[' + ",".join([element] * 20_000) + "]}"
    assert peak_of(json_row, line) < 1.2 * peak_of(json.loads, line) + 20_000


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_what_lies_as_deep_as_allowed_is_read_and_one_more_is_not(opens: str, closes: str) -> None:
    levels = 32 // (opens.count("[") + opens.count("{"))
    line = opens * levels + "0" + closes * levels
    assert json_row(line) == json.loads(line)
    with pytest.raises(ValueError, match="nested more than 32 deep"):
        json_row(f"[{line}]")


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zeros(path: Path) -> None:
    path.symlink_to("/dev/zero")


def outside(path: Path) -> None:
    (path.parents[1] / "outside").write_text(RUBRIC)
    path.symlink_to(path.parents[1] / "outside")


@pytest.mark.parametrize("make", [fifo, zeros, outside])
def test_no_file_but_a_regular_one_below_its_folder_is_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "include"
    folder.mkdir()
    make(folder / "given")
    with pytest.raises(UserError, match="cannot be read|lies outside"):
        read_text(folder / "given", "given", bytes_max=1000, below=folder)
    with pytest.raises(DatasetError, match="cannot be read"):
        dataset.load(folder / "given", below=folder)
    with pytest.raises(CatalogueError, match="cannot be read|lies outside"):
        rubric.load(folder / "given", below=folder)


@pytest.mark.parametrize("name", ["../secret", "a/../../secret", "/etc/hostname"])
def test_dots_and_whole_paths_do_not_lead_out(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "include"
    folder.mkdir()
    (tmp_path / "secret").write_text("s")
    with pytest.raises(UserError, match="lies outside"):
        read_text(folder / name, name, bytes_max=1000, below=folder)


def test_a_file_as_long_as_allowed_is_read_and_one_byte_more_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    assert len(read_text(tmp_path / "a", "a", bytes_max=1000)) == 1000
    with pytest.raises(UserError, match="a: is longer than 999 bytes"):
        read_text(tmp_path / "a", "a", bytes_max=999)


def test_a_name_with_a_nul_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_text(tmp_path / "a\x00b", "a", bytes_max=1, below=tmp_path)


@given(st.text())
def test_what_is_shown_never_steers_a_terminal(text: str) -> None:
    assert not [c for c in printable(text) if c < " " or "\x7f" <= c < "\xa0" or "\ud800" <= c <= "\udfff"]
    assert printable(text, lines=True).count("\n") == text.count("\n")


numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_every_other_row_is_read_as_json_reads_it(value: Any) -> None:
    line = json.dumps(value)
    if "\\u0000" not in line and "\\ud" not in line:
        assert json_row(line) == value

"""Rows of another tool become a data set by a column map: all of them, or nothing with each fault's line and column."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daily_runs.authoring.column_map import column_map
from daily_runs.authoring.importing import ImportedSet, imported
from daily_runs.authoring.written import must_be_new, write_all
from daily_runs.dataset import SnippetText, load
from daily_runs.errors import ParameterError

COLUMNS = ("class=kind", "question=prompt", "reference=expected", "resource.text=input", "resource.name=title")
ROWS = (
    {"kind": "lookup", "prompt": "Who?", "expected": "Anna.", "input": 'Anna wrote, "so"\nand left.', "title": "note"},
    {"kind": "summary", "prompt": "What?", "expected": "A note.", "input": "Ünicode.", "title": "note"},
)


def as_csv(*rows: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def bring(folder: Path, name: str, text: str, *columns: str, fixed: tuple[str, ...] = ()) -> ImportedSet:
    source = folder / name
    source.write_text(text, encoding="utf-8", newline="")
    return imported(source, folder / "set.jsonl", column_map(columns or COLUMNS, fixed))


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_csv_and_jsonl_come_to_the_same_data_set(name: str, tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    found = bring(tmp_path, name, as_csv(*ROWS) if name.endswith("csv") else lines)
    assert (found.faults, found.unused) == ((), ())
    write_all(found.files)
    first, second = load(tmp_path / "set.jsonl")
    assert (first.id, first.seed_key, first.item_class) == ("set-001", "set/001", "lookup")
    assert first.resource == SnippetText(type="text", name="note", text='Anna wrote, "so"\nand left.')
    assert second.reference == {"answer": "A note."}


def test_a_byte_order_mark_and_unused_columns_are_no_fault(tmp_path: Path) -> None:
    found = bring(tmp_path, "rows.csv", "\ufeff" + as_csv(*({"note": "x", **row} for row in ROWS)))
    assert (len(found.items), found.unused, found.faults) == (2, ("note",), ())


def test_what_the_map_fixes_stands_in_every_row(tmp_path: Path) -> None:
    columns = ("question=prompt", "reference=expected", "resource.text=input")
    fixed = ("class=general", "resource.name=a note", "tags=old, new")
    found = bring(tmp_path, "rows.csv", as_csv(*ROWS), *columns, fixed=fixed)
    assert {(item.item_class, item.tags) for item in found.items} == {("general", ("old", "new"))}


def test_a_path_leads_into_an_object_of_jsonl(tmp_path: Path) -> None:
    line = {"inputs": {"q": "Who?", "text": "Anna."}, "outputs": {"a": "Anna."}, "meta": 1}
    columns = ("question=inputs.q", "reference=outputs.a", "resource.text=inputs.text")
    fixed = ("class=general", "resource.name=x")
    found = bring(tmp_path, "rows.jsonl", json.dumps(line), *columns, fixed=fixed)
    assert (found.faults, found.items[0].question, found.unused) == ((), "Who?", ("meta",))


def test_an_own_card_stays_and_must_list_the_classes(tmp_path: Path) -> None:
    (tmp_path / "set.card.yaml").write_text("what: A.\nhow_made: A.\nnot_covered: A.\nclasses: {lookup: A.}\n")
    found = bring(tmp_path, "rows.csv", as_csv(*ROWS))
    assert list(found.files) == [tmp_path / "set.jsonl"]
    (fault,) = found.faults
    assert "column 'kind' (class): 'summary' is not in the card" in fault.problem


class Faulty(NamedTuple):
    """A change of the second row, and what its fault must name."""

    change: dict[str, Any]
    says: str


FAULTY = {
    "an empty reference": Faulty({"expected": ""}, "column 'expected' (reference.answer): must not be empty"),
    "a class that is no key": Faulty({"kind": "Two Words"}, "column 'kind' (class): must be lower-case"),
    "a name of two lines": Faulty({"title": "a\nb"}, "column 'title' (resource.name): is not one line"),
}


@pytest.mark.parametrize("faulty", FAULTY.values(), ids=FAULTY.keys())
def test_a_faulty_row_is_named_with_its_line_in_the_file_and_its_column(faulty: Faulty, tmp_path: Path) -> None:
    found = bring(tmp_path, "rows.csv", as_csv(ROWS[0], ROWS[1] | faulty.change))
    (fault,) = found.faults
    assert fault.place == f"{tmp_path / 'rows.csv'}:4", "the first row has two lines"
    assert faulty.says in fault.problem
    assert fault.remedy


def test_every_faulty_row_is_named(tmp_path: Path) -> None:
    text = "kind,prompt,expected,input,title\na,b,c\nlookup,q,,i,t\nB,q,e,i,t\n"
    places = [fault.place.rpartition(":")[2] for fault in bring(tmp_path, "rows.csv", text).faults]
    assert places == ["2", "3", "4"]


BROKEN = {
    "a quote that never ends": ("rows.csv", 'kind,prompt,expected,input,title\nlookup,"q,e,i,t\n', "is no CSV"),
    "a column twice": ("rows.csv", "kind,kind,prompt,expected,input,title\n", "has two columns 'kind'"),
    "no rows": ("rows.csv", "kind,prompt,expected,input,title\n", "holds no rows"),
    "no JSON": ("rows.jsonl", "{\n", "not JSON"),
    "a list": ("rows.jsonl", "[]\n", "is no JSON object"),
}


@pytest.mark.parametrize(("name", "text", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_read_as_rows_is_a_fault(name: str, text: str, says: str, tmp_path: Path) -> None:
    faults = bring(tmp_path, name, text).faults
    assert any(says in fault.problem for fault in faults), faults


WRONG = {
    "no equals sign": (("question",), (), "'question' is no KEY="),
    "an unknown key": (("questoin=prompt",), (), "Did you mean 'question'?"),
    "a key twice": (("question=a", "question=b"), (), "'question' is given twice"),
    "a key by both options": (("class=a",), ("class=b",), "'class' is given twice"),
    "no class": (("reference=a", "resource.text=b"), (), "nothing gives the class"),
    "no reference": (("class=a", "resource.text=b"), (), "nothing gives the reference"),
    "no resource": (("class=a", "reference=b"), (), "nothing gives the resource"),
}


@pytest.mark.parametrize(("columns", "fixed", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_map_that_cannot_be_meant_is_refused(columns: tuple[str, ...], fixed: tuple[str, ...], says: str) -> None:
    with pytest.raises(ParameterError) as caught:
        column_map(columns, fixed)
    assert says in str(caught.value)


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="has no column 'promt'.*Did you mean 'prompt'"):
        bring(tmp_path, "rows.csv", as_csv(*ROWS), *COLUMNS[:1], "question=promt", *COLUMNS[2:])


@pytest.mark.parametrize("target", ["set.json", "set.frozen.jsonl", "set"])
def test_a_target_that_is_no_data_set_is_refused(target: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(as_csv(*ROWS))
    with pytest.raises(ParameterError, match="is no name of a data set"):
        imported(tmp_path / "rows.csv", tmp_path / target, column_map(COLUMNS, ()))


def test_files_are_written_all_or_none_and_leave_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    with pytest.raises(ParameterError, match="cannot be written"):
        write_all({tmp_path / "there": "after", tmp_path / "no folder" / "x": "after"})
    assert [file.name for file in tmp_path.iterdir()] == ["there"]
    assert (tmp_path / "there").read_text() == "before"


def test_a_file_that_is_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(ParameterError, match="is there already"):
        must_be_new([tmp_path / "new", tmp_path / "there"], "Give another name.")

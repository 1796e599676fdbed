"""The sets hold what their sources in tools/capture say; an item keeps its id and text when others are added."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
CAPTURE = ROOT / "tools" / "capture"
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def capture_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The capture scripts import each other by their file names."""
    monkeypatch.syspath_prepend(str(CAPTURE))


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """How scripts write sets, with a folder of the test's own that has chat's card."""
    module = importlib.import_module("rows")
    monkeypatch.setattr(module, "SETS", tmp_path)
    card = "duo_chat.card.yaml"
    (tmp_path / card).write_text((ROOT / "include" / "datasets" / card).read_text(encoding="utf-8"), encoding="utf-8")
    return module


def shipped(name: str) -> list[Row]:
    lines = (ROOT / "include" / "datasets" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def chat(slug: str, number: int) -> Row:
    return shipped("duo_chat")[0] | {"id": f"chat-{number:03}", "seed_key": f"chat/{slug}"}


def test_the_chat_set_is_what_its_sources_say() -> None:
    script = importlib.import_module("duo_chat")
    by_slug = {item.slug: item for item in script.CHATS}
    found = shipped("duo_chat")

    assert len(by_slug) == len(script.CHATS) == len(found)
    for row in found:
        assert row == script.row(int(row["id"].removeprefix("chat-")), by_slug[row["seed_key"].removeprefix("chat/")])


@pytest.mark.parametrize(("folder", "prefix"), [("explanation", "vex"), ("resolution", "vr")])
def test_a_vulnerability_set_is_what_its_sources_say(folder: str, prefix: str) -> None:
    """Except for what the scanner says, which only a capture can tell."""
    script = importlib.import_module("vulnerabilities")
    found = {row["seed_key"].removeprefix(f"{prefix}/"): row for row in shipped(f"vulnerability_{folder}")}
    cases = script.cases(folder)

    assert {case.about["slug"] for case in cases} == found.keys()
    for case in cases:
        row = found[case.about["slug"]]
        finding = script.Finding(
            case.about["rule"], row["resource"]["severity"], row["resource"]["start_line"], row["resource"]["report"]
        )
        made = script.item(prefix, int(row["id"].rpartition("-")[2]), case, finding)
        texts = {section: case.about[section] for section in row["reference"] if section != "fixed_code"}
        if "fixed_code" in row["reference"]:
            texts["fixed_code"] = case.fixed.read_text(encoding="utf-8")
        assert row == made | {"question": row["question"], "reference": texts}


def test_the_code_set_has_the_cuts_of_its_source_and_keeps_their_texts() -> None:
    script = importlib.import_module("code_suggestions")
    found = shipped("code_suggestions")
    by_slug = {cut.slug: cut for cut in script.CUTS}

    assert {row["seed_key"].removeprefix("cs/") for row in found} == by_slug.keys()
    for row in found:
        cut = by_slug[row["seed_key"].removeprefix("cs/")]
        assert script.row(int(row["id"].removeprefix("cs-")), cut, row) == row


def test_a_cut_that_is_not_in_the_set_is_made_from_its_module() -> None:
    script = importlib.import_module("code_suggestions")
    cut = script.Cut("new", "include/daily_runs/clock.py", "import asyncio", 1, ("import",))
    row = script.row(31, cut, None)
    parts = [row["resource"]["above"], row["reference"]["completion"], row["resource"]["below"]]

    assert "".join(parts) == (ROOT / cut.path).read_text(encoding="utf-8")
    assert parts[0].endswith("import asyncio\n")
    with pytest.raises(script.CutError, match=r"new: include/daily_runs/gone\.py"):
        script.row(31, script.Cut("new", "include/daily_runs/gone.py", "x", 1, ()), None)


def test_an_item_keeps_its_id_when_another_is_put_before_it(rows: Any) -> None:
    rows.write("duo_chat", [chat("old", 1), chat("older", 2)])

    assert rows.numbered("duo_chat", ["new", "older", "newer", "old"]) == {"new": 3, "older": 2, "newer": 4, "old": 1}


def test_a_number_of_an_item_that_is_gone_is_not_given_again_before_the_last_one(rows: Any) -> None:
    rows.write("duo_chat", [chat("gone", 1), chat("old", 2)])

    assert rows.numbered("duo_chat", ["old", "new"]) == {"old": 2, "new": 3}


def test_a_first_set_is_numbered_from_one_in_the_order_of_its_source(rows: Any) -> None:
    assert rows.numbered("duo_chat", ["b", "a"]) == {"b": 1, "a": 2}


def test_rows_are_written_in_the_order_of_their_ids(rows: Any) -> None:
    path = rows.write("duo_chat", [chat("b", 2), chat("a", 1)])

    assert [json.loads(line)["id"] for line in path.read_text().splitlines()] == ["chat-001", "chat-002"]

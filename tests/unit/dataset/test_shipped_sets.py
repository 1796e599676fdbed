"""The shipped sets are large enough for scores by class; no item repeats another, and each fix applies to its file."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from daily_runs.catalogue.reading import files
from daily_runs.dataset import CodeCut, Item, Vulnerability, load
from daily_runs.dataset_card import load_card

DATASETS = Path(__file__).resolve().parents[3] / "include" / "datasets"
ITEMS_MIN = {
    "root_cause_analysis": 150,
    "duo_chat": 60,
    "vulnerability_explanation": 30,
    "vulnerability_resolution": 30,
    "code_suggestions": 30,
}
ITEMS_OF_A_CLASS_MIN = 10
CLASSES_MIN = {"root_cause_analysis": 10, "duo_chat": 5}
SHINGLE_WORDS = 4
ALIKE_MAX = 0.5
"""Share of four-word sequences that two texts have in common: above it one is mostly the other, with changes. Logs of
one tool with different causes come to .41."""
LINES_ABOVE_A_CUT = 5
"""Cuts of one module share the rest of it; what tells them apart is the piece and the lines right above it."""
GO_NAME = re.compile(r"^(?:func(?: \([^)]*\))? |type |var )([A-Z]\w*)", re.MULTILINE)


def items_of(name: str) -> tuple[Item, ...]:
    return load(DATASETS / f"{name}.jsonl")


def resolutions() -> list[tuple[Item, Vulnerability]]:
    items = items_of("vulnerability_resolution")
    return [(item, item.resource) for item in items if isinstance(item.resource, Vulnerability)]


@pytest.mark.parametrize("name", ITEMS_MIN)
def test_a_set_is_large_enough_for_scores_by_class(name: str) -> None:
    items = items_of(name)
    classes = Counter(item.item_class for item in items)

    assert len(items) >= ITEMS_MIN[name]
    assert len(classes) >= CLASSES_MIN.get(name, 3)
    assert classes.keys() == load_card(DATASETS / f"{name}.jsonl").classes.keys()
    assert min(classes.values()) >= ITEMS_OF_A_CLASS_MIN, classes


@pytest.mark.parametrize("name", ITEMS_MIN)
def test_a_daily_run_asks_about_every_item_equally_often(name: str) -> None:
    """As often about each as about any other."""
    asks, left = divmod(files.load().features[name].prompts_per_run, len(items_of(name)))

    assert asks >= 1
    assert left == 0


def test_no_two_items_of_any_set_have_the_same_content_or_seed_key() -> None:
    items = [item for name in ITEMS_MIN for item in items_of(name)]

    assert len({item.checksum for item in items}) == len(items)
    assert len({item.seed_key for item in items}) == len(items)


@pytest.mark.parametrize("name", ITEMS_MIN)
def test_no_item_is_another_one_with_changes(name: str) -> None:
    shingles = {item.id: _shingles(_own_text(item)) for item in items_of(name)}

    for one, other in combinations(shingles, 2):
        both, either = shingles[one] & shingles[other], shingles[one] | shingles[other]
        assert len(both) / len(either) <= ALIKE_MAX, (one, other)


def test_an_item_with_a_few_changes_would_be_seen_as_another_one() -> None:
    text = _own_text(items_of("duo_chat")[0])
    one, other = _shingles(text), _shingles(text.replace("recipient", "sender"))

    assert ALIKE_MAX < len(one & other) / len(one | other) < 1


def _own_text(item: Item) -> str:
    cut = item.resource
    if isinstance(cut, CodeCut):
        return "\n".join([*cut.above.splitlines()[-LINES_ABOVE_A_CUT:], item.reference["completion"]])
    return cut.content


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + SHINGLE_WORDS]) for at in range(max(1, len(words) - SHINGLE_WORDS + 1))}


@pytest.mark.parametrize(("item", "resource"), resolutions(), ids=[item.id for item, _ in resolutions()])
def test_a_fix_applies_as_a_diff_to_the_reported_file(item: Item, resource: Vulnerability, tmp_path: Path) -> None:
    before, after = resource.code, item.reference["fixed_code"]
    file = tmp_path / resource.file_name
    file.parent.mkdir()
    file.write_text(before, encoding="utf-8")
    name = resource.file_name
    diff = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}")

    done = subprocess.run(
        ["git", "apply", "--whitespace=error-all", "-"],
        input="".join(diff),
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert file.read_text(encoding="utf-8") == after


@pytest.mark.parametrize(("item", "resource"), resolutions(), ids=[item.id for item, _ in resolutions()])
def test_a_fix_changes_the_line_that_the_scanner_names_or_an_import_that_it_uses(
    item: Item, resource: Vulnerability
) -> None:
    before, after = resource.code.splitlines(), item.reference["fixed_code"].splitlines()
    named = before[resource.start_line - 1]
    imports = " ".join(line for line in before if line.startswith(("from ", "import ")) and line not in after)

    assert named not in after or set(re.findall(r"\w+", named)) & set(re.findall(r"\w+", imports))


def test_a_fix_of_a_go_file_keeps_every_exported_name() -> None:
    fixes = [(item, resource) for item, resource in resolutions() if resource.file_name.endswith(".go")]

    assert len(fixes) >= 5
    for item, resource in fixes:
        names = set(GO_NAME.findall(resource.code))
        assert names, item.id
        assert set(GO_NAME.findall(item.reference["fixed_code"])) == names, item.id

"""The shipped data sets and rubrics keep what docs/datasets.md promises; a bad row is named with line and reason."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.dataset_rows import CHAT_ROW

from daily_runs.dataset import CodeCut, Item, Vulnerability, WorkItem, dataset_sha256, load
from daily_runs.dataset_card import load_card
from daily_runs.errors import DatasetError
from daily_runs.judging import rubric

INCLUDE = Path(__file__).resolve().parents[3] / "include"
SCANNERS_RULE = {"bandit": "test_id", "gosec": "rule_id"}
SCANNERS_FILE = {"bandit": "filename", "gosec": "file"}
SCANNERS_LINE = {"bandit": "line_number", "gosec": "line"}
SCANNERS_SEVERITY = {"bandit": "issue_severity", "gosec": "severity"}
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home|tmp|farm|Users)/")


@dataclass(frozen=True)
class Shipped:
    """What a shipped set must look like."""

    name: str
    prefix: str
    resource: type
    sections: frozenset[str]
    question: str | None


SHIPPED = (
    Shipped("duo_chat", "chat", WorkItem, frozenset({"answer"}), None),
    Shipped(
        "vulnerability_explanation",
        "vex",
        Vulnerability,
        frozenset({"explanation", "impact", "fix"}),
        "/vulnerability_explain",
    ),
    Shipped("vulnerability_resolution", "vr", Vulnerability, frozenset({"fixed_code", "explanation"}), ""),
    Shipped("code_suggestions", "cs", CodeCut, frozenset({"completion"}), ""),
)
FEATURES = (*(shipped.name for shipped in SHIPPED), "root_cause_analysis")

each_set = pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.name)


def items_of(name: str) -> tuple[Item, ...]:
    return load(INCLUDE / "datasets" / f"{name}.jsonl")


def vulnerabilities(name: str) -> list[tuple[Item, Vulnerability]]:
    return [(item, item.resource) for item in items_of(name) if isinstance(item.resource, Vulnerability)]


def findings() -> list[tuple[Item, Vulnerability]]:
    return vulnerabilities("vulnerability_explanation") + vulnerabilities("vulnerability_resolution")


@each_set
def test_a_shipped_set_loads_and_holds_at_least_twelve_items_numbered_in_order(shipped: Shipped) -> None:
    items = items_of(shipped.name)

    assert len(items) >= 12
    assert [item.id for item in items] == [f"{shipped.prefix}-{number:03}" for number in range(1, len(items) + 1)]


@each_set
def test_each_item_has_its_features_resource_question_and_reference_sections(shipped: Shipped) -> None:
    for item in items_of(shipped.name):
        assert isinstance(item.resource, shipped.resource), item.id
        assert item.seed_key.startswith(f"{shipped.prefix}/"), item.id
        assert set(item.reference) == shipped.sections, item.id
        assert item.tags, item.id
        if shipped.question is None:
            assert len(item.question) > 20, item.id
        else:
            assert item.question == shipped.question, item.id


@each_set
def test_no_two_items_are_about_the_same_content(shipped: Shipped) -> None:
    checksums = [item.checksum for item in items_of(shipped.name)]

    assert len(set(checksums)) == len(checksums)


@each_set
def test_no_item_holds_a_path_of_the_machine_it_was_made_on_or_a_mail_address(shipped: Shipped) -> None:
    for item in items_of(shipped.name):
        text = json.dumps(item.model_dump(mode="json")).replace("\\n", "\n")
        assert not MACHINE_PATH.search(text), item.id
        assert not re.search(r"[\w.]+@[\w-]+\.[a-z]{2,}", text), item.id


def test_both_vulnerability_sets_have_files_of_their_own() -> None:
    files = [resource.file_name for _, resource in findings()]

    assert len(set(files)) == len(files)
    assert len({resource.code for _, resource in findings()}) == len(files)


def test_a_finding_agrees_with_its_scanners_report_and_points_into_its_file() -> None:
    for item, resource in findings():
        report, scanner = resource.report, resource.scanner
        assert report[SCANNERS_RULE[scanner]] == resource.identifier, item.id
        assert int(str(report[SCANNERS_LINE[scanner]])) == resource.start_line, item.id
        assert str(report[SCANNERS_SEVERITY[scanner]]).upper() == resource.severity, item.id
        assert Path(str(report[SCANNERS_FILE[scanner]])).as_posix() == resource.file_name, item.id
        lines = resource.code.splitlines()
        assert lines[resource.start_line - 1].strip() in str(report["code"]), item.id


def test_a_reported_file_has_a_readable_length_and_python_in_it_parses() -> None:
    for item, resource in findings():
        assert 20 <= len(resource.code.splitlines()) <= 70, item.id
        if resource.file_name.endswith(".py"):
            ast.parse(resource.code)


def test_a_reference_fix_is_another_whole_file_with_the_same_functions_and_classes() -> None:
    for item, resource in vulnerabilities("vulnerability_resolution"):
        fixed = item.reference["fixed_code"]
        assert fixed != resource.code, item.id
        assert fixed.splitlines()[0] == resource.code.splitlines()[0], item.id
        if resource.file_name.endswith(".py"):
            assert _public_names(fixed) == _public_names(resource.code), item.id


def _public_names(code: str) -> set[str]:
    """Functions and classes that a caller could use."""
    nodes = [node for node in ast.parse(code).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    return {node.name for node in nodes if not node.name.startswith("_")}


def test_a_code_cut_with_its_completion_is_a_python_module_and_without_it_another_text() -> None:
    for item in items_of("code_suggestions"):
        cut = item.resource
        assert isinstance(cut, CodeCut)
        completion = item.reference["completion"]
        compile(cut.above + completion + cut.below, cut.file_name, "exec")
        assert completion.strip(), item.id
        assert len(completion) < len(cut.above), item.id


def test_a_generation_cut_stands_right_below_a_docstring() -> None:
    cuts = [(item, item.resource) for item in items_of("code_suggestions") if isinstance(item.resource, CodeCut)]

    assert {cut.intent for _, cut in cuts} == {"completion", "generation"}
    for item, cut in cuts:
        if cut.intent == "generation":
            assert cut.above.endswith('"""\n'), item.id


@pytest.mark.parametrize("feature", FEATURES)
def test_a_rubric_weighs_three_or_four_criteria_whose_weights_sum_to_one(feature: str) -> None:
    made = rubric.load(INCLUDE / "rubrics" / f"{feature}.yaml")

    assert made.feature == feature
    assert 3 <= len(made.criteria) <= 4
    assert sum(criterion.weight for criterion in made.criteria) == pytest.approx(1)
    assert len({criterion.name for criterion in made.criteria}) == len(made.criteria)
    assert all(set(criterion.scale) == {1, 3, 5} for criterion in made.criteria)
    assert "data" in made.guidance


CARD = """\
what: A text.
how_made: A text.
not_covered: A text.
classes:
  lookup: A text.
  summary: A text.
"""
GOOD = CHAT_ROW


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a data set may be written; its card is there."""
    (tmp_path / "set.card.yaml").write_text(CARD)
    return tmp_path / "set.jsonl"


def changed(**changes: Any) -> str:
    """The good row as a line, with some of its keys replaced; None removes one."""
    return json.dumps({key: value for key, value in (GOOD | changes).items() if value is not None})


def with_resource(**changes: Any) -> str:
    resource = {key: value for key, value in (GOOD["resource"] | changes).items() if value is not None}
    return changed(id="chat-002", seed_key="chat/two", resource=resource)


@dataclass(frozen=True)
class Case:
    """A second line under a good first one, and what the message must say."""

    name: str
    line: str
    says: str


BAD_ROWS = (
    Case("not_json", '{"id": "chat-002",', "line 2: not JSON (Expecting property name"),
    Case("not_an_object", "[1, 2]", "line 2: must be a mapping, is a list. "),
    Case("unknown_key", changed(id="b", seed_key="c", anker=True), "line 2: anker: unknown key. Known: "),
    Case("missing_field", changed(id="b", seed_key="c", reference=None), "line 2: reference: missing. Add it."),
    Case("duplicate_id", changed(seed_key="c"), "line 2: id 'chat-001' stands already in line 1"),
    Case("duplicate_seed_key", changed(id="b"), "line 2: seed_key 'chat/one' stands already in line 1"),
    Case("bad_type", changed(id="b", seed_key="c", tags="perhaps"), 'line 2: tags: must be a list, is "perhaps"'),
    Case("no_class", changed(id="b", seed_key="c", **{"class": None}), "line 2: class: missing"),
    Case(
        "bad_class",
        changed(id="b", seed_key="c", **{"class": "A b"}),
        "line 2: class: must be lower-case letters and digits",
    ),
    Case(
        "class_not_in_the_card",
        changed(id="b", seed_key="c", **{"class": "riddle"}),
        "line 2: class: 'riddle' is not in the card, which lists lookup, summary",
    ),
    Case(
        "two_classes", changed(id="b", seed_key="c", **{"class": ["lookup"]}), "line 2: class: must be text, is a list"
    ),
    Case(
        "class_as_python_has_it",
        changed(id="b", seed_key="c", item_class="lookup"),
        "line 2: item_class: unknown key. Did you mean 'class'?",
    ),
    Case("bad_key", changed(id="Chat 2", seed_key="c"), "Write chat-2, for instance."),
    Case("no_reference", changed(id="b", seed_key="c", reference={}), "line 2: reference: must hold 1 or more"),
    Case("empty_text", with_resource(title=""), "line 2: resource.title: must not be empty"),
    Case("missing_in_resource", with_resource(kind=None), "line 2: resource.kind: missing"),
    Case(
        "unknown_resource",
        with_resource(type="merge_request"),
        'line 2: resource.type: there is no kind "merge_request"',
    ),
)


@pytest.mark.parametrize("case", BAD_ROWS, ids=lambda case: case.name)
def test_a_bad_row_is_named_with_its_line_and_reason(case: Case, path: Path) -> None:
    path.write_text(f"{changed()}\n{case.line}\n", encoding="utf-8")

    with pytest.raises(DatasetError, match="fault") as raised:
        load(path)

    assert case.says in str(raised.value)
    assert raised.value.place == str(path)


def test_every_bad_row_is_named_not_only_the_first(path: Path) -> None:
    path.write_text(f"{{\n{changed()}\n\n{changed(id='b', seed_key='c', reference=None)}\n{changed()}\n")

    with pytest.raises(DatasetError) as raised:
        load(path)

    assert "4 faults" in raised.value.problem
    assert re.findall(r"line (\d+): ", raised.value.problem) == ["1", "4", "5", "5"]


def _missing(path: Path) -> None:
    path.unlink(missing_ok=True)


def _folder(path: Path) -> None:
    path.mkdir()


def _latin_1(path: Path) -> None:
    path.write_bytes('{"id": "ü"}'.encode("latin-1"))


def _empty(path: Path) -> None:
    path.write_text("")


def _blank_lines(path: Path) -> None:
    path.write_text("\n  \n")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_missing, "cannot be read"),
        (_folder, "cannot be read"),
        (_latin_1, "cannot be read"),
        (_empty, "holds no rows"),
        (_blank_lines, "holds no rows"),
    ],
)
def test_a_file_without_readable_rows_is_refused_by_name(make: Callable[[Path], None], says: str, path: Path) -> None:
    make(path)

    with pytest.raises(DatasetError, match=says) as raised:
        load(path)

    assert raised.value.place == str(path)


def test_the_checksum_covers_the_resources_content_and_nothing_else() -> None:
    item = Item.model_validate(GOOD)
    asked_otherwise = Item.model_validate(GOOD | {"question": "Why?", "tags": ["new"], "reference": {"answer": "No."}})
    edited = Item.model_validate(GOOD | {"resource": GOOD["resource"] | {"description": "Another text."}})

    assert asked_otherwise.checksum == item.checksum
    assert edited.checksum != item.checksum


@pytest.mark.parametrize("feature", FEATURES)
def test_a_shipped_set_has_a_card_and_every_class_of_it_has_items(feature: str) -> None:
    card = load_card(INCLUDE / "datasets" / f"{feature}.jsonl")

    assert {item.item_class for item in items_of(feature)} == set(card.classes)
    texts = (card.what, card.how_made, card.not_covered)
    assert min(map(len, texts)) >= 80
    assert len(set(texts)) == 3
    for name, meaning in card.classes.items():
        assert re.fullmatch(r"[A-Z][^.!?]{20,}[.]", meaning.strip()), f"{name}: one sentence"


@dataclass(frozen=True)
class BadCard:
    """A card, and what the message must say: in which line, and what."""

    name: str
    text: str
    says: str


BAD_CARDS = (
    BadCard("empty", "", "set.card.yaml:1: is empty"),
    BadCard("a_list", "- 1\n", "set.card.yaml:1: does not hold a mapping"),
    BadCard("not_yaml", CARD.replace("  lookup:", "\tlookup:"), "set.card.yaml:5: is not YAML"),
    BadCard("unknown_key", CARD + "owner: a team\n", "set.card.yaml:7: owner: unknown key"),
    BadCard("key_twice", CARD + "what: Another.\n", "set.card.yaml:7: what: stands already in line 1"),
    BadCard("class_twice", CARD + "  lookup: Again.\n", "set.card.yaml:7: classes.lookup: stands already in line 5"),
    BadCard("missing_key", CARD.replace("how_made: A text.\n", ""), "set.card.yaml:1: how_made: missing"),
    BadCard(
        "empty_text", CARD.replace("covered: A text.", 'covered: ""'), "set.card.yaml:3: not_covered: must not be empty"
    ),
    BadCard("no_classes", CARD.partition("classes")[0], "set.card.yaml:1: classes: missing"),
    BadCard(
        "classes_empty", CARD.partition("classes")[0] + "classes: {}\n", "set.card.yaml:4: classes: must hold 1 or more"
    ),
    BadCard(
        "classes_a_list",
        CARD.partition("classes")[0] + "classes: [a]\n",
        "set.card.yaml:4: classes: must be a mapping, is",
    ),
    BadCard("class_is_no_key", CARD + "  Two words: A.\n", "set.card.yaml:7: classes.Two words: must be low"),
    BadCard("class_means_nothing", CARD + "  third: 3\n", "set.card.yaml:7: classes.third: must be text, is 3"),
)


@pytest.mark.parametrize("card", BAD_CARDS, ids=lambda card: card.name)
def test_a_bad_card_is_named_with_line_reason_and_remedy_and_the_set_is_not_read(card: BadCard, path: Path) -> None:
    path.write_text(changed() + "\n")
    (path.parent / "set.card.yaml").write_text(card.text)

    with pytest.raises(DatasetError) as raised:
        load(path)

    assert f"{raised.value.place}: {raised.value.problem}".startswith(f"{path.parent}/{card.says}")
    assert "\n" not in str(raised.value)
    assert raised.value.remedy == "Mend the card (docs/datasets.md has an example)."


def test_every_fault_of_a_card_is_named_with_its_line(path: Path) -> None:
    path.write_text(changed() + "\n")
    (path.parent / "set.card.yaml").write_text(CARD.replace("what: A text.", "what: 3") + "owner: a team\n")

    with pytest.raises(DatasetError) as raised:
        load(path)

    assert raised.value.problem.startswith("2 faults\n  ")
    assert re.findall(r"card\.yaml:(\d+): (\w+): ", raised.value.problem) == [("1", "what"), ("7", "owner")]


def test_a_set_without_a_card_is_refused(path: Path) -> None:
    path.write_text(changed() + "\n")
    (path.parent / "set.card.yaml").unlink()

    with pytest.raises(DatasetError, match="cannot be read") as raised:
        load(path)

    assert raised.value.place == str(path.parent / "set.card.yaml")


def test_a_card_outside_the_folder_of_data_sets_is_refused(
    path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "card.yaml"
    outside.write_text(CARD)
    path.write_text(changed() + "\n")
    (path.parent / "set.card.yaml").unlink()
    (path.parent / "set.card.yaml").symlink_to(outside)

    assert len(load(path)) == 1
    with pytest.raises(DatasetError, match="lies outside"):
        load(path, below=path.parent)


def test_a_class_is_written_and_hashed_under_the_name_that_files_have() -> None:
    item = Item.model_validate(GOOD)
    other = Item.model_validate(GOOD | {"class": "summary"})

    assert item.item_class == item.model_dump()["class"] == "lookup"
    assert Item.model_validate(item.model_dump()) == item
    assert dataset_sha256([item]) != dataset_sha256([other])
    assert item.checksum == other.checksum

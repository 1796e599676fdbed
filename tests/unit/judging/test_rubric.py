"""Rubrics: the shipped ones, broken ones, and the arithmetic of a score."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs import dataset
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError
from daily_runs.judging.prompt import build
from daily_runs.judging.rubric import Criterion, Rubric, load

GOOD = """
feature: duo_chat
guidance: Judge the answer.
criteria:
  - {name: correctness, weight: 0.75, question: "Right?", scale: {1: wrong, 5: right}}
  - {name: clarity, weight: 0.25, question: "Clear?", scale: {1: muddled, 5: clear}}
"""


class Case(NamedTuple):
    name: str
    before: str
    after: str
    message: str


BROKEN = (
    Case("weights that sum to less", "weight: 0.75", "weight: 0.5", "the criteria's weights sum to 0.75, not to 1"),
    Case("an unknown key", "guidance:", "guidence: x\nguidance:", "guidence: unknown key (line 3)"),
    Case("no guidance", "guidance: Judge the answer.", "", "guidance: missing (line 1)"),
    Case("a name with a blank", "name: clarity", "name: clear text", "criteria[1].name: must be lower-case letters"),
    Case("points off the scale", "{1: muddled, 5: clear}", "{0: muddled, 5: clear}", "criteria[1].scale.0: must be"),
    Case("a scale of one step", "{1: muddled, 5: clear}", "{5: clear}", "criteria[1].scale: must hold 2 or more"),
    Case("a weight of nothing", "weight: 0.25", "weight: 0", "criteria[1].weight: must be greater than 0"),
    Case("no mapping at all", GOOD, "- a list", "does not hold a mapping (line 1). Its top level must be"),
    Case("no YAML", GOOD, "criteria: [", "is not YAML (did not find expected node content)"),
)


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.name)
def test_a_broken_rubric_is_one_line_that_names_file_and_key(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    assert case.before in GOOD
    path.write_text(GOOD.replace(case.before, case.after))
    with pytest.raises(CatalogueError) as caught:
        load(path)
    assert str(caught.value).startswith("rubrics/duo_chat.yaml: ")
    assert case.message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rubric_that_is_not_there_is_an_error_of_the_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"rubrics/none\.yaml: .*No such file"):
        load(tmp_path / "none.yaml")


def test_a_rubric_in_another_encoding_is_an_error_of_the_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("guidance: schön".encode("latin-1"))
    with pytest.raises(CatalogueError, match=r"rubrics/latin\.yaml: is not UTF-8"):
        load(path)


def test_every_feature_ships_a_sound_rubric_of_its_own() -> None:
    catalogue = catalogue_files.load()
    for name, feature in catalogue.features.items():
        rubric = load(folders.rubric_path(feature))
        assert rubric.feature == name
        for points in range(1, 6):
            score = rubric.score({criterion.name: points for criterion in rubric.criteria})
            assert 0 <= score <= 1
            assert score == pytest.approx((points - 1) / 4)


def test_the_version_follows_the_content_and_nothing_else(tmp_path: Path) -> None:
    first, same, other = tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml"
    first.write_text(GOOD)
    same.write_text(f"# a comment\n{GOOD}")
    other.write_text(GOOD.replace("Right?", "Correct?"))
    assert load(first).version == load(same).version != load(other).version
    assert len(load(first).version) == 12


def rubric_of(weights: list[float]) -> Rubric:
    total = sum(weights)
    return Rubric(
        feature="duo_chat",
        guidance="Judge.",
        criteria=tuple(
            Criterion(
                name=f"criterion_{'abcdef'[n]}", weight=weight / total, question="Good?", scale={1: "no", 5: "yes"}
            )
            for n, weight in enumerate(weights)
        ),
    )


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.data())
def test_a_score_is_the_weighted_mean_on_a_scale_from_0_to_1(weights: list[int], data: st.DataObject) -> None:
    rubric = rubric_of([float(weight) for weight in weights])
    points = {criterion.name: data.draw(st.integers(1, 5)) for criterion in rubric.criteria}
    lowest, highest = ((value - 1) / 4 for value in (min(points.values()), max(points.values())))
    assert lowest - 1e-9 <= rubric.score(points) <= highest + 1e-9
    assert 0 <= rubric.score(points) <= 1
    assert rubric.score(dict.fromkeys(points, 1)) == pytest.approx(0)
    assert rubric.score(dict.fromkeys(points, 5)) == pytest.approx(1)


def test_a_score_by_hand() -> None:
    """(0.75 * 5 + 0.25 * 3 - 1) / 4 = 0.875."""
    rubric = rubric_of([3, 1])
    assert rubric.score({"criterion_a": 5, "criterion_b": 3}) == pytest.approx(0.875)


def test_accepting_a_changed_judge_makes_a_new_version_and_tells_the_judge_nothing(tmp_path: Path) -> None:
    path = tmp_path / "duo_chat.yaml"
    path.write_text(GOOD)
    before = load(path)
    path.write_text(GOOD + "ruler_since: 2026-11-20\n")
    after = load(path)
    item = dataset.load_feature_dataset(catalogue_files.load().features["duo_chat"])[0]
    assert after.version != before.version
    assert build(after, item, "An answer.") == build(before, item, "An answer.")


def test_the_shipped_rubrics_have_the_versions_that_are_in_stores_already() -> None:
    """A version that changes with this software makes all earlier runs incomparable."""
    features = catalogue_files.load().features.values()
    versions = {feature.feature: load(folders.rubric_path(feature)).version for feature in features}
    assert versions == {
        "code_suggestions": "b0d88f4acf20",
        "duo_chat": "4140665b0a65",
        "root_cause_analysis": "c219c1e50b86",
        "vulnerability_explanation": "470c989dd5b8",
        "vulnerability_resolution": "5922535a58d0",
    }

"""What a report's page is made of: bounded and escaped texts, the series as a picture, items, and their questions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.dataset import dataset_sha256, load_feature_dataset
from daily_runs.errors import ParameterError
from daily_runs.input_files import steering_in
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.quality import EarlierRun
from daily_runs.results.run_compare.treatment import Treatment, treated
from daily_runs.results.run_report import item_pairs, questions, sections
from daily_runs.results.run_report.item_pairs import ItemsOfRun
from daily_runs.results.run_report.markup import escaped, long_text, table
from daily_runs.results.run_report.sections import short
from daily_runs.results.run_report.series_chart import chart, ruler_chart
from daily_runs.results.run_report.whisker import whiskers

SVG = "{http://www.w3.org/2000/svg}"


def run(day: int, mean: float = 0.8, **more: Any) -> dict[str, Any]:
    """A run of a series, as the model has it."""
    figure = {"provider": "unknown", "mean": mean, "low": mean - 0.03, "high": mean + 0.03}
    date = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC) + dt.timedelta(days=day)
    plain = {"verdict": None, "figures": [figure], "stream": "a", "in_reference": False, "changed": []}
    return {"run_key": f"run-{day}", "logical_date": date.isoformat(), **plain, **more}


def series(runs: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    return {"runs": runs, "left_out": 0, "reference": None, "alarms": [], **more}


def drawn(found: Mapping[str, Any], this: str = "run-0") -> ElementTree.Element:
    """The picture, read as XML."""
    return ElementTree.fromstring(chart(found, this).replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


@given(st.text())
def test_no_text_makes_a_mark_or_steers(text: str) -> None:
    for shown in (escaped(text), long_text(text).removeprefix('<pre dir="auto">').removesuffix("</pre>")):
        assert not set(shown) & set("<>\"'")
        assert steering_in(shown.encode("utf-8", "replace").decode()) is None


@given(st.text(min_size=30, max_size=60))
def test_what_is_cut_says_how_many_characters_are_left_out(text: str) -> None:
    assert f"({len(text) - 20:,} characters left out)" in escaped(text, 20)
    assert f"{len(text) - 20:,} characters left out" in long_text(text, 20)
    assert "left out" not in escaped("a" * 20, 20)


def test_a_table_says_how_many_rows_it_leaves_out() -> None:
    assert "50 rows left out" in table(("a",), [["x"]] * 250)


def test_only_a_column_of_figures_is_set_to_the_right() -> None:
    text = table(("name", "value", "change"), [["a", "0.5 [0.4, 0.6]", "–"], ["1 of b", "12", "+0.1"]])
    assert re.findall(r'<th scope="col"( class="figure")?>', text) == ["", ' class="figure"', ' class="figure"']


def test_the_picture_is_told_in_words() -> None:
    picture = drawn(series([run(0), run(1, 0.75)]))
    said = picture.findtext(f"{SVG}desc") or ""
    assert (picture.get("role"), picture.get("aria-labelledby")) == ("img", "series-title series-desc")
    assert "1 Aug 2026 to 2 Aug 2026" in said
    assert "0.750" in said


def test_a_run_is_told_from_others_by_its_form_not_by_colour() -> None:
    runs = [run(0, in_reference=True), run(1), run(2)]
    picture = drawn(series(runs), "run-2")
    circles = picture.findall(f".//{SVG}circle")
    assert [circle.get("fill") == "#fff" for circle in circles] == [True, False]
    assert len(picture.findall(f".//{SVG}polygon")) == 1


def test_an_alarm_is_a_triangle_where_it_began_filled_while_it_is_open() -> None:
    alarms = [
        {"alarm_id": 7, "since_run_key": "run-1", "state": "real"},
        {"alarm_id": 8, "since_run_key": "run-2", "state": "open"},
        {"alarm_id": 9, "since_run_key": "run-of-long-ago", "state": "open"},
    ]
    picture = drawn(series([run(0), run(1), run(2)], alarms=alarms))
    triangles = [mark for mark in picture.findall(f"{SVG}polygon") if mark.get("stroke") == "#a40000"]
    assert [mark.get("fill") for mark in triangles] == ["#fff", "#a40000"]
    names = [text.text for text in picture.findall(f"{SVG}text")]
    assert [name for name in names if name and name.startswith("A")] == ["A7", "A8"]


def test_numbers_of_alarms_at_the_right_edge_stand_at_the_left_of_it() -> None:
    alarms = [{"alarm_id": 100 + n, "since_run_key": "run-1", "state": "open"} for n in range(3)]
    (label,) = [text for text in drawn(series([run(0), run(1)], alarms=alarms)) if "A100" in (text.text or "")]
    assert (label.text, label.get("text-anchor")) == ("A100, A101, A102", "end")


def test_changes_are_numbered_and_near_ones_do_not_cover_each_other() -> None:
    changed = [{"what": "GitLab", "then": "a", "now": "b"}]
    runs = [run(day, changed=changed if day in (20, 21) else []) for day in range(100)]
    picture = drawn(series(runs))
    found = [text for text in picture.findall(f"{SVG}text") if text.text in ("1", "2")]
    assert len({text.get("y") for text in found}) == 2


def test_runs_of_two_rulers_or_two_providers_are_not_joined() -> None:
    two = [{"provider": name, "mean": 0.8, "low": 0.7, "high": 0.9} for name in ("a", "b")]
    runs = [run(0), run(1), run(2, stream="b"), run(3, stream="b", figures=two)]
    joins = [line for line in drawn(series(runs)).findall(f"{SVG}line") if line.get("stroke") == "#555"]
    assert len(joins) == 1


@pytest.mark.parametrize("days", [(0,), (0, 0.01, 0.02, 30), tuple(range(60)), tuple(n / 4 for n in range(60))])
def test_days_are_written_where_they_have_room(days: Sequence[float]) -> None:
    picture = drawn(series([run(0) | {"logical_date": _at(day)} for day in days]))
    at = sorted(float(text.get("x", "0")) for text in picture.findall(f"{SVG}text") if "Aug" in (text.text or ""))
    assert at
    assert all(later - earlier >= 60 for earlier, later in pairwise(at))


def _at(day: float) -> str:
    return (dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC) + dt.timedelta(days=day / 3)).isoformat()


@given(st.lists(st.floats(0.04, 0.96), min_size=1, max_size=20))
def test_every_mark_lies_within_the_picture(means: Sequence[float]) -> None:
    reference = {"runs": ["run-0"], "mean": means[0], "lowest": min(means), "highest": max(means)}
    picture = drawn(series([run(day, mean) for day, mean in enumerate(means)], reference=reference))
    width, height = (float(picture.get(name, "0")) for name in ("width", "height"))
    for mark in picture.iter():
        for name, most in (("x1", width), ("x2", width), ("cx", width), ("y1", height), ("y2", height), ("cy", height)):
            assert 0 <= float(mark.get(name, "0")) <= most


@pytest.mark.parametrize(("first_shown", "from_the_edge"), [(0, False), (3, True), (4, True)])
def test_the_reference_is_drawn_from_its_first_run_on(first_shown: int, from_the_edge: bool) -> None:
    runs = [run(day, in_reference=3 <= day < 6) for day in range(10)][first_shown:]
    reference = {"runs": ["run-3", "run-4", "run-5"], "mean": 0.8, "lowest": 0.79, "highest": 0.81}
    picture = drawn(series(runs, reference=reference), "run-9")
    (band,) = picture.findall(f"{SVG}rect")
    rings = [float(ring.get("cx", "0")) for ring in picture.findall(f".//{SVG}circle") if ring.get("fill") == "#fff"]
    left = float(band.get("x", "0"))
    assert left == min(rings) if not from_the_edge else left < min(rings)


def test_a_series_without_a_published_run_has_no_picture() -> None:
    assert chart(series([]), "run-0") == ""


def judged(day: int, shift: float | None, reach: float = 0.02, **more: Any) -> dict[str, Any]:
    """A day's judging of the frozen answers, as the model has it."""
    date = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC) + dt.timedelta(days=day)
    ends = {"low": None, "high": None} if shift is None else {"low": shift - reach, "high": shift + reach}
    plain = {"first_day": False, "held": True, "of_this_run": False}
    return {"began_at": date.isoformat(), "shift": shift, **ends, **plain, **more}


def drawn_ruler(days: Sequence[Mapping[str, Any]]) -> ElementTree.Element:
    picture = ruler_chart({"days": days, "tolerance": 0.01})
    return ElementTree.fromstring(picture.replace("<svg ", f'<svg xmlns="{SVG[1:-1]}" ', 1))


def test_the_judges_days_are_told_apart_by_form_and_a_failed_one_is_crossed() -> None:
    first = [judged(0, None, first_day=True), judged(1, 0.001, first_day=True)]
    picture = drawn_ruler([*first, judged(2, 0.002), judged(3, 0.1, held=False, of_this_run=True)])
    circles = picture.findall(f".//{SVG}circle")
    assert [circle.get("fill") == "#fff" for circle in circles] == [True, False], "the very first day has no shift"
    (diamond,) = picture.findall(f".//{SVG}polygon")
    (cross,) = [text for text in picture.findall(f"{SVG}text") if text.text == "✕"]
    assert (diamond.get("points") or "").startswith(f"{cross.get('x')},")


def test_the_judges_picture_shows_the_tolerance_and_is_told_in_words() -> None:
    picture = drawn_ruler([judged(0, 0.0), judged(1, -0.004, held=False)])
    (band,) = picture.findall(f"{SVG}rect")
    labels = {text.text: float(text.get("y", "0")) - 4 for text in picture.findall(f"{SVG}text")}
    top = float(band.get("y", "0"))
    foot = top + float(band.get("height", "0"))
    assert (labels["+0.01"], labels["-0.01"]) == pytest.approx((top, foot), abs=0.11)
    said = picture.findtext(f"{SVG}desc") or ""
    assert all(word in said for word in ("The newest: -0.004", "Tolerance: 0.01", "the check failed: 1"))
    assert picture.get("aria-labelledby") == "ruler-title ruler-desc"


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 50)), min_size=1, max_size=20))
def test_every_mark_of_the_judges_picture_lies_within_it(days: Sequence[tuple[float, float]]) -> None:
    picture = drawn_ruler([judged(number, shift, reach) for number, (shift, reach) in enumerate(days)])
    width, height = (float(picture.get(name, "0")) for name in ("width", "height"))
    for mark in picture.iter():
        for name, most in (("x1", width), ("x2", width), ("cx", width), ("y1", height), ("y2", height), ("cy", height)):
            assert 0 <= float(mark.get(name, "0")) <= most


def test_days_without_a_shift_have_no_picture() -> None:
    assert ruler_chart({"days": [judged(0, None)], "tolerance": 0.01}) == ""


def test_a_column_of_short_words_is_never_broken_inside_one() -> None:
    text = table(("what", ""), [["a long name of an expectation", "FAILED"], ["another", "passed"]])
    assert re.findall(r"<td( class=\"\w+\")?>", text.partition("<tbody>")[2]) == ["", ' class="short"'] * 2


def test_differences_share_one_scale_and_those_that_are_unknown_are_left_empty() -> None:
    parts = [{"estimate": -0.1, "low": -0.2, "high": 0.0}, {}, {"estimate": 0.0, "low": -0.01, "high": 0.01}]
    wide, empty, narrow = whiskers(parts)
    assert empty == ""
    assert _length(wide) == pytest.approx(10 * _length(narrow), abs=0.3)
    assert whiskers([{}]) == []


def _length(picture: str) -> float:
    ends = re.findall(r'x1="([\d.]+)" y1="10.0" x2="([\d.]+)"', picture)[0]
    return float(ends[1]) - float(ends[0])


def item(name: str, mean: float | None, provider: str = "unknown") -> PublishedItem:
    scored = 0 if mean is None else 2
    return PublishedItem(name, "one", provider, 2, scored, 0, mean, 0.0, {})


def test_the_worst_are_the_lowest_and_the_most_changed_move_most_up_or_down() -> None:
    before = [ItemsOfRun("old", "1", [item("a", 0.5), item("b", 0.9), item("c", 0.4), item("d", 0.3)])]
    pairs = item_pairs.pairs_of(
        [item("a", 0.5), item("b", 0.6), item("c", 0.8), item("d", None), item("e", 0.1)], before
    )
    assert [pair.item.item_id for pair in item_pairs.worst(pairs)] == ["e", "a", "b", "c"]
    assert [pair.item.item_id for pair in item_pairs.most_changed(pairs)] == ["c", "b"]


def test_an_item_is_held_against_the_mean_of_all_runs_and_shown_beside_the_newest() -> None:
    runs = [ItemsOfRun(name, name, [item("a", mean)]) for name, mean in (("x", 0.2), ("y", 0.6), ("z", None))]
    (pair,) = item_pairs.pairs_of([item("a", 0.5)], runs)
    assert pair.before == pytest.approx(0.4)
    assert pair.change == pytest.approx(0.1)
    there = pair.there()
    assert there is not None
    assert there.attempt_id == "y"


def test_a_run_of_two_providers_is_held_against_none() -> None:
    before = [ItemsOfRun("old", "1", [item("a", 0.5, "x")])]
    pairs = item_pairs.pairs_of([item("a", 0.5, "x"), item("a", 0.1, "y")], before)
    assert [pair.before for pair in pairs] == [None, None]


@pytest.mark.parametrize("name", ["root_cause_analysis", "duo_chat", "code_suggestions", "vulnerability_resolution"])
def test_every_item_has_a_question_while_the_data_set_is_the_one_that_was_asked(name: str) -> None:
    catalogue = catalogue_files.load()
    items = load_feature_dataset(catalogue.features[name])
    found = questions.of_catalogue(catalogue)(name, dataset_sha256(items))
    assert {key: asked.item_class for key, asked in found.items()} == {one.id: one.item_class for one in items}
    assert all(asked.question for asked in found.values())
    assert questions.of_catalogue(catalogue)(name, "another") == {}
    assert questions.of_catalogue(catalogue)("no feature", dataset_sha256(items)) == {}


def test_a_part_shows_the_smallest_drop_that_would_be_seen_where_it_is_known() -> None:
    mean = {"kind": "class", "items": 2, "mean": 0.5, "mean_low": 0.4, "mean_high": 0.6}
    compared = {"estimate": -0.1, "low": -0.2, "high": 0.0, "verdict": None, "smallest_visible_drop": 0.123}
    known, unknown = sections.parts({"parts": [{"name": "a", **mean, **compared}, {"name": "b", **mean}]}).rows
    assert list(known[3:]) == ["-0.100 [-0.200, +0.000]", "0.123", ""]
    assert list(unknown[3:]) == ["–", "–", ""]


def test_a_hash_is_shown_by_its_first_digits_and_a_version_whole() -> None:
    assert (short("0123456789abcdef" * 4), short("19.4.1-ee"), short("")) == ("0123456789ab", "19.4.1-ee", "–")


def earlier(key: str, **context: str) -> EarlierRun:
    return EarlierRun(key, dt.datetime(2026, 8, 1, tzinfo=dt.UTC), {"provider": "unknown"}, context, ())


def test_a_build_that_one_run_does_not_know_is_no_treatment() -> None:
    found = treated(earlier("a/staging/1"), earlier("a/staging/2", gitlab_version="19.4.1"), None)
    assert (found.name, found.values, found.besides) == (Treatment.DATE, ("1", "2"), {})
    with pytest.raises(ParameterError, match="the build of both runs is the same"):
        treated(earlier("a/staging/1"), earlier("a/staging/2", gitlab_version="19.4.1"), Treatment.BUILD)


def test_a_build_is_another_one_by_its_revision_alone() -> None:
    first = earlier("a/staging/1", gitlab_version="19.4.1", gitlab_revision="a1b2c3d")
    second = earlier("a/staging/2", gitlab_version="19.4.1", gitlab_revision="e5f6a7b")
    found = treated(first, second, None)
    assert found == (Treatment.BUILD, ("19.4.1 (a1b2c3d)", "19.4.1 (e5f6a7b)"), {"date": ("1", "2")})


def test_a_revision_that_one_run_does_not_know_makes_no_other_build() -> None:
    known = earlier("a/staging/2", gitlab_version="19.4.1", gitlab_revision="e5f6a7b")
    assert treated(earlier("a/staging/1", gitlab_version="19.4.1"), known, None).name is Treatment.DATE
    found = treated(earlier("a/staging/1", gitlab_version="19.4.0"), known, None)
    assert (found.name, found.values) == (Treatment.BUILD, ("19.4.0", "19.4.1"))

"""The picture of a plan, and the load behind it, minute by minute."""

from __future__ import annotations

import datetime as dt
import itertools
from xml.etree import ElementTree

import pytest
from tests.unit.capacity.plan_cases import CHAT, CODE, EXPLAIN, RCA, RESOLVE, given, pinned, planned, with_feature

from daily_runs.capacity import load_chart, load_picture
from daily_runs.capacity.load import INFERENCE, JUDGING
from daily_runs.capacity.load_chart import Band, busiest, lines, loads
from daily_runs.capacity.load_picture import day_bars, short_names
from daily_runs.capacity.plan import WeekPlan

SIX = 6 * 60


def texts(plan: WeekPlan) -> list[str]:
    root = ElementTree.fromstring(load_picture.svg(plan, ["tokens: the catalogue's figures"]))
    return ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]


def bars_of(plan: WeekPlan, fill: str) -> list[dict[str, str]]:
    """Rectangles below the legend."""
    root = ElementTree.fromstring(load_picture.svg(plan, []))
    found = [e.attrib for e in root.iter() if e.tag.endswith("rect") and e.attrib.get("fill") == fill]
    return [attributes for attributes in found if float(attributes.get("y", 0)) > 90]


def test_a_minute_holds_what_flows_in_it() -> None:
    """RCA on EVAL: 17.5 % from 06:00 to 06:45, then 32 verdicts of 4,400 a minute = 3.52 % until 07:13:07."""
    load = loads(planned("08-16", "08-16"))["EVAL"]
    asking, judging = Band(RCA, INFERENCE), Band(RCA, JUDGING)
    assert load[SIX] == load[SIX + 44] == {asking: pytest.approx(0.175)}
    assert load[SIX + 45] == {judging: pytest.approx(0.0352)}
    assert load[SIX + 73] == {judging: pytest.approx(0.0352 * 0.125)}  # 7.5 s of the minute
    assert sorted(load) == list(range(SIX, SIX + 74))


def test_what_takes_a_second_fills_a_small_part_of_its_minute() -> None:
    """14 × 5,700 = 79,800 tokens of 4 M: 2 % of the minute, though they go at the account's whole rate."""
    load = loads(planned("08-21", "08-21"))["EVAL"]
    assert load[10 * 60][Band(EXPLAIN, INFERENCE)] == pytest.approx(0.01995)


def test_the_fullest_minute_is_found_with_its_moment() -> None:
    found = planned("08-10", "08-16")
    fullest = busiest(found, loads(found)["EVAL"])
    assert fullest.share == pytest.approx(0.175)
    assert fullest.moment == dt.datetime(2026, 8, 10, 6, 0, tzinfo=dt.UTC)
    assert busiest(found, {}) == (0.0, None)


def test_text_has_a_line_a_feature_and_account_and_a_block_for_the_fullest_minute() -> None:
    """One day: an hour a block. 17.5 % is in the second eighth, what little there is in the first."""
    found = {(line.account, line.feature): line.blocks for line in lines(planned("08-21", "08-21"))}
    assert found["EVAL", RCA] == "·" * 6 + "▂▁" + "·" * 16
    assert found["EVAL", EXPLAIN] == "·" * 10 + "▁" + "·" * 13
    assert set(found) == {("EVAL", name) for name in (RCA, CHAT, EXPLAIN, RESOLVE)}


@pytest.mark.parametrize(("last", "cells"), [("08-10", 24), ("08-16", 12), ("08-23", 4), ("09-08", 2)])
def test_more_days_have_coarser_blocks_and_stay_in_their_width(last: str, cells: int) -> None:
    blocks = next(lines(planned("08-10", last))).blocks
    assert {len(day) for day in blocks.split("|")} == {cells}
    assert len(blocks) <= load_chart.COLUMNS_MAX


def test_so_many_days_that_no_line_holds_them_have_no_text_form() -> None:
    assert list(lines(planned("08-10", "12-31"))) == []


def test_the_picture_names_what_it_shows() -> None:
    words = texts(planned("08-10", "08-16"))
    assert "Planned load by account, 2026-08-10 to 2026-08-16 (UTC): fits" in words
    assert "Account PROD: limit 8 M input tokens/min, 1.6 M output tokens/min, 8,000 requests/min" in words
    assert {"Mon 10 Aug", "Sun 16 Aug", "06:00", "limit", "50 %"} <= set(words)
    assert "▶ RCA" in words  # cuts over on 15 August
    assert "RCA = root_cause_analysis" in words
    assert "tokens: the catalogue's figures" in words


def test_each_bar_is_told_with_its_true_duration_and_fullest_minute() -> None:
    words = texts(planned("08-15", "08-15"))
    assert "RCA 45 min + judging 28 min, 17.5 %" in words
    assert "DC 19 s, 1.3 %" in words  # 16 × 6,500 / 8 M on PROD


def test_a_bar_is_as_high_as_its_share_and_never_too_thin_to_see() -> None:
    found = planned("08-16", "08-16")
    colour = load_picture.COLOURS[load_picture.by_priority(found).index(RCA)]
    (asking,) = bars_of(found, colour)
    assert float(asking["height"]) == pytest.approx(0.175 * load_picture.STRIP, abs=0.01)
    assert float(asking["width"]) == pytest.approx(0.75 * load_picture.HOUR, abs=0.01)
    judging = bars_of(found, f"url(#hatch-{RCA})")[0]
    assert float(judging["width"]) == pytest.approx(28 / 60 * load_picture.HOUR, abs=0.01)
    tiny = bars_of(planned("08-21", "08-21"), load_picture.COLOURS[load_picture.by_priority(found).index(EXPLAIN)])
    assert [float(bar["width"]) for bar in tiny] == [load_picture.BAR_WIDTH_MIN]


def test_bars_that_meet_are_stacked() -> None:
    """Chat at 06:00 too: its 19 s of asking stand beside RCA in the minute, each from where the other ends."""
    found = planned("08-17", "08-17", delays={CHAT: dt.timedelta(hours=-2)})
    bars = [bar for bar in day_bars(loads(found)["EVAL"], 0, load_picture.by_priority(found)) if bar.begins == SIX]
    assert [bar.band.feature for bar in bars] == [RCA, CHAT, CHAT]  # chat's judging begins in that minute, too
    assert [bar.low for bar in bars] == pytest.approx([0.0, bars[0].high, bars[1].high])
    assert bars[-1].high == pytest.approx(sum(loads(found)["EVAL"][SIX].values()))


def test_a_day_that_does_not_fit_is_marked() -> None:
    words = texts(planned("08-21", "08-21", with_feature(pinned(), RCA, prompts_per_run=916)))
    assert "✗ does not fit" in words
    assert any("does not fit, first on Fri 21 Aug" in text for text in words)


def test_features_are_named_by_their_initials_unless_two_would_be_the_same() -> None:
    assert short_names([RCA, CHAT, "dark_chess", CODE, "x"]) == {
        RCA: "RCA",
        CHAT: CHAT,
        "dark_chess": "dark_chess",
        CODE: "CS",
        "x": "x",
    }


def test_words_over_a_full_strip_stand_above_its_limit_and_apart() -> None:
    """Four features that fill EVAL at the same time: the strip moves down by as much as their words need."""
    small = given(pinned().accounts["EVAL"], input_tokens_per_minute=100_000)
    full = given(pinned(), accounts={**pinned().accounts, "EVAL": small})
    hours = {CHAT: -2, EXPLAIN: -4, RESOLVE: -5}
    found = planned("08-21", "08-21", full, delays={name: dt.timedelta(hours=n) for name, n in hours.items()})
    root = ElementTree.fromstring(load_picture.svg(found, []))
    places = [float(e.attrib["y"]) for e in root.iter() if e.attrib.get("class") == "label"]
    limits = [float(e.attrib["y1"]) for e in root.iter() if e.attrib.get("class") == "limit"]
    assert len(places) == len(set(places)) == 4
    assert max(places) < limits[-1]


def test_no_day_is_drawn_over_another_whatever_its_labels_need() -> None:
    """A low bar has its words within the strip: that must not pull the strip up."""
    strips = bars_of(planned("08-10", "08-30"), "#fafafa")
    edges = [(float(strip["y"]), float(strip["y"]) + float(strip["height"])) for strip in strips]
    assert len(edges) == 2 * 21
    assert all(later[0] > earlier[1] for earlier, later in itertools.pairwise(edges))

"""The series of a stream as a picture in SVG: readable without colour, and told in words to those who do not see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from daily_runs.results.run_report.markup import escaped

_WIDTH, _HEIGHT = 1100, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 30, 44, 46
_NAMED = 'role="img" aria-labelledby="series-title series-desc"'
_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_DAY_WIDTH = 60
"""Pixels from one day's label to the next."""
_NAMES_WIDTH = 160
"""Pixels that the numbers of alarms may need; nearer to the right edge they stand at the left."""
_LABEL_WIDTH = 16
"""Pixels that the number of a change needs; one that stands nearer to the one before goes a line down."""


class _Scale(NamedTuple):
    """Where a moment and a score are on the picture, and the scores that get a line."""

    first: float
    last: float
    low: float
    high: float
    step: float

    def x(self, moment: dt.datetime) -> float:
        span = self.last - self.first
        share = (moment.timestamp() - self.first) / span if span else 0.5
        return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)

    def y(self, score: float) -> float:
        share = (min(max(score, self.low), self.high) - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def chart(series: Mapping[str, Any], run_key: str) -> str:
    """The picture; empty where no run of the stream is published."""
    runs = [run for run in series["runs"] if run["figures"]]
    if not runs:
        return ""
    scale = _scale(runs, series["reference"])
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" {_NAMED}>',
        f'<title id="series-title">Means of {len(runs)} runs</title>',
        f'<desc id="series-desc">{escaped(_in_words(runs, series), 2_000)}</desc>',
        *_grid(scale),
        *_days(scale, runs),
        *_reference(scale, series["reference"], runs),
        *_changes(scale, runs),
        *_line(scale, runs),
        *(mark for run in runs for mark in _run(scale, run, is_this=run["run_key"] == run_key)),
        *_alarms(scale, series["alarms"], runs),
        "</svg>",
    ]
    return "\n".join(parts)


def changed_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The runs at which something changed; their places in this list, from 1, are the picture's numbers."""
    return [run for run in runs if run["changed"]]


def _date(run: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(run["logical_date"])


def _scale(runs: Sequence[Mapping[str, Any]], reference: Mapping[str, Any] | None) -> _Scale:
    figures = [figure for run in runs for figure in run["figures"]]
    ends = [figure[end] for figure in figures for end in ("low", "high")]
    ends += [reference["lowest"], reference["highest"]] if reference else []
    low, high = min(ends), max(ends)
    step = next((step for step in _TICKS if (high - low) / step <= 8), _TICKS[-1])
    low, high = max(0.0, (low // step) * step), min(1.0, (high // step + 1) * step)
    moments = [_date(run).timestamp() for run in runs]
    return _Scale(min(moments), max(moments), low, max(high, low + step), step)


def _grid(scale: _Scale) -> list[str]:
    marks = []
    right = _WIDTH - _RIGHT
    digits = 3 if scale.step < 0.01 else 2
    for number in range(round((scale.high - scale.low) / scale.step) + 1):
        score = scale.low + number * scale.step
        y = scale.y(score)
        marks.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        marks.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{score:.{digits}f}</text>')
    return marks


def _days(scale: _Scale, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The newest run's day, and each earlier one that has room for its own."""
    marks = []
    foot, free_to = _HEIGHT - _BOTTOM, float(_WIDTH)
    for run in reversed(runs):
        x = scale.x(_date(run))
        if x <= free_to:
            marks.append(f'<line x1="{x:.1f}" y1="{foot}" x2="{x:.1f}" y2="{foot + 5}" stroke="#777"/>')
            marks.append(f'<text x="{x:.1f}" y="{foot + 19}" text-anchor="middle">{_date(run):%-d %b}</text>')
            free_to = x - _DAY_WIDTH
    return marks


def _reference(scale: _Scale, reference: Mapping[str, Any] | None, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """From its first run on: what came before was measured with another ruler, or is no longer what counts."""
    if reference is None:
        return []
    begins_with_it = runs[0]["run_key"] == reference["runs"][0]
    known = [scale.x(_date(run)) for run in runs if run["in_reference"]]
    left = _LEFT if begins_with_it or len(known) < len(reference["runs"]) else min(known)
    top, foot, y = scale.y(reference["highest"]), scale.y(reference["lowest"]), scale.y(reference["mean"])
    right = _WIDTH - _RIGHT
    height = max(1.0, foot - top)
    return [
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{height:.1f}" fill="#dfe8f2"/>',
        f'<line x1="{left:.1f}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#33567d" stroke-dasharray="7 4"/>',
    ]


def _changes(scale: _Scale, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    marks: list[str] = []
    last, row = -1e9, 0
    for number, run in enumerate(changed_runs(runs), start=1):
        x = scale.x(_date(run))
        row = 1 - row if x - last < _LABEL_WIDTH else 0
        last, y = x, 12 + 14 * row
        ends = f'x1="{x:.1f}" y1="{y + 4}" x2="{x:.1f}" y2="{_HEIGHT - _BOTTOM}"'
        marks.append(f'<line {ends} stroke="#777" stroke-dasharray="2 3"/>')
        marks.append(f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{number}</text>')
    return marks


def _line(scale: _Scale, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Runs are joined where one ruler measured both and each has one mean."""
    return [
        f'<line x1="{scale.x(_date(one)):.1f}" y1="{scale.y(one["figures"][0]["mean"]):.1f}"'
        f' x2="{scale.x(_date(other)):.1f}" y2="{scale.y(other["figures"][0]["mean"]):.1f}" stroke="#555"/>'
        for one, other in pairwise(runs)
        if one["stream"] == other["stream"] and len(one["figures"]) == len(other["figures"]) == 1
    ]


def _run(scale: _Scale, run: Mapping[str, Any], *, is_this: bool) -> list[str]:
    """A run's means with their intervals: a diamond for this run, a ring for the reference, a dot for the others."""
    marks = []
    x = scale.x(_date(run))
    for figure in run["figures"]:
        y, low, high = (scale.y(figure[name]) for name in ("mean", "low", "high"))
        who = f" ({figure['provider']})" if len(run["figures"]) > 1 else ""
        said = f"{_date(run):%Y-%m-%d}{who}: {figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
        fill = "#fff" if run["in_reference"] else "#1f1f1f"
        shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="#1f1f1f" stroke-width="1.5"/>'
        if is_this:
            corners = f"{x:.1f},{y - 9:.1f} {x + 9:.1f},{y:.1f} {x:.1f},{y + 9:.1f} {x - 9:.1f},{y:.1f}"
            shape = f'<polygon points="{corners}" fill="#1f1f1f" stroke="#fff" stroke-width="1.5"/>'
        marks.append(f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="#888" stroke-width="2"/>')
        marks.append(f"<g><title>{escaped(said)}</title>{shape}</g>")
    return marks


def _alarms(scale: _Scale, alarms: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A triangle at the foot where an alarm began, filled while it is open, with its number."""
    places = {run["run_key"]: scale.x(_date(run)) for run in runs}
    marks = []
    at: dict[str, list[Mapping[str, Any]]] = {}
    for alarm in alarms:
        at.setdefault(alarm["since_run_key"], []).append(alarm)
    y = _HEIGHT - _BOTTOM - 4
    for key, found in at.items():
        if (x := places.get(key)) is None:
            continue
        fill = "#a40000" if any(alarm["state"] == "open" for alarm in found) else "#fff"
        names = ", ".join(f"A{alarm['alarm_id']}" for alarm in found)
        corners = f"{x:.1f},{y - 13} {x + 8:.1f},{y} {x - 8:.1f},{y}"
        marks.append(f'<polygon points="{corners}" fill="{fill}" stroke="#a40000" stroke-width="1.5"/>')
        at_edge = x > _WIDTH - _NAMES_WIDTH
        place = f'x="{x - 11:.1f}" text-anchor="end"' if at_edge else f'x="{x + 11:.1f}"'
        marks.append(f'<text {place} y="{y - 1}" font-weight="bold">{names}</text>')
    return marks


def _in_words(runs: Sequence[Mapping[str, Any]], series: Mapping[str, Any]) -> str:
    first, last = runs[0], runs[-1]
    means = "; ".join(f"{figure['provider']} {figure['mean']:.3f}" for figure in last["figures"])
    reference = series["reference"]
    told = (
        f" The reference of {len(reference['runs'])} runs has a mean of {reference['mean']:.3f}." if reference else ""
    )
    return (
        f"Mean of each run with its 95 % interval, {_date(first):%-d %b %Y} to {_date(last):%-d %b %Y}."
        f" The newest: {means}.{told} {len(changed_runs(runs))} changes, {len(series['alarms'])} alarms."
        " The same figures stand in the table below."
    )

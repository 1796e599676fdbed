"""Series as pictures in SVG, of runs and of their ruler: readable without colour, and told in words besides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from daily_runs.results.run_report.markup import escaped

_WIDTH, _HEIGHT = 1100, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 30, 44, 46
_RULER_HEIGHT = 220
_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_DAY_WIDTH = 60
"""Pixels from one day's label to the next."""
_NAMES_WIDTH = 160
"""Pixels that the numbers of alarms may need; nearer to the right edge they stand at the left."""
_RUNS_LARGE = 120
"""More runs than these are drawn with smaller marks, so that one does not hide its neighbours."""
_LABEL_WIDTH = 16
"""Pixels that the number of a change needs; one that stands nearer to the one before goes a line down."""


class _Scale(NamedTuple):
    """Where a moment and a score are on the picture, and the scores that get a line."""

    first: float
    last: float
    low: float
    high: float
    step: float
    height: int = _HEIGHT
    radius: float = 4.5

    @property
    def foot(self) -> int:
        """Where the lowest score stands."""
        return self.height - _BOTTOM

    def x(self, moment: dt.datetime) -> float:
        span = self.last - self.first
        share = (moment.timestamp() - self.first) / span if span else 0.5
        return _LEFT + 12 + share * (_WIDTH - _LEFT - _RIGHT - 24)

    def y(self, score: float) -> float:
        share = (min(max(score, self.low), self.high) - self.low) / (self.high - self.low)
        return self.foot - share * (self.foot - _TOP)


def chart(series: Mapping[str, Any], run_key: str) -> str:
    """The picture; empty where no run of the stream is published."""
    runs = [run for run in series["runs"] if run["figures"]]
    if not runs:
        return ""
    scale = _scale(runs, series["reference"])
    parts = [
        _opened(_HEIGHT, "series", f"Means of {len(runs)} runs", _in_words(runs, series)),
        *_grid(scale),
        *_days(scale, [_date(run) for run in runs]),
        *_reference(scale, series["reference"], runs),
        *_changes(scale, runs),
        *_line(scale, runs),
        *(mark for run in runs for mark in _run(scale, run, is_this=run["run_key"] == run_key)),
        *_alarms(scale, series["alarms"], runs),
        "</svg>",
    ]
    return "\n".join(parts)


def ruler_chart(check: Mapping[str, Any]) -> str:
    """How far the frozen answers' mean lies from that of the first days, by day; empty where no day tells it."""
    days = [day for day in check["days"] if day["shift"] is not None]
    if not days:
        return ""
    tolerance = check["tolerance"]
    dates = [dt.datetime.fromisoformat(day["began_at"]) for day in days]
    ends = [min(1.0, max(-1.0, day[end])) for day in days for end in ("low", "high")]
    moments = [date.timestamp() for date in dates]
    low, high, step = _ticks([*ends, -2 * tolerance, 2 * tolerance], 6)
    scale = _Scale(min(moments), max(moments), low, high, step, _RULER_HEIGHT)
    parts = [
        _opened(_RULER_HEIGHT, "ruler", f"The judge on {len(days)} days", _ruler_in_words(days, tolerance)),
        *_grid(scale, "+"),
        *_days(scale, dates),
        *_band(scale, _LEFT, -tolerance, 0.0, tolerance),
    ]
    for date, day in zip(dates, days, strict=True):
        x, y = scale.x(date), scale.y(day["shift"])
        said = f"{date:%Y-%m-%d}: {day['shift']:+.3f} [{day['low']:+.3f}, {day['high']:+.3f}]"
        parts.append(_whisker(x, scale.y(day["low"]), scale.y(day["high"])))
        parts.append(_mark(x, y, said, is_this=day["of_this_run"], is_ring=day["first_day"]))
        if day["held"] is False:
            parts.append(f'<text x="{x:.1f}" y="{_TOP - 14}" text-anchor="middle" font-weight="bold">✕</text>')
    return "\n".join([*parts, "</svg>"])


def _ruler_in_words(days: Sequence[Mapping[str, Any]], tolerance: float) -> str:
    failed = sum(day["held"] is False for day in days)
    return (
        f"How far the frozen answers' mean lies from that of the first days. The newest: {days[-1]['shift']:+.3f}."
        f" Tolerance: {tolerance:g}. Days on which the check failed: {failed}. The table below has the figures."
    )


def _opened(height: int, name: str, title: str, told: str) -> str:
    """The begin of a picture of that name, with its title, and with a text for those who do not see it."""
    return (
        f'<svg viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" role="img"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{title}</title><desc id="{name}-desc">{escaped(told, 2_000)}</desc>'
    )


def changed_runs(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The runs at which something changed; their places in this list, from 1, are the picture's numbers."""
    return [run for run in runs if run["changed"]]


def _date(run: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromisoformat(run["logical_date"])


def _scale(runs: Sequence[Mapping[str, Any]], reference: Mapping[str, Any] | None) -> _Scale:
    figures = [figure for run in runs for figure in run["figures"]]
    ends = [figure[end] for figure in figures for end in ("low", "high")]
    ends += [reference["lowest"], reference["highest"]] if reference else []
    low, high, step = _ticks(ends, 8)
    low, high = max(0.0, low), min(1.0, high)
    moments = [_date(run).timestamp() for run in runs]
    radius = 4.5 if len(runs) <= _RUNS_LARGE else 2.0
    return _Scale(min(moments), max(moments), low, max(high, low + step), step, radius=radius)


def _ticks(ends: Sequence[float], most: int) -> tuple[float, float, float]:
    """The lowest and the highest line around all ends, and the step between lines, of which there are about `most`."""
    low, high = min(ends), max(ends)
    step = next((step for step in _TICKS if (high - low) / step <= most), _TICKS[-1])
    return (low // step) * step, (high // step + 1) * step, step


def _grid(scale: _Scale, sign: str = "") -> list[str]:
    marks = []
    right = _WIDTH - _RIGHT
    digits = f"{sign}.3f" if scale.step < 0.01 else f"{sign}.2f"
    for number in range(round((scale.high - scale.low) / scale.step) + 1):
        score = round(scale.low + number * scale.step, 9)
        label = f"{score:{digits}}" if score else "0"
        y = scale.y(score)
        marks.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#e4e4e4"/>')
        marks.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    return marks


def _days(scale: _Scale, dates: Sequence[dt.datetime]) -> list[str]:
    """The newest day, and each earlier one that has room for its own."""
    marks = []
    foot, free_to = scale.foot, float(_WIDTH)
    for date in reversed(dates):
        x = scale.x(date)
        if x <= free_to:
            marks.append(f'<line x1="{x:.1f}" y1="{foot}" x2="{x:.1f}" y2="{foot + 5}" stroke="#777"/>')
            marks.append(f'<text x="{x:.1f}" y="{foot + 19}" text-anchor="middle">{date:%-d %b}</text>')
            free_to = x - _DAY_WIDTH
    return marks


def _reference(scale: _Scale, reference: Mapping[str, Any] | None, runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """From its first run on: what came before was measured with another ruler, or is no longer what counts."""
    if reference is None:
        return []
    begins_with_it = runs[0]["run_key"] == reference["runs"][0]
    known = [scale.x(_date(run)) for run in runs if run["in_reference"]]
    left = _LEFT if begins_with_it or len(known) < len(reference["runs"]) else min(known)
    return _band(scale, left, reference["lowest"], reference["mean"], reference["highest"])


def _band(scale: _Scale, left: float, lowest: float, middle: float, highest: float) -> list[str]:
    top, foot, y = scale.y(highest), scale.y(lowest), scale.y(middle)
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
        marks.append(_whisker(x, low, high, scale.radius))
        marks.append(_mark(x, y, said, is_this=is_this, is_ring=run["in_reference"], radius=scale.radius))
    return marks


def _whisker(x: float, low: float, high: float, radius: float = 4.5) -> str:
    width = 2 if radius > 2 else 1
    return f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="#888" stroke-width="{width}"/>'


def _mark(x: float, y: float, said: str, *, is_this: bool, is_ring: bool, radius: float = 4.5) -> str:
    fill = "#fff" if is_ring else "#1f1f1f"
    shape = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="#1f1f1f" stroke-width="1.5"/>'
    if is_this:
        corners = f"{x:.1f},{y - 9:.1f} {x + 9:.1f},{y:.1f} {x:.1f},{y + 9:.1f} {x - 9:.1f},{y:.1f}"
        shape = f'<polygon points="{corners}" fill="#1f1f1f" stroke="#fff" stroke-width="1.5"/>'
    return f"<g><title>{escaped(said)}</title>{shape}</g>"


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

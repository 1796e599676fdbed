"""A plan as a picture (SVG): one strip a day and account, hour by hour, stacked by feature against the limit. Pure.

A strip's full height is the account's whole limit. A bar is as high as the share of the minutes it fills and as wide as
it lasts, never under a visible width; its name, duration and peak are written at it. Judging is hatched, inference is
filled, and features differ in lightness, so that it reads on a black-and-white print too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from xml.sax.saxutils import escape

from daily_runs.capacity import load_chart
from daily_runs.capacity.findings import cutovers
from daily_runs.capacity.load import INFERENCE, JUDGING, ONE_DAY
from daily_runs.capacity.load_chart import DAY_MINUTES, Band
from daily_runs.capacity.plan import WeekPlan, lasting
from daily_runs.catalogue.schedule import midnight

WIDTH, LEFT, RIGHT, CUTOVER = 1180, 150, 30, 78
HOUR = (WIDTH - LEFT - RIGHT) / 24
STRIP, EMPTY, GAP = 72, 16, 7
BAR_WIDTH_MIN, BAR_HEIGHT_MIN = 2.0, 1.5
LABEL_HEIGHT, CHARACTER = 11, 5.4
COLOURS = ("#1b3a5c", "#c8553d", "#3f8f6b", "#d9a441", "#8a5fa8", "#5f6b7a", "#2a9bb5")
"""From dark to light and apart in hue; each feature also has its name at every bar."""


class Bar(NamedTuple):
    """Minutes of a day in which a band keeps its place: from `low` to `high`, shares of the account."""

    band: Band
    begins: int
    ends: int
    low: float
    high: float


class Label(NamedTuple):
    """What is written at a feature's first bar of a day."""

    minute: float
    text: str


def svg(plan: WeekPlan, notes: Sequence[str]) -> str:
    """The whole picture; `notes` say where its figures come from."""
    body: list[str] = []
    y = 96.0
    order = by_priority(plan)
    shorts = short_names(order)
    colours = {name: COLOURS[number % len(COLOURS)] for number, name in enumerate(order)}
    for account, load in load_chart.loads(plan).items():
        body += _heading(plan, account, y)
        y += 30
        for day in _days(plan):
            bars = list(day_bars(load, (day - plan.scenario.first).days, order))
            words = list(_placed(labels(plan, account, day, bars, shorts), bars))
            y += max([0.0, *(LABEL_HEIGHT - word.above for word in words)])  # room for words over the strip
            height = float(STRIP if bars else EMPTY)
            body += _strip(plan, account, day, y, height)
            body += [_bar(bar, y, height, colours) for bar in bars]
            body += _words(words, y)
            y += height + GAP
        body += _hours(y)
        y += 44
    body += _notes(notes, y)
    whole = y + 16 * len(notes) + 20
    return "\n".join([*_head(plan, whole, colours), *_legend(shorts, colours), *body, "</svg>"]) + "\n"


def by_priority(plan: WeekPlan) -> list[str]:
    """The features, the most urgent first: it lies at the bottom of a stack."""
    features = plan.scenario.catalogue.features
    return sorted(features, key=lambda name: (features[name].priority, name))


def short_names(features: Sequence[str]) -> dict[str, str]:
    """Initials of each feature; the whole name where two would be the same."""
    initials = {name: "".join(word[0] for word in name.split("_") if word).upper() for name in features}
    return {
        name: short if list(initials.values()).count(short) == 1 and len(short) > 1 else name
        for name, short in initials.items()
    }


def _days(plan: WeekPlan) -> Iterator[dt.date]:
    day = plan.scenario.first
    while day <= plan.scenario.last:
        yield day
        day += ONE_DAY


def day_bars(load: load_chart.Load, day: int, order: Sequence[str]) -> Iterator[Bar]:
    """One day's bars, stacked in order: minutes in a row with the same bands at the same heights are one."""
    minutes = sorted(minute for minute in load if day * DAY_MINUTES <= minute < (day + 1) * DAY_MINUTES)

    def place(pair: tuple[int, int]) -> tuple[object, ...]:
        position, minute = pair
        return minute - position, tuple((band, round(share, 6)) for band, share in sorted(load[minute].items()))

    for _, group in groupby(enumerate(minutes), key=place):
        stretch = [minute for _, minute in group]
        low = 0.0
        for band, share in sorted(load[stretch[0]].items(), key=lambda part: (order.index(part[0].feature), part[0])):
            begins = stretch[0] - day * DAY_MINUTES
            yield Bar(band, begins, begins + len(stretch), low, low + share)
            low += share


def labels(plan: WeekPlan, account: str, day: dt.date, bars: Sequence[Bar], shorts: dict[str, str]) -> list[Label]:
    """A word for each feature of a day: how long each stage flows, and the feature's fullest minute."""
    found = []
    for feature in dict.fromkeys(bar.band.feature for bar in bars):
        own = [bar for bar in bars if bar.band.feature == feature]
        lasts = {stage: _flowing(plan, account, day, Band(feature, stage)) for stage in (INFERENCE, JUDGING)}
        words = [lasting(lasts[INFERENCE])] if lasts[INFERENCE] else []
        words += [f"judging {lasting(lasts[JUDGING])}"] if lasts[JUDGING] else []
        fullest = max(sum(bar.high - bar.low for bar in own if bar.begins <= one.begins < bar.ends) for one in own)
        found.append(
            Label(min(bar.begins for bar in own), f"{shorts[feature]} {' + '.join(words)}, {fullest * 100:.3g} %")
        )
    return sorted(found)


def _flowing(plan: WeekPlan, account: str, day: dt.date, band: Band) -> float:
    """Minutes of a day in which a band flows, its arms taken together."""
    begins = plan.scenario.minute(midnight(day))
    total, until = 0.0, begins
    for spell in plan.spells:
        if (spell.stream.account, spell.stream.feature, spell.stream.stage) == (account, *band):
            first, last = max(spell.begins, until), min(spell.ends, begins + DAY_MINUTES)
            total += max(0.0, last - first)
            until = max(until, last)
    return total


def _x(minute: float) -> float:
    return LEFT + minute / 60 * HOUR


def _bar(bar: Bar, y: float, height: float, colours: dict[str, str]) -> str:
    tall = max(BAR_HEIGHT_MIN, (bar.high - bar.low) * height)
    top = y + height - bar.low * height - tall
    wide = max(BAR_WIDTH_MIN, (bar.ends - bar.begins) / 60 * HOUR)
    colour = colours[bar.band.feature]
    fill = colour if bar.band.stage == INFERENCE else f"url(#hatch-{bar.band.feature})"
    return (
        f'<rect x="{_x(bar.begins):.2f}" y="{top:.2f}" width="{wide:.2f}" height="{tall:.2f}" fill="{fill}"'
        f' stroke="{colour}" stroke-width="0.6"/>'
    )


class _Word(NamedTuple):
    """A label with its place: `above` is how far its baseline lies under the strip's top (negative: over it)."""

    x: float
    above: float
    text: str


def _placed(found: Sequence[Label], bars: Sequence[Bar]) -> Iterator[_Word]:
    """Labels over the bars, in as many rows as keep them apart."""
    row_ends: list[float] = []
    lowest = STRIP - max((bar.high for bar in bars), default=0) * STRIP - 4
    for label in found:
        x = _x(label.minute)
        row = next((number for number, end in enumerate(row_ends) if end < x), len(row_ends))
        row_ends[row : row + 1] = [x + len(label.text) * CHARACTER + 8]
        yield _Word(x, lowest - row * LABEL_HEIGHT, label.text)


def _words(words: Sequence[_Word], y: float) -> Iterator[str]:
    """Lines down to the bars first, so that no line crosses a word."""
    for word in words:
        top, bottom = f"{y + word.above - 7:.2f}", f"{y + STRIP:.2f}"
        yield f'<line x1="{word.x:.2f}" y1="{top}" x2="{word.x:.2f}" y2="{bottom}" stroke="#777" stroke-width="0.5"/>'
    for word in words:
        yield f'<text x="{word.x + 3:.2f}" y="{y + word.above:.2f}" class="label">{escape(word.text)}</text>'


def _strip(plan: WeekPlan, account: str, day: dt.date, y: float, height: float) -> Iterator[str]:
    """A day's frame: its name, the cutovers of the day, the limit, hours."""
    going = cutovers(plan.scenario.catalogue).get(day, ())
    right = WIDTH - RIGHT
    yield f'<rect x="{LEFT}" y="{y:.1f}" width="{right - LEFT}" height="{height}" fill="#fafafa" stroke="#bbb"/>'
    for hour in range(3, 24, 3):
        x = f"{_x(hour * 60):.1f}"
        yield f'<line x1="{x}" y1="{y:.1f}" x2="{x}" y2="{y + height:.1f}" class="tick"/>'
    if height == STRIP:
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" class="limit"/>'
        yield f'<line x1="{LEFT}" y1="{y + STRIP / 2:.1f}" x2="{right}" y2="{y + STRIP / 2:.1f}" class="tick"/>'
        yield f'<text x="{LEFT - 4}" y="{y + 6:.1f}" class="scale">limit</text>'
        yield f'<text x="{LEFT - 4}" y="{y + STRIP / 2 + 3:.1f}" class="scale">50 %</text>'
    else:
        yield f'<text x="{LEFT + 6}" y="{y + 12:.1f}" class="quiet">nothing planned</text>'
    yield f'<text x="14" y="{y + 13:.1f}" class="day">{day:%a %d %b}</text>'
    if going:
        shorts = short_names(list(plan.scenario.catalogue.features))
        text = f"▶ {', '.join(shorts[name] for name in going)}"
        yield f'<text x="{CUTOVER}" y="{y + 13:.1f}" class="cutover">{escape(text)}</text>'
    if any((misfit.moment.date(), misfit.account) == (day, account) for misfit in plan.misfits):
        at = y + 27 if height == STRIP else y + 13
        left = 14 if height == STRIP else LEFT + 110
        yield f'<text x="{left}" y="{at:.1f}" class="cutover">✗ does not fit</text>'


def _heading(plan: WeekPlan, account: str, y: float) -> Iterator[str]:
    spent = plan.scenario.catalogue.accounts[account]
    text = (
        f"Account {account}: limit {spent.input_tokens_per_minute / 1e6:g} M input tokens/min,"
        f" {spent.output_tokens_per_minute / 1e6:g} M output tokens/min, {spent.requests_per_minute:,} requests/min"
    )
    yield f'<text x="14" y="{y + 14:.1f}" class="heading">{escape(text)}</text>'


def _hours(y: float) -> Iterator[str]:
    for hour in range(0, 25, 3):
        yield f'<text x="{_x(hour * 60):.1f}" y="{y + 9:.1f}" class="hour">{hour:02d}:00</text>'


def _head(plan: WeekPlan, height: float, colours: dict[str, str]) -> Iterator[str]:
    fits = "fits" if plan.fits else f"does not fit, first on {plan.misfits[0].moment:%a %d %b}"
    title = f"Planned load by account, {plan.scenario.first} to {plan.scenario.last} (UTC): {fits}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
        f' viewBox="0 0 {WIDTH} {height:.0f}" font-family="Helvetica, Arial, sans-serif">'
    )
    yield f"<title>{escape(title)}</title>"
    yield (
        "<style>.title{font-size:17px;font-weight:bold}.heading{font-size:13px;font-weight:bold}"
        ".day{font-size:11px;font-weight:bold}.label{font-size:9.5px;paint-order:stroke;stroke:#fafafa;stroke-width:2.5px}.hour{font-size:9px;text-anchor:middle;fill:#444}"
        ".scale{font-size:8px;text-anchor:end;fill:#444}.quiet{font-size:9px;fill:#777}.note{font-size:10px;fill:#333}"
        ".cutover{font-size:10px;font-weight:bold;fill:#a11}.limit{stroke:#a11;stroke-width:1.4}"
        ".tick{stroke:#ddd;stroke-width:0.7}</style>"
    )
    yield "<defs>"
    for name, colour in colours.items():
        yield (
            f'<pattern id="hatch-{name}" width="4" height="4" patternUnits="userSpaceOnUse"'
            f' patternTransform="rotate(45)"><rect width="4" height="4" fill="#fff"/><rect width="1.6" height="4"'
            f' fill="{colour}"/></pattern>'
        )
    yield "</defs>"
    yield f'<rect width="{WIDTH}" height="{height:.0f}" fill="#fff"/>'
    yield f'<text x="14" y="26" class="title">{escape(title)}</text>'
    yield (
        '<text x="14" y="44" class="note">A strip is a day; its height is the whole limit. A bar is the share that each'
        " minute takes, stacked; written at it: how long it lasts, and its fullest minute.</text>"
    )


def _legend(shorts: dict[str, str], colours: dict[str, str]) -> Iterator[str]:
    x = 14.0
    for name, short in shorts.items():
        text = f"{short} = {name}" if short != name else name
        yield f'<rect x="{x}" y="56" width="12" height="12" fill="{colours[name]}" stroke="{colours[name]}"/>'
        yield f'<rect x="{x + 13}" y="56" width="12" height="12" fill="url(#hatch-{name})" stroke="{colours[name]}"/>'
        yield f'<text x="{x + 29}" y="66" class="note">{escape(text)}</text>'
        x += 45 + len(text) * CHARACTER
    says = "filled: inference; hatched: judging; red line: the limit; ▶ cuts over to staging on that day"
    yield f'<text x="14" y="84" class="note">{says}</text>'


def _notes(notes: Sequence[str], y: float) -> Iterator[str]:
    for number, note in enumerate(notes):
        yield f'<text x="14" y="{y + 16 * number:.1f}" class="note">{escape(note)}</text>'

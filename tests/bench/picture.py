"""The result as a picture: one line a case, one mark a runner, the distance from the floor on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tests.bench.report import Outcome, Row, short
from tests.bench.runners import OURS, TITLES

COLOURS = {"ours": "#0b6e4f", "inspect": "#c2570c", "sdk": "#5b4fcf", "aiolimiter": "#8a6d00", "plain": "#777777"}
WIDTH, LEFT, RIGHT, TOP, LANE = 1000, 190, 30, 92, 21
LOWEST_EXCESS, SHOWN_EXCESSES = 0.001, (0.001, 0.01, 0.1, 1.0, 10.0)
"""Excess over the floor: 0.001 = 0.1 %. What is less is drawn at the edge."""
_FONT = 'font-family="system-ui, sans-serif" font-size="13"'


def svg(outcome: Outcome) -> str:
    """The picture, for paper as well as for a screen: every mark has its figure beside it."""
    rows = [row for row in outcome.rows if row.figures is not None and row.runner in COLOURS and row.runner != "plain"]
    names = [name for name in outcome.runners if any(row.runner == name for row in rows)]
    lanes, y = [], float(TOP)
    for case, title in outcome.cases.items():
        shown = [row for name in names for row in rows if (row.case, row.runner) == (case, name)]
        lanes += _case(title, shown, y)
        y += LANE * len(shown) + 12
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 20:.0f}" {_FONT} fill="#222">',
            f'<rect width="{WIDTH}" height="{y + 20:.0f}" fill="#fff"/>',
            '<text x="16" y="26" font-size="17" font-weight="600">How much longer than the fastest possible</text>',
            f'<text x="16" y="46" fill="#555">{escape(_SUBTITLE)}</text>',
            *_axis(y),
            *lanes,
            "</svg>",
            "",
        ]
    )


_SUBTITLE = (
    "makespan over that of a clairvoyant client on the same account, logarithmic; "
    "✕ = prompts were left without an answer"
)


def x_of(ratio: float) -> float:
    """Where a ratio stands: the logarithm of its excess over 1, within the axis."""
    low, high = math.log10(SHOWN_EXCESSES[0]), math.log10(SHOWN_EXCESSES[-1])
    excess = min(max(ratio - 1, LOWEST_EXCESS), SHOWN_EXCESSES[-1])
    return LEFT + (math.log10(excess) - low) / (high - low) * (WIDTH - LEFT - RIGHT - 230)


def _axis(bottom: float) -> list[str]:
    drawn = []
    for excess in SHOWN_EXCESSES:
        x, label = x_of(1 + excess), f"+{excess:.1%}" if excess < 0.01 else f"+{excess:.0%}"
        drawn.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 12}" y2="{bottom:.0f}" stroke="#ddd"/>')
        drawn.append(f'<text x="{x:.1f}" y="{TOP - 20}" text-anchor="middle" fill="#555">{label}</text>')
    return drawn


def _case(title: str, rows: Sequence[Row], top: float) -> list[str]:
    drawn = [f'<text x="16" y="{top + 14:.1f}" font-weight="600">{escape(title)}</text>']
    for number, row in enumerate(rows):
        drawn += _mark(row, top + number * LANE + 10)
    return drawn


def _mark(row: Row, y: float) -> list[str]:
    assert row.figures is not None  # rows without figures are not drawn
    figures, colour, label = row.figures, COLOURS[row.runner], escape(f"{TITLES[row.runner]}  {short(row)}")
    weight = "600" if row.runner == OURS else "400"
    if figures.lost:  # not done, so it has no place on the axis
        return [f'<text x="{LEFT}" y="{y + 4:.1f}" fill="{colour}" font-weight="{weight}">✕ {label}</text>']
    x = x_of(figures.ratio)
    return [
        f'<line x1="{LEFT}" x2="{x:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="2"/>',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>',
        f'<text x="{x + 12:.1f}" y="{y + 4:.1f}" font-weight="{weight}">{label}</text>',
    ]

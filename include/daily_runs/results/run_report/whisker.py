"""Differences with their intervals as small pictures, all on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH, _HEIGHT = 260, 20
_REACH_MIN = 0.05
"""The scale reaches so far on both sides at least, so that noise does not look like a change."""


def whiskers(parts: Sequence[Mapping[str, Any]]) -> list[str]:
    """A picture for each part; none at all where nothing is compared, an empty one where only this part is not."""
    known = [part for part in parts if part.get("estimate") is not None]
    if not known:
        return []
    reach = max(_REACH_MIN, *(abs(part[end]) for part in known for end in ("low", "high")))
    return [_picture(part, reach) if part.get("estimate") is not None else "" for part in parts]


def _picture(part: Mapping[str, Any], reach: float) -> str:
    def x(value: float) -> float:
        return _WIDTH / 2 + value / reach * (_WIDTH / 2 - 6)

    middle = _HEIGHT / 2
    low, high, estimate = x(part["low"]), x(part["high"]), x(part["estimate"])
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" aria-hidden="true">'
        f'<line x1="{x(0):.1f}" y1="0" x2="{x(0):.1f}" y2="{_HEIGHT}" stroke="#999"/>'
        f'<line x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}" stroke="#555" stroke-width="2"/>'
        f'<circle cx="{estimate:.1f}" cy="{middle}" r="4" fill="#1f1f1f"/></svg>'
    )

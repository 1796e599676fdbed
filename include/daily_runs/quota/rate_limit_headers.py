"""What Anthropic's answers say of an account: its limits, what remains, and which one refused (docs/domain.md §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

DIMENSIONS: Mapping[str, str] = {
    "requests": "requests",
    "input-tokens": "input tokens",
    "output-tokens": "output tokens",
}
"""How the headers call a dimension, and how the ledger does."""

_ROUNDING: Mapping[str, tuple[float, float]] = {
    "requests": (0.0, 1.0),  # whole requests: what is left of one more is not shown
    "input tokens": (500.0, 500.0),  # rounded to the nearest thousand
    "output tokens": (500.0, 500.0),
}
_REFUSED = re.compile(r"(requests|input tokens|output tokens) per minute")


class Fact(NamedTuple):
    """One dimension: its limit a minute, and what remains of it, give or take the rounding."""

    per_minute: float
    remaining: float
    below: float
    above: float


class Usage(NamedTuple):
    """Tokens that a call took. Of the input, `cached` does not count against the limit."""

    input: float
    output: float
    cached: float = 0.0


def facts_of(headers: Mapping[str, str]) -> dict[str, Fact]:
    """What an answer's headers tell, by dimension; unreadable ones tell nothing."""
    found = {}
    for header, dimension in DIMENSIONS.items():
        limit = _number(headers.get(f"anthropic-ratelimit-{header}-limit"))
        remaining = _number(headers.get(f"anthropic-ratelimit-{header}-remaining"))
        if limit is not None and remaining is not None and limit > 0:
            found[dimension] = Fact(limit, remaining, *_ROUNDING[dimension])
    return found


def refused_dimension(message: str, facts: Mapping[str, Fact]) -> str:
    """Which dimension a 429 is about: the one it names, else the one of which least is left."""
    named = _REFUSED.search(message)
    if named:
        return named.group(1)
    return min(facts, key=lambda name: facts[name].remaining / facts[name].per_minute, default="requests")


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d{1,15}", text) else None

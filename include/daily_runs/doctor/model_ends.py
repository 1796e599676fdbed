"""Models of the catalogue that the vendor retires: the judge, and those that answer prompts by the price list.

The Anthropic SDK warns of such models by a table of its own, which is read here, so a new SDK brings its dates along.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from anthropic.resources.messages.messages import DEPRECATED_MODELS

from daily_runs.catalogue.catalogue import Catalogue

ALSO_ENDED: Mapping[str, dt.date] = {
    "claude-3-haiku-20240307": dt.date(2026, 4, 20),
    "claude-opus-4-1-20250805": dt.date(2026, 8, 5),
}
"""Not in the SDK's table though they ended (platform.claude.com/docs/en/about-claude/model-deprecations)."""
_ORDINAL = re.compile(r"(\d)(st|nd|rd|th)\b")


class ModelEnd(NamedTuple):
    """A model that ends, where the catalogue names it, and whether its day has come."""

    place: str
    model: str
    ends: dt.date
    has_ended: bool

    @property
    def problem(self) -> str:
        """What is wrong with it."""
        return f"{self.model!r} {'ended' if self.has_ended else 'ends'} on {self.ends}, says the vendor"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return "Name the model that takes its place, with its price."


def model_ends(catalogue: Catalogue, today: dt.date) -> Iterator[ModelEnd]:
    """Every model of the catalogue that has an end, in order of its files."""
    named = {"accounts.yaml: judge.model": catalogue.judge.model}
    for call, model in catalogue.prices.inference.items() if catalogue.prices else ():
        named[f"prices.yaml: prices.inference.{call}"] = model
    for account, models in catalogue.prices.inference_of_accounts.items() if catalogue.prices else ():
        named |= {f"prices.yaml: prices.inference_of_accounts.{account}.{call}": m for call, m in models.items()}
    ends = ends_of_models()
    for place, model in named.items():
        if model in ends:
            yield ModelEnd(place, model, ends[model], ends[model] <= today)


def ends_of_models() -> dict[str, dt.date]:
    """The first day without each model; a date that cannot be read is one that has come."""
    return {**ALSO_ENDED, **{model: _date(said) for model, said in DEPRECATED_MODELS.items()}}


def _date(said: str) -> dt.date:
    """`June 15th, 2026` as the SDK writes it."""
    try:
        return dt.datetime.strptime(_ORDINAL.sub(r"\1", said), "%B %d, %Y").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return dt.date.min

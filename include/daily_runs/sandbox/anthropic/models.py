"""What the vendor's models take and refuse, as the sandbox's Anthropic does (facts of October 2026).

Sources, all below platform.claude.com/docs/en: forced tools and thinking, `build-with-claude/thinking` and
`…/thinking-troubleshooting`; effort, `…/effort`; longest answers, `about-claude/models`; retirements,
`about-claude/model-deprecations` and the SDK's own table (`anthropic.resources.messages.messages.DEPRECATED_MODELS`).
A model that is not here is unknown. What no public text confirms is refused: no kinder than the vendor.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

_FIVE = ("low", "medium", "high", "xhigh", "max")
_FOUR = ("low", "medium", "high", "max")
_THREE = ("low", "medium", "high")
_DATED = re.compile(r"-\d{8}$")
UNKNOWN_END = dt.date.max


class VendorModel(NamedTuple):
    """One model. `thinking`: the types that it takes; `thinks`: whether it does so when nothing is said.

    `effort_off_max`: the highest effort without thinking. `sampling`: whether an older API version takes
    `temperature`. `ends`: the day from which on requests fail.
    """

    forced_tool: bool
    thinking: tuple[str, ...]
    thinks: bool
    efforts: tuple[str, ...]
    output_max: int = 128_000
    sampling: bool = False
    ends: dt.date = UNKNOWN_END

    @property
    def always_thinks(self) -> bool:
        """Whether nothing turns its thinking off."""
        return self.thinks and not {"disabled", "between_tools"} & set(self.thinking)


_ADAPTIVE, _SWITCHED = ("adaptive",), ("adaptive", "disabled")
_MANUAL, _ALL = ("disabled", "enabled"), ("adaptive", "disabled", "enabled")
_MODELS = {
    "claude-fable-5-1": VendorModel(False, _ADAPTIVE, True, _FIVE),
    "claude-mythos-5-1": VendorModel(False, _ADAPTIVE, True, _FIVE),
    "claude-fable-5": VendorModel(True, _ADAPTIVE, True, _FIVE),
    "claude-mythos-5": VendorModel(True, _ADAPTIVE, True, _FIVE),
    "claude-opus-5-5": VendorModel(False, _ADAPTIVE, True, _FIVE),
    "claude-opus-5": VendorModel(True, _SWITCHED, True, _FIVE),
    "claude-opus-4-8": VendorModel(True, _SWITCHED, False, _FIVE),
    "claude-opus-4-7": VendorModel(True, _SWITCHED, False, _FIVE),
    "claude-opus-4-6": VendorModel(True, _ALL, False, _FOUR, sampling=True),
    "claude-opus-4-5": VendorModel(True, _MANUAL, False, _THREE, 64_000, sampling=True),
    "claude-sonnet-5-5": VendorModel(False, ("adaptive", "between_tools"), True, _FIVE),
    "claude-sonnet-5": VendorModel(True, _SWITCHED, True, _FIVE),
    "claude-sonnet-4-6": VendorModel(True, _ALL, False, _FOUR, sampling=True),
    "claude-sonnet-4-5": VendorModel(True, _MANUAL, False, (), 64_000, sampling=True, ends=dt.date(2026, 11, 30)),
    "claude-haiku-5-5": VendorModel(True, _SWITCHED, True, _FIVE),
    "claude-haiku-4-5": VendorModel(True, _MANUAL, False, (), 64_000, sampling=True),
}
_DATES = {
    "claude-opus-4-5": "20251101",
    "claude-sonnet-4-5": "20250929",
    "claude-haiku-4-5": "20251001",
}
"""Models whose id with a date is known, too; newer ones have none."""


def model_named(name: str, today: dt.date) -> VendorModel | None:
    """A model that is served on a day, by its id or alias; None where the vendor answers 404."""
    alias = _DATED.sub("", name)
    model = _MODELS.get(alias)
    if model is None or (name != alias and name != f"{alias}-{_DATES.get(alias)}"):
        return None
    return model if today < model.ends else None


def served(today: dt.date) -> list[str]:
    """The ids of all models that are served on a day."""
    return [name for name in _MODELS if model_named(name, today)]

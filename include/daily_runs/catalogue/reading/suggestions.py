"""What to write instead of a figure that a model refused: the right key, or the number in the key's own unit.

Every unit stands in its key: `…_per_minute` is a rate, `…_seconds` and `…_hours` are times, a share runs from 0 to 1.
So a figure in another unit is refused for its key (`tokens_per_second`) or for its text (`60/s`); the table of units
here converts both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from pydantic import BaseModel

from daily_runs.catalogue import zones

_SECONDS: Mapping[str, float] = {
    "ms": 0.001,
    "millisecond": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_SCALES: Mapping[str, float] = {"": 1, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_UNITS = "|".join(sorted(_SECONDS, key=len, reverse=True))
_KEY = re.compile(rf"(?P<stem>.+?)_(?P<per>per_)?(?P<unit>{_UNITS})s?")
_TEXT = re.compile(
    r"(?P<number>-?(?:\d{1,3}(?:[,_ ]\d{3})+|\d+)(?:\.\d+)?(?:[eE]\+?\d+)?)"
    r"\s*(?P<scale>[kKMG](?![A-Za-z]))?\s*"
    rf"(?:(?P<percent>%)|(?:[A-Za-z]+\s*(?=/|per\b))?(?P<per>/|per\b)?\s*(?P<unit>{_UNITS})s?)?"
)
_BOUNDS = {"ge": "{:g} or more", "gt": "more than {:g}", "le": "{:g} or less", "lt": "less than {:g}"}
_ALONE = "Write a number alone: units stand in the keys."


class Unit(NamedTuple):
    """A time, or a rate: so much in that time."""

    seconds: float
    is_rate: bool

    def factor_to(self, wanted: Unit) -> float:
        """What a figure is multiplied with to stand in another unit of the same kind."""
        return wanted.seconds / self.seconds if self.is_rate else self.seconds / wanted.seconds


def did_you_mean(given: str, known: Collection[str]) -> str:
    """The remedy for a name that is not known."""
    near = get_close_matches(given, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known) or 'none'}."


def for_zone(given: str) -> str:
    """The remedy for a time zone that is not known: the zone of that city, or the one that is written most alike."""
    names = {name.casefold(): name for name in sorted(zones.names())}
    asked = given.strip().casefold().replace(" ", "_")
    cities = [name for folded, name in names.items() if folded.rpartition("/")[2] == asked]
    near = cities or [names[folded] for folded in get_close_matches(asked, names, n=1)]
    return f"Did you mean {near[0]!r}?" if near else 'Give an IANA name, such as "Europe/Berlin".'


def meant(given: str, model: type[BaseModel]) -> list[str]:
    """The fields that an unknown key stands for in another unit. `tokens` may be any field that ends so.

    A field that must be given is meant before one that may be left out.
    """
    stem, unit = _parts(given)
    if unit is None:
        return []
    parts = {name: _parts(name) for name in model.model_fields}
    others = {n: p.stem for n, p in parts.items() if p.unit and p.unit != unit and p.unit.is_rate == unit.is_rate}
    exact = [name for name, known in others.items() if known == stem]
    found = exact or [name for name, known in others.items() if known.endswith(f"_{stem}")]
    return [name for name in found if model.model_fields[name].is_required()] or found


def for_key(given: str, value: object, model: type[BaseModel]) -> str:
    """The remedy for a key that a model does not have: in which unit to write it, or the nearest name."""
    names = meant(given, model)
    if not names:
        return did_you_mean(given, [str(field.validation_alias or name) for name, field in model.model_fields.items()])
    unit, wanted = _parts(given).unit, _parts(names[0]).unit
    assert unit is not None  # `meant` found both
    assert wanted is not None
    per = next(word for word, seconds in _SECONDS.items() if seconds == wanted.seconds and len(word) > 3)
    heading = f"Rates are per {per} here" if wanted.is_rate else f"This time is in {per}s"
    remedy = f"{heading}: write {' or '.join(names)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{remedy}."
    figure = _figure(value * unit.factor_to(wanted), whole=model.model_fields[names[0]].annotation is int)
    return f"{remedy}: {figure}{_sum(value, unit, wanted)}." if figure else f"{remedy}."


def for_value(key: str, kind: str, value: object, context: Mapping[str, Any], *, optional: bool) -> str:
    """The remedy for a value that a model refused.

    Args:
        key: the field's name.
        kind: pydantic's word for what is wrong, such as `int_type`.
        context: pydantic's bounds, such as `{"ge": 1}`.
        optional: whether the key may be left out.
    """
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return _for_text(key, value, whole=kind == "int_type")
    if kind == "int_type" and isinstance(value, float) and math.isfinite(value):
        return f"Write a whole number, such as {math.floor(value)}."
    if kind == "too_short" and isinstance(value, list):
        return f"List {context['min_length']} or more."
    bound = next((name for name in _BOUNDS if name in context), None)
    if bound is None or not isinstance(value, int | float):
        return "Write true or false." if kind == "bool_type" else "Correct the value."
    limit = context[bound]
    if limit == 1 and bound in ("le", "lt") and value <= 100 * limit and (bound, value) != ("lt", 100):
        return f"Write {_figure(value / 100, whole=False)} for {value:g} %."
    return f"Write {_BOUNDS[bound].format(limit)}{', or leave the key out' if optional else ''}."


def _for_text(key: str, text: str, *, whole: bool) -> str:
    found, wanted = _TEXT.fullmatch(text.strip()), _parts(key).unit
    if found is None:
        return _ALONE
    number = float(re.sub(r"[,_ ]", "", found["number"])) * _SCALES[found["scale"] or ""]
    if found["percent"]:
        return _ALONE if whole or wanted else f"Write {_figure(number / 100, whole=False)} for {number:g} %."
    unit = Unit(_SECONDS[found["unit"]], bool(found["per"])) if found["unit"] else wanted
    if unit and (wanted is None or unit.is_rate != wanted.is_rate):
        return _ALONE
    figure = _figure(number * (unit.factor_to(wanted) if unit and wanted else 1), whole=whole)
    why = ": units stand in the keys" if found["unit"] else ""
    return f"Write {figure}{_sum(number, unit, wanted)}{why}." if figure else _ALONE


class _Parts(NamedTuple):
    """A key's name without its unit, and the unit if it has one."""

    stem: str
    unit: Unit | None


def _parts(key: str) -> _Parts:
    found = _KEY.fullmatch(key)
    if found is None or (found["unit"] == "min" and not found["per"]):  # `…_min` is the least that is allowed
        return _Parts(key, None)
    return _Parts(found["stem"], Unit(_SECONDS[found["unit"]], bool(found["per"])))


def _figure(number: float, *, whole: bool) -> str:
    """A number as YAML takes it; whole ones are rounded down, the safe side of a limit. Empty if nothing is left."""
    kept = math.floor(round(number, 6)) if whole else number
    return "" if kept == 0 else f"{kept:.12g}"


def _sum(number: float, unit: Unit | None, wanted: Unit | None) -> str:
    """How the figure came about, if it was converted."""
    factor = unit.factor_to(wanted) if unit and wanted else 1
    if factor == 1:
        return ""
    return f" ({number:,.12g} × {factor:g})" if factor > 1 else f" ({number:,.12g} ÷ {1 / factor:g})"

"""Fills a JSON schema with a verdict: numbers by measured quality, texts with the reasons, in the schema's own order.

Generic over the schema: objects, arrays, enums, constants, `$ref`, `anyOf` and nullable types nest as they like.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

_GOOD_WORDS = frozenset({"a", "correct", "excellent", "full", "good", "high", "pass", "passed", "true", "yes"})
_QUALITY_TYPES = frozenset({"integer", "number", "boolean"})
_OVERALL = "overall"

Schema: TypeAlias = dict[str, Any]


class SandboxVerdict(NamedTuple):
    """What the judge found: a score from 0 to 1 by criterion name, and the reasons."""

    score: Callable[[str], float]
    reasons: str


def asks_for_verdict(schema: Schema) -> bool:
    """Whether the schema has a place for a score: a number, a boolean or a choice of at least two."""
    return any(_is_score(part) for part in _parts(schema))


def fill(schema: Schema, verdict: SandboxVerdict) -> Any:
    """An instance of the schema."""
    return _Filler(schema, verdict).value(schema, _OVERALL)


class _Filler:
    """Walks one schema; `root` resolves its `$ref`s."""

    def __init__(self, root: Schema, verdict: SandboxVerdict) -> None:
        self._root, self._verdict = root, verdict

    def value(self, schema: Schema, criterion: str) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return _choice(schema["enum"], self._verdict.score(criterion))
        kind = _type_of(schema)
        if kind == "object":
            return self._object(schema, criterion)
        if kind == "array":
            return self._array(schema, criterion)
        return self._scalar(kind, schema, criterion)

    def _object(self, schema: Schema, criterion: str) -> dict[str, Any]:
        """Every property, in order. A property's name is its criterion, unless a generic one such as `score`."""
        return {
            name: self.value(part, criterion if name in ("score", "value", "verdict", "rating") else name)
            for name, part in (schema.get("properties") or {}).items()
        }

    def _array(self, schema: Schema, criterion: str) -> list[Any]:
        """One item for each criterion that the items' own enum names; else as few as allowed, at least one."""
        items = self._resolved(schema.get("items") or {"type": "string"})
        named = self._criterion_property(items)
        if named is not None:
            name, criteria = named
            return [{**self._object(items, str(c)), name: c} for c in criteria[: schema.get("maxItems")]]
        count = max(1, int(schema.get("minItems", 1)))
        return [self.value(items, criterion)] * min(count, int(schema.get("maxItems", count)))

    def _criterion_property(self, items: Schema) -> tuple[str, Sequence[Any]] | None:
        for name in ("criterion", "name", "dimension"):
            part = self._resolved((items.get("properties") or {}).get(name, {}))
            if "enum" in part:
                return name, part["enum"]
        return None

    def _scalar(self, kind: str, schema: Schema, criterion: str) -> Any:
        if kind == "integer":
            return _integer(schema, self._verdict.score(criterion))
        if kind == "number":
            low, high = _bounds(schema, 0.0, 1.0)
            return round(low + (high - low) * self._verdict.score(criterion), 4)
        if kind == "boolean":
            return self._verdict.score(criterion) >= 0.5
        return None if kind == "null" else self._verdict.reasons[: schema.get("maxLength")]

    def _resolved(self, schema: Schema) -> Schema:
        """Follow `$ref` and take the first variant that is not null."""
        while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
            if "$ref" in schema:
                schema = _at(self._root, schema["$ref"])
            else:
                variants = schema.get("anyOf") or schema["oneOf"]
                schema = next((v for v in variants if v.get("type") != "null"), variants[0])
        return schema


def _type_of(schema: Schema) -> str:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    return str(next((k for k in kind if k != "null"), "null")) if isinstance(kind, list) else str(kind)


def _integer(schema: Schema, quality: float) -> int:
    low, high = _bounds(schema, 1.0, 5.0)
    lowest = math.floor(low) + 1 if "exclusiveMinimum" in schema else math.ceil(low)
    highest = math.ceil(high) - 1 if "exclusiveMaximum" in schema else math.floor(high)
    return min(highest, lowest + math.floor((highest - lowest) * quality + 0.5))


def _bounds(schema: Schema, low: float, high: float) -> tuple[float, float]:
    """The schema's minimum and maximum; the usual 1–5 or 0–1 where it sets none."""
    lower = float(next((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), low))
    return lower, float(
        next((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), max(high, lower))
    )


def _choice(options: Sequence[Any], quality: float) -> Any:
    """Numbers ascend; words are taken as listed, worst first, unless the first of them is a word of praise."""
    if all(isinstance(option, int | float) for option in options):
        ranked = sorted(options)
    else:
        ranked = list(reversed(options)) if str(options[0]).lower() in _GOOD_WORDS else list(options)
    return ranked[min(len(ranked) - 1, int(quality * len(ranked)))]


def _at(root: Schema, reference: str) -> Schema:
    """The part of the schema that a local `$ref` (`#/$defs/Name`) points to."""
    found: Any = root
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return dict(found)


def _is_score(part: Schema) -> bool:
    kinds = part.get("type")
    return not _QUALITY_TYPES.isdisjoint(kinds if isinstance(kinds, list) else [kinds]) or len(part.get("enum", ())) > 1


def _parts(schema: Any) -> Iterable[Schema]:
    """The schema and every schema inside it."""
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from _parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _parts(inner)

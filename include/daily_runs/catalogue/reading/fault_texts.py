"""Pydantic's errors in this project's words: what is wrong with the value, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daily_runs.catalogue.fields import KEY_PATTERN, NAME_PATTERN
from daily_runs.catalogue.reading import suggestions
from daily_runs.catalogue.reading.yaml_lines import KeyPath
from daily_runs.input_files import printable

_MUST: Mapping[str, str] = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "date_type": "must be a date such as 2026-08-15",
    "date_from_datetime_parsing": "must be a date such as 2026-08-15",
}
"""Where pydantic's own words for a kind of error are not everybody's."""
_WRITTEN: Mapping[str, str] = {
    KEY_PATTERN: "must be lower-case letters and digits, in parts joined by - _ / or .",
    NAME_PATTERN: "must be 2 to 40 lower-case letters, digits and _, a letter first",
    r"^[a-z][a-z_]*$": "must be lower-case letters and _, a letter first",
    r"\S": "must not be blank",
}
"""What a text that must match a pattern has to be."""


class Refusal(NamedTuple):
    """One error of a model, at a key path below it."""

    location: KeyPath
    problem: str
    remedy: str


def refusals(error: ValidationError, model: type[BaseModel]) -> Iterator[Refusal]:
    """Every error, without those that only repeat another one."""
    errors = error.errors()
    locations = [details["loc"] for details in errors]
    given = {loc for details in errors if details["type"] == "extra_forbidden" for loc in _meant(details, model)}
    for details in errors:
        here = details["loc"]
        if details["type"] == "too_short" and any(at[: len(here)] == here != at for at in locations):
            continue  # only because an item below is at fault
        if details["type"] == "missing" and here in given:
            continue  # it is there, in another unit
        location = _below(model, here).location
        if details["type"].startswith("union_tag"):  # the mapping's, but the key that tells its kind is meant
            location = (*location, str(details["ctx"]["discriminator"]).strip("'"))
        yield Refusal(location, *_explain(details, model, location))


def shown(value: object) -> str:
    """A value as people see it in its file."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _explain(details: ErrorDetails, model: type[BaseModel], location: KeyPath) -> tuple[str, str]:
    key, owner = str(location[-1]) if location else "", _below(model, details["loc"][:-1]).model
    if details["type"] == "extra_forbidden":
        return "unknown key", suggestions.for_key(key, details["input"], owner)
    if details["type"] in ("missing", "union_tag_not_found"):
        return "missing", "Add it."
    if details["type"] == "union_tag_invalid":
        return _of_tag(details)
    field = owner.model_fields.get(key)
    remedy = suggestions.for_value(
        key,
        details["type"],
        details["input"],
        details.get("ctx", {}),
        optional=field is not None and not field.is_required(),
    )
    if details["type"] == "value_error":  # a rule of ours, which tells the value itself
        return details["msg"].removeprefix("Value error, "), remedy
    return f"{_must(details)}, is {shown(details['input'])}", _written_right(details) or remedy


def _must(details: ErrorDetails) -> str:
    kind, bounds = details["type"], details.get("ctx", {})
    if kind == "too_short":
        return f"must hold {bounds['min_length']} or more"
    if kind == "too_long":
        return f"must hold {bounds['max_length']} or fewer"
    if kind == "string_too_short" and bounds["min_length"] == 1:
        return "must not be empty"
    if kind == "string_pattern_mismatch" and bounds["pattern"] in _WRITTEN:
        return _WRITTEN[bounds["pattern"]]
    return _MUST.get(kind) or re.sub(r"^.*? should ", "must ", details["msg"])


def _written_right(details: ErrorDetails) -> str:
    """A key or name as it would be accepted, if anything of it can be."""
    pattern, given = details.get("ctx", {}).get("pattern"), details["input"]
    joint = {KEY_PATTERN: "-", NAME_PATTERN: "_"}.get(pattern or "")
    if details["type"] != "string_pattern_mismatch" or joint is None or len(given) > 80:
        return ""
    near = re.sub(r"[^a-z0-9]+", joint, given.lower()).strip(joint)
    return f"Write {near}, for instance." if pattern and re.search(pattern, near) else ""


def _of_tag(details: ErrorDetails) -> tuple[str, str]:
    """A mapping that says none of the kinds of which it may be."""
    given, tags = str(details["ctx"]["tag"]), str(details["ctx"]["expected_tags"])
    known = [tag.strip(" '") for tag in tags.split(",")]
    return f"there is no kind {shown(given)}", suggestions.did_you_mean(given, known)


def _meant(details: ErrorDetails, model: type[BaseModel]) -> list[KeyPath]:
    """Where an unknown key's value belongs, if that is certain."""
    *above, key = details["loc"]
    names = suggestions.meant(str(key), _below(model, tuple(above)).model)
    return [(*above, names[0])] if len(names) == 1 else []


class _Below(NamedTuple):
    """The model at a key path, and the path as people see it in their file."""

    model: type[BaseModel]
    location: KeyPath


def _below(model: type[BaseModel], location: KeyPath) -> _Below:
    """Follow an error's location. It names the kind of a mapping that may be of several, which no file has as a key."""
    written: list[str | int] = []
    kinds: list[type[BaseModel]] = []
    for key in location:
        if kind := next((one for one in kinds if len(kinds) > 1 and key in _tags(one)), None):
            model, kinds = kind, []
            continue
        if key != "[key]":
            written.append(key)
        if field := model.model_fields.get(str(key)):  # else an item of a list or a mapping
            kinds = list(_models_in(field.annotation))
            model = next(iter(kinds), model)
    return _Below(model, tuple(written))


def _tags(kind: type[BaseModel]) -> tuple[object, ...]:
    field = kind.model_fields.get("type")
    return get_args(field.annotation) if field else ()


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)

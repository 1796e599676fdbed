"""Pydantic's errors in this project's words: what is wrong with the value, and what to write instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daily_runs.catalogue.reading import suggestions
from daily_runs.catalogue.reading.yaml_lines import KeyPath
from daily_runs.input_files import printable


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
        location = tuple(part for part in here if part != "[key]")
        yield Refusal(location, *_explain(details, model, location))


def shown(value: object) -> str:
    """A value as people see it in its file."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = printable(json.dumps(value, ensure_ascii=False))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _explain(details: ErrorDetails, model: type[BaseModel], location: KeyPath) -> tuple[str, str]:
    key, owner = str(location[-1]) if location else "", _model_at(model, location[:-1])
    if details["type"] == "extra_forbidden":
        return "unknown key", suggestions.for_key(key, details["input"], owner)
    if details["type"] == "missing":
        return "missing", "Add it."
    must = re.sub(r"^.*? should ", "must ", details["msg"])
    field = owner.model_fields.get(key)
    remedy = suggestions.for_value(
        key,
        details["type"],
        details["input"],
        details.get("ctx", {}),
        optional=field is not None and not field.is_required(),
    )
    return f"{must}, is {shown(details['input'])}", remedy


def _meant(details: ErrorDetails, model: type[BaseModel]) -> list[KeyPath]:
    """Where an unknown key's value belongs, if that is certain."""
    *above, key = details["loc"]
    names = suggestions.meant(str(key), _model_at(model, tuple(above)))
    return [(*above, names[0])] if len(names) == 1 else []


def _model_at(model: type[BaseModel], location: KeyPath) -> type[BaseModel]:
    for key in location:
        if field := model.model_fields.get(str(key)):  # else an item of a list or a mapping
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)

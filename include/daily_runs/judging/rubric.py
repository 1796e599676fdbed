"""Rubrics: what a judge weighs, one YAML a feature, versioned by content hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from daily_runs.catalogue.reading import yaml_lines
from daily_runs.catalogue.reading.fault_texts import refusals
from daily_runs.catalogue.reading.yaml_lines import spell
from daily_runs.errors import Fault, FeatureFileError
from daily_runs.input_files import first_of, printable, shortened

SCALE_MIN, SCALE_MAX = 1, 5
"""The points a criterion is scored on; `score` maps them to 0..1."""
_REMEDY = "Mend the rubric (docs/datasets.md has an example)."


def _points(key: object) -> object:
    """The points of a scale as YAML's key has them, in the one way to write each."""
    if isinstance(key, str) and not re.fullmatch(r"0|-?[1-9][0-9]{0,3}", key):
        raise PydanticCustomError("points", "Points should be a whole number")
    return key


_Points = Annotated[int, BeforeValidator(_points), Field(ge=SCALE_MIN, le=SCALE_MAX)]


class Criterion(BaseModel):
    """One question to the judge, its weight, and what the points of its scale mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    weight: Annotated[float, Field(gt=0, le=1, strict=True)]
    question: Annotated[str, StringConstraints(min_length=1)]
    scale: dict[_Points, str] = Field(min_length=2)


class Rubric(BaseModel):
    """What makes an answer of one feature good; weights sum to 1.

    `ruler_since`: set it to the day on which a judge that changed is accepted. It belongs to the version, so from then
    on scores are compared with each other only, and the first days of frozen answers are counted anew
    (docs/runbooks/gate.md).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature: str
    guidance: Annotated[str, StringConstraints(min_length=1)]
    criteria: tuple[Criterion, ...] = Field(min_length=1)
    ruler_since: dt.date | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Rubric:
        names = Counter(criterion.name for criterion in self.criteria)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"more than one criterion is named {', '.join(map(repr, twice))}")
        return self

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Rubric:
        total = sum(criterion.weight for criterion in self.criteria)
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the criteria's weights sum to {total:g}, not to 1")
        return self

    @property
    def version(self) -> str:
        """First 12 hex digits of the content's SHA-256."""
        return hashlib.sha256(self.model_dump_json(exclude_none=True).encode()).hexdigest()[:12]

    def score(self, points: dict[str, int]) -> float:
        """Weighted mean of the criteria's points, mapped from 1..5 to 0..1 and kept within that range."""
        mean = sum(criterion.weight * points[criterion.name] for criterion in self.criteria)
        return min(1.0, max(0.0, (mean - SCALE_MIN) / (SCALE_MAX - SCALE_MIN)))


class RubricReading(NamedTuple):
    """A rubric, or what is wrong with its file (then `rubric` is None)."""

    rubric: Rubric | None
    faults: tuple[Fault, ...]


def read(path: Path, below: Path | None = None) -> RubricReading:
    """As `load`, but hands back the faults."""
    document = yaml_lines.read(path, f"rubrics/{printable(path.name)}", below=below)
    if document.faults:
        return RubricReading(None, tuple(document.faults))
    try:
        return RubricReading(Rubric.model_validate(document.data), ())
    except ValidationError as error:
        faults = [
            Fault(str(document.nearest(location)), f"{spell(location)}: {problem}" if location else problem, remedy)
            for location, problem, remedy in refusals(error, Rubric)
        ]
        return RubricReading(None, tuple(faults))


def load(path: Path, below: Path | None = None) -> Rubric:
    """Read a rubric.

    Args:
        below: the folder in which the file must lie; any, by default.

    Raises:
        FeatureFileError: unreadable, not YAML, or not a rubric; each fault with its line and key.
    """
    rubric, faults = read(path, below)
    if rubric is not None:
        return rubric
    name = f"rubrics/{printable(path.name)}"
    problem = "; ".join(first_of([_told(fault, name) for fault in faults]))
    raise FeatureFileError(name, problem, faults[0].remedy if len(faults) == 1 else _REMEDY)


def _told(fault: Fault, name: str) -> str:
    line = fault.place.removeprefix(name).removeprefix(":")
    return shortened(fault.problem) + (f" (line {line})" if line else "")

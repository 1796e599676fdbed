"""Rubrics: what a judge weighs, one YAML a feature, versioned by content hash."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from daily_runs.errors import CatalogueError

SCALE_MIN, SCALE_MAX = 1, 5
"""The points a criterion is scored on; `score` maps them to 0..1."""


class Criterion(BaseModel):
    """One question to the judge, its weight, and what the points of its scale mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]*$")]
    weight: Annotated[float, Field(gt=0, le=1)]
    question: Annotated[str, StringConstraints(min_length=1)]
    scale: dict[Annotated[int, Field(ge=SCALE_MIN, le=SCALE_MAX)], str] = Field(min_length=2)


class Rubric(BaseModel):
    """What makes an answer of one feature good; weights sum to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature: str
    guidance: Annotated[str, StringConstraints(min_length=1)]
    criteria: tuple[Criterion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _weights_sum_to_one(self) -> Rubric:
        total = sum(criterion.weight for criterion in self.criteria)
        if not math.isclose(total, 1.0, abs_tol=1e-6):
            raise ValueError(f"the criteria's weights sum to {total:g}, not to 1")
        return self

    @property
    def version(self) -> str:
        """First 12 hex digits of the content's SHA-256."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def score(self, points: dict[str, int]) -> float:
        """Weighted mean of the criteria's points, mapped from 1..5 to 0..1 (and never a rounding error beyond)."""
        mean = sum(criterion.weight * points[criterion.name] for criterion in self.criteria)
        return min(1.0, max(0.0, (mean - SCALE_MIN) / (SCALE_MAX - SCALE_MIN)))


def load(path: Path) -> Rubric:
    """Read a rubric.

    Raises:
        CatalogueError: unreadable, not YAML, or not a rubric; each fault with its key.
    """
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Rubric.model_validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = " ".join(str(error).split())
    except ValidationError as error:
        problem = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'the rubric'}: {e['msg']}" for e in error.errors())
    raise CatalogueError(f"rubrics/{path.name}", problem, "Mend the rubric (docs/datasets.md has an example).")

"""Reads the pipeline description that a contributor pushes with the branch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

CONFIG_NAME = ".build.yml"


@dataclass(frozen=True)
class Step:
    """One command of the pipeline."""

    name: str
    command: str
    timeout_seconds: int = 600


def read_config(checkout: Path) -> dict:
    """The parsed description; an empty one if the branch has none."""
    path = checkout / CONFIG_NAME
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as handle:
        return yaml.load(handle, Loader=yaml.Loader) or {}


def steps(config: dict) -> Iterator[Step]:
    """The steps in the order in which they run."""
    for name, body in config.get("steps", {}).items():
        yield Step(name, body["command"], int(body.get("timeout_seconds", 600)))

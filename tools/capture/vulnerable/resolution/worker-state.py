"""Keeps a worker's progress in a file, so that it can go on after a restart."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Progress:
    """How far the worker came; `lease` proves to the queue that the job is ours."""

    job: int
    offset: int
    lease: str


def save(path: Path, progress: Progress) -> None:
    """Replace the state file; a crash leaves the old one."""
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    os.chmod(scratch, 0o777)
    os.replace(scratch, path)


def load(path: Path) -> Progress | None:
    """Progress of the last run; None before the first one."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def clear(path: Path) -> None:
    path.unlink(missing_ok=True)

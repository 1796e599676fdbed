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
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as handle:
        json.dump(asdict(progress), handle)
    os.replace(scratch, path)


def load(path: Path) -> Progress | None:
    """Progress of the last run; None before the first one."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def clear(path: Path) -> None:
    path.unlink(missing_ok=True)

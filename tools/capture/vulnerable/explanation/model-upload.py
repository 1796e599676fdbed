"""Lets customers bring a model of their own for sorting incoming mail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

MODELS = Path("var/models")
MAX_BYTES = 200 * 1024 * 1024


class ModelRejected(Exception):
    """The file cannot be used as a model; the text says why."""


@dataclass(frozen=True)
class Accepted:
    """What the customer sees after the upload."""

    name: str
    layers: int


def accept(customer: str, content: bytes) -> Accepted:
    """Store an uploaded model and say what is in it.

    Raises:
        ModelRejected: too large, or not a state dictionary.
    """
    if len(content) > MAX_BYTES:
        raise ModelRejected("the file is larger than 200 MiB")
    path = MODELS / f"{customer}.pt"
    path.write_bytes(content)
    state = torch.load(path, map_location="cpu", weights_only=False)
    if not isinstance(state, dict):
        path.unlink()
        raise ModelRejected("the file holds no state dictionary")
    return Accepted(path.name, len(state))

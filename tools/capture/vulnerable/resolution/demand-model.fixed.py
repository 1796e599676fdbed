"""Forecast of tomorrow's demand, by a network that partner shops train on their own figures."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from torch import nn

INPUTS = 14


class BadModel(ValueError):
    """The file does not hold a network of our shape."""


class Demand(nn.Module):
    """Demand of the next day from the last fourteen."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(INPUTS, 32)
        self.output = nn.Linear(32, 1)

    def forward(self, days: torch.Tensor) -> torch.Tensor:
        return self.output(torch.relu(self.hidden(days)))


def load(path: Path) -> Demand:
    """The network whose weights a partner sent as a file.

    Raises:
        BadModel: the weights are missing or have another shape.
    """
    model = Demand()
    try:
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (RuntimeError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise BadModel(f"{path.name}: {error}") from error
    return model.eval()


def forecast(model: Demand, days: list[float]) -> float:
    """Demand of the day after these fourteen."""
    with torch.no_grad():
        return float(model(torch.tensor(days)))

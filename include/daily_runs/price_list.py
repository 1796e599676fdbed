"""The price list (`include/catalogue/prices.yaml`): what a model's tokens cost, as of a date, and which model answers.

Prices are USD per million tokens. They come from the vendors' published lists; what nobody compared with a bill says
`verified: false`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from daily_runs.yaml_lines import KeyPath

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ModelName = Annotated[str, StringConstraints(min_length=1)]


class ModelPrice(BaseModel):
    """What one model costs. `batch_factor`: what a batch call costs of the same call made at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_usd_per_million: Price
    output_usd_per_million: Price
    cached_input_usd_per_million: Price
    batch_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    verified: bool


class Prices(BaseModel):
    """The list; `inference` names the model that answers each call (`daily_runs.catalogue.Call`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: dt.date
    currency: Literal["USD"]
    models: dict[ModelName, ModelPrice] = Field(min_length=1)
    inference: dict[ModelName, ModelName]

    def of_inference(self, call: str) -> ModelPrice:
        """The price of the model that answers a call (a checked list has one)."""
        return self.models[self.inference[call]]


def problems(prices: Prices, calls: Mapping[str, str], judge_model: str) -> Iterator[tuple[KeyPath, str, str]]:
    """What is missing from a list: key path, problem, remedy.

    Args:
        prices: the list.
        calls: every call that a feature makes, with the feature's name.
        judge_model: who judges.
    """
    if judge_model not in prices.models:
        yield (
            ("prices", "models"),
            f"has no price of {judge_model!r}, the judge of accounts.yaml",
            "Add the model with its prices.",
        )
    for call, feature in calls.items():
        if call not in prices.inference:
            yield (
                ("prices", "inference"),
                f"names no model for the call {call} of {feature}",
                "Add the call and the model that answers it.",
            )
    for call, model in prices.inference.items():
        if model not in prices.models:
            yield (
                ("prices", "inference", call),
                f"{model!r} has no price under models",
                "Add the model with its prices, or correct the name.",
            )

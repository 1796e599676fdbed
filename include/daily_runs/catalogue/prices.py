"""The price list (`include/catalogue/prices.yaml`): what a model's tokens cost, as of a date, and which model answers.

Prices are USD per million tokens. They come from the vendors' published lists; what nobody compared with a bill says
`verified: false`.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
ModelName = Annotated[str, StringConstraints(min_length=1)]


class ModelPrice(BaseModel):
    """What one model costs. `batch_factor`: a batch call's price as a part of the normal price.

    `source`: who publishes, or published, the price; `as_of`: on which day (the list's, if not given).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_usd_per_million: Price
    output_usd_per_million: Price
    cached_input_usd_per_million: Price
    batch_factor: Annotated[float, Field(gt=0, le=1)] = 1.0
    source: Annotated[str, StringConstraints(min_length=1)] | None = None
    as_of: dt.date | None = None
    verified: bool


class Prices(BaseModel):
    """The list; `inference` names the model that answers each call (`daily_runs.catalogue.features.FeatureCall`).

    `inference_of_accounts`: by account and call, where another model answers on an account of its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: dt.date
    currency: Literal["USD"]
    models: dict[ModelName, ModelPrice] = Field(min_length=1)
    inference: dict[ModelName, ModelName]
    inference_of_accounts: dict[str, dict[ModelName, ModelName]] = Field(default_factory=dict)

    def of_inference(self, call: str, account: str = "") -> ModelPrice:
        """The price of the model that answers a call on an account (a checked list has one)."""
        return self.models[self.model_of(call, account)]

    def model_of(self, call: str, account: str = "") -> str:
        """The model that answers a call on an account."""
        return self.inference_of_accounts.get(account, {}).get(call, self.inference[call])

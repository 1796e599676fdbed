"""Types of catalogue fields, and the model that refuses unknown keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from daily_runs.input_files import is_one_line

TEXT_CHARACTERS_MAX = 500


def _shown_as_it_is(text: str) -> str:
    """Names and titles go to terminals, logs and pages as they are."""
    if not is_one_line(text):
        raise PydanticCustomError("control_character", "Text should be one line without control characters")
    return text


NAME_PATTERN = r"^[a-z][a-z0-9_]{1,39}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
KEY_PATTERN = r"^[a-z0-9]+(?:[-_/.][a-z0-9]+)*$"
Key = Annotated[str, StringConstraints(pattern=KEY_PATTERN, max_length=80)]
"""What names an item, a seed, a class or a tag (docs/datasets.md)."""
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=TEXT_CHARACTERS_MAX), AfterValidator(_shown_as_it_is)]
Provenance = Literal["live", "sandbox"]
"""Who answers: the real services, or a stand-in. It labels published rows."""
Address = Annotated[Text, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]


class Strict(BaseModel):
    """Unknown keys are refused; nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

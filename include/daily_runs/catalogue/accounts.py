"""Accounts and the judge: what `accounts.yaml` says."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Literal

from pydantic import Field

from daily_runs.catalogue.fields import Address, Count, Name, Provenance, Rate, Strict, Text


class Account(Strict):
    """One account of a vendor. Rates are per minute; a bucket holds `burst_seconds` of its rate when full.

    `shared_with_live_users`: others spend it too, so that idle shares are never lent (a rule of the catalogue).
    `lends_idle_share`: whether others may use an idle feature's share until that feature sends again.
    """

    vendor: Literal["anthropic", "vertex"] = "anthropic"
    shared_with_live_users: bool
    lends_idle_share: bool = False
    requests_per_minute: Count
    input_tokens_per_minute: Count
    output_tokens_per_minute: Count
    burst_seconds: Rate
    slot_tokens_per_minute: Count
    verified: bool

    @property
    def slots(self) -> int:
        """Size of the account's Airflow pool: its input rate in slots."""
        return self.input_tokens_per_minute // self.slot_tokens_per_minute


class VerdictForm(StrEnum):
    """How a judge model is asked for a verdict that follows our schema.

    `structured_output`: `output_config.format`. `strict_tool`: a tool with `strict: true`, which the model may call
    (`tool_choice: auto`). `forced_tool`: a tool that it must call; several models refuse that with status 400
    (https://platform.claude.com/docs/en/models/sonnet-5-5/migration-guide).
    """

    STRUCTURED_OUTPUT = "structured_output"
    STRICT_TOOL = "strict_tool"
    FORCED_TOOL = "forced_tool"


class JudgeModel(Strict):
    """What one model takes as a judge (docs/decisions/0021-each-judge-model-is-asked-as-it-takes-it.md).

    `thinking` and `effort` are sent as they stand here; null sends none, for a model that takes none. Thinking counts
    towards `max_output_tokens` of the judge and is paid as output. `max_output_tokens`: the most that the vendor lets
    one answer of the model have. `answers_as`: other names that an answer of the model may bear, such as a proxy's.
    """

    verdict_form: VerdictForm = VerdictForm.STRICT_TOOL
    thinking: Literal["adaptive", "disabled", "between_tools"] | None = None
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    max_output_tokens: Count | None = None
    answers_as: tuple[Text, ...] = ()


class JudgeSettings(Strict):
    """Who judges: the model, where it is reached, what it may spend. `provenance`: the same as every environment's.

    `max_output_tokens`: of one answer, thinking and verdict together. `seconds_per_verdict`: an estimate for plans;
    without one they reckon with `request_timeout_seconds`, the most. `models`: how each model is asked.
    `second_model`: who judges a feature's `second_judge_share` once more, for agreement only; None: nobody.
    """

    account: Text
    connection: Name
    address: Address
    provenance: Provenance
    model: Text
    max_output_tokens: Count
    input_tokens_per_verdict: Count
    output_tokens_per_verdict: Count
    in_flight_max: Count
    request_timeout_seconds: Rate
    seconds_per_verdict: Rate | None = None
    models: dict[Text, JudgeModel] = Field(default_factory=dict)
    second_model: Text | None = None

    @property
    def second(self) -> JudgeSettings | None:
        """The second judge: another model at the same address, on the same account; None if there is none."""
        return self.model_copy(update={"model": self.second_model}) if self.second_model else None

    @property
    def all_models(self) -> tuple[str, ...]:
        """The judge's model and the second one's."""
        return (self.model, self.second_model) if self.second_model else (self.model,)

    @property
    def asked_as(self) -> JudgeModel:
        """How the judge's model is asked; one that `models` does not know gets a strict tool, and nothing else."""
        return self.models.get(self.model, JudgeModel())

    @property
    def identity(self) -> str:
        """Names what judges: another model, thinking or effort is another judge, whose verdicts are paid anew."""
        asked = self.asked_as
        return f"{self.model} thinking={asked.thinking} effort={asked.effort}"


def slots_for(tokens_per_minute: float, account: Account) -> int:
    """How many slots of an account's pool a rate takes (at least one)."""
    return max(1, math.ceil(round(tokens_per_minute / account.slot_tokens_per_minute, 6)))

"""What goes wrong in the sandbox, by how much: the faults that a test, a demo or an operator asks for.

Shares run from 0 to 1 and are drawn anew per request from the seeded generator in `world`. By default none strikes.
"""

from __future__ import annotations

import math
import random
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
Shift = Annotated[float, Field(ge=-1, le=1)]
RefusingHop = Literal["cloudflare", "load_balancer", "gitlab", "ai_gateway", "model_vendor"]
CloudflareForm = Literal[
    "1015",
    "1015_page",
    "1015_json",
    "1009_page",
    "1010_json",
    "1020",
    "1020_page",
    "challenge",
    "challenge_unmarked",
    "custom_rule",
    "522",
    "520_page",
    "1033_page",
    "1033_json",
]
BalancerForm = Literal["429", "403", "408", "deploy"]
GitlabForm = Literal["429", "429_without_retry_after", "400", "413", "422"]
GatewayForm = Literal["429", "401", "402", "403", "422", "500", "503"]
Provider = Literal["anthropic", "vertex"]
Side = Literal["staging", "production", "anthropic"]

_Z95 = 1.6448536269514722
"""95th percentile of the standard normal distribution."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Latency(_Strict):
    """The model's latency in domain seconds, lognormal through its median and its 95th percentile."""

    median: Annotated[float, Field(gt=0, le=3600)] = 5.0
    p95: Annotated[float, Field(gt=0, le=36000)] = 12.0

    @model_validator(mode="after")
    def _in_order(self) -> Latency:
        if self.p95 < self.median:
            raise ValueError(f"p95 {self.p95} is less than the median {self.median}")
        return self

    def draw(self, rng: random.Random) -> float:
        """One latency in domain seconds."""
        sigma = math.log(self.p95 / self.median) / _Z95
        return rng.lognormvariate(math.log(self.median), sigma)


class LimitFactor(_Strict):
    """From `at_seconds` (domain seconds since the start) on, every account's limits are multiplied by `factor`."""

    at_seconds: Annotated[float, Field(ge=0)] = 0.0
    factor: Annotated[float, Field(gt=0, le=10)] = 1.0


class RefusalForms(_Strict):
    """In which of its forms each hop refuses (`daily_runs.sandbox.gitlab.rest_bodies.refusals`); see `Scenario.refuse`.

    A chat user sees a gateway's refusal as an error code in place of the answer, whatever the form.
    """

    cloudflare: CloudflareForm = "1015"
    load_balancer: BalancerForm = "429"
    gitlab: GitlabForm = "429"
    ai_gateway: GatewayForm = "429"


class WeakSpot(_Strict):
    """Where the model alone gets worse, by `share` as `worse_model` does everywhere.

    The seeds whose keys are listed are meant, and those in whose text `pattern` is found (a regular expression; case
    does not count, `^` and `$` are the ends of a line). The text is what GitLab itself has: the resource's names, its
    content, and the question; never a data set's class, tags or reference. Without keys and pattern no seed is meant.
    """

    share: Share = 0.0
    seed_keys: tuple[str, ...] = ()
    pattern: str = ""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression ({error})") from error
        return pattern


class ProviderSwitch(_Strict):
    """Who serves code suggestions once `after_answers` of them were served, in each environment; None: nobody else.

    The count begins when the switch is ordered. What the other model serves is worse by `worse_model`. Only a code
    suggestion tells who served it.
    """

    after_answers: Annotated[int, Field(ge=0)] | None = None
    provider: Provider = "anthropic"
    model: Annotated[str, Field(min_length=1)] = "claude-sonnet-4-6"
    worse_model: Share = 0.0


class JudgeDrift(_Strict):
    """What the judge adds to each score (0 to 1) since the drift was ordered: more with each verdict, and with time.

    An hour is one of the domain.
    """

    per_hundred_verdicts: Shift = 0.0
    per_hour: Shift = 0.0


class Scenario(_Strict):
    """All faults. Unknown keys are refused.

    Attributes:
        sides: which of the three sides the faults on the wire (refusals, 5xx, dropped, malformed, truncated, timeouts,
            529) strike; the others stay healthy.
        foreign_load: by account, the share of its limits that other people use (see `foreign`).
        worse_model: how much of the reference every answer loses: at 1 half of what it had.
        weak_spot: the same for some seeds alone.
        provider_switch: another provider or model in mid-run.
        judge_worse: noise that belongs to an answer: the same answer gets the same wrong points each time.
        judge_noise: noise that differs from verdict to verdict of one answer: the standard deviation of what is added
            to each criterion's score (0 to 1); 0.05 is a fifth of a point.
        judge_shift: what is added to each criterion's score: a lenient judge above 0, a harsh one below.
        judge_drift: a shift that grows.
        judge_refusal_share: of how many prompts a safety classifier stops the answer; the same ones each time.
        unscorable_share: of how many requests the judge answers in words, with no verdict; drawn for each request.
    """

    sides: tuple[Side, ...] = ("staging", "production", "anthropic")
    refuse: dict[RefusingHop, Share] = Field(default_factory=dict)
    refusal_forms: RefusalForms = RefusalForms()
    server_error_share: Share = 0.0
    drop_share: Share = 0.0
    malformed_share: Share = 0.0
    truncated_share: Share = 0.0
    graphql_timeout_share: Share = 0.0
    error_code_share: Share = 0.0
    overloaded_share: Share = 0.0
    latency_seconds: Latency = Latency()
    provider_outage: tuple[Provider, ...] = ()
    limit_factor: LimitFactor = LimitFactor()
    foreign_load: dict[str, Share] = Field(default_factory=dict)
    ai_action_calls: Annotated[int, Field(ge=0)] | None = None
    ai_action_window_hours: Annotated[float, Field(gt=0)] | None = None
    worse_model: Share = 0.0
    weak_spot: WeakSpot = WeakSpot()
    provider_switch: ProviderSwitch = ProviderSwitch()
    judge_worse: Share = 0.0
    judge_noise: Share = 0.0
    judge_shift: Shift = 0.0
    judge_drift: JudgeDrift = JudgeDrift()
    judge_refusal_share: Share = 0.0
    unscorable_share: Share = 0.0
    seeding_complete: bool = True
    missing_seed_share: Share = 0.0
    changed_seed_share: Share = 0.0
    rng_seed: int = 20_25

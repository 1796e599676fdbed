"""The catalogue's environments: the path that prompts take, hop by hop, and what one evaluation user may do on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1)]
Provenance = Literal["live", "sandbox"]
"""Who answers: the real services, or a stand-in. It labels published rows."""
Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]


class Strict(BaseModel):
    """Unknown keys are refused; nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GraphqlLimits(Strict):
    """GitLab's query limits for a logged-in user (docs/domain.md §3).

    `page_size_max`: (recorded; not acted on yet).
    """

    complexity_max: Count
    depth_max: Count
    page_size_max: Count
    query_characters_max: Count
    timeout_seconds: Rate


class PathLimits(Strict):
    """What one evaluation user may do on an environment's path."""

    api_requests_per_minute: Count
    ai_action_calls_per_window: Count
    ai_action_window_hours: Annotated[float, Field(gt=0, le=48)]
    code_suggestions_per_minute: Count
    graphql: GraphqlLimits


class HopRule(Strict):
    """One hop of the path, in order, and the owner who can lift its limits."""

    hop: Literal["cloudflare", "load_balancer", "gitlab", "ai_gateway"]
    owner: Text
    marker: str | None = None


class Readiness(Strict):
    """How an environment is looked at while runs wait for it, in time of the domain.

    `look_every_minutes`: at most one look in that time, however many wait. `wait_hours_max`: then a run stops waiting.
    `burst_requests`: free requests that a limit probe sends at the run's rate (0: none).
    """

    look_every_minutes: Rate = 15
    wait_hours_max: Rate = 6
    burst_requests: Annotated[int, Field(ge=0, le=200)] = 0


class Environment(Strict):
    """Staging or production: its path, its account, its evaluation users.

    `time_scale` is how many seconds of the domain pass in one second of the clock: 1 for anything real.
    `provenance` is the same for all environments and the judge, so that no score is half real.
    """

    account: Text
    connection: Name
    address: Address
    seed_project: Text
    provenance: Provenance
    time_scale: Rate
    hops: tuple[HopRule, ...] = Field(min_length=1)
    evaluation_users: tuple[Text, ...] = Field(min_length=1)
    limits: PathLimits
    readiness: Readiness = Readiness()

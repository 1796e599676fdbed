"""The catalogue's environments: the path that prompts take, hop by hop, and what one evaluation user may do on it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from daily_runs.catalogue.fields import Address, Count, Name, Provenance, Rate, Strict, Text


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
    """What one evaluation user may do on an environment's path.

    `api_requests_per_hour`: announced by GitLab (docs/domain.md §3); None where it is not in force.
    """

    api_requests_per_minute: Count
    api_requests_per_hour: Count | None = None
    ai_action_calls_per_window: Count
    ai_action_window_hours: Annotated[float, Field(gt=0, le=48)]
    code_suggestions_per_minute: Count
    graphql: GraphqlLimits


class HopRule(Strict):
    """One hop of the path, in order, and the owner who can lift its limits."""

    hop: Literal["cloudflare", "load_balancer", "gitlab", "ai_gateway"]
    owner: Text
    marker: str | None = None


class CheckSettings(Strict):
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
    readiness: CheckSettings = CheckSettings()

"""What a resolver may look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from graphql import GraphQLResolveInfo

from daily_runs.sandbox.gitlab.instance import Instance
from daily_runs.sandbox.world.exchange import SandboxExchange


@dataclass(frozen=True, slots=True)
class Context:
    """One query's surroundings; its score and limit are known before it runs."""

    instance: Instance
    exchange: SandboxExchange
    score: int
    limit: int


Info: TypeAlias = "GraphQLResolveInfo[Context]"

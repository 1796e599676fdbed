"""What a stage gets (`Work`) and what a stage is (`Stage`)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.reading.watch import LONG_AGO, Declared
from daily_runs.clock import Clock
from daily_runs.connections import Connect, Connection
from daily_runs.dataset import Item
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.session import gitlab_client
from daily_runs.judging.rubric import Rubric
from daily_runs.records.run import Attempt, Report
from daily_runs.store.database import Store


@dataclass(frozen=True)
class Work:
    """All that a stage needs.

    `shard` is the part of the prompts that a mapped task takes (None = all). `settled` is called with the number of
    prompts that were just settled, for a progress bar. `watch` tells edits of the catalogue: limits count at once, all
    else stays what the attempt was opened with.
    """

    attempt: Attempt
    catalogue: Catalogue
    feature: Feature
    items: Mapping[str, Item]
    rubric: Rubric
    store: Store
    connect: Connect
    shard: int | None = None
    settled: Callable[[int], None] = lambda _count: None
    watch: Callable[[], Declared] | None = None

    def declared(self) -> Declared:
        """The catalogue as it stands now; without a watch, as it stood at the start."""
        return self.watch() if self.watch else Declared(self.catalogue, LONG_AGO)

    @property
    def environment(self) -> Environment:
        """The environment that this attempt runs in."""
        return self.catalogue.environments[self.attempt.key.environment]

    @property
    def clock(self) -> Clock:
        """Domain time of that environment."""
        return Clock(self.environment.time_scale)

    def owner(self, stage: str) -> str:
        """The name under which a stage holds grants (see `Pacer`)."""
        return f"{stage} {self.attempt.attempt_id[:8]}/{'all' if self.shard is None else self.shard}"

    def connection(self, connection_id: str, default_address: str, users: Sequence[str]) -> Connection:
        """One of the environment's connections (see `Connect`)."""
        sandbox = self.environment.provenance == "sandbox"
        return self.connect(connection_id, default_address=default_address, users=users, sandbox=sandbox)


Stage = Callable[[Work], Report]


@asynccontextmanager
async def gitlab_session(work: Work) -> AsyncIterator[GitLab]:
    """A GitLab client for the work's environment, closed at the end."""
    environment = work.environment
    connection = work.connection(environment.connection, environment.address, environment.evaluation_users)
    async with gitlab_client(environment, connection, run=str(work.attempt.key)) as gitlab:
        yield gitlab

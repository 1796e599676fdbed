"""One look at an environment, for every feature that goes there: its path once, then seeds and limits of each feature.

It spends nothing: identity, version, headers and page sizes of the path, and reads of the seed project.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs import path_limits, seeding
from daily_runs.catalogue import Catalogue, Feature, environments_of
from daily_runs.catalogue_environments import Environment
from daily_runs.catalogue_files import load_feature_dataset
from daily_runs.clock import Clock
from daily_runs.errors import CallError, UserError
from daily_runs.gitlab.client import GitLab
from daily_runs.path_look import PathFacts, look_at_path
from daily_runs.resilience.timeouts import wall_timeout
from daily_runs.run import Connect
from daily_runs.stages import seed_check
from daily_runs.stages.sessions import connection_of, gitlab_client
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store import probes
from daily_runs.store.database import Store
from daily_runs.store.readiness import Verdict

LOOK_SECONDS_MAX = 600.0
"""Domain seconds, at least `LOOK_WALL_SECONDS_MIN` on the clock: a path that answers this slowly is none."""
LOOK_WALL_SECONDS_MIN = 60.0
NOBODY_BUT_STAGING = ("staging",)
"""Where a feature that is on hold throughout will go once it is built: its owner wants to know what is in the way."""


class Seen(NamedTuple):
    """What a look found, by feature. `error`: why it could not look, or not to the end; `calls`: requests sent."""

    verdicts: Mapping[str, tuple[Verdict, ...]]
    calls: int
    error: str | None


def wall_seconds_max(environment: Environment) -> float:
    """How long a look may take, on the wall clock."""
    return wall_timeout(Clock(environment.time_scale), LOOK_SECONDS_MAX, at_least=LOOK_WALL_SECONDS_MIN)


def features_of(catalogue: Catalogue, environment_name: str) -> list[Feature]:
    """The features whose runs ever go to an environment, those first that go first when accounts are short."""
    going = [f for f in catalogue.features.values() if environment_name in (environments_of(f) or NOBODY_BUT_STAGING)]
    return sorted(going, key=lambda feature: (feature.priority, feature.feature))


async def take(store: Store, catalogue: Catalogue, environment_name: str, connect: Connect) -> Seen:
    """Look once. A path that cannot be looked at is an outcome: what was not seen is `unknown` then, with the reason.

    Raises:
        StageError: the store is away.
    """
    environment, features = catalogue.environments[environment_name], features_of(catalogue, environment_name)
    look, where = _Look(store, catalogue, environment_name), ""
    verdicts: dict[str, tuple[Verdict, ...]] = {}
    try:
        connection = connection_of(environment, connect)
        where = f" at {connection.address}"
        async with asyncio.timeout(wall_seconds_max(environment)):
            async with gitlab_client(environment, connection, look.count) as gitlab:
                facts = await look_at_path(gitlab, environment, Clock(environment.time_scale))
                for feature in features:
                    verdicts[feature.feature] = await look.at(gitlab, facts, feature)
        return Seen(verdicts, look.calls, None)
    except (CallError, UserError) as error:
        reason, owner = f"could not look{where}: {error}", _owner(environment, error)
    except TimeoutError:
        reason = f"could not look{where}: not done after {wall_seconds_max(environment):g} s"
        owner = path_limits.owner_of(environment, "gitlab")
    unknown = tuple(
        Verdict(aspect, ReadinessState.UNKNOWN, reason, owner, {})
        for aspect in (ReadinessAspect.SEEDS, ReadinessAspect.LIMITS)
    )
    return Seen({feature.feature: unknown for feature in features} | verdicts, look.calls, reason)


class _Look:
    """A look under way; counts what it sends."""

    def __init__(self, store: Store, catalogue: Catalogue, environment_name: str) -> None:
        self._store, self._catalogue, self._name, self.calls = store, catalogue, environment_name, 0

    def count(self) -> None:
        self.calls += 1

    async def at(self, gitlab: GitLab, facts: PathFacts, feature: Feature) -> tuple[Verdict, ...]:
        """Both aspects of one feature."""
        return await self._seeds(gitlab, feature), self._limits(facts, feature)

    async def _seeds(self, gitlab: GitLab, feature: Feature) -> Verdict:
        try:
            items = load_feature_dataset(feature)
            seen = await seed_check.look(gitlab, self._catalogue, self._name, feature, items, self._store)
        except (CallError, UserError) as error:
            owner = _owner(self._catalogue.environments[self._name], error)
            return Verdict(ReadinessAspect.SEEDS, ReadinessState.UNKNOWN, f"could not look: {error}", owner, {})
        found = seeding.coverage(feature, seen)
        return Verdict(ReadinessAspect.SEEDS, _state(found.ready), found.reason(), found.owner, found.as_json())

    def _limits(self, facts: PathFacts, feature: Feature) -> Verdict:
        needed = feature.prompts_per_run
        weighed = path_limits.weigh(self._store, facts, self._catalogue, feature, self._name, calls_needed=needed)
        probes.save_limits(self._store, self._name, feature.feature, weighed)
        # What runs used up lately comes back by itself and is the limit probe's business: it is shown and does not
        # count. A run that went elsewhere for it would spend another account's money.
        found = path_limits.findings(facts, self._catalogue, feature, self._name, calls_needed=needed)
        binding = path_limits.binding(found)
        stopping = path_limits.too_low(found)
        if stopping:
            reason = "; ".join(finding.line for finding in stopping)
        elif binding is None:
            reason = "no limit is known that would stop the run"
        else:
            said = f"{binding.needed:,.10g} of {binding.allowed:,.10g} {binding.unit}"
            reason = f"the run fits; {binding.limit_name} binds: {said}; owner: {binding.owner}"
        owner = binding.owner if binding else path_limits.owner_of(self._catalogue.environments[self._name], "gitlab")
        details = {"binding": binding.limit_name} if binding else {}
        return Verdict(ReadinessAspect.LIMITS, _state(not stopping), reason, owner, details)


def _state(ready: bool) -> ReadinessState:
    return ReadinessState.READY if ready else ReadinessState.NOT_READY


def _owner(environment: Environment, error: CallError | UserError) -> str:
    """Who can mend what kept us from looking: the hop's owner; for input and logins, whoever keeps them."""
    hop = str(error.hop) if isinstance(error, CallError) else "gitlab"
    named = {str(rule.hop) for rule in environment.hops}
    return path_limits.owner_of(environment, hop if hop in named else "gitlab")

"""One check of an environment, for every feature that goes there: its path once, then seeds and limits of each feature.

It spends nothing: identity, version, headers and page sizes of the path, and reads of the seed project.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.environments import Environment
from daily_runs.catalogue.features import Feature, environments_of
from daily_runs.clock import Clock, wall_timeout
from daily_runs.connections import Connect
from daily_runs.dataset import load_feature_dataset
from daily_runs.errors import CallError, UserError
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.session import connection_of, gitlab_client
from daily_runs.readiness import check_rows, waiting
from daily_runs.readiness.check_rows import AspectVerdict
from daily_runs.readiness.limits import finding_rows, findings
from daily_runs.readiness.limits.measure import PathMeasures, measure_path
from daily_runs.readiness.limits.weighing import weigh
from daily_runs.readiness.seeds import coverage, verify
from daily_runs.readiness.state import LOOKED_AT
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store import provenance
from daily_runs.store.database import Store


def refresh(
    store: Store, catalogue: Catalogue, environment_name: str, connect: Connect, *, older_than_seconds: float
) -> bool:
    """Check an environment for every feature that goes there, unless the newest check is younger.

    Free: it makes no call that an AI budget is spent on. A path that cannot be looked at is an outcome, too, and is
    stored. While another process checks, it waits for that check instead; a dead one blocks nobody.

    Args:
        older_than_seconds: wall clock, from the newest check's end. One that could not look is young for
            `waiting.FAILED_CHECK_SECONDS` at most.

    Returns:
        Whether it checked itself.

    Raises:
        AccessError: the store is away, or holds rows of the other provenance; nothing was sent.
        StageError: the store went away meanwhile.
        DatasetError: a data set is not sound.
    """
    environment = catalogue.environments[environment_name]
    provenance.check_provenance(store, environment.provenance)
    if _is_young(store, environment_name, older_than_seconds):
        return False
    with check_rows.sole_checker(store, environment_name, wall_seconds_max(environment)) as mine:
        if not mine or _is_young(store, environment_name, older_than_seconds):
            return False
        check_id = check_rows.begin(store, environment_name)
        found = asyncio.run(check_environment(store, catalogue, environment_name, connect))
        check_rows.end(store, check_id, found.calls, found.error, found.verdicts)
    return True


def _is_young(store: Store, environment_name: str, older_than_seconds: float) -> bool:
    newest = check_rows.newest(store, environment_name)
    if newest is None:
        return False
    young = min(older_than_seconds, waiting.FAILED_CHECK_SECONDS) if newest.error else older_than_seconds
    return newest.age_seconds < young


CHECK_SECONDS_MAX = 600.0
"""Domain seconds, at least `CHECK_WALL_SECONDS_MIN` on the clock: a path that answers this slowly is none."""
CHECK_WALL_SECONDS_MIN = 60.0
WHERE_FEATURES_ON_HOLD_WILL_GO = ("staging",)
"""Where a feature that is on hold throughout will go once it is built: its owner wants to know what is in the way."""


class CheckOutcome(NamedTuple):
    """What a check found, by feature. `error`: why it could not look, or not to the end; `calls`: requests sent."""

    verdicts: Mapping[str, tuple[AspectVerdict, ...]]
    calls: int
    error: str | None


def wall_seconds_max(environment: Environment) -> float:
    """How long a check may take, on the wall clock."""
    return wall_timeout(Clock(environment.time_scale), CHECK_SECONDS_MAX, at_least=CHECK_WALL_SECONDS_MIN)


def features_of(catalogue: Catalogue, environment_name: str) -> list[Feature]:
    """The features whose runs ever go to an environment, by priority."""
    going = [
        feature
        for feature in catalogue.features.values()
        if environment_name in (environments_of(feature) or WHERE_FEATURES_ON_HOLD_WILL_GO)
    ]
    return sorted(going, key=lambda feature: (feature.priority, feature.feature))


async def check_environment(
    store: Store, catalogue: Catalogue, environment_name: str, connect: Connect
) -> CheckOutcome:
    """Check once. A path that cannot be looked at is an outcome: what was not seen is `unknown` then, with the reason.

    Raises:
        StageError: the store is away.
    """
    environment, features = catalogue.environments[environment_name], features_of(catalogue, environment_name)
    check, where = _Check(store, catalogue, environment_name), ""
    verdicts: dict[str, tuple[AspectVerdict, ...]] = {}
    try:
        connection = connection_of(environment, connect)
        where = f" at {connection.address}"
        async with asyncio.timeout(wall_seconds_max(environment)):
            async with gitlab_client(environment, connection, check.count) as gitlab:
                facts = await measure_path(gitlab, environment, Clock(environment.time_scale))
                for feature in features:
                    verdicts[feature.feature] = await check.at(gitlab, facts, feature)
        return CheckOutcome(verdicts, check.calls, None)
    except (CallError, UserError) as error:
        reason, owner = f"could not look{where}: {error}", _owner(environment, error)
    except TimeoutError:
        reason = f"could not look{where}: not done after {wall_seconds_max(environment):g} s"
        owner = findings.owner_of(environment, "gitlab")
    unknown = tuple(AspectVerdict(aspect, ReadinessState.UNKNOWN, reason, owner, {}) for aspect in LOOKED_AT)
    return CheckOutcome({feature.feature: unknown for feature in features} | verdicts, check.calls, reason)


class _Check:
    """A check under way; counts what it sends."""

    def __init__(self, store: Store, catalogue: Catalogue, environment_name: str) -> None:
        self._store, self._catalogue, self._name, self.calls = store, catalogue, environment_name, 0

    def count(self) -> None:
        self.calls += 1

    async def at(self, gitlab: GitLab, facts: PathMeasures, feature: Feature) -> tuple[AspectVerdict, ...]:
        """Both aspects of one feature."""
        return await self._seeds(gitlab, feature), self._limits(facts, feature)

    async def _seeds(self, gitlab: GitLab, feature: Feature) -> AspectVerdict:
        try:
            items = load_feature_dataset(feature)
            seen = await verify.verify_seeds(gitlab, self._catalogue, self._name, feature, items, self._store)
        except (CallError, UserError) as error:
            owner = _owner(self._catalogue.environments[self._name], error)
            return AspectVerdict(ReadinessAspect.SEEDS, ReadinessState.UNKNOWN, f"could not look: {error}", owner, {})
        found = coverage.coverage(feature, seen)
        return AspectVerdict(ReadinessAspect.SEEDS, _state(found.ready), found.reason(), found.owner, found.as_json())

    def _limits(self, facts: PathMeasures, feature: Feature) -> AspectVerdict:
        needed = feature.prompts_per_run
        weighed = weigh(self._store, facts, self._catalogue, feature, self._name, calls_needed=needed)
        finding_rows.save_limits(self._store, self._name, feature.feature, weighed)
        # What runs used up lately comes back by itself and is the limit probe's business: it is shown and does not
        # count. A run that went elsewhere for it would spend another account's money.
        found = findings.findings(facts, self._catalogue, feature, self._name, calls_needed=needed)
        binding = findings.binding(found)
        stopping = findings.too_low(found)
        if stopping:
            reason = "; ".join(finding.line for finding in stopping)
        elif binding is None:
            reason = "no limit is known that would stop the run"
        else:
            said = f"{binding.needed:,.10g} of {binding.allowed:,.10g} {binding.unit}"
            reason = f"the run fits; {binding.limit_name} binds: {said}; owner: {binding.owner}"
        owner = binding.owner if binding else findings.owner_of(self._catalogue.environments[self._name], "gitlab")
        details = {"binding": binding.limit_name} if binding else {}
        return AspectVerdict(ReadinessAspect.LIMITS, _state(not stopping), reason, owner, details)


def _state(ready: bool) -> ReadinessState:
    return ReadinessState.READY if ready else ReadinessState.NOT_READY


def _owner(environment: Environment, error: CallError | UserError) -> str:
    """Who can mend what kept us from looking: the hop's owner; for input and logins, whoever keeps them."""
    hop = str(error.hop) if isinstance(error, CallError) else "gitlab"
    named = {str(rule.hop) for rule in environment.hops}
    return findings.owner_of(environment, hop if hop in named else "gitlab")

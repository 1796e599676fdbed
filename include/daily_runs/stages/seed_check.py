"""Seed check: binds each seed key of the data set to a live resource of this environment, and verifies it.

A seed is `bound` when its resource exists, is in the state that the feature needs, and holds the content that the
data set was made from (by checksum). A look that fails raises: "could not look" is never "missing".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from daily_runs.catalogue import ASKED_ABOUT, Catalogue, Feature
from daily_runs.catalogue_files import load_feature_dataset
from daily_runs.clock import Clock
from daily_runs.dataset import Item
from daily_runs.errors import SeedsMissingError
from daily_runs.gitlab.client import GitLab
from daily_runs.gitlab.seeds import SeedsSeen, find_seeds
from daily_runs.run import Report, Work
from daily_runs.seeding import Coverage, coverage, remedies
from daily_runs.stages.sessions import gitlab_session
from daily_runs.statuses import SeedStatus
from daily_runs.store import answers, seed_rows
from daily_runs.store.database import Store

MEMORY_HOURS_MAX = 24.0
"""Content read longer ago (domain time) is read again: an environment may have been set up anew, with old ids."""


def run(work: Work) -> Report:
    """Bind every seed that this attempt's prompts use; with no prompt left to ask, look at nothing.

    Raises:
        SeedsMissingError: the share of bound seeds is below the catalogue's; each fault is named by key.
        CallError: the environment could not be looked at.
    """
    if not answers.unsettled(work.store, work.attempt.attempt_id, None):
        return Report("seed_check", asked=0, answered=0, details={"looked": False})
    seen = asyncio.run(_look(work))
    bindings = [seed_rows.Binding(seed.key, seed.status, seed.resource_id, seed.content_sha256) for seed in seen.seeds]
    seed_rows.save_bindings(work.store, work.attempt, bindings)
    found = coverage(work.feature, seen)
    if not found.ready:
        raise SeedsMissingError(_explain(work, found, seen))
    missing = found.count(SeedStatus.MISSING)
    return Report(
        "seed_check",
        asked=found.asked,
        answered=found.bound,
        failed=len(found.faults) - missing,
        missing=missing,
        details={"looked": True, "bound_share": found.share, "faults": found.faults, "surplus": found.surplus},
    )


async def look(
    gitlab: GitLab, catalogue: Catalogue, environment: str, feature: Feature, items: Sequence[Item], store: Store | None
) -> SeedsSeen:
    """Look for the seeds of some or all of a feature's items, as the environment's first evaluation user.

    Args:
        store: remembers content that does not change any more; None: everything is read.

    Raises:
        CallError: the environment could not be looked at.
        DatasetError: a data set that asks about the same kind of resource is not sound.
    """
    there = catalogue.environments[environment]
    clock = Clock(there.time_scale)
    memory = seed_rows.SeedContent(store, environment, clock.wall(MEMORY_HOURS_MAX * 3600)) if store else None
    user, others = there.evaluation_users[0], _keys_in_use(catalogue, feature)
    return await find_seeds(gitlab, user, there.seed_project, items, clock, memory, others)


def _keys_in_use(catalogue: Catalogue, feature: Feature) -> frozenset[str]:
    """Seed keys of every data set that asks about the same kind of resource: none of their seeds is surplus."""
    alike = [other for other in catalogue.features.values() if ASKED_ABOUT[other.call] == ASKED_ABOUT[feature.call]]
    return frozenset(item.seed_key for other in alike for item in load_feature_dataset(other))


async def _look(work: Work) -> SeedsSeen:
    items, environment = list(work.items.values()), work.attempt.key.environment
    async with gitlab_session(work) as gitlab:
        return await look(gitlab, work.catalogue, environment, work.feature, items, work.store)


def _explain(work: Work, found: Coverage, seen: SeedsSeen) -> str:
    key = work.attempt.key
    stated = f"{key}: in {work.environment.seed_project}, {found.stated()}; owner: {found.owner}."
    return "\n  ".join([stated, *remedies(key.environment, key.feature, seen)])

"""One check of a feature's seeds in an environment: find them, read their content, remember what was read."""

from __future__ import annotations

from collections.abc import Sequence

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.clock import Clock
from daily_runs.dataset import Item, load_feature_dataset
from daily_runs.errors import DatasetError
from daily_runs.gitlab.client import GitLab
from daily_runs.readiness.seeds import binding_rows
from daily_runs.readiness.seeds.find import SeedsSeen, find_seeds
from daily_runs.store.database import Store

MEMORY_HOURS_MAX = 24.0
"""Content read longer ago (domain time) is read again: an environment may have been set up anew, with old ids."""


async def verify_seeds(
    gitlab: GitLab, catalogue: Catalogue, environment: str, feature: Feature, items: Sequence[Item], store: Store | None
) -> SeedsSeen:
    """Look for the seeds of some or all of a feature's items, as the environment's first evaluation user.

    Args:
        store: remembers content that does not change any more; None: everything is read.

    Raises:
        CallError: the environment could not be looked at.
    """
    there = catalogue.environments[environment]
    clock = Clock(there.time_scale)
    memory = binding_rows.SeedContent(store, environment, clock.wall(MEMORY_HOURS_MAX * 3600)) if store else None
    user, others = there.evaluation_users[0], _keys_in_use(catalogue, feature)
    seen = await find_seeds(gitlab, user, there.seed_project, items, clock, memory, others or ())
    return seen if others is not None else seen._replace(surplus=())


def _keys_in_use(catalogue: Catalogue, feature: Feature) -> frozenset[str] | None:
    """Seed keys of every data set that asks about the same kind of resource: none of their seeds is surplus.

    None: a feature is left out, or a data set is not sound. Its seeds are in use, and nobody can say which they are.
    """
    if catalogue.left_out:
        return None
    alike = [other for other in catalogue.features.values() if other.asked_about == feature.asked_about]
    try:
        return frozenset(item.seed_key for other in alike for item in load_feature_dataset(other))
    except DatasetError:
        return None

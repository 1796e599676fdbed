"""Seed check: binds each seed key of the data set to a live resource of this environment, and verifies it.

A seed is `bound` when its resource exists, is in the state that the feature needs, and holds the content that the
data set was made from (by checksum). A look that fails raises: "could not look" is never "missing".
"""

from __future__ import annotations

import asyncio

from daily_runs.errors import SeedsMissingError
from daily_runs.gitlab.seeds import Seed, find_seeds
from daily_runs.run import Report, Work
from daily_runs.stages.sessions import gitlab_session
from daily_runs.statuses import SeedStatus
from daily_runs.store import probes

SHOWN_MAX = 10


def run(work: Work) -> Report:
    """Bind every seed that this attempt's prompts use.

    Raises:
        SeedsMissingError: the share of bound seeds is below the catalogue's; each fault is named by key.
        CallError: the environment could not be looked at.
    """
    seeds = asyncio.run(_look(work))
    bindings = [probes.Binding(seed.key, seed.status, seed.resource_id, seed.content_sha256) for seed in seeds]
    probes.save_bindings(work.store, work.attempt, bindings)
    faults = [seed for seed in seeds if seed.status is not SeedStatus.BOUND]
    share = 1 - len(faults) / len(seeds)
    if share < work.feature.seeding.required_share:
        raise SeedsMissingError(_explain(work, faults, share))
    missing = sum(seed.status is SeedStatus.MISSING for seed in faults)
    return Report(
        "seed_check",
        asked=len(seeds),
        answered=len(seeds) - len(faults),
        failed=len(faults) - missing,
        missing=missing,
        details={"bound_share": share, "faults": {seed.key: seed.status for seed in faults}},
    )


async def _look(work: Work) -> list[Seed]:
    environment = work.environment
    async with gitlab_session(work) as gitlab:
        return await find_seeds(
            gitlab, environment.evaluation_users[0], environment.seed_project, list(work.items.values()), work.clock
        )


def _explain(work: Work, faults: list[Seed], share: float) -> str:
    seeding = work.feature.seeding
    shown = ", ".join(f"{seed.key} ({seed.status})" for seed in faults[:SHOWN_MAX])
    more = f" and {len(faults) - SHOWN_MAX} more" if len(faults) > SHOWN_MAX else ""
    return (
        f"{work.attempt.key}: {share:.1%} of the seeds are bound in {work.environment.seed_project}, "
        f"{seeding.required_share:.1%} are required. {shown}{more}. Owner of the seeding: {seeding.owner}."
    )

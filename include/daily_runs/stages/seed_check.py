"""Seed check: binds each seed key of the data set to a live resource of this environment, and verifies it.

A seed is `bound` when its resource exists, is in the state that the feature needs, and holds the content that the
data set was made from (by checksum). A look that fails raises: "could not look" is never "missing".
"""

from __future__ import annotations

import asyncio

from daily_runs.errors import SeedsMissingError
from daily_runs.readiness.seeds import binding_rows
from daily_runs.readiness.seeds.coverage import Coverage, coverage, remedies
from daily_runs.readiness.seeds.find import SeedsSeen
from daily_runs.readiness.seeds.verify import verify_seeds
from daily_runs.records import answers
from daily_runs.records.run import Report
from daily_runs.stages.work import Work, gitlab_session
from daily_runs.statuses import SeedStatus


def run(work: Work) -> Report:
    """Bind every seed that this attempt's prompts use; with no prompt left to ask, look at nothing.

    Raises:
        SeedsMissingError: the share of bound seeds is below the catalogue's; each fault is named by key.
        CallError: the environment could not be looked at.
    """
    if not answers.unsettled(work.store, work.attempt.attempt_id, None):
        return Report("seed_check", asked=0, answered=0, details={"looked": False})
    seen = asyncio.run(_look(work))
    bindings = [
        binding_rows.Binding(seed.key, seed.status, seed.resource_id, seed.content_sha256) for seed in seen.seeds
    ]
    binding_rows.save_bindings(work.store, work.attempt, bindings)
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


async def _look(work: Work) -> SeedsSeen:
    items, environment = list(work.items.values()), work.attempt.key.environment
    async with gitlab_session(work) as gitlab:
        return await verify_seeds(gitlab, work.catalogue, environment, work.feature, items, work.store)


def _explain(work: Work, found: Coverage, seen: SeedsSeen) -> str:
    key = work.attempt.key
    stated = f"{key}: in {work.environment.seed_project}, {found.stated()}; owner: {found.owner}."
    return "\n  ".join([stated, *remedies(key.environment, key.feature, seen)])

"""The Airflow pools that the catalogue asks for: one an account, as many slots as its rate has slot sizes, and the
sensors'. Why slots are uniform and sensors apart: docs/decisions/0017-pools-admit-uniform-slots.md."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypedDict

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, environments_of
from daily_runs.catalogue.rates import reserved_tokens_per_minute
from daily_runs.errors import CatalogueError

VENDORS = {"anthropic": "Anthropic", "vertex": "Vertex AI"}
"""How the vendors of accounts are called."""
SLOTS_PER_TASK = 1
"""What a mapped task reserves: the rate of one slot. Uniform, since in a pool of mixed sizes the large would starve."""

SENSORS_POOL = "readiness_sensors"
SENSORS_SLOTS = 8
"""Sensors wait deferred, and a deferred task takes no slot here: one is held only for the seconds of a look. So a few
serve every arm, and looks never take more than a quarter of a worker's places (Airflow's `parallelism` is 32)."""


class Pool(TypedDict):
    """A pool as Airflow's API and `airflow pools import` spell it."""

    slots: int
    description: str
    include_deferred: bool


def pools(catalogue: Catalogue) -> dict[str, Pool]:
    """Every pool by name. Deferred tasks do not count: no task of ours spends tokens while deferred."""
    found = {
        name: Pool(
            slots=account.slots,
            description=(
                f"{VENDORS[account.vendor]} account {name}: one slot = {account.slot_tokens_per_minute:,} tokens/min"
            ),
            include_deferred=False,
        )
        for name, account in sorted(catalogue.accounts.items())
    }
    found[SENSORS_POOL] = Pool(
        slots=SENSORS_SLOTS,
        description="Readiness sensors, which spend nothing: one slot = one that looks",
        include_deferred=False,
    )
    return found


class PoolDifference(NamedTuple):
    """A pool of a live Airflow that is not as the catalogue has it."""

    pool: str
    problem: str


def differences(wanted: Mapping[str, Pool], there: Mapping[str, Mapping[str, Any]]) -> Iterator[PoolDifference]:
    """What a live Airflow's pools, as its API lists them, lack or have otherwise. Pools of others are left alone."""
    for name, pool in wanted.items():
        if name not in there:
            yield PoolDifference(name, f"pool {name} is missing, the catalogue says {pool['slots']} slots")
            continue
        live = there[name]
        if live["slots"] != pool["slots"]:
            yield PoolDifference(name, f"pool {name} has {live['slots']} slots, the catalogue says {pool['slots']}")
        if live["include_deferred"] != pool["include_deferred"]:
            counts = "counts" if live["include_deferred"] else "does not count"
            yield PoolDifference(name, f"pool {name} {counts} deferred tasks, the catalogue says the opposite")
        if live["description"] != pool["description"]:
            problem = f"pool {name} is described as {live['description']!r}, the catalogue says {pool['description']!r}"
            yield PoolDifference(name, problem)


def require_admissible(catalogue: Catalogue, feature: Feature, environment_name: str) -> None:
    """See that the pools of a feature's arm can ever admit its tasks: Airflow would leave them `scheduled` for ever.

    The rules of the catalogue refuse all of this earlier, with file and line; this is the net below, for a catalogue
    that was not read from files.

    Raises:
        CatalogueError: names what is reserved and what there is.
    """
    account = feature.account_in(environment_name, catalogue.environments[environment_name])
    named = (
        f"features.{feature.feature}.accounts.{environment_name}"
        if environment_name in feature.accounts
        else f"environments.{environment_name}.account"
    )
    for place, pool in (
        (named, account),
        ("judge.account", catalogue.judge.account),
    ):
        if pool not in catalogue.accounts:
            problem = f"no account is named {pool!r}, so there is no such pool"
            raise CatalogueError(place, problem, f"Known: {', '.join(catalogue.accounts)}.")
        of = catalogue.accounts[pool]
        if of.slots < SLOTS_PER_TASK:
            size = f"{of.input_tokens_per_minute:,} tokens/min in slots of {of.slot_tokens_per_minute:,}"
            takes = f"a task of {feature.feature} takes {SLOTS_PER_TASK} slot"
            problem = f"{takes}, but pool {pool} has {of.slots} ({size})"
            raise CatalogueError(f"accounts.{pool}", problem, "Lower its slot_tokens_per_minute.")
    reserved, holds = reserved_tokens_per_minute(feature), catalogue.accounts[account].input_tokens_per_minute
    if reserved > holds and environment_name in environments_of(feature):
        problem = f"reserves {reserved:,.0f} tokens/min, but pool {account} holds {holds:,}"
        remedy = "Ask for fewer requests or batches a minute."
        raise CatalogueError(f"features.{feature.feature}.limits", problem, remedy)

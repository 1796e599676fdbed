"""Pools are whole accounts, and admit what the catalogue lets features reserve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import environments_of
from daily_runs.catalogue.pools import differences, pools, require_admissible
from daily_runs.catalogue.rates import budget, shard_prompts_per_minute
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import CatalogueError


def test_there_is_a_pool_for_each_account_and_one_for_sensors_and_they_hold_whole_accounts() -> None:
    catalogue = catalogue_files.load()
    made = pools(catalogue)
    assert list(made) == [*sorted(catalogue.accounts), "readiness_sensors"]
    for name, account in catalogue.accounts.items():
        assert made[name]["slots"] * account.slot_tokens_per_minute == account.input_tokens_per_minute
    assert not any(pool["include_deferred"] for pool in made.values())


def test_every_arm_of_the_shipped_catalogue_can_be_admitted() -> None:
    catalogue = catalogue_files.load()
    for feature in catalogue.features.values():
        for name in catalogue.environments:
            require_admissible(catalogue, feature, name)


def asking(catalogue: Catalogue, name: str, requests_per_minute: float) -> Catalogue:
    """A copy, unchecked, in which a feature asks for another rate."""
    feature = catalogue.features[name]
    limits = feature.limits.model_copy(update={"requests_per_minute": requests_per_minute})
    features = catalogue.features | {name: feature.model_copy(update={"limits": limits})}
    return catalogue.model_copy(update={"features": features})


def test_a_reservation_is_held_against_the_accounts_of_the_phases_only() -> None:
    catalogue = asking(catalogue_files.load(), "code_suggestions", 1e6)
    feature = catalogue.features["code_suggestions"]
    assert environments_of(feature) == ()
    require_admissible(catalogue, feature, "staging")


def test_a_reservation_as_large_as_its_account_is_admitted_and_a_larger_one_is_not() -> None:
    catalogue = catalogue_files.load()
    per_prompt = catalogue.features["duo_chat"].limits.tokens_per_prompt.total
    whole = catalogue.accounts["EVAL"].input_tokens_per_minute / per_prompt
    fits, exceeds = (asking(catalogue, "duo_chat", rate) for rate in (whole, whole * 1.01))
    require_admissible(fits, fits.features["duo_chat"], "staging")
    with pytest.raises(CatalogueError, match="reserves 4,040,000 tokens/min, but pool EVAL holds 4,000,000"):
        require_admissible(exceeds, exceeds.features["duo_chat"], "staging")


def test_the_shards_rates_add_up_to_the_binding_limit() -> None:
    catalogue = catalogue_files.load()
    rca = catalogue.features["root_cause_analysis"]
    assert budget(catalogue, rca, "staging").binding.prompts_per_minute == 20
    assert shard_prompts_per_minute(catalogue, rca, "staging", 4) == 5
    assert shard_prompts_per_minute(catalogue, rca, "staging", 1) == 20


@dataclass(frozen=True)
class Drifted:
    """A change of a live pool, and what is said of it."""

    change: dict[str, Any]
    problem: str


@pytest.mark.parametrize(
    "drifted",
    [
        Drifted({"slots": 19}, "pool EVAL has 19 slots, the catalogue says 20"),
        Drifted({"include_deferred": True}, "pool EVAL counts deferred tasks, the catalogue says the opposite"),
        Drifted(
            {"description": "mine"},
            "pool EVAL is described as 'mine', the catalogue says "
            "'Anthropic account EVAL: one slot = 200,000 tokens/min'",
        ),
        Drifted(
            {"description": None},
            "pool EVAL is described as None, the catalogue says "
            "'Anthropic account EVAL: one slot = 200,000 tokens/min'",
        ),
    ],
    ids=lambda drifted: str(drifted.change),
)
def test_each_field_of_a_pool_that_drifted_is_named_with_both_values(drifted: Drifted) -> None:
    wanted = pools(catalogue_files.load())
    there: dict[str, dict[str, Any]] = {name: {**pool} for name, pool in wanted.items()}
    assert list(differences(wanted, there)) == []
    there["EVAL"] |= drifted.change
    assert [tuple(difference) for difference in differences(wanted, there)] == [("EVAL", drifted.problem)]

"""The Airflow pools that the catalogue asks for: one an account, as many slots as its rate has slot sizes."""

from __future__ import annotations

from typing import TypedDict

from daily_runs.catalogue import Catalogue


class Pool(TypedDict):
    """A pool as Airflow's API and `airflow pools import` spell it."""

    slots: int
    description: str
    include_deferred: bool


def pools(catalogue: Catalogue) -> dict[str, Pool]:
    """Every pool by name. Deferred tasks do not count: none of ours defers while it spends."""
    return {
        name: Pool(
            slots=account.slots,
            description=f"Anthropic account {name}: one slot = {account.slot_tokens_per_minute:,} tokens/min",
            include_deferred=False,
        )
        for name, account in sorted(catalogue.accounts.items())
    }

"""Accounts and the judge: what `accounts.yaml` says."""

from __future__ import annotations

import math

from daily_runs.catalogue.fields import Address, Count, Name, Provenance, Rate, Strict, Text


class Account(Strict):
    """One Anthropic account. Rates are per minute; a bucket holds `burst_seconds` of its rate when full.

    `shared_with_live_users`: others spend it too, so that idle shares are never lent (a rule of the catalogue).
    `lends_idle_share`: what idle features leave of it, others may use until the owner wakes.
    """

    shared_with_live_users: bool
    lends_idle_share: bool = False
    requests_per_minute: Count
    input_tokens_per_minute: Count
    output_tokens_per_minute: Count
    burst_seconds: Rate
    slot_tokens_per_minute: Count
    verified: bool

    @property
    def slots(self) -> int:
        """Size of the account's Airflow pool: its input rate in slots."""
        return self.input_tokens_per_minute // self.slot_tokens_per_minute


class JudgeSettings(Strict):
    """Who judges: the model, where it is reached, what it may spend. `provenance`: as of every environment.

    `seconds_per_verdict`: an estimate for plans; without one they reckon with `request_timeout_seconds`, the most.
    """

    account: Text
    connection: Name
    address: Address
    provenance: Provenance
    model: Text
    max_output_tokens: Count
    input_tokens_per_verdict: Count
    output_tokens_per_verdict: Count
    in_flight_max: Count
    request_timeout_seconds: Rate
    seconds_per_verdict: Rate | None = None


def slots_for(tokens_per_minute: float, account: Account) -> int:
    """How many slots of an account's pool a rate takes (at least one)."""
    return max(1, math.ceil(round(tokens_per_minute / account.slot_tokens_per_minute, 6)))

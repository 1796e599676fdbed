"""How the store is, and what was last seen of each environment: what a board says of the ground that runs stand on."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.readiness import check_rows
from daily_runs.resilience import breaker_rows
from daily_runs.statuses import BreakerState
from daily_runs.store.database import Store, newest_revision, place_of
from daily_runs.store.pool import Row


class EnvironmentHealth(NamedTuple):
    """An environment as the newest look saw it. `looked_at`: None if nobody has looked; `error`: why it saw not all."""

    environment: str
    provenance: str
    address: str
    looked_at: dt.datetime | None
    error: str | None


class BoardHealth(NamedTuple):
    """The store, the environments, and the breakers that hold calls back.

    `answer_seconds`: of one question to the store; `is_writable`: False on a standby, or where it was set read-only.
    """

    store: str
    revision: str
    answer_seconds: float
    is_writable: bool
    environments: Sequence[EnvironmentHealth]
    breakers: Sequence[Row]

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {**self._asdict(), "environments": [one._asdict() for one in self.environments]}


def read(store: Store, catalogue: Catalogue) -> BoardHealth:
    """Ask the store; nobody else is asked."""
    began = time.monotonic()
    found = store.row(
        "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool AS writable"
    )
    seconds = time.monotonic() - began
    seen = []
    for name, environment in catalogue.environments.items():
        newest = check_rows.newest(store, name)
        at, error = (newest.ended_at, newest.error) if newest else (None, None)
        seen.append(EnvironmentHealth(name, environment.provenance, environment.address, at, error))
    breakers = [row for row in breaker_rows.status(store) if row["state"] != BreakerState.CLOSED]
    return BoardHealth(place_of(store.url), newest_revision(), seconds, bool(found["writable"]), seen, breakers)

"""A store holds live rows or sandbox rows, never both."""

from __future__ import annotations

from daily_runs.errors import AccessError
from daily_runs.store.database import Store, place_of
from daily_runs.store.pool import Connection


def _must_be_of_one_provenance(connection: Connection, store: Store, provenance: str) -> None:
    connection.execute(
        "INSERT INTO daily_runs.store_provenance (provenance) VALUES (%s) ON CONFLICT DO NOTHING", [provenance]
    )
    row = connection.execute("SELECT provenance FROM daily_runs.store_provenance").fetchone()
    if row is None or row["provenance"] != provenance:
        held = row["provenance"] if row else "unknown"
        remedy = "Give this run a database of its own (DAILY_RUNS_STORE, or connection daily_runs_store)."
        raise AccessError(place_of(store.url), f"holds {held} rows, and this run is {provenance}", remedy)


def check_provenance(store: Store, provenance: str) -> None:
    """See that the store's calls and limits are those of this world: live and sandbox never share one.

    Raises:
        AccessError: it holds rows of the other provenance.
    """
    held = [row["provenance"] for row in store.rows("SELECT provenance FROM daily_runs.store_provenance")]
    if held and provenance not in held:
        remedy = "Give it the store that this environment's runs use (DAILY_RUNS_STORE)."
        raise AccessError(place_of(store.url), f"holds {held[0]} rows, and the environment is {provenance}", remedy)

"""Rows of circuit breakers: one a provider, read and changed by every task that calls it. Postgres' clock decides."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from daily_runs.resilience.breaker_rules import Circuit, Slice
from daily_runs.statuses import BreakerState
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row


class BreakerReading(NamedTuple):
    """A breaker's state, and the moment by the store's clock (epoch seconds) at which it was so."""

    circuit: Circuit
    now: float


_INTRODUCE = """
INSERT INTO daily_runs.breaker
VALUES (%(provider)s, 'closed', 0, clock_timestamp(), NULL, 0, 0, '{}', '[]', '[]', 0, '') ON CONFLICT DO NOTHING
"""
# The moment is read after the row's lock was waited for: no decision is older than the one before it.
_LOOK = """
WITH found AS MATERIALIZED (SELECT * FROM daily_runs.breaker WHERE provider = %(provider)s)
SELECT *, extract(epoch FROM since)::float8 AS since_epoch, extract(epoch FROM open_until)::float8 AS until_epoch,
       extract(epoch FROM clock_timestamp())::float8 AS now FROM found
"""
_LOOK_AND_LOCK = _LOOK.replace("WHERE provider = %(provider)s", "WHERE provider = %(provider)s FOR UPDATE")
_KEEP = """
UPDATE daily_runs.breaker SET state = %(state)s, generation = %(generation)s, since = to_timestamp(%(since)s),
    open_until = to_timestamp(%(open_until)s), openings_in_row = %(openings_in_row)s, good_probes = %(good_probes)s,
    probes = %(probes)s, recent = %(recent)s, faults_in_row = %(faults_in_row)s, last_good = %(last_good)s,
    reason = %(reason)s
WHERE provider = %(provider)s
"""


def look(store: Store, provider: str) -> BreakerReading:
    """A provider's breaker as it stands; closed if there is none yet.

    Raises:
        StageError: the store is away.
    """
    rows = store.rows(_LOOK, {"provider": provider})
    return _read(rows[0]) if rows else change(store, provider, lambda circuit, _now: circuit)


def change(store: Store, provider: str, decide: Callable[[Circuit, float], Circuit]) -> BreakerReading:
    """Replace a provider's state by what `decide(state, now)` makes of it, with nobody else between.

    `decide` may be called again when the connection was lost, also after its first outcome was kept: calls would count
    twice, and the breaker open a little early.

    Raises:
        StageError: the store is away.
    """

    def decided(connection: Connection) -> BreakerReading:
        row = connection.execute(_LOOK_AND_LOCK.encode(), {"provider": provider}).fetchone()
        if row is None:
            connection.execute(_INTRODUCE.encode(), {"provider": provider})
            row = connection.execute(_LOOK_AND_LOCK.encode(), {"provider": provider}).fetchone()
        assert row is not None
        before = _read(row)
        after = decide(*before)
        if after is not before.circuit:
            connection.execute(_KEEP.encode(), {"provider": provider, **_columns(after)})
        return BreakerReading(after, before.now)

    return store.retrying(decided)


def _read(row: Row) -> BreakerReading:
    circuit = Circuit(
        since=row["since_epoch"],
        state=BreakerState(row["state"]),
        generation=row["generation"],
        open_until=row["until_epoch"],
        openings_in_row=row["openings_in_row"],
        good_probes=row["good_probes"],
        probes=row["probes"],
        recent=tuple(Slice(*one) for one in row["recent"]),
        faults_in_row=tuple(row["faults_in_row"]),
        last_good=row["last_good"],
        reason=row["reason"],
    )
    return BreakerReading(circuit, row["now"])


def _columns(circuit: Circuit) -> dict[str, object]:
    as_json = {"probes": circuit.probes, "recent": circuit.recent, "faults_in_row": circuit.faults_in_row}
    return {**vars(circuit), **{name: json.dumps(value) for name, value in as_json.items()}}


def status(store: Store) -> list[Row]:
    """Every breaker for people.

    Columns: provider, state, since, open_until, reopenings, good_probes, reason, probes, calls, faults. `reopenings`
    are the openings beside the first since the last calm; `probes` those in flight; `calls` and `faults` those of the
    last 10 s (domain time) in which a call was heard of.
    """
    return store.rows(
        """
        SELECT provider, state, since, open_until, greatest(openings_in_row - 1, 0) AS reopenings, good_probes, reason,
               (SELECT count(*)::int FROM jsonb_each_text(probes) AS p
                WHERE p.value::float8 > extract(epoch FROM clock_timestamp())) AS probes,
               (SELECT coalesce(sum((s ->> 1)::int), 0)::int FROM jsonb_array_elements(recent) AS s) AS calls,
               (SELECT coalesce(sum((s ->> 2)::int), 0)::int FROM jsonb_array_elements(recent) AS s) AS faults
        FROM daily_runs.breaker ORDER BY provider
        """
    )

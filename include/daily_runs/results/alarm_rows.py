"""Rows of alarms: raised by a published run, resolved by somebody."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from daily_runs.errors import ParameterError
from daily_runs.results.alarms import RaisedAlarm
from daily_runs.statuses import AlarmState
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection, Row


class AlarmStream(NamedTuple):
    """Whose alarms they are: one of each kind is open at a time."""

    feature: str
    environment: str
    comparability_key: str


def save(
    connection: Connection,
    stream: AlarmStream,
    run_keys: Sequence[str],
    found: Sequence[RaisedAlarm],
    *,
    worst_class: str | None,
    changed: Mapping[str, tuple[str, str]],
) -> None:
    """Raise alarms, or bring those that are open already up to date, inside the caller's transaction.

    Args:
        run_keys: of the stream's runs, oldest first; the alarms' `since` counts in it, and the last one raised them.
    """
    for alarm in found:
        connection.execute(
            """
            INSERT INTO daily_runs.alarm (feature, environment, comparability_key, kind, since_run_key, last_run_key,
                                          size, worst_class, reason, changed)
            VALUES (%(feature)s, %(environment)s, %(comparability_key)s, %(kind)s, %(since)s, %(last)s, %(size)s,
                    %(worst_class)s, %(reason)s, %(changed)s)
            ON CONFLICT (feature, environment, comparability_key, kind) WHERE state = 'open' DO UPDATE SET
                last_run_key = EXCLUDED.last_run_key, size = EXCLUDED.size, worst_class = EXCLUDED.worst_class,
                reason = EXCLUDED.reason, changed = EXCLUDED.changed
            """,
            {
                **stream._asdict(),
                "kind": alarm.kind,
                "since": run_keys[alarm.since],
                "last": run_keys[-1],
                "size": alarm.size,
                "worst_class": worst_class,
                "reason": alarm.reason,
                "changed": json.dumps(changed),
            },
        )


def pinned_after(connection: Connection, feature: str, environment: str) -> dt.datetime | None:
    """The date of the run with which somebody accepted a new level: a reference begins there."""
    row = connection.execute(
        """
        SELECT max(r.logical_date) AS pinned
        FROM daily_runs.alarm a JOIN daily_runs.run r ON r.run_key = a.since_run_key
        WHERE a.feature = %s AND a.environment = %s AND a.state = 'accepted'
        """,
        [feature, environment],
    ).fetchone()
    return row["pinned"] if row else None


def all_of(store: Store, *, only_open: bool) -> list[Row]:
    """Alarms, the newest first, with the columns of `contract.alarms_v1`."""
    where = "WHERE state = 'open'" if only_open else ""
    return store.rows(f"SELECT * FROM contract.alarms_v1 {where} ORDER BY raised_at DESC, alarm_id DESC")  # noqa: S608


def resolve(store: Store, alarm_id: int, state: AlarmState, *, by: str, reason: str) -> Row:
    """Say what an open alarm was; returns the alarm.

    Raises:
        ParameterError: there is no such alarm, or somebody has resolved it; nothing was changed.
    """
    rows = store.rows(
        """
        UPDATE daily_runs.alarm
        SET state = %(state)s, resolved_at = now(), resolved_by = %(by)s, resolution = %(reason)s
        WHERE alarm_id = %(id)s AND state = 'open' RETURNING *
        """,
        {"id": alarm_id, "state": state, "by": by, "reason": reason},
    )
    if rows:
        return rows[0]
    known = store.rows("SELECT state, resolved_by FROM daily_runs.alarm WHERE alarm_id = %(id)s", {"id": alarm_id})
    problem = f"was resolved as {known[0]['state']} by {known[0]['resolved_by']}" if known else "is not known"
    open_ones = ", ".join(str(row["alarm_id"]) for row in all_of(store, only_open=True)) or "none"
    raise ParameterError(f"alarm {alarm_id}", problem, f"Open alarms: {open_ones}.")

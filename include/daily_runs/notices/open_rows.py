"""Rows of incidents: begun by what was found, met by members, over when no member meets them any more.

Whoever finds the same at the same moment waits for the row of the other (`incident_is_open`), and joins it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from daily_runs.notices.incident import IncidentFinding, IncidentMember, IncidentNow
from daily_runs.statuses import IncidentKind
from daily_runs.store.database import Store
from daily_runs.store.pool import Connection

JOINED_SILENTLY_HOURS = 24
"""Who meets an incident later than this after its beginning is told of as something worse: it may be something new."""

_TURN_LATE_INTO = """
UPDATE daily_runs.incident i SET key = %(key)s, kind = %(kind)s, what = %(what)s, owner = %(owner)s,
       do_next = %(do)s, page = %(page)s, worse_at = now()
FROM daily_runs.incident_member m
WHERE m.incident_id = i.incident_id AND i.over_at IS NULL AND i.kind = 'run_late'
      AND m.feature = %(feature)s AND m.airflow_run_id = %(airflow_run_id)s
      AND (SELECT count(*) FROM daily_runs.incident_member o
           WHERE o.incident_id = i.incident_id AND o.over_at IS NULL) = 1
      AND NOT EXISTS (SELECT FROM daily_runs.incident o WHERE o.key = %(key)s AND o.over_at IS NULL)
"""
_BEGIN = """
INSERT INTO daily_runs.incident AS i (key, kind, level, what, owner, do_next, page)
VALUES (%(key)s, %(kind)s, %(level)s, %(what)s, %(owner)s, %(do)s, %(page)s)
ON CONFLICT (key) WHERE over_at IS NULL DO UPDATE SET
    worse_at = CASE WHEN EXCLUDED.level > i.level THEN now() ELSE i.worse_at END,
    what = CASE WHEN EXCLUDED.level > i.level THEN EXCLUDED.what ELSE i.what END,
    level = greatest(i.level, EXCLUDED.level)
RETURNING incident_id, begun_at < now() - make_interval(hours => %(silently_hours)s) AS is_old
"""
_MEET = """
INSERT INTO daily_runs.incident_member AS m
    (incident_id, feature, environment, sample, what, link, airflow_run_id, logical_date)
VALUES (%(incident_id)s, %(feature)s, %(environment)s, %(sample)s, %(what)s, %(link)s, %(airflow_run_id)s,
        %(logical_date)s)
ON CONFLICT (incident_id, feature, environment) DO UPDATE SET
    sample = EXCLUDED.sample, what = EXCLUDED.what, link = EXCLUDED.link,
    airflow_run_id = coalesce(EXCLUDED.airflow_run_id, m.airflow_run_id),
    logical_date = coalesce(EXCLUDED.logical_date, m.logical_date),
    since = CASE WHEN m.over_at IS NULL THEN m.since ELSE now() END, over_at = NULL
RETURNING xmax = 0 AS is_new
"""
_PUBLISHED_SINCE = """
UPDATE daily_runs.incident_member m SET over_at = now()
FROM daily_runs.incident i
WHERE i.incident_id = m.incident_id AND i.over_at IS NULL AND m.over_at IS NULL
      AND (m.airflow_run_id IS NOT NULL OR m.logical_date IS NOT NULL)
      AND EXISTS (SELECT FROM daily_runs.published_run p
                  WHERE p.feature = m.feature AND (m.environment = '' OR p.environment = m.environment)
                        AND p.published_at > m.since AND p.sample IN (m.sample, '')
                        AND (i.kind = 'hop_failed' OR m.logical_date IS NULL OR p.logical_date >= m.logical_date))
"""
_STANDS_NO_MORE = """
UPDATE daily_runs.incident_member m SET over_at = now()
FROM daily_runs.incident i
WHERE i.incident_id = m.incident_id AND i.over_at IS NULL AND m.over_at IS NULL
      AND m.airflow_run_id IS NULL AND m.logical_date IS NULL
      AND i.kind = ANY(%(kinds)s) AND NOT (i.key || ' ' || m.feature = ANY(%(standing)s))
"""
_GONE = """
UPDATE daily_runs.incident_member SET over_at = now() WHERE over_at IS NULL AND NOT (feature = ANY(%(features)s))
"""
_OVER = """
UPDATE daily_runs.incident i SET over_at = now()
WHERE over_at IS NULL AND NOT EXISTS (SELECT FROM daily_runs.incident_member m
                                      WHERE m.incident_id = i.incident_id AND m.over_at IS NULL)
"""
_LATELY = """
SELECT incident_id, key, kind, level, what, owner, do_next AS do, page, begun_at, worse_at, over_at
FROM daily_runs.incident WHERE over_at IS NULL OR over_at > now() - make_interval(days => %(days)s) ORDER BY incident_id
"""
_MEMBERS = """
SELECT incident_id, feature, environment, sample, what, link, airflow_run_id, logical_date, over_at IS NULL AS is_open
FROM daily_runs.incident_member WHERE incident_id = ANY(%(ids)s) ORDER BY incident_id, since, feature, environment
"""


def meet(connection: Connection, found: IncidentFinding) -> None:
    """Begin an incident, or have the finding's member join the one that is open, inside the caller's transaction.

    A run that is told to be late and now fails is one incident: it gets worse.
    """
    member = found.member
    given = {**found._asdict(), **_where(member), "silently_hours": JOINED_SILENTLY_HOURS}
    del given["member"]
    if member.airflow_run_id and found.kind is not IncidentKind.RUN_LATE:
        connection.execute(_TURN_LATE_INTO.encode(), given)
    begun = connection.execute(_BEGIN.encode(), given).fetchone()
    assert begun is not None
    met = connection.execute(_MEET.encode(), {"incident_id": begun["incident_id"], **member._asdict()}).fetchone()
    assert met is not None
    if begun["is_old"] and met["is_new"]:
        query = b"UPDATE daily_runs.incident SET worse_at = now() WHERE incident_id = %s"
        connection.execute(query, [begun["incident_id"]])


def _where(member: IncidentMember) -> dict[str, str | None]:
    return {"feature": member.feature, "airflow_run_id": member.airflow_run_id}


def close_done(store: Store, features: Collection[str]) -> None:
    """End what a published run has shown to be over, and what is about a feature that the catalogue lacks."""
    store.rows(_PUBLISHED_SINCE)
    store.rows(_GONE, {"features": list(features)})
    store.rows(_OVER)


def close_standing(store: Store, kinds: Collection[IncidentKind], standing: Collection[tuple[str, str]]) -> None:
    """End what was seen by a look, is about no run, and does not stand any more.

    Args:
        kinds: those that were looked for.
        standing: key and feature of what stands, or of which nobody knows.
    """
    given = {"kinds": [str(kind) for kind in kinds], "standing": [f"{key} {feature}" for key, feature in standing]}
    store.rows(_STANDS_NO_MORE, given)
    store.rows(_OVER)


def lately(store: Store, days: int) -> list[IncidentNow]:
    """Incidents that are open, or were until so many days ago, the oldest first."""
    rows = store.rows(_LATELY, {"days": days})
    members = store.rows(_MEMBERS, {"ids": [row["incident_id"] for row in rows]})
    found = []
    for row in rows:
        own = [dict(member) for member in members if member["incident_id"] == row["incident_id"]]
        still = sum(member.pop("is_open") for member in own)
        met = tuple(_member(member) for member in own)
        found.append(IncidentNow(**row | {"kind": IncidentKind(row["kind"])}, members=met, open_members=still))
    return found


def _member(row: dict[str, object]) -> IncidentMember:
    return IncidentMember(**{name: row[name] for name in IncidentMember._fields})  # type: ignore[arg-type]


def open_keys(store: Store, begins: Sequence[str]) -> set[str]:
    """Keys of open incidents that begin with one of these texts."""
    query = "SELECT key FROM daily_runs.incident WHERE over_at IS NULL AND key LIKE ANY(%(begins)s)"
    return {row["key"] for row in store.rows(query, {"begins": [f"{begin}%" for begin in begins]})}

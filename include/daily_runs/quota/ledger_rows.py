"""What the ledger's rows say now, for people who look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from daily_runs.store.database import Store
from daily_runs.store.pool import Row

_LIMITS = """
SELECT limit_name, account, per_second, pace[1] AS whole_per_second, pace[2] AS ours_per_second,
       foreign_per_second, factor_now AS factor, seen_per_second,
       CASE WHEN pace[4] > 0 THEN least(1, (level + extract(epoch FROM now() - level_at) * pace[2]) / pace[4]) END
           AS level_share,
       greatest(0, extract(epoch FROM held_until - now()))::float8 AS held_seconds, refusals, refused_at,
       coalesce(used.amount, 0) AS used
FROM (SELECT l.*, daily_runs.quota_pace_v1(l, now()) AS pace,
             least(1, l.factor + 0.01 * coalesce(extract(epoch FROM now() - l.refused_at), 0))::float8 AS factor_now
      FROM daily_runs.quota_limit l) AS q
LEFT JOIN LATERAL (
    SELECT sum(CASE WHEN q.limit_name LIKE '%% requests' THEN 1 WHEN q.limit_name LIKE '%% input tokens'
               THEN input_tokens ELSE output_tokens END) AS amount
    FROM daily_runs.quota_grant g
    WHERE g.account = q.account AND g.at > now() - make_interval(secs => %(minute)s) AND g.at <= now()
) AS used ON q.account IS NOT NULL
ORDER BY account NULLS LAST, limit_name
"""
_LANES = """
SELECT account, lane, share, priority, borrows,
       CASE WHEN use_share < 1e-9 THEN 0
            ELSE use_share * exp(greatest(-50, -extract(epoch FROM now() - use_at) / 2)::float8) END AS use,
       coalesce(held_back_at > now() - interval '1 second', false) AS waits,
       (asked_at > now() - interval '1 second') AS awake
FROM daily_runs.quota_lane ORDER BY account, priority, lane
"""
_HOLDERS = """
SELECT coalesce(g.account, a.account) AS account, coalesce(g.lane, a.lane) AS lane, holder,
       count(*) FILTER (WHERE g.at > now())::int AS promised,
       count(*) FILTER (WHERE g.at <= now())::int AS in_flight,
       coalesce(greatest(0, extract(epoch FROM now() - min(a.since))), 0)::float8 AS waits_seconds
FROM (SELECT * FROM daily_runs.quota_grant WHERE settled_at IS NULL AND expires_at > now()) g
FULL JOIN (SELECT * FROM daily_runs.quota_asker WHERE back_at > now() - interval '1 second') a USING (holder)
GROUP BY 1, 2, holder ORDER BY 1, 2, holder
"""
_USERS = """
SELECT g.window_name, g.evaluation_user, count(*)::int AS calls, coalesce(max(s.until) > now(), false) AS spent
FROM daily_runs.quota_grant g LEFT JOIN daily_runs.quota_spent_user s USING (window_name, evaluation_user)
WHERE g.window_name = ANY(%(windows)s)
      AND greatest(g.at, coalesce(g.sent_at, g.at)) > now() - make_interval(secs => %(seconds)s)
      AND (g.sent_at IS NOT NULL OR g.expires_at > now())
GROUP BY g.window_name, g.evaluation_user ORDER BY g.window_name, g.evaluation_user
"""
_ROOM_AT = """
SELECT min(greatest(s.until, (
    SELECT greatest(g.at, g.sent_at) + make_interval(secs => %(seconds)s) FROM daily_runs.quota_grant g
    WHERE g.window_name = %(limit)s AND g.evaluation_user = u
    AND (g.sent_at IS NOT NULL OR g.expires_at > clock_timestamp())
    ORDER BY 1 DESC OFFSET %(calls)s - 1 LIMIT 1
), clock_timestamp())) AS at
FROM unnest(%(users)s::text[]) AS u
LEFT JOIN daily_runs.quota_spent_user s ON s.window_name = %(limit)s AND s.evaluation_user = u
"""
_USE = """
SELECT account, lane, minute, calls, refusals, measured_calls, input_tokens, output_tokens, cached_input_tokens
FROM daily_runs.quota_use WHERE minute > now() - make_interval(mins => %(minutes)s) ORDER BY minute DESC, account, lane
"""


def limits(store: Store, minute_seconds: float) -> list[Row]:
    """Every bucket: its pace (units a second of the wall clock), fill, pushbacks, and its use in the last minute.

    Args:
        minute_seconds: how long a minute of the domain lasts on the wall clock.
    """
    return store.rows(_LIMITS, {"minute": minute_seconds})


def lanes(store: Store) -> list[Row]:
    """Every feature's share of an account, and what it takes of it now."""
    return store.rows(_LANES)


def holders(store: Store) -> list[Row]:
    """Who has grants that are not settled."""
    return store.rows(_HOLDERS)


def users(store: Store, windows: list[str], seconds: float) -> list[Row]:
    """Calls of each evaluation user in the windows of these names and so many seconds of the wall clock."""
    return store.rows(_USERS, {"windows": windows, "seconds": seconds})


def use(store: Store, minutes: int) -> list[Row]:
    """What was used in the last minutes of the wall clock, newest first."""
    return store.rows(_USE, {"minutes": minutes})


def room_at(store: Store, users: Sequence[str], window: Mapping[str, Any]) -> dt.datetime:
    """When the first of these users has room in a window again, UTC; the moment it is asked if one has room now.

    Args:
        window: its `limit`, its `calls` and its `seconds` of the wall clock.
    """
    (row,) = store.rows(_ROOM_AT, {**window, "users": list(users)})
    moment: dt.datetime = row["at"]
    return moment.astimezone(dt.UTC)

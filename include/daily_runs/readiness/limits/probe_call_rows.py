"""`aiAction` calls that a probe makes: rows of the ledger's window like those of a run, so that no run overshoots."""

from __future__ import annotations

from collections.abc import Sequence

from daily_runs.quota.tariff import Window
from daily_runs.store.database import Store

# The users' own rates are locked by whoever grants calls to them, if anybody ever did: nobody counts meanwhile.
_LOCK = """
SELECT FROM daily_runs.quota_limit WHERE limit_name LIKE 'API requests%%' ORDER BY limit_name FOR UPDATE
"""
_SPEND = """
INSERT INTO daily_runs.quota_grant (holder, account, lane, window_name, evaluation_user, input_tokens, output_tokens,
                                    at, expires_at, sent_at, settled_at)
SELECT 'probe', '', '', %(limit)s, u, 0, 0, clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp()
FROM unnest(%(users)s::text[]) WITH ORDINALITY AS o (u, position)
WHERE NOT EXISTS (SELECT FROM daily_runs.quota_spent_user s WHERE s.window_name = %(limit)s AND s.evaluation_user = u
                  AND s.until > clock_timestamp())
  AND %(calls)s > (
    SELECT count(*) FROM daily_runs.quota_grant g WHERE g.window_name = %(limit)s AND g.evaluation_user = u
    AND greatest(g.at, coalesce(g.sent_at, g.at)) > clock_timestamp() - make_interval(secs => %(seconds)s)
    AND (g.sent_at IS NOT NULL OR g.expires_at > clock_timestamp()))
ORDER BY position LIMIT 1 RETURNING evaluation_user
"""


def spend(store: Store, window: Window, wall_seconds: float, users: Sequence[str]) -> str | None:
    """Store one call as sent now, by the first user who has room; None: nobody has, and nothing may be sent.

    Args:
        window: of `aiAction` in an environment.
        wall_seconds: how long that window lasts on the wall clock.
    """
    asked = {"limit": window.limit, "calls": window.calls, "seconds": wall_seconds, "users": list(users)}
    with store.transaction() as connection:
        connection.execute(_LOCK)
        row = connection.execute(_SPEND, asked).fetchone()
    return str(row["evaluation_user"]) if row else None

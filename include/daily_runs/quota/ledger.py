"""The ledger: keeps every rate exactly, across tasks, workers, runs and crashes, as rows in Postgres.

Rates work by virtual scheduling: each limit's row holds the moment at which all that was granted will have been
refilled. One statement takes the rows it needs in name order, finds the first moment that suits all, and moves each
on by what the call costs there. A caller gets the seconds to wait, so nobody polls. Postgres' clock decides, not the
worker's. Calls per window and user (GitLab's `ai_action`) are counted in a sliding window, which covers a fixed
window however it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue import Account
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.store.database import Store


class Cost(NamedTuple):
    """What one call takes of a limit: `amount` of `per_minute`, with `burst_seconds` of credit (domain seconds)."""

    limit: str
    amount: float
    per_minute: float
    burst_seconds: float = 0.0


class Window(NamedTuple):
    """At most `calls` in any `seconds` (domain) for each of `users`."""

    limit: str
    calls: int
    seconds: float
    users: Sequence[str]


_RESERVE = """
WITH asked AS (
    SELECT * FROM unnest(%(limits)s::text[], %(costs)s::float8[], %(bursts)s::float8[]) AS a(limit_name, cost, burst)
), locked AS (
    SELECT q.limit_name, q.next_at, a.cost, a.burst
    FROM daily_runs.quota_rate q JOIN asked a USING (limit_name) ORDER BY q.limit_name FOR UPDATE OF q
), moment AS (
    SELECT greatest(clock_timestamp(), max(next_at - make_interval(secs => greatest(burst - cost, 0)))) AS at,
           clock_timestamp() AS asked_at
    FROM locked
), moved AS (
    UPDATE daily_runs.quota_rate q
    SET next_at = greatest(l.next_at, m.at) + make_interval(secs => l.cost)
    FROM locked l, moment m WHERE q.limit_name = l.limit_name
)
SELECT extract(epoch FROM at - asked_at)::float8 AS wait_seconds FROM moment
"""
_INTRODUCE = """
INSERT INTO daily_runs.quota_rate (limit_name, next_at)
SELECT l, clock_timestamp() FROM unnest(%(limits)s::text[]) AS l ON CONFLICT DO NOTHING
"""
_USED = """
SELECT u AS owner, count(q.owner) AS used FROM unnest(%(users)s::text[]) WITH ORDINALITY AS x(u, position)
LEFT JOIN daily_runs.quota_call q ON q.limit_name = %(limit)s AND q.owner = u
     AND q.granted_at > clock_timestamp() - make_interval(secs => %(seconds)s)
GROUP BY u, position
"""
_CHOOSE_USER = f"{_USED} HAVING count(q.owner) < %(calls)s ORDER BY used DESC, position LIMIT 1"


class Ledger:
    """Grants moments to send.

    Args:
        store: where the rows are.
        time_scale: domain seconds in one second (see `Environment.time_scale`); limits are given in domain time.
    """

    def __init__(self, store: Store, time_scale: float) -> None:
        self._store, self._scale = store, time_scale
        self._known: set[str] = set()

    def reserve(self, costs: Sequence[Cost]) -> float:
        """Take room for one call in every limit at once; returns the wall-clock seconds to wait before sending."""
        names = [cost.limit for cost in costs]
        if not self._known.issuperset(names):
            self._store.rows(_INTRODUCE, {"limits": names})
            self._known.update(names)
        parameters = {
            "limits": names,
            "costs": [cost.amount * 60 / cost.per_minute / self._scale for cost in costs],
            "bursts": [cost.burst_seconds / self._scale for cost in costs],
        }
        return float(self._store.row(_RESERVE, parameters)["wait_seconds"])

    def take_user(self, window: Window) -> str:
        """Choose an evaluation user with room in the window, and count one call against it.

        One user is filled before the next, so that few users have answers to be polled for at a time.

        Raises:
            CallError: `ai_action_budget_spent`; no user has room.
        """
        parameters = {**window._asdict(), "seconds": window.seconds / self._scale, "users": list(window.users)}
        with self._store.transaction() as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [window.limit])
            chosen = connection.execute(_CHOOSE_USER, parameters).fetchone()
            if chosen is None:
                raise CallError(
                    Hop.CLIENT,
                    "ai_action_budget_spent",
                    blame=Blame.RATE_LIMIT,
                    retryable=False,
                    evidence=f"{len(window.users)} users x {window.calls} calls in {window.seconds / 3600:g} h: used",
                )
            connection.execute(
                "INSERT INTO daily_runs.quota_call VALUES (%s, %s, clock_timestamp())", [window.limit, chosen["owner"]]
            )
        return str(chosen["owner"])

    def room(self, window: Window) -> int:
        """How many calls the window has room for now, over all its users."""
        parameters = {**window._asdict(), "seconds": window.seconds / self._scale, "users": list(window.users)}
        rows = self._store.rows(_USED, parameters)
        return sum(max(0, window.calls - row["used"]) for row in rows)

    def user_is_spent(self, window: Window, user: str) -> None:
        """The server refused this user though the ledger saw room: somebody else used it. Keep off it for a window."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT INTO daily_runs.quota_call SELECT %s, %s, clock_timestamp() FROM generate_series(1, %s)",
                [window.limit, user, window.calls],
            )


def account_costs(name: str, account: Account, input_tokens: float, output_tokens: float) -> list[Cost]:
    """What one call takes of an Anthropic account's three buckets (docs/domain.md §5)."""
    burst = account.burst_seconds
    return [
        Cost(f"account {name} requests", 1, account.requests_per_minute, burst),
        Cost(f"account {name} input tokens", input_tokens, account.input_tokens_per_minute, burst),
        Cost(f"account {name} output tokens", output_tokens, account.output_tokens_per_minute, burst),
    ]

"""The ledger: keeps every limit exactly, across tasks, workers, runs and crashes, as rows in Postgres.

Two functions of the store do the work in one statement each (`store/schema.sql`): `quota_reserve_v1` grants moments to
send over all limits that apply, `quota_report_v1` takes in what answers told. Postgres' clock decides, not the
worker's. How it thinks: docs/decisions/0014-the-ledger.md.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daily_runs.errors import StageError
from daily_runs.quota import ledger_rows
from daily_runs.quota.rate_limit_headers import Fact, Usage
from daily_runs.quota.tariff import CallRate, ExpectedTokens, Tariff, Window
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

AHEAD_SECONDS = 0.15
"""Wall clock. How far ahead calls are granted: a block of them costs one statement, yet a changed limit or a feature
that wakes is heeded as soon."""
PROMISE_SECONDS = 1.0
"""Wall clock. How far ahead a single call is promised when the account is taken until then."""
HOLD_SECONDS_MAX = 300.0
"""Domain time that a refusal may hold a limit. It is held again if it refuses again."""
KEEP_DAYS = 3
"""Grants are kept so long (the windows that they are counted in are hours); `quota_use` keeps the sums."""


class Grant(NamedTuple):
    """Leave to send one call, `wait_seconds` (wall clock) after it was given, as `user` where calls have one."""

    grant_id: int
    wait_seconds: float
    user: str | None
    tokens: ExpectedTokens


class Granted(NamedTuple):
    """The answer to a request: grants for the first calls, in their order, or for all.

    `again_seconds`: when to ask for the rest (wall clock; None = all were granted). `users_spent`: no evaluation user
    has room for the rest.
    """

    grants: list[Grant]
    again_seconds: float | None
    users_spent: bool


class Settled(NamedTuple):
    """What became of a grant: `usage` None = unknown, the estimate stands; `refused` = nothing was taken."""

    grant_id: int
    usage: Usage | None = None
    refused: bool = False


@dataclass
class Findings:
    """What one process learned since it last reported.

    `refused`: dimension → domain seconds to keep off it. `age_seconds` (wall clock): how old the facts are.
    `uncertain_seconds` (wall clock): calls that were due within so long may or may not be in what they tell.
    """

    settled: list[Settled] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    refused: dict[str, float] = field(default_factory=dict)
    age_seconds: float = 0.0
    uncertain_seconds: float = 0.1

    def __bool__(self) -> bool:
        """Whether there is anything to report."""
        return bool(self.settled or self.returned or self.facts or self.refused)


_INTRODUCE = "SELECT daily_runs.quota_introduce_v1(%(ask)s::jsonb)"
_RESERVE = "SELECT * FROM daily_runs.quota_reserve_v1(%(ask)s::jsonb)"
_REPORT = "SELECT daily_runs.quota_report_v1(%(report)s::jsonb)"
_USED = """
SELECT u AS evaluation_user, CASE WHEN s.until > clock_timestamp() THEN %(calls)s ELSE (
    SELECT count(*) FROM daily_runs.quota_grant g WHERE g.window_name = %(limit)s AND g.evaluation_user = u
    AND greatest(g.at, coalesce(g.sent_at, g.at)) > clock_timestamp() - make_interval(secs => %(seconds)s)
    AND (g.sent_at IS NOT NULL OR g.expires_at > clock_timestamp())
) END AS used
FROM unnest(%(users)s::text[]) AS u
LEFT JOIN daily_runs.quota_spent_user s ON s.window_name = %(limit)s AND s.evaluation_user = u
"""
_SPEND_USER = """
WITH calls AS (
    SELECT grant_id, row_number() OVER (ORDER BY greatest(at, sent_at), grant_id) AS number FROM daily_runs.quota_grant
    WHERE window_name = %(limit)s AND evaluation_user = %(user)s AND sent_at IS NOT NULL
    AND greatest(at, sent_at) > clock_timestamp() - make_interval(secs => %(seconds)s)
)
INSERT INTO daily_runs.quota_spent_user AS s (window_name, evaluation_user, until, at_call)
SELECT %(limit)s, %(user)s, clock_timestamp() + make_interval(secs => %(seconds)s),
       coalesce((SELECT number FROM calls WHERE grant_id = %(grant)s), (SELECT count(*) FROM calls))
ON CONFLICT (window_name, evaluation_user) DO UPDATE SET until = EXCLUDED.until,
    at_call = CASE WHEN s.until > clock_timestamp() THEN least(s.at_call, EXCLUDED.at_call) ELSE EXCLUDED.at_call END
"""
_SPENT_USERS = """
SELECT evaluation_user, at_call FROM daily_runs.quota_spent_user
WHERE window_name = %(limit)s AND evaluation_user = ANY(%(users)s) AND until > clock_timestamp()
ORDER BY at_call, evaluation_user
"""
_HOLD = """
UPDATE daily_runs.quota_limit SET refusals = refusals + 1, refused_at = clock_timestamp(),
    factor = greatest(0.1, least(1, factor + 0.01 * coalesce(extract(epoch FROM clock_timestamp() - refused_at), 0))
        * CASE WHEN refused_at BETWEEN clock_timestamp() - interval '10 seconds'
               AND clock_timestamp() - interval '1 second' THEN 0.85 ELSE 1 END),
    held_until = greatest(held_until, clock_timestamp() + make_interval(secs => %(seconds)s))
WHERE limit_name = %(limit)s
"""
_FORGET = "DELETE FROM daily_runs.quota_asker WHERE holder = %(holder)s"
_TAKE_OVER = """
WITH askers AS (DELETE FROM daily_runs.quota_asker WHERE starts_with(holder, %(owner)s || ' '))
UPDATE daily_runs.quota_grant SET settled_at = clock_timestamp(),
    expires_at = CASE WHEN sent_at IS NULL THEN clock_timestamp() ELSE expires_at END
WHERE starts_with(holder, %(owner)s || ' ') AND settled_at IS NULL
"""
_PRUNE = """
WITH askers AS (DELETE FROM daily_runs.quota_asker WHERE back_at < clock_timestamp() - interval '1 hour')
DELETE FROM daily_runs.quota_grant WHERE at < clock_timestamp() - make_interval(days => %(days)s)
"""


class Ledger:
    """Grants moments to send, and learns.

    Args:
        store: where the rows are. While it is away, every method waits for it (see `Store.rows`).
        time_scale: domain seconds in one second (see `Environment.time_scale`); tariffs are in domain time.
    """

    def __init__(self, store: Store, time_scale: float) -> None:
        self._store, self._scale = store, time_scale
        self._introduced: set[str] = set()

    def reserve(self, holder: str, tariff: Tariff, calls: Sequence[ExpectedTokens]) -> Granted:
        """Ask for room for calls, in this order, in every limit at once."""
        ask = self._ask(holder, tariff, calls)
        names = {limit["name"] for limit in ask["limits"]}
        if tariff.user_rate:
            names |= {f"{tariff.user_rate.limit} of {user}" for user in tariff.users}
        if not names <= self._introduced:
            self._store.rows(_INTRODUCE, {"ask": json.dumps(ask)})
            self._introduced |= names
        rows = self._store.rows(_RESERVE, {"ask": json.dumps(ask)})
        rest = rows.pop() if rows and rows[-1]["grant_id"] is None else None
        grants = [
            Grant(row["grant_id"], row["wait_seconds"], row["evaluation_user"], tokens)
            for row, tokens in zip(rows, calls, strict=False)
        ]
        again = rest["wait_seconds"] if rest else None
        return Granted(grants, again, users_spent=rest is not None and again is None)

    def report(self, account: str, findings: Findings) -> None:
        """Take in what was learned of an account."""
        settled = [
            {"id": one.grant_id, "refused": one.refused, **(_counted(one.usage) if one.usage else {})}
            for one in findings.settled
        ]
        observed = {
            name: {
                "per_second": self._per_second(fact.per_minute),
                "remaining": fact.remaining,
                "below": fact.below,
                "above": fact.above,
            }
            for name, fact in findings.facts.items()
        }
        report = {
            "account": account,
            "settled": settled,
            "returned": findings.returned,
            "observed": observed,
            "refused": {name: _bounded(seconds) / self._scale for name, seconds in findings.refused.items()},
            "age_seconds": findings.age_seconds,
            "uncertain_seconds": findings.uncertain_seconds,
        }
        self._store.rows(_REPORT, {"report": json.dumps(report)})

    def leave(self, holder: str) -> None:
        """Say that a holder asks no more, so that nobody waits for its turn."""
        self._store.rows(_FORGET, {"holder": holder})
        with suppress(StageError):  # somebody else prunes
            self._store.rows(_PRUNE, {"days": KEEP_DAYS})

    def take_over(self, owner: str) -> None:
        """Free what dead holders of this owner held: none of their calls is open or still to be sent."""
        self._store.rows(_TAKE_OVER, {"owner": owner})

    def room(self, window: Window, users: Sequence[str]) -> int:
        """How many calls the window has room for now, over all these users."""
        rows = self._store.rows(_USED, {**self._window(window), "users": list(users)})
        return sum(max(0, window.calls - row["used"]) for row in rows)

    def user_is_spent(self, window: Window, user: str, grant_id: int | None = None) -> None:
        """Keep off this user for a window: the server refused it though the ledger saw room, so somebody else used it.

        Args:
            grant_id: of the call that was refused; None: it was the user's last one.
        """
        self._store.rows(_SPEND_USER, {**self._window(window), "user": user, "grant": grant_id})

    def spent_users(self, window: Window, users: Sequence[str]) -> dict[str, int | None]:
        """Which of these users the server refused, and at which of their calls in the window; the earliest first.

        None = it was not counted.
        """
        rows = self._store.rows(_SPENT_USERS, {**self._window(window), "users": list(users)})
        return {row["evaluation_user"]: row["at_call"] for row in rows}

    def room_at(self, window: Window, users: Sequence[str]) -> dt.datetime:
        """When the first of these users has room for a call again, UTC; the moment it is asked if one has room now."""
        return ledger_rows.room_at(self._store, users, self._window(window))

    def hold(self, limit: str, seconds: float) -> None:
        """Send nothing under this limit for so many domain seconds: a hop refused without telling what is left."""
        self._store.rows(_HOLD, {"limit": limit, "seconds": _bounded(seconds) / self._scale})

    def _per_second(self, per_minute: float) -> float:
        return per_minute / 60 * self._scale

    def _window(self, window: Window) -> Row:
        return {"limit": window.limit, "calls": window.calls, "seconds": window.seconds / self._scale}

    def _ask(self, holder: str, tariff: Tariff, calls: Sequence[ExpectedTokens]) -> dict[str, Any]:
        account, name = tariff.account, tariff.account_name
        limits = [
            self._bucket(f"account {name} requests", account.requests_per_minute, account.burst_seconds),
            self._bucket(f"account {name} input tokens", account.input_tokens_per_minute, account.burst_seconds),
            self._bucket(f"account {name} output tokens", account.output_tokens_per_minute, account.burst_seconds),
            *(self._rate(rate) for rate in tariff.rates),
        ]
        own = [rate.amount for rate in tariff.rates]
        ask = {
            "holder": holder,
            "account": name,
            "lane": tariff.lane,
            "share": tariff.share,
            "priority": tariff.priority,
            "borrows": account.lends_idle_share,
            "declared_at": tariff.declared_at.isoformat(),
            "limits": limits,
            "amounts": [[1, tokens.input, tokens.output, *own] for tokens in calls],
            "tokens": [list(tokens) for tokens in calls],
            "users": list(tariff.users) or None,
            "window": self._window(tariff.window) | {"name": tariff.window.limit} if tariff.window else None,
            "user_rate": self._rate(tariff.user_rate) if tariff.user_rate else None,
            "in_flight": {"name": tariff.in_flight.limit, "max": tariff.in_flight.at_once}
            if tariff.in_flight
            else None,
            "lease_seconds": tariff.lease_seconds / self._scale,
            "horizon_seconds": AHEAD_SECONDS,
            "promise_seconds": PROMISE_SECONDS,
        }
        return {key: value for key, value in ask.items() if value is not None}

    def _bucket(self, name: str, per_minute: float, burst_seconds: float) -> dict[str, Any]:
        burst = max(1.0, per_minute / 60 * burst_seconds)
        return {"name": name, "account": True, "per_second": self._per_second(per_minute), "burst": burst}

    def _rate(self, rate: CallRate) -> dict[str, Any]:
        per_second = self._per_second(rate.per_minute)
        return {
            "name": rate.limit,
            "account": False,
            "per_second": per_second,
            "burst": rate.burst,
            "amount": rate.amount,
        }


def _bounded(seconds: float) -> float:
    """A wait that a hop asked for, in domain seconds.

    Longer waits are cut: one hop's header must not stop every task for hours.
    """
    return min(max(seconds, 0.0), HOLD_SECONDS_MAX) if math.isfinite(seconds) else HOLD_SECONDS_MAX


def _counted(usage: Usage) -> dict[str, float]:
    """Input tokens as the limit counts them: without those read from a cache."""
    return {"input": max(0.0, usage.input - usage.cached), "output": usage.output, "cached": usage.cached}

"""A ledger on a real Postgres whose clock stands still until a test moves it on: nobody sleeps, and nothing is flaky.

Its connections find another `clock_timestamp()` before Postgres' own; so the ledger's functions run as they are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from daily_runs.catalogue.accounts import Account
from daily_runs.quota.ledger import Granted, Ledger
from daily_runs.quota.tariff import ExpectedTokens, Tariff
from daily_runs.store import database
from daily_runs.store.database import Store
from daily_runs.store.pool import Row

ACCOUNT = Account(
    shared_with_live_users=False,
    lends_idle_share=True,
    requests_per_minute=600,
    input_tokens_per_minute=600_000,
    output_tokens_per_minute=60_000,
    burst_seconds=10,
    slot_tokens_per_minute=100_000,
    verified=False,
)
"""10 requests, 10,000 input and 1,000 output tokens a second."""
TARIFF = Tariff("EVAL", ACCOUNT, lane="rca", share=1.0, priority=1)
SMALL = ExpectedTokens(100, 10)
"""A call of which the account allows 100 a second, so that its requests are what binds."""

_TABLES = "quota_limit, quota_lane, quota_asker, quota_grant, quota_use, quota_spent_user"
_CLOCK = """
CREATE SCHEMA IF NOT EXISTS still;
CREATE TABLE IF NOT EXISTS still.moment (now timestamptz NOT NULL);
CREATE OR REPLACE FUNCTION still.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    AS 'SELECT now FROM still.moment';
TRUNCATE still.moment;
INSERT INTO still.moment VALUES ('2026-08-17 00:00:00Z');
"""
_SEARCH = urlencode({"options": "-c search_path=still,pg_catalog"}, quote_via=quote)


def tariff_of(tariff: Tariff = TARIFF, declared: int = 0, **account: Any) -> Tariff:
    """A tariff with other figures of the account, written `declared` seconds after the first catalogue."""
    written_at = TARIFF.declared_at + dt.timedelta(seconds=declared)
    return replace(tariff, account=tariff.account.model_copy(update=account), declared_at=written_at)


class Moment(NamedTuple):
    """A grant and when it may be sent, in seconds since the timeline began."""

    grant_id: int
    at: float
    user: str | None
    tokens: ExpectedTokens


class Timeline:
    """Seconds are domain and wall clock at once (time scale 1), and count from the timeline's start."""

    def __init__(self, store: Store) -> None:
        self.store, self.ledger = store, Ledger(store, 1.0)
        tables = ", ".join(f"daily_runs.{table}" for table in _TABLES.split(", "))
        store.rows(f"TRUNCATE {tables}; {_CLOCK}")
        self._now = 0

    @staticmethod
    @contextmanager
    def opened(url: str) -> Iterator[Timeline]:
        """A timeline in a store of its own connections."""
        with database.open_store(f"{url}?{_SEARCH}", connections=4) as store:
            yield Timeline(store)

    def again(self) -> Timeline:
        """Another one in the same store, from the start."""
        return Timeline(self.store)

    @property
    def now(self) -> float:
        """What the clock says."""
        return self._now / 1e6

    def pass_by(self, seconds: float) -> None:
        """Let time pass, in whole microseconds."""
        by = round(seconds * 1e6)
        self._now += by
        self.store.rows("UPDATE still.moment SET now = now + make_interval(secs => %(by)s)", {"by": by / 1e6})

    def ask(self, tariff: Tariff = TARIFF, calls: Sequence[ExpectedTokens] = (SMALL,), holder: str = "one") -> Granted:
        """Ask for calls."""
        return self.ledger.reserve(holder, tariff, calls)

    def get(
        self, tariff: Tariff = TARIFF, count: int = 1, tokens: ExpectedTokens = SMALL, holder: str = "one"
    ) -> list[float]:
        """Ask for equal calls; the seconds that each granted one has to wait."""
        return [grant.wait_seconds for grant in self.ask(tariff, [tokens] * count, holder).grants]

    def moments(self, granted: Granted) -> list[Moment]:
        """When these grants may be sent."""
        return [
            Moment(grant.grant_id, self.now + grant.wait_seconds, grant.user, grant.tokens) for grant in granted.grants
        ]

    def row(self, limit: str) -> Row:
        """One limit's row."""
        return self.store.row("SELECT * FROM daily_runs.quota_limit WHERE limit_name = %(limit)s", {"limit": limit})

    def run(
        self, tariffs: dict[str, Tariff], seconds: float, tokens: ExpectedTokens = SMALL, step: float = 0.05
    ) -> dict[str, list[float]]:
        """Holders, each with a tariff and never sated, ask as soon as they may; when the calls of each are sent."""
        until, next_at = self.now + seconds, dict.fromkeys(tariffs, 0.0)
        sent: dict[str, list[float]] = {holder: [] for holder in tariffs}
        while self.now < until:
            for holder, tariff in tariffs.items():
                if self.now >= next_at[holder]:
                    granted = self.ask(tariff, [tokens] * 128, holder)
                    sent[holder] += [self.now + grant.wait_seconds for grant in granted.grants]
                    next_at[holder] = self.now + (granted.again_seconds or 0.0)
            self.pass_by(step)
        return sent

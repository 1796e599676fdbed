"""`schema.sql` is what all migrations together make, and workers of the version before still find what they call."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.services.quota.timeline import TARIFF

from daily_runs.errors import AccessError
from daily_runs.quota import ledger
from daily_runs.quota.ledger import Findings, Ledger, Settled
from daily_runs.quota.rate_limit_headers import Fact, Usage
from daily_runs.quota.tariff import ExpectedTokens
from daily_runs.store import database, schema
from daily_runs.store.database import Store
from daily_runs.store.embedded import EmbeddedPostgres

SHIPPED = Path(schema.__file__).with_name("schema.sql")


def test_the_shipped_schema_is_what_the_migrations_make(store_url: str) -> None:
    assert schema.dump(store_url) == SHIPPED.read_text(), "run `make schema`"


def test_the_schema_is_the_same_wherever_it_is_made(postgres: EmbeddedPostgres, store_url: str) -> None:
    again = postgres.url("made_again")
    database.migrate(again)
    assert schema.dump(again) == schema.dump(store_url)


def test_a_difference_is_seen(postgres: EmbeddedPostgres) -> None:
    url = postgres.url("made_otherwise")
    database.migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE daily_runs.answer ADD COLUMN more text")
    assert schema.dump(url) != SHIPPED.read_text()
    assert "    more text," in schema.dump(url)


def test_a_schema_that_cannot_be_read_is_one_line_without_a_password(store_url: str) -> None:
    with pytest.raises(AccessError, match="its schema cannot be read") as caught:
        schema.dump(store_url.replace("postgres:", "postgres:not-", 1))
    assert "\n" not in str(caught.value)
    assert "not-" not in str(caught.value)


def paces(store: Store) -> dict[str, float]:
    """Reserve, settle and report as a worker does; what the ledger holds then."""
    book = Ledger(store, 1.0)
    granted = book.reserve("one", TARIFF, [ExpectedTokens(100, 10)] * 3).grants
    facts = {"requests": Fact(600.0, 90.0, 0.5, 0.5)}
    book.report("EVAL", Findings([Settled(granted[0].grant_id, Usage(80, 5, 0))], [granted[1].grant_id], facts))
    return store.row(
        "SELECT (SELECT count(*) FROM daily_runs.quota_grant) AS grants, calls, input_tokens AS tokens"
        " FROM daily_runs.quota_use"
    )


def test_a_worker_of_the_version_before_is_served_as_one_of_this(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = paces(store)
    store.rows("TRUNCATE daily_runs.quota_limit, daily_runs.quota_lane, daily_runs.quota_asker, daily_runs.quota_grant")
    store.rows("TRUNCATE daily_runs.quota_use")
    for name in ("_INTRODUCE", "_RESERVE", "_REPORT"):
        monkeypatch.setattr(ledger, name, getattr(ledger, name).replace("_v1(", "("))
        assert "_v1" not in getattr(ledger, name)
    assert paces(store) == now == {"grants": 2, "calls": 1, "tokens": 80}
    old, new = store.row(
        "SELECT array_agg(daily_runs.quota_pace(l, now()) ORDER BY limit_name) AS old,"
        " array_agg(daily_runs.quota_pace_v1(l, now()) ORDER BY limit_name) AS new FROM daily_runs.quota_limit l"
    ).values()
    assert old == new
    assert len(old) == 3


def test_functions_of_a_version_call_none_without() -> None:
    text = SHIPPED.read_text()
    for name in ("quota_introduce", "quota_reserve", "quota_report", "quota_pace"):
        body = text.partition(f"CREATE FUNCTION daily_runs.{name}_v1(")[2].partition("\n$$;")[0]
        assert body
        assert "daily_runs.quota_pace(" not in body

"""One probe weighs at a time, however long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from daily_runs.errors import StoreAwayError
from daily_runs.readiness.limits.order_rows import one_probe_at_a_time
from daily_runs.store import database, pool
from daily_runs.store.database import Store


@pytest.fixture
def hasty(store_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose sessions may stand idle within a transaction for 0.2 s, and wait as long for a lock."""
    shorter = pool.SETTINGS.replace("timeout = '10s'", "timeout = '200ms'").replace("'30s'", "'200ms'")
    assert shorter.count("'200ms'") == 2
    monkeypatch.setattr(pool, "SETTINGS", shorter)
    with database.open_store(store_url) as store:
        yield store


def pause(_: Store) -> None:
    time.sleep(0.6)


def ask_slowly(store: Store) -> None:
    store.rows("SELECT pg_sleep(0.6)")


def pause_twice(store: Store) -> None:
    for _ in range(2):
        time.sleep(0.3)
        store.rows("SELECT 1")


@pytest.mark.parametrize("weigh", [pause, ask_slowly, pause_twice], ids=lambda weigh: weigh.__name__)
def test_another_probe_waits_until_one_that_weighs_slowly_is_done(weigh: Callable[[Store], None], hasty: Store) -> None:
    refused = pytest.raises(StoreAwayError, match="LockNotAvailable")
    with one_probe_at_a_time(hasty):
        weigh(hasty)
        with refused, one_probe_at_a_time(hasty):
            pass
    with one_probe_at_a_time(hasty):
        pass


def test_a_probe_whose_lock_was_lost_does_not_go_on(hasty: Store) -> None:
    def lose() -> None:
        with one_probe_at_a_time(hasty):
            hasty.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")

    with pytest.raises(StoreAwayError, match="went away within a transaction"):
        lose()

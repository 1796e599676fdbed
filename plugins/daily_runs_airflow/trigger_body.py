"""What a waiting trigger does at each check, in a thread of the triggerer. `triggers` imports it when one waits."""

from __future__ import annotations

import datetime as dt
import functools
import threading
from collections.abc import Sequence

from daily_runs.catalogue.reading.watch import CatalogueWatch
from daily_runs.clock import Clock
from daily_runs.errors import DailyRunsError
from daily_runs.readiness import state
from daily_runs.readiness.check import refresh
from daily_runs.readiness.waiting import Checked, check_every
from daily_runs.statuses import ReadinessAspect
from daily_runs.store.database import open_store
from daily_runs_airflow.connections import find, store_url

CHECK_EVERY_SECONDS = 60.0
"""Wall clock, where no catalogue could be read that says it."""

_ONE_AT_A_TIME = threading.Lock()


def check(feature: str, environment: str, aspects: Sequence[str], moment: dt.datetime) -> Checked:
    """Take a look if one is due, and say what the newest one means. What cannot be looked at is unknown."""
    wanted = [ReadinessAspect(aspect) for aspect in aspects]
    every = CHECK_EVERY_SECONDS
    try:
        with _ONE_AT_A_TIME:
            catalogue = catalogue_watch()().catalogue  # as its files stand now: a fault may be mended meanwhile
        every = check_every(catalogue, environment)
        with open_store(store_url(), connections=1) as store:
            refresh(store, catalogue, environment, find, older_than_seconds=every)
            found = state.of_feature(store, catalogue, feature, environment, moment, wanted)
    except DailyRunsError as error:
        return Checked(state.unknown(feature, environment, wanted, str(error)), every, None)
    age = (Clock.now() - found.looked_at).total_seconds() if found.looked_at else None
    return Checked(found, every, age)


@functools.cache
def catalogue_watch() -> CatalogueWatch:
    """One for all triggers of this process."""
    return CatalogueWatch()

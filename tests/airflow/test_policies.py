"""Which failures a task is tried again after, how long after, and how often."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import pytest
from airflow.sdk import RetryAction

from daily_runs import errors
from daily_runs.errors import Blame, CallError, Hop
from daily_runs_airflow import policies
from daily_runs_airflow.policies import OUTAGE_RETRIES, PAYS, PAYS_NOTHING, RETRIES, OutagePolicy

AWAY = errors.StoreAwayError("store: away")
FAR_END = CallError(Hop.GITLAB, "gitlab_error", blame=Blame.PROVIDER, retryable=True)
REFUSED = CallError(Hop.GITLAB, "unauthorized", blame=Blame.OWN_SYSTEM, retryable=False)
LOGIN = errors.AccessError("store", "refuses the login", "Mend it.")
TRIES = range(1, OUTAGE_RETRIES + 2)


def tries_of(policy: OutagePolicy, error: Exception, cleared_after: int = 0) -> int:
    """How often Airflow runs a task that always fails so; it may have been cleared after some tries."""
    for tried in TRIES:
        decided = policy.evaluate(error, cleared_after + tried, cleared_after + OUTAGE_RETRIES)
        if decided.action is RetryAction.FAIL or tried > OUTAGE_RETRIES:
            return tried
    raise AssertionError("it is tried for ever")


class Case(NamedTuple):
    """How often a task is run that fails so, if it pays for nothing and if it pays."""

    error: Exception
    unpaid: int
    paid: int


CASES = (
    Case(AWAY, OUTAGE_RETRIES + 1, OUTAGE_RETRIES + 1),
    Case(FAR_END, OUTAGE_RETRIES + 1, RETRIES + 1),
    Case(REFUSED, RETRIES + 1, RETRIES + 1),
    Case(errors.StageError("store: UndefinedTable"), RETRIES + 1, RETRIES + 1),
    Case(KeyError("a fault of ours"), RETRIES + 1, RETRIES + 1),
    Case(LOGIN, 1, 1),
    Case(errors.LimitTooLowError("too low"), 1, 1),
)


@pytest.mark.parametrize("cleared_after", [0, 3, OUTAGE_RETRIES + 1])
@pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.error).__name__)
def test_outages_are_waited_for_and_what_people_must_mend_is_not(case: Case, cleared_after: int) -> None:
    assert tries_of(PAYS_NOTHING, case.error, cleared_after) == case.unpaid
    assert tries_of(PAYS, case.error, cleared_after) == case.paid


def test_an_outage_is_waited_for_longer_each_time_and_at_most_half_an_hour() -> None:
    waits = [PAYS_NOTHING.evaluate(FAR_END, tried, OUTAGE_RETRIES).retry_delay for tried in TRIES]
    known = [wait for wait in waits if wait is not None]
    assert known[:3] == [dt.timedelta(seconds=10), dt.timedelta(seconds=20), dt.timedelta(seconds=40)]
    assert known == sorted(known)
    assert max(known) <= dt.timedelta(minutes=30)
    assert sum(known[:OUTAGE_RETRIES], dt.timedelta()) == policies.OUTAGE_WAIT
    assert max(known) < policies.OUTAGE_WAIT


def test_a_delay_of_ours_is_for_outages_only() -> None:
    assert PAYS.evaluate(FAR_END, 1, OUTAGE_RETRIES).retry_delay is None
    assert PAYS.evaluate(AWAY, 1, OUTAGE_RETRIES).retry_delay == policies.RETRY_DELAY

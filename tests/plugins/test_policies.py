"""Task instances of an older version keep their retries; a breaker that stays open is an outage like any other."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import signal
from typing import NamedTuple

import pytest
from airflow.sdk import RetryAction
from airflow.timetables.interval import CronDataIntervalTimetable
from pendulum import DateTime

from daily_runs import errors
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.stages import judge_trial, stopping
from daily_runs_airflow.policies import (
    HOURLY,
    HOURLY_CHECK_INTERVAL,
    OUTAGE_RETRIES,
    PAYS,
    PAYS_NOTHING,
    RETRIES,
    RETRY_DELAY,
    RULES,
    SHORT_TASK_TIMEOUT,
    OutagePolicy,
)

TIMED_OUT = CallError(Hop.CLIENT, "timeout", blame=Blame.PROVIDER, retryable=True)
AWAY = errors.StoreAwayError("store: away")


class Made(NamedTuple):
    """A task instance as Airflow's database keeps it: with two retries, and cleared after some tries or not at all."""

    policy: OutagePolicy
    error: Exception
    cleared_after: int = 0


MADE = (
    Made(PAYS, TIMED_OUT),
    Made(PAYS, errors.StageError("store: UndefinedTable")),
    Made(PAYS, KeyError("a fault of ours"), cleared_after=1),
    Made(PAYS, TIMED_OUT, cleared_after=3),
    Made(PAYS_NOTHING, TIMED_OUT),
    Made(PAYS_NOTHING, AWAY, cleared_after=3),
)


@pytest.mark.parametrize("made", MADE, ids=lambda made: f"{type(made.error).__name__} after {made.cleared_after}")
def test_a_task_that_an_older_version_made_is_tried_again_as_often_as_it_was_promised(made: Made) -> None:
    for tried in range(1, RETRIES + 1):
        decided = made.policy.evaluate(made.error, made.cleared_after + tried, made.cleared_after + RETRIES)
        assert decided.action is not RetryAction.FAIL


@pytest.mark.parametrize("cleared_after", [0, 1, 5])
def test_an_outage_tells_the_tries_that_airflow_really_has_left(cleared_after: int) -> None:
    decided = PAYS.evaluate(AWAY, cleared_after + 1, cleared_after + RETRIES)
    assert decided.retry_delay == RETRY_DELAY == dt.timedelta(seconds=10)
    assert decided.reason == f"an outage: {RETRIES} tries left, the next in 0:00:10"


BROKEN_FILE = (errors.FeatureFileError("a.yaml:1", "no", "Mend it."), errors.DatasetError("a.jsonl", "no", "Mend it."))
OTHER_INPUT = (
    errors.CatalogueError("accounts.yaml:1", "no", "Mend it."),
    errors.ParameterError("run", "no", "Give another."),
    errors.AccessError("store", "no", "Give a login."),
)


@pytest.mark.parametrize("policy", [PAYS, PAYS_NOTHING], ids=["pays", "pays nothing"])
def test_a_broken_file_of_the_feature_is_tried_again_and_other_bad_input_is_not(policy: OutagePolicy) -> None:
    for error in BROKEN_FILE:
        decided = [policy.evaluate(error, tried, OUTAGE_RETRIES).action for tried in range(1, RETRIES + 2)]
        assert decided == [RetryAction.RETRY] * RETRIES + [RetryAction.FAIL], error
    for other in OTHER_INPUT:
        assert policy.evaluate(other, 1, OUTAGE_RETRIES).action is RetryAction.FAIL, other


def open_breaker(provider: str) -> CallError:
    """How a call ends that an open breaker held back for too long."""
    return CallError(Hop.CLIENT, "breaker_open", blame=Blame.PROVIDER, retryable=False, evidence=f"{provider}: x")


@pytest.mark.parametrize("provider", ["anthropic EVAL", "gitlab staging", "gitlab production"])
def test_a_breaker_that_stays_open_is_waited_for_before_a_prompt_is_paid_and_little_after(provider: str) -> None:
    error, tries = open_breaker(provider), range(1, OUTAGE_RETRIES + 1)
    unpaid, paid = (
        [policy.evaluate(error, n, OUTAGE_RETRIES).action for n in tries] for policy in (PAYS_NOTHING, PAYS)
    )
    assert unpaid == [RetryAction.RETRY] * OUTAGE_RETRIES
    assert paid == [RetryAction.RETRY] * RETRIES + [RetryAction.FAIL] * (OUTAGE_RETRIES - RETRIES)


def test_the_judges_trial_ends_by_its_own_error_before_airflow_ends_its_task() -> None:
    """Its last call may begin at the end of its budget, be held back by the breaker, and then take all its time."""
    call_seconds = catalogue_files.load().judge.request_timeout_seconds
    longest = dt.timedelta(seconds=judge_trial.BUDGET_SECONDS + judge_trial.BREAKER_SECONDS + call_seconds)
    assert longest < SHORT_TASK_TIMEOUT


def test_no_reason_and_no_error_promises_a_further_try_that_there_may_not_be() -> None:
    """On-call reads both in the log of the last try, too."""
    reasons = [rule.reason or "" for rule in RULES]
    stopped: list[errors.StageError] = []

    async def told_to_stop() -> None:
        with stopping.heeding_sigterm(stopped.append):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)

    asyncio.run(told_to_stop())
    for text in (*reasons, str(stopped[0])):
        assert not re.search(r"the next try|will (try|be tried) again", text), text
    assert "after the last one, clear this task" in str(stopped[0])


def test_the_interval_of_the_hourly_check_is_that_of_its_schedule() -> None:
    now = DateTime(2026, 8, 15, 12, 30, tzinfo=dt.UTC)
    between = CronDataIntervalTimetable(HOURLY, "UTC").infer_manual_data_interval(run_after=now)
    assert between.end - between.start == HOURLY_CHECK_INTERVAL


def test_the_log_of_the_last_try_promises_no_next_one() -> None:
    decided = [
        PAYS_NOTHING.evaluate(TIMED_OUT, tried, OUTAGE_RETRIES).reason or "" for tried in range(1, OUTAGE_RETRIES + 2)
    ]
    assert ["next" in reason for reason in decided] == [True] * OUTAGE_RETRIES + [False]
    assert decided[-1] == "an outage: no try is left: once it is over, clear the task"
    own = errors.CountsError("asked 3, answered 2")
    assert "next" not in (PAYS.evaluate(own, RETRIES + 1, OUTAGE_RETRIES).reason or "")

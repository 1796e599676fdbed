"""When a task is tried again, how long it may take, and which pool it stands in."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryDecision, RetryRule

from daily_runs import errors
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature
from daily_runs.catalogue.pools import SLOTS_PER_TASK, require_admissible
from daily_runs.catalogue.rates import judging_minutes, run_minutes
from daily_runs.readiness.waiting import CHECK_AGE_SECONDS_MAX

if TYPE_CHECKING:
    from airflow.sdk import Context

RETRIES = 2
RETRY_DELAY = dt.timedelta(seconds=10)
SHORT_TASK_TIMEOUT = dt.timedelta(minutes=10)
CHECK_TIMEOUT = dt.timedelta(minutes=30)
"""A look takes up to 10 minutes (`readiness.check`), after waiting as long for another process's."""
HOURLY_CHECK_TIMEOUT = dt.timedelta(minutes=20)
HOURLY = "5 * * * *"
"""When the DAG `readiness` looks. Five past: runs start on the full hour, and look themselves if they need to."""
HOURLY_CHECK_INTERVAL = dt.timedelta(seconds=CHECK_AGE_SECONDS_MAX)
"""From one look of `HOURLY` to the next; where the newest is younger than half of it, none is taken."""
NOTICES, WEEKLY = "*/10 * * * *", "0 7 * * 1"
"""When the DAG `notices` looks, and when each team is told its week (UTC)."""
OUTAGE_RETRIES = 8
OUTAGE_DELAY_MAX = dt.timedelta(minutes=30)
OUTAGE_WAIT = sum((min(RETRY_DELAY * 2**tried, OUTAGE_DELAY_MAX) for tried in range(OUTAGE_RETRIES)), dt.timedelta())
"""How long an outage may last, from a task's first try to its last: 10 s, 20 s, 40 s, …, three quarters of an hour in
all. A task that waits to be tried again stands in no pool."""
NOTICES_TIMEOUT = SHORT_TASK_TIMEOUT * (RETRIES + 1) + OUTAGE_WAIT
"""Of a run that tells people: an outage of the store is waited for."""
LONG_TASK_FACTOR = 2.0
"""A stage that works at a granted rate may take this many times what the rate promises, plus a short task's time."""

RULES = [
    RetryRule(
        exception=[errors.FeatureFileError, errors.DatasetError],
        action=RetryAction.RETRY,
        reason="a file of the feature is broken: a further try waits for the feature's DAG, which is back once it is"
        " mended",
    ),
    RetryRule(
        exception=[
            errors.UserError,
            errors.GateFailedError,
            errors.LimitTooLowError,
            errors.SeedsMissingError,
            errors.StagingNotReadyError,
        ],
        action=RetryAction.FAIL,
        reason="somebody must change something first: trying again would end the same way",
    ),
    RetryRule(
        exception=[errors.CallError, errors.CountsError],
        action=RetryAction.RETRY,
        reason="a further try does only what is missing; after the last one, clear the task",
    ),
    RetryRule(
        exception=[errors.StoreAwayError],
        action=RetryAction.RETRY,
        reason="the store is away: nothing is asked without it, and it comes back",
    ),
]
NAMED_ERRORS = ExceptionRetryPolicy(rules=RULES)
"""Anything else (a killed process) is tried again too, as often as the task's `retries` say."""


class OutagePolicy(ExceptionRetryPolicy):
    """`RULES` for tasks with `OUTAGE_RETRIES`: outages are waited for, longer each time; other errors get `RETRIES`.

    Args:
        nothing_paid: a far end that fails is an outage too, and so is a breaker that stays open. The task asks no
            prompt, so trying again costs nothing, or for the limit probe a verdict on a reference answer.
    """

    def __init__(self, *, nothing_paid: bool) -> None:
        super().__init__(rules=RULES)
        self.nothing_paid = nothing_paid

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """See `RetryPolicy`; the tries before somebody cleared the task do not count."""
        # A task instance that was made before there were retries for outages has fewer in Airflow's database.
        retries = OUTAGE_RETRIES if max_tries >= OUTAGE_RETRIES else RETRIES
        tried = try_number - max(0, max_tries - retries)
        if self._passes(exception):
            delay, left = min(RETRY_DELAY * 2 ** (tried - 1), OUTAGE_DELAY_MAX), max_tries + 1 - try_number
            said = (
                f"{left} tries left, the next in {delay}"
                if left > 0
                else "no try is left: once it is over, clear the task"
            )
            return RetryDecision.retry(delay, f"an outage: {said}")
        decision = super().evaluate(exception, try_number, max_tries, context)
        if decision.action is not RetryAction.FAIL and tried > RETRIES:
            return RetryDecision.fail(f"tried {tried} times, and this is no outage that passes")
        return decision

    def _passes(self, exception: BaseException) -> bool:
        if isinstance(exception, errors.CallError):
            return self.nothing_paid and (exception.retryable or exception.kind == "breaker_open")
        return isinstance(exception, errors.StoreAwayError)


PAYS_NOTHING, PAYS = OutagePolicy(nothing_paid=True), OutagePolicy(nothing_paid=False)

EVERY_TASK: dict[str, Any] = {
    "retries": OUTAGE_RETRIES,
    "retry_delay": RETRY_DELAY,
    "retry_policy": PAYS_NOTHING,
    "execution_timeout": SHORT_TASK_TIMEOUT,
}
"""What a task has unless it says otherwise."""


class ArmLimits(NamedTuple):
    """Pools and timeouts of one feature's arm."""

    inference_pool: str
    judging_pool: str
    pool_slots: int
    inference_timeout: dt.timedelta
    judging_timeout: dt.timedelta
    arm_timeout: dt.timedelta


def limits_of(catalogue: Catalogue, feature: Feature, environment: str) -> ArmLimits:
    """Compute an arm's pools and timeouts from the catalogue.

    Raises:
        CatalogueError: a pool that could never admit the arm's tasks; without this they would wait for ever.
    """
    require_admissible(catalogue, feature, environment)
    scale = catalogue.environments[environment].time_scale
    inference = _long_task(run_minutes(catalogue, feature, environment) / scale)
    judging = _long_task(judging_minutes(catalogue, feature) / scale)
    return ArmLimits(
        inference_pool=feature.account_in(environment, catalogue.environments[environment]),
        judging_pool=catalogue.judge.account,
        pool_slots=SLOTS_PER_TASK,
        inference_timeout=inference,
        judging_timeout=judging,
        arm_timeout=(inference + judging + SHORT_TASK_TIMEOUT * 6) * (RETRIES + 1) + OUTAGE_WAIT,
    )


def routing_timeout(wait: dt.timedelta) -> dt.timedelta:
    """How long it may take until a run's arms are chosen: planning, a look, the wait for staging, the route."""
    return wait + (CHECK_TIMEOUT + SHORT_TASK_TIMEOUT * 2) * (RETRIES + 1) + OUTAGE_WAIT


def priority_of(feature: Feature) -> dict[str, Any]:
    """Weight of every task of a feature's DAG: in a pool, the catalogue's priority 1 goes before all of priority 2.

    The weight is absolute: Airflow's own rules would add up the tasks before or after one, so that a plan would count
    as twenty judgings.
    """
    return {"priority_weight": 10 - feature.priority, "weight_rule": "absolute"}


def _long_task(promised_minutes: float) -> dt.timedelta:
    return dt.timedelta(minutes=promised_minutes) * LONG_TASK_FACTOR + SHORT_TASK_TIMEOUT

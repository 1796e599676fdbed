"""Sensors that wait until an environment is ready for a feature, without a worker: they start in the triggerer.

    StagingReadySensor(task_id="wait_for_staging", feature="duo_chat", environment="staging", wait=…)

`wait` is the most that a run waits, on the wall clock, from its start: `readiness.waiting.wait_max(catalogue, name)`.
`SeedDataSensor` waits for the seeds alone, `GraphqlLimitSensor` for the limits alone, `StagingReadySensor` for both and
for the approval of the phase of the run's date. Each ends in one of three ways, never mixed up:

- *ready*: success; the verdict is its XCom (`Readiness.as_json`: `state`, `reason`, `looked_at`, `aspects`);
- *not ready by the deadline*: fails with `StagingNotReadyError`, not tried again; with `soft_fail=True` it is skipped;
- *could not look until the deadline*: fails with `StageError`, and is tried again; `soft_fail` does not hide it.

While it waits, the XCom `waiting_for` and the task's log say for what. Not to be mapped (`start_from_trigger`). How it
waits and why so: docs/decisions/0018-sensors-wait-in-the-triggerer.md.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferralError, TaskDeferralTimeout
from airflow.triggers.base import StartTriggerArgs

from daily_runs.catalogue.pools import SENSORS_POOL
from daily_runs.errors import StageError, StagingNotReadyError
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs_airflow import policies
from daily_runs_airflow.quiet import quiet
from daily_runs_airflow.triggers import FIRST_CHECK_SECONDS, WAITING_FOR, ReadinessTrigger

HANGS_AFTER = dt.timedelta(minutes=30)
"""So long after the deadline, Airflow itself ends a wait: then the trigger hangs, or no triggerer runs."""
BEGAN = "{{ dag_run.start_date.isoformat() }}"
MOMENT = "{{ (dag_run.logical_date or dag_run.run_after).isoformat() }}"


class ReadinessSensor(BaseSensorOperator):
    """Waits in the triggerer until what `ASPECTS` names is ready; the base of the three.

    Args:
        feature: its name in the catalogue.
        environment: its name in the catalogue.
        wait: see this module.
        kwargs: any other of a sensor's; `retries` under 2 are raised to 2, and `mode` is not to be given.
    """

    ASPECTS: ClassVar[tuple[ReadinessAspect, ...]] = ()
    template_fields = ("began", "moment")
    ui_color = "#e6f1f2"
    start_from_trigger = True

    def __init__(self, *, feature: str, environment: str, wait: dt.timedelta, **kwargs: Any) -> None:
        net = wait + HANGS_AFTER
        kwargs["retries"] = max(policies.RETRIES, kwargs.get("retries") or 0)
        kwargs.setdefault("retry_delay", policies.RETRY_DELAY)
        kwargs.setdefault("retry_policy", policies.NAMED_ERRORS)
        kwargs.setdefault("pool", SENSORS_POOL)
        kwargs.setdefault("doc_md", self._doc(feature, environment, wait))
        super().__init__(timeout=wait, **kwargs | {"execution_timeout": net})
        self.feature, self.environment, self.wait = feature, environment, wait
        self.began, self.moment = BEGAN, MOMENT
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls=f"{ReadinessTrigger.__module__}.{ReadinessTrigger.__qualname__}",
            next_method="execute_complete",
            trigger_kwargs=self._trigger_kwargs(),
            timeout=net,
        )

    def execute(self, context: Context) -> NoReturn:  # noqa: ARG002 - Airflow's signature
        """Where no triggerer starts it (`dag.test`), wait there from here on."""
        self.defer(
            trigger=ReadinessTrigger(**self._trigger_kwargs()),
            method_name="execute_complete",
            timeout=self.wait + HANGS_AFTER,
        )

    def execute_complete(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """End in one of three ways; returns the verdict.

        Raises:
            StagingNotReadyError: not ready by the deadline.
            AirflowSkipException: the same, with `soft_fail`.
            StageError: nobody could look until the deadline.
        """
        quiet()
        verdict: dict[str, Any] = event["verdict"]
        said = f"{self.environment} for {self.feature}"
        state = ReadinessState(event["state"])
        if state is ReadinessState.READY:
            self.log.info("%s is ready: %s", said, verdict["reason"])
            return verdict
        if state is ReadinessState.UNKNOWN:
            raise StageError(f"could not look whether {said} is ready, until the deadline: {verdict['reason']}")
        later = "" if event["newest_reason"] == verdict["reason"] else f" Since then: {event['newest_reason']}."
        hours = f"{self.wait.total_seconds() / 3600:.3g} h"
        text = f"{said} is not ready after {hours}: {verdict['reason']}. Looked at {verdict['looked_at']}.{later}"
        if self.soft_fail:
            raise AirflowSkipException(text)
        raise StagingNotReadyError(f"{text} Once that is mended, clear this task: it waits anew.")

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Airflow's own ends of a wait are errors, whatever `soft_fail` says: they tell nothing of the environment.

        Raises:
            StageError: the trigger broke, or was ended by Airflow.
        """
        try:
            return super(BaseSensorOperator, self).resume_execution(next_method, next_kwargs, context)
        except (TaskDeferralError, TaskDeferralTimeout) as error:
            raise StageError(f"{self.environment} for {self.feature}: the wait broke off ({error}).") from error

    def _trigger_kwargs(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "environment": self.environment,
            "aspects": [str(aspect) for aspect in self.ASPECTS],
            "wait_seconds": self.wait.total_seconds(),
            "began": self.began,
            "moment": self.moment,
        }

    def _doc(self, feature: str, environment: str, wait: dt.timedelta) -> str:
        what = " and ".join(str(aspect) for aspect in self.ASPECTS)
        return (
            f"Waits until {environment} is ready for {feature}: {what}. Holds no worker; *deferred* is normal."
            f" **What it waits for** stands in the XCom `{WAITING_FOR}` (tab *Storage*) and in its log, with the owner"
            f" and the next look; the first check comes {FIRST_CHECK_SECONDS:g} s after its start. It waits"
            f" {math.ceil(wait.total_seconds() / 60)} min at most from the run's start and spends nothing. Failed with"
            " `StagingNotReadyError`: mend what it names, then clear it. Failed otherwise: nobody could look, and it is"
            " tried again. `docs/runbooks/readiness.md`."
        )


class SeedDataSensor(ReadinessSensor):
    """Waits until the feature's seeds are there."""

    ASPECTS = (ReadinessAspect.SEEDS,)


class GraphqlLimitSensor(ReadinessSensor):
    """Waits until every limit on the path allows the feature's run."""

    ASPECTS = (ReadinessAspect.LIMITS,)


class StagingReadySensor(ReadinessSensor):
    """Waits for seeds, limits and the approval of the phase of the run's date."""

    ASPECTS = tuple(ReadinessAspect)

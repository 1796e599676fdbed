"""What waits in the triggerer for an environment: it looks now and then, says for what it waits, and ends by itself.

The deadline stands here, not in Airflow's timeout of a deferral, which cannot tell why it passed. It is reckoned from
the run's start, so that a triggerer that dies, or a second try, does not make a run wait longer. The store and HTTP
block: they are called in threads of their own, never on the triggerer's loop.
"""

from __future__ import annotations

import asyncio
import contextvars
import datetime as dt
import functools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from daily_runs.clock import Clock
from daily_runs.readiness.waiting import Checked, GoingOn, Wait, shown_time

FIRST_CHECK_SECONDS = 10.0
"""Wall clock. Airflow 3.3.2 may fail a task whose trigger fires within seconds of its deferral."""
WAITING_FOR = "waiting_for"
"""The XCom that tells a task's page for what it waits."""

_THREADS = ThreadPoolExecutor(4, "readiness")

T = TypeVar("T")


class ReadinessTrigger(BaseTrigger):
    """Waits until an environment is ready for a feature.

    Its one event is `{"state", "verdict", "newest_reason"}`. The state is `ready`, `not_ready` (at the deadline), or
    `unknown` (nobody could look until the deadline); the verdict is `Readiness.as_json`.

    Args:
        aspects: what must be ready.
        wait_seconds: the most to wait, from `began` on.
        began: the run's start, ISO 8601.
        moment: the run's date, ISO 8601: its phase must be approved.
        first_check_seconds: wait this long before the first check.
    """

    def __init__(
        self,
        feature: str,
        environment: str,
        aspects: Sequence[str],
        wait_seconds: float,
        began: str,
        moment: str,
        first_check_seconds: float = FIRST_CHECK_SECONDS,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.feature, self.environment, self.aspects = feature, environment, list(aspects)
        self.wait_seconds, self.began, self.moment = wait_seconds, began, moment
        self.first_check_seconds = first_check_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How another triggerer makes it again."""
        names = ("feature", "environment", "aspects", "wait_seconds", "began", "moment", "first_check_seconds")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until ready, or until the deadline; at least once."""
        first = shown_time(Clock.now() + dt.timedelta(seconds=self.first_check_seconds))
        what = ", ".join(self.aspects)
        self.log.info("waits for %s in %s: %s; first check %s", self.feature, self.environment, what, first)
        _, check = await asyncio.gather(asyncio.sleep(self.first_check_seconds), in_thread(_ready_to_check))
        moment = dt.datetime.fromisoformat(self.moment)
        check_once = functools.partial(check, self.feature, self.environment, self.aspects, moment)
        wait = Wait(dt.datetime.fromisoformat(self.began) + dt.timedelta(seconds=self.wait_seconds))
        while isinstance(decided := wait.on_check(await in_thread(check_once), Clock.now()), GoingOn):
            if decided.line:
                self.log.info(decided.line)
            if decided.shown is not None:
                await self._show(decided.shown)
            await asyncio.sleep(decided.pause_seconds)
        await self._show(decided.shown)
        yield TriggerEvent(decided.as_json())  # type: ignore[no-untyped-call]

    async def _show(self, shown: Mapping[str, Any]) -> None:
        """Push an XCom of the waiting task: all that its page shows of a trigger's doing."""
        from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415 - asks for the configured backend

        task = self.task_instance
        if task is None:
            return
        place = {"dag_id": task.dag_id, "task_id": task.task_id, "run_id": task.run_id, "map_index": task.map_index}
        try:
            await XCom.aset(key=WAITING_FOR, value=dict(shown), **place)
        except AirflowRuntimeError as error:  # it waits all the same
            self.log.warning("could not show what it waits for: %s", error)


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks in a thread of this module's, with the logger's context; it may ask Airflow for connections."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, functools.partial(context.run, work))


def _ready_to_check() -> Callable[[str, str, Sequence[str], dt.datetime], Checked]:
    """What a check does. Its imports take seconds on a busy machine: not on the triggerer's loop, nor while parsing."""
    from daily_runs_airflow.trigger_body import check  # noqa: PLC0415

    return check

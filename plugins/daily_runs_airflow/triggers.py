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
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow.sdk.exceptions import AirflowRuntimeError
from airflow.triggers.base import BaseTrigger, TriggerEvent

from daily_runs.clock import Clock
from daily_runs.errors import DailyRunsError
from daily_runs.readiness import waiting
from daily_runs.statuses import ReadinessAspect, ReadinessState

if TYPE_CHECKING:
    from daily_runs.catalogue.reading.watch import CatalogueWatch
    from daily_runs.readiness.state import Readiness


FIRST_CHECK_SECONDS = 10.0
"""Wall clock. Airflow 3.3.2 may fail a task whose trigger fires within seconds of its deferral."""
CHECK_EVERY_SECONDS = 60.0
"""Wall clock, where no catalogue could be read that says it."""
WAITING_FOR = "waiting_for"
"""The XCom that tells a task's page for what it waits."""

_THREADS = ThreadPoolExecutor(4, "readiness")
_ONE_AT_A_TIME = threading.Lock()


T = TypeVar("T")


class Checked(NamedTuple):
    """What a check found, and the seconds in which one look is taken at most."""

    readiness: Readiness
    every_seconds: float
    age_seconds: float | None


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
        self._said: tuple[object, ...] = ()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """How another triggerer makes it again."""
        names = ("feature", "environment", "aspects", "wait_seconds", "began", "moment", "first_check_seconds")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Check until ready, or until the deadline; at least once."""
        first = Clock.now() + dt.timedelta(seconds=self.first_check_seconds)
        what = ", ".join(self.aspects)
        self.log.info(
            "waits for %s in %s: %s; first check %s", self.feature, self.environment, what, _shown_time(first)
        )
        await asyncio.gather(asyncio.sleep(self.first_check_seconds), in_thread(_get_ready))
        ends = dt.datetime.fromisoformat(self.began) + dt.timedelta(seconds=self.wait_seconds)
        check = functools.partial(
            _check, self.feature, self.environment, self.aspects, dt.datetime.fromisoformat(self.moment)
        )
        checks, best = 0, None
        while True:
            found, checks = await in_thread(check), checks + 1
            newest = found.readiness
            best = newest if best is None or newest.state is not ReadinessState.UNKNOWN else best
            left = (ends - Clock.now()).total_seconds()
            ended = waiting.outcome(newest.state, best.state, left)
            if ended is not None:
                await self._show(_shown(newest, None, ends))
                yield _event(ended, newest if newest.state is ended else best, newest)
                return
            next_look = max(found.every_seconds - (found.age_seconds or 0), 0)
            await self._tell(newest, Clock.now() + dt.timedelta(seconds=next_look), ends)
            await asyncio.sleep(waiting.pause(checks, found.every_seconds, found.age_seconds, left))

    async def _tell(self, newest: Readiness, next_look: dt.datetime, ends: dt.datetime) -> None:
        """Say for what it waits: in the task's log when that changed, on its page after each look."""
        said = (newest.state, newest.reason, newest.looked_at)
        if said[:2] != self._said[:2]:
            until = f"next look {_shown_time(next_look)}, waits until {_shown_time(ends)}"
            self.log.info("waiting for %s (%s): %s; %s", self.environment, newest.state, newest.reason, until)
        if said != self._said:
            await self._show(_shown(newest, next_look, ends))
        self._said = said

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


def _shown(newest: Readiness, next_look: dt.datetime | None, ends: dt.datetime) -> dict[str, Any]:
    """What the task's page shows."""
    moments = {"looked_at": newest.looked_at, "next_look": next_look, "waits_until": ends}
    return {
        "environment": newest.environment,
        "state": str(newest.state),
        **newest.in_the_way(),
        **{name: _shown_time(moment) for name, moment in moments.items() if moment},
    }


def _shown_time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _event(state: ReadinessState, shown: Readiness, newest: Readiness) -> TriggerEvent:
    payload: Mapping[str, Any] = {"state": str(state), "verdict": shown.as_json(), "newest_reason": newest.reason}
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]


async def in_thread(work: Callable[[], T]) -> T:
    """Do what blocks in a thread of this module's, with the logger's context; it may ask Airflow for connections."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(_THREADS, functools.partial(context.run, work))


def _get_ready() -> None:
    """Import what a check needs: seconds on a busy machine."""
    import daily_runs.readiness.state  # noqa: F401, PLC0415
    import daily_runs_airflow.connections  # noqa: F401, PLC0415


def _check(feature: str, environment: str, aspects: Sequence[str], moment: dt.datetime) -> Checked:
    """Take a look if one is due, and say what the newest one means. What cannot be looked at is unknown."""
    from daily_runs.readiness import check as check_module  # noqa: PLC0415
    from daily_runs.readiness import state as readiness  # noqa: PLC0415
    from daily_runs.store.database import open_store  # noqa: PLC0415
    from daily_runs_airflow.connections import (  # noqa: PLC0415
        find,
        store_url,
    )

    wanted = [ReadinessAspect(aspect) for aspect in aspects]
    every = CHECK_EVERY_SECONDS
    try:
        with _ONE_AT_A_TIME:
            catalogue = _catalogue()().catalogue
        every = waiting.look_every(catalogue, environment)
        with open_store(store_url(), connections=1) as store:
            check_module.look(store, catalogue, environment, find, older_than_seconds=every)
            found = readiness.of_feature(store, catalogue, feature, environment, moment, wanted)
    except DailyRunsError as error:
        return Checked(readiness.unknown(feature, environment, wanted, str(error)), every, None)
    age = (Clock.now() - found.looked_at).total_seconds() if found.looked_at else None
    return Checked(found, every, age)


@functools.cache
def _catalogue() -> CatalogueWatch:
    """One for all triggers of this process."""
    from daily_runs.catalogue.reading.watch import CatalogueWatch  # noqa: PLC0415

    return CatalogueWatch()

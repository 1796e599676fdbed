"""The trigger and the sensors in this process: three ends that are never mixed up, and one look for ten that wait."""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG, RetryAction
from airflow.sdk.exceptions import AirflowSkipException
from airflow.serialization.serialized_objects import DagSerialization
from airflow.triggers.base import TriggerEvent
from tests.conftest import TIME_SCALE, Kit

from daily_runs.catalogue import folders
from daily_runs.catalogue.pools import SENSORS_POOL
from daily_runs.errors import StageError, StagingNotReadyError
from daily_runs.readiness.check_rows import AspectVerdict
from daily_runs.readiness.state import Readiness, unknown
from daily_runs.readiness.waiting import Checked
from daily_runs.statuses import ReadinessAspect, ReadinessState
from daily_runs.store.embedded import free_port
from daily_runs_airflow import sensors, task_bodies, trigger_body, triggers
from daily_runs_airflow.sensors import GraphqlLimitSensor, ReadinessSensor, SeedDataSensor, StagingReadySensor
from daily_runs_airflow.triggers import ReadinessTrigger

LOOK_EVERY_SECONDS = 1.0
HOUR_SECONDS = 3600.0
SENSORS = (SeedDataSensor, GraphqlLimitSensor, StagingReadySensor)
Point = Callable[..., None]


@pytest.fixture
def point(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Point]:
    """Points a triggerer's settings at the test's store and sandbox; called again, at something else."""

    def at(address: str = kit.sandbox.address, store: str = kit.store.url) -> None:
        readiness = {"look_every_minutes": LOOK_EVERY_SECONDS * TIME_SCALE / 60}
        environment = {"time_scale": TIME_SCALE, "provenance": "sandbox", "readiness": readiness}
        both = {name: {**environment, "address": f"{address}/{name}"} for name in ("staging", "production")}
        judge = {"provenance": "sandbox", "address": f"{address}/anthropic"}
        overlay = tmp_path / "overlay.yaml"
        overlay.write_text(yaml.safe_dump({"environments": both, "judge": judge}))
        monkeypatch.setenv("DAILY_RUNS_OVERLAY", str(overlay))
        monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path / "include"))
        monkeypatch.setenv("DAILY_RUNS_STORE", store)
        trigger_body.catalogue_watch.cache_clear()

    shipped = folders.include_root()
    slow = shutil.ignore_patterns("root_cause_analysis*")  # a first look reads its hundred logs
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(shipped / folder, tmp_path / "include" / folder, ignore=slow)
    at()
    yield at
    trigger_body.catalogue_watch.cache_clear()


def trigger(
    feature: str = "duo_chat",
    *,
    wait_seconds: float = HOUR_SECONDS,
    aspects: tuple[ReadinessAspect, ...] = tuple(ReadinessAspect),
) -> ReadinessTrigger:
    """One as a triggerer makes it from what the scheduler stored, but for the first pause."""
    now = dt.datetime.now(dt.UTC).isoformat()
    made = ReadinessTrigger(feature, "staging", [str(one) for one in aspects], wait_seconds, now, now, 0.0)
    path, arguments = made.serialize()
    assert path == "daily_runs_airflow.triggers.ReadinessTrigger"
    return ReadinessTrigger(**json.loads(json.dumps(arguments)))


async def event_of(one: ReadinessTrigger) -> dict[str, Any]:
    """What its only event carries."""
    events: list[TriggerEvent] = [event async for event in one.run()]
    (event,) = events
    payload: dict[str, Any] = json.loads(json.dumps(event.payload))
    return payload


async def until(condition: Callable[[], object]) -> None:
    """Wait until something in the store is so."""

    def ask() -> None:
        while not condition():
            time.sleep(0.05)

    await asyncio.to_thread(ask)


def now(kit: Kit) -> dt.datetime:
    """The moment by the store's clock."""
    moment: dt.datetime = kit.store.row("SELECT clock_timestamp() AS now")["now"]
    return moment


def looks(kit: Kit) -> int:
    """Looks that were begun."""
    return kit.count("daily_runs.look")


@pytest.mark.usefixtures("point")
def test_a_trigger_that_finds_all_ready_says_so_with_the_verdict(kit: Kit) -> None:
    event = asyncio.run(event_of(trigger()))
    assert (event["state"], event["verdict"]["state"]) == ("ready", "ready")
    assert set(event["verdict"]["aspects"]) == {"seeds", "limits", "approval"}
    assert looks(kit) == 1


@pytest.mark.usefixtures("point")
def test_ten_that_wait_share_their_looks_and_are_ready_at_the_first_one_after_the_seeds_came(kit: Kit) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    features = ["duo_chat", "vulnerability_explanation", "vulnerability_resolution"]

    async def wait_for_all() -> tuple[list[dict[str, Any]], tuple[dt.datetime, dt.datetime]]:
        waiting = [asyncio.create_task(event_of(trigger(features[n % len(features)]))) for n in range(10)]
        await until(lambda: looks(kit) >= 4)
        assert not any(task.done() for task in waiting)
        before = now(kit)
        await asyncio.to_thread(kit.sandbox.process.order_seeds, {"environment": "staging", "complete": True})
        came = before, now(kit)
        return await asyncio.gather(*waiting), came

    events, (before, after) = asyncio.run(wait_for_all())
    assert [event["state"] for event in events] == ["ready"] * 10
    rows = kit.store.rows("SELECT begun_at, ended_at FROM daily_runs.look ORDER BY look_id")
    first_after = next((row["ended_at"] for row in rows if row["begun_at"] > after), rows[-1]["ended_at"])
    assert {event["verdict"]["looked_at"] for event in events} <= {
        row["ended_at"].isoformat() for row in rows if before < row["ended_at"] <= first_after
    }
    gaps = [(b["begun_at"] - a["ended_at"]).total_seconds() for a, b in itertools.pairwise(rows)]
    assert min(gaps) >= LOOK_EVERY_SECONDS
    sent = kit.sandbox.entries()
    assert [entry for entry in sent if entry["paid"] or entry["operation"] == "aiAction"] == []
    assert len(sent) == kit.store.row("SELECT sum(calls)::int AS n FROM daily_runs.look")["n"]


@pytest.mark.usefixtures("point")
def test_the_hourly_look_takes_a_young_one_for_its_own_and_looks_at_once_by_hand(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(run_type: str) -> dict[str, Any]:
        monkeypatch.setattr(task_bodies, "get_current_context", lambda: {"dag_run": SimpleNamespace(run_type=run_type)})
        return task_bodies.check_readiness("staging")

    told = [run(run_type) for run_type in ("scheduled", "scheduled", "manual", "manual")]
    assert [one["looked"] for one in told] == [True, False, True, True]
    assert looks(kit) == 3
    assert {one["features"]["duo_chat"] for one in told} == {"ready"}


@pytest.mark.usefixtures("point")
def test_at_the_deadline_what_is_in_the_way_is_told_with_its_owner(kit: Kit) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    event = asyncio.run(event_of(trigger(wait_seconds=2)))
    assert event["state"] == event["verdict"]["state"] == "not_ready"
    assert "owner: Duo Chat feature team" in event["verdict"]["reason"]


@pytest.mark.usefixtures("point")
def test_a_deadline_that_has_passed_leaves_one_check(kit: Kit) -> None:
    assert asyncio.run(event_of(trigger(wait_seconds=-1)))["state"] == "ready"
    assert looks(kit) == 1


@pytest.mark.usefixtures("point")
def test_only_what_a_sensor_waits_for_keeps_it_waiting(kit: Kit) -> None:
    kit.sandbox.process.order_seeds({"environment": "staging", "missing_share": 0.5})
    event = asyncio.run(event_of(trigger(aspects=GraphqlLimitSensor.ASPECTS)))
    assert (event["state"], set(event["verdict"]["aspects"])) == ("ready", {"limits"})
    assert asyncio.run(event_of(trigger(wait_seconds=0, aspects=SeedDataSensor.ASPECTS)))["state"] == "not_ready"


def test_a_path_that_nobody_can_look_at_ends_as_unknown(kit: Kit, point: Point) -> None:
    point(address=f"http://127.0.0.1:{free_port()}")
    event = asyncio.run(event_of(trigger(wait_seconds=2)))
    assert event["state"] == event["verdict"]["state"] == "unknown"
    assert "could not look" in event["verdict"]["reason"]


def test_a_store_that_is_away_ends_as_unknown(point: Point) -> None:
    point(store=f"postgresql://nobody@127.0.0.1:{free_port()}/none")
    event = asyncio.run(event_of(trigger(wait_seconds=1)))
    assert event["state"] == "unknown"
    assert "does not answer" in event["verdict"]["reason"]


def test_what_was_in_the_way_stands_when_only_the_last_looks_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    start = dt.datetime.now(dt.UTC)
    clock = [start]
    seeds = AspectVerdict(ReadinessAspect.SEEDS, ReadinessState.NOT_READY, "3 missing", "the team", {})

    def check(feature: str, environment: str, *_: object) -> Checked:
        if clock[0] == start:
            clock[0] += dt.timedelta(seconds=1)
            return Checked(Readiness(feature, environment, (seeds,), start), 0.25, 0.0)
        clock[0] += dt.timedelta(hours=2)
        return Checked(unknown(feature, environment, [ReadinessAspect.SEEDS], "no route"), 0.25, None)

    monkeypatch.setattr(trigger_body, "check", check)
    monkeypatch.setattr(triggers, "Clock", SimpleNamespace(now=lambda: clock[0]))
    event = asyncio.run(event_of(trigger()))
    assert event["state"] == event["verdict"]["state"] == "not_ready"
    assert "3 missing; owner: the team" in event["verdict"]["reason"]
    assert "could not look: no route" in event["newest_reason"]


def test_a_store_that_comes_back_is_waited_for(point: Point) -> None:
    point(store=f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    async def have_it_back() -> dict[str, Any]:
        waiting = asyncio.create_task(event_of(trigger()))
        await asyncio.sleep(1)
        assert not waiting.done()
        point()
        return await waiting

    assert asyncio.run(have_it_back())["state"] == "ready"


def sensor(kind: type[ReadinessSensor] = StagingReadySensor, **options: Any) -> ReadinessSensor:
    """One in a DAG."""
    with DAG("a_dag", schedule=None):
        return kind(task_id="wait", feature="duo_chat", environment="staging", wait=dt.timedelta(hours=6), **options)


def event(state: str) -> dict[str, Any]:
    """As the trigger's."""
    verdict = {"state": state, "reason": "seeds: 37% bound; owner: chat team", "looked_at": "2026-08-17T05:45:00+00:00"}
    return {"state": state, "verdict": verdict, "newest_reason": verdict["reason"]}


def action_after(one: ReadinessSensor, error: BaseException) -> RetryAction:
    """What Airflow does after its first try failed so."""
    assert one.retry_policy is not None
    return one.retry_policy.evaluate(error, 1, 2).action


def complete(one: ReadinessSensor, state: str) -> Any:
    """As Airflow resumes the task."""
    return one.resume_execution("execute_complete", {"event": event(state)}, context={})


@pytest.mark.parametrize("soft_fail", [False, True])
def test_ready_hands_on_the_verdict(soft_fail: bool) -> None:
    assert complete(sensor(soft_fail=soft_fail), "ready") == event("ready")["verdict"]


def test_not_ready_fails_with_reason_and_owner_and_is_not_tried_again() -> None:
    one = sensor()
    with pytest.raises(
        StagingNotReadyError, match="staging for duo_chat is not ready after 6 h: seeds: 37% bound; owner: chat team"
    ) as raised:
        complete(one, "not_ready")
    assert action_after(one, raised.value) is RetryAction.FAIL


def test_not_ready_with_soft_fail_is_skipped_with_the_reason() -> None:
    with pytest.raises(AirflowSkipException, match="37% bound; owner: chat team"):
        complete(sensor(soft_fail=True), "not_ready")


@pytest.mark.parametrize("soft_fail", [False, True])
def test_unknown_is_an_error_that_is_tried_again_whatever_soft_fail_says(soft_fail: bool) -> None:
    one = sensor(soft_fail=soft_fail)
    with pytest.raises(StageError, match="could not look whether staging for duo_chat is ready") as raised:
        complete(one, "unknown")
    assert not isinstance(raised.value, StagingNotReadyError)
    assert action_after(one, raised.value) is not RetryAction.FAIL
    assert (one.retries or 0) >= 2


@pytest.mark.parametrize("soft_fail", [False, True])
@pytest.mark.parametrize("reason", ["Trigger failure", "Trigger timeout"])
def test_a_wait_that_airflow_broke_off_is_an_error_too(reason: str, soft_fail: bool) -> None:
    with pytest.raises(StageError, match="the wait broke off"):
        sensor(soft_fail=soft_fail).resume_execution("__fail__", {"error": reason}, context={})


@pytest.mark.parametrize("kind", SENSORS)
def test_a_sensor_starts_in_the_triggerer_and_takes_no_worker_to_wait(kind: type[ReadinessSensor]) -> None:
    one = sensor(kind)
    stored: Any = DagSerialization.from_dict(json.loads(json.dumps(DagSerialization.to_dict(one.dag)))).get_task("wait")
    assert stored.start_from_trigger is True
    assert stored.start_trigger_args.trigger_cls == trigger().serialize()[0]
    assert (stored.pool, one.reschedule, stored.retries >= 2) == (SENSORS_POOL, False, True)
    assert set(stored.template_fields) == {"began", "moment"}
    assert one.start_trigger_args is not None
    given = one.start_trigger_args.trigger_kwargs or {}
    assert set(given) <= set(inspect.signature(ReadinessTrigger).parameters)
    assert given["aspects"] == [str(aspect) for aspect in kind.ASPECTS]


def test_the_three_sensors_differ_by_what_they_wait_for_only() -> None:
    assert {kind: kind.ASPECTS for kind in SENSORS} == {
        SeedDataSensor: (ReadinessAspect.SEEDS,),
        GraphqlLimitSensor: (ReadinessAspect.LIMITS,),
        StagingReadySensor: tuple(ReadinessAspect),
    }


def test_airflows_own_timeout_comes_after_the_deadline_and_the_first_check_after_the_race() -> None:
    one = sensor()
    assert one.start_trigger_args is not None
    assert one.start_trigger_args.timeout == one.execution_timeout == one.wait + sensors.HANGS_AFTER
    assert inspect.signature(ReadinessTrigger).parameters["first_check_seconds"].default >= 10


def test_fewer_retries_than_two_are_raised_and_more_are_kept() -> None:
    assert [sensor(retries=count).retries for count in (0, 1, 5)] == [2, 2, 5]


def test_its_page_says_what_it_waits_for_and_what_to_do() -> None:
    said = sensor().doc_md or ""
    assert "Waits until staging is ready for duo_chat: seeds and limits and approval" in said
    assert "`docs/runbooks/readiness.md`" in said

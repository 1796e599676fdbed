"""What runs where on which day around the cutovers: the DAGs' own timetables against a calendar made by hand."""

from __future__ import annotations

import datetime as dt
import runpy
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pendulum
import pytest
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.timetables.base import DataInterval
from tests.architecture.project import PROJECT
from tests.plugins.scheduled import as_scheduled

from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature
from daily_runs.catalogue.reading import files as catalogue_files

FIRST, LAST = pendulum.datetime(2026, 7, 20), pendulum.datetime(2026, 9, 17, 23, 59, 59)  # a Monday; a Thursday
DAYS = 60


class Calendar(NamedTuple):
    """A feature's runs: at which times of the day (UTC), and week by week where. `number`: how many there are."""

    times: str
    number: int
    weeks: str


MARKS = {(): ".", ("production",): "P", ("staging",): "S", ("production", "staging"): "B"}
"""P: in production. B: in both, to compare. S: in staging. A point: no run."""

BY_HAND = {
    # Monday, Wednesday, Friday; the week before the cutover in both; from Saturday 15 August on daily in staging.
    "root_cause_analysis": Calendar(
        "06:00",
        9 + 3 + 34,
        """
        20 Jul  P . P . P . .
        27 Jul  P . P . P . .
        03 Aug  P . P . P . .
        10 Aug  B . B . B S S
        17 Aug  S S S S S S S
        24 Aug  S S S S S S S
        31 Aug  S S S S S S S
        07 Sep  S S S S S S S
        14 Sep  S S S S
        """,
    ),
    # Tuesday, Thursday, Saturday; the week before the cutover in both, and from then on later in the day, outside of
    # the 8 hours that root cause analysis's calls fill; from Monday 17 August on daily in staging.
    "duo_chat": Calendar(
        "08:00 15:00",
        9 + 3 + 32,
        """
        20 Jul  . P . P . P .
        27 Jul  . P . P . P .
        03 Aug  . P . P . P .
        10 Aug  . B . B . B .
        17 Aug  S S S S S S S
        24 Aug  S S S S S S S
        31 Aug  S S S S S S S
        07 Sep  S S S S S S S
        14 Sep  S S S S
        """,
    ),
    # On hold; from Friday 21 August on daily in staging.
    "vulnerability_explanation": Calendar(
        "16:00",
        28,
        """
        20 Jul  . . . . . . .
        27 Jul  . . . . . . .
        03 Aug  . . . . . . .
        10 Aug  . . . . . . .
        17 Aug  . . . . S S S
        24 Aug  S S S S S S S
        31 Aug  S S S S S S S
        07 Sep  S S S S S S S
        14 Sep  S S S S
        """,
    ),
    # As Vulnerability Explanation, an hour later.
    "vulnerability_resolution": Calendar(
        "17:00",
        28,
        """
        20 Jul  . . . . . . .
        27 Jul  . . . . . . .
        03 Aug  . . . . . . .
        10 Aug  . . . . . . .
        17 Aug  . . . . S S S
        24 Aug  S S S S S S S
        31 Aug  S S S S S S S
        07 Sep  S S S S S S S
        14 Sep  S S S S
        """,
    ),
    # On hold: its cutover is to be decided.
    "code_suggestions": Calendar(
        "",
        0,
        """
        20 Jul  . . . . . . .
        27 Jul  . . . . . . .
        03 Aug  . . . . . . .
        10 Aug  . . . . . . .
        17 Aug  . . . . . . .
        24 Aug  . . . . . . .
        31 Aug  . . . . . . .
        07 Sep  . . . . . . .
        14 Sep  . . . .
        """,
    ),
}

Iteration = Callable[[SerializedDAG, pytest.MonkeyPatch], Iterator[pendulum.DateTime]]


@pytest.fixture(scope="module")
def dags() -> dict[str, SerializedDAG]:
    """The DAGs of the shipped catalogue as the scheduler has them, by feature."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DAILY_RUNS_SCHEDULES", raising=False)
        made = runpy.run_path(str(PROJECT / "dags" / "daily_runs.py"))
    features = made["CATALOGUE"].features
    return {name: as_scheduled(made["daily_run"](made["CATALOGUE"], feature)) for name, feature in features.items()}


def backfilled(dag: SerializedDAG, patch: pytest.MonkeyPatch) -> Iterator[pendulum.DateTime]:
    """The logical dates of a backfill of these days."""
    for info in dag.iter_dagrun_infos_between(FIRST, LAST):
        assert info.logical_date == info.run_after
        yield info.run_after


def scheduled(dag: SerializedDAG, patch: pytest.MonkeyPatch) -> Iterator[pendulum.DateTime]:
    """The logical dates of runs that the scheduler makes day by day, each a few seconds late, catchup off."""
    assert dag.catchup is False
    last, now = None, FIRST
    while True:
        patch.setattr("daily_runs_airflow.timetable.pendulum.now", lambda _zone, now=now: now)
        interval = DataInterval.exact(last) if last else None
        info = dag.timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=dag._time_restriction)
        if info is None or info.run_after > LAST:
            return
        last, now = info.run_after, info.run_after.add(seconds=7)
        yield last


def drawn(feature: Feature, ticks: Sequence[dt.datetime]) -> str:
    """Runs as they stand in a `Calendar`."""
    environments = {tick.date(): PHASE_ENVIRONMENTS[feature.phase_at(tick).phase] for tick in ticks}
    days = [FIRST.date() + dt.timedelta(days=n) for n in range(DAYS)]
    weeks = [days[n : n + 7] for n in range(0, DAYS, 7)]
    return "\n".join(
        f"{week[0]:%d %b}  " + " ".join(MARKS[environments.get(day, ())] for day in week) for week in weeks
    )


@pytest.mark.parametrize("iteration", [backfilled, scheduled], ids=["in a backfill", "day by day"])
@pytest.mark.parametrize("name", BY_HAND)
def test_sixty_days_around_the_cutovers_are_those_of_the_calendar_made_by_hand(
    dags: dict[str, SerializedDAG], monkeypatch: pytest.MonkeyPatch, name: str, iteration: Iteration
) -> None:
    feature, calendar = catalogue_files.load().features[name], BY_HAND[name]
    ticks = list(iteration(dags[name], monkeypatch))
    by_hand = "\n".join(line.strip() for line in calendar.weeks.strip().splitlines())
    assert drawn(feature, ticks) == by_hand
    assert len(ticks) == len({tick.date() for tick in ticks}) == calendar.number
    assert {f"{tick:%H:%M}" for tick in ticks} == set(calendar.times.split())


def test_the_calendar_has_every_feature_of_the_schedule_and_all_of_its_days() -> None:
    shipped = catalogue_files.load().features
    assert {name for name, feature in shipped.items() if feature.cutover.planned} < set(BY_HAND)
    assert shipped["code_suggestions"].cutover.planned is None
    assert (LAST.date() - FIRST.date()).days + 1 == DAYS
    for calendar in BY_HAND.values():
        marks = [mark for line in calendar.weeks.strip().splitlines() for mark in line.split()[2:]]
        assert len(marks) == DAYS
        assert len(marks) - marks.count(".") == calendar.number

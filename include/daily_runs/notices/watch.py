"""What no run's end tells: alarms, readiness that was lost, budgets, and runs that are late."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

from daily_runs.catalogue import schedule
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import PHASE_ENVIRONMENTS, Feature, WhenNotReady
from daily_runs.catalogue.rates import judging_minutes, run_minutes
from daily_runs.incidents.remedies import FEATURE_OWNER, ON_CALL
from daily_runs.notices import open_rows, watch_rows
from daily_runs.notices.incident import (
    LATE,
    LIMITS,
    PATH,
    SEEDS,
    IncidentFinding,
    IncidentMember,
    Links,
)
from daily_runs.quota.month_budget import MonthState, month_budget
from daily_runs.readiness.waiting import wait_max
from daily_runs.results import alarm_rows
from daily_runs.runs.routing import STAGING
from daily_runs.statuses import AlarmKind, IncidentKind, ReadinessAspect, ReadinessState
from daily_runs.store.database import Store

LOST_AFTER_LOOKS = 2
"""Looks in a row that find an aspect not ready, before people are told that it was lost: one may be a moment's."""
NEEDED_DAYS = 7
"""Lost readiness is told if a run of the feature is planned there within so many days."""
LATE_FACTOR, LATE_MINUTES = 2.0, 90.0
"""A run is late once it took this many times the usual and this much longer. An outage ends a task after an hour, so
that a run fails by it before it is late."""
USUAL_RUNS_MIN = 3
MISSED_AFTER = dt.timedelta(hours=2)
"""So long after the latest moment at which it may be routed, a planned run that was not is told as late."""
LATE_DAYS = 2
"""What was to begin before that is no news."""


class Watched(NamedTuple):
    """What a look found. `standing`: key and feature of what is not over, found now or of which nobody knows."""

    found: list[IncidentFinding]
    standing: set[tuple[str, str]]


def alarms(store: Store, catalogue: Catalogue, links: Links) -> Watched:
    """Alarms that nobody has resolved."""
    found = [
        IncidentFinding(
            key=f"alarm/{row['feature']}/{row['environment']}/{row['kind']}",
            kind=IncidentKind.ALARM,
            what=f"{_ALARM[AlarmKind(row['kind'])]}: {row['reason']}{_worst(row)}",
            owner=_owner(catalogue, row["feature"]),
            do="Read the newest run (`daily-runs report`), then say what it was: `daily-runs alarms`.",
            page="docs/operations/reports.md",
            member=IncidentMember(row["feature"], row["environment"], link=links.feature(row["feature"])),
        )
        for row in alarm_rows.all_of(store, only_open=True)
    ]
    return Watched(found, {(one.key, one.member.feature) for one in found})


_ALARM = {
    AlarmKind.DRIFT: "scores have drifted down",
    AlarmKind.WARNING: "daily means are under the target",
    AlarmKind.PAGE: "a daily mean is under the line at which somebody is called",
}


def _owner(catalogue: Catalogue, feature: str) -> str:
    owner = catalogue.features[feature].owner if feature in catalogue.features else None
    return f"{owner.dri} ({owner.team})" if owner else FEATURE_OWNER


def _worst(row: Mapping[str, object]) -> str:
    return f"; worst class: {row['worst_class']}" if row["worst_class"] else ""


def readiness(store: Store, catalogue: Catalogue, links: Links, now: dt.datetime) -> Watched:
    """Aspects that were ready, are not any more, and are needed soon."""
    found, standing = [], set[tuple[str, str]]()
    for row in watch_rows.readiness(store, LOST_AFTER_LOOKS):
        feature = catalogue.features.get(row["feature"])
        if feature is None or row["environment"] not in catalogue.environments:
            continue
        begin = LIMITS if row["aspect"] == ReadinessAspect.LIMITS else SEEDS
        key = f"{begin}{row['environment']}"
        if row["state"] != ReadinessState.READY:
            standing.add((key, row["feature"]))
        if row["was_ready"] and row["is_lost"] and _is_needed(feature, row["environment"], now):
            found.append(
                IncidentFinding(
                    key=key,
                    kind=IncidentKind.READINESS_LOST,
                    what=f"{row['aspect']} of {row['environment']} were ready for {feature.title}, and are no more:"
                    f" {row['reason']}",
                    owner=row["owner"],
                    do="Have it made ready again; `daily-runs status` says what is missing.",
                    page="docs/runbooks/readiness.md",
                    member=IncidentMember(
                        row["feature"], row["environment"], what=row["reason"], link=links.feature(row["feature"])
                    ),
                )
            )
    return Watched(found, standing)


def _is_needed(feature: Feature, environment: str, now: dt.datetime) -> bool:
    tick = schedule.next_run(feature, now)
    if tick is None or tick > now + dt.timedelta(days=NEEDED_DAYS):
        return False
    return environment in PHASE_ENVIRONMENTS[feature.phase_at(tick).phase]


def budgets(store: Store, catalogue: Catalogue, links: Links, now: dt.datetime) -> Watched:
    """Features that have spent 80 % of their month's budget, or 110 %."""
    found = []
    for feature in catalogue.features.values():
        live = next((one for one in catalogue.environments.values() if one.provenance != "sandbox"), None)
        month = month_budget(store, catalogue, feature, live) if live else None
        if month is None or month.state is MonthState.OK:
            continue
        found.append(
            IncidentFinding(
                key=f"budget/{feature.feature}/{now:%Y-%m}",
                kind=IncidentKind.BUDGET,
                what=f"{feature.title}: {month}",
                owner=_owner(catalogue, feature.feature),
                do="Ask fewer prompts, or raise `budget_usd_per_month` in the feature's file.",
                page="docs/runbooks/quota.md",
                member=IncidentMember(feature.feature, link=links.feature(feature.feature)),
                level=int(month.state is MonthState.THROTTLE),
            )
        )
    return Watched(found, {(one.key, one.member.feature) for one in found})


def late(store: Store, catalogue: Catalogue, links: Links, now: dt.datetime) -> list[IncidentFinding]:
    """Runs that work for much longer than usual, and planned runs that have not begun."""
    return [*_slow(store, catalogue, links, now), *_missed(store, catalogue, links, now)]


def _slow(store: Store, catalogue: Catalogue, links: Links, now: dt.datetime) -> list[IncidentFinding]:
    found = []
    for row in watch_rows.running(store):
        feature = catalogue.features.get(row["feature"])
        environment = catalogue.environments.get(row["environment"])
        if feature is None or environment is None:
            continue
        usual = row["usual_minutes"] if row["usual_runs"] >= USUAL_RUNS_MIN else None
        if usual is None:
            asked = run_minutes(catalogue, feature, row["environment"]) + judging_minutes(catalogue, feature)
            usual = asked / environment.time_scale
        took = (now - row["started_at"]).total_seconds() / 60
        if took < max(LATE_FACTOR * usual, usual + LATE_MINUTES):
            continue
        member = IncidentMember(
            row["feature"],
            row["environment"],
            row["sample"],
            link=links.run(row["feature"], row["airflow_run_id"]),
            airflow_run_id=row["airflow_run_id"],
            logical_date=row["logical_date"],
        )
        what = (
            f"{feature.title} in {row['environment']} works for {took:.0f} minutes; {usual:.0f} are usual."
            f" {row['answered']} of {row['asked']} prompts are answered."
        )
        found.append(_late(what, member, _key(store, row["environment"], row["breaker"])))
    return found


def _key(store: Store, environment: str, breaker: str | None) -> str:
    """What it is late by: the path, if calls there are known to fail."""
    path = f"{PATH}{environment}"
    return path if breaker or path in open_rows.open_keys(store, [path]) else f"{LATE}{environment}"


def _late(what: str, member: IncidentMember, key: str) -> IncidentFinding:
    return IncidentFinding(
        key=key,
        kind=IncidentKind.HOP_FAILED if key.startswith(PATH) else IncidentKind.RUN_LATE,
        what=what,
        owner=ON_CALL,
        do="Open the run and look which task works or waits, and for what (`daily-runs quota`, `daily-runs status`).",
        page="docs/runbooks/outages.md",
        member=member,
    )


def _missed(store: Store, catalogue: Catalogue, links: Links, now: dt.datetime) -> list[IncidentFinding]:
    found = []
    for feature in catalogue.features.values():
        tick = _last_due(catalogue, feature, now)
        if tick is None or not watch_rows.is_missing(store, feature.feature, tick):
            continue
        what = (
            f"the run of {feature.title} of {tick:%Y-%m-%d %H:%M} UTC has not begun."
            " Is its DAG paused, or the scheduler down?"
        )
        member = IncidentMember(feature.feature, link=links.feature(feature.feature), logical_date=tick)
        found.append(_late(what, member, f"run/{feature.feature}/not begun"))
    return found


def _last_due(catalogue: Catalogue, feature: Feature, now: dt.datetime) -> dt.datetime | None:
    """The last planned moment whose run should have begun by now, a wait for staging included."""
    waits = feature.when_not_ready is WhenNotReady.WAIT and STAGING in catalogue.environments
    due_until = now - MISSED_AFTER - (wait_max(catalogue, STAGING) if waits else dt.timedelta())
    tick = None
    upcoming = schedule.next_run(feature, due_until - dt.timedelta(days=LATE_DAYS))
    while upcoming is not None and upcoming <= due_until:
        tick, upcoming = upcoming, schedule.next_run(feature, upcoming + dt.timedelta(seconds=1))
    return tick

"""The message that each team gets once a week: verdicts, trend, cost against budget, readiness, alarms."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.features import Feature, Owner
from daily_runs.catalogue.schedule import midnight, next_run
from daily_runs.input_files import printable
from daily_runs.notices import notice_rows, telling, weekly_rows
from daily_runs.notices.notice_rows import NoticeKey
from daily_runs.notices.telling import Telling
from daily_runs.notices.texts import NAME, NoticeText
from daily_runs.quota.month_budget import MonthBudget, month_budget
from daily_runs.readiness import board_rows
from daily_runs.runs.routing import STAGING
from daily_runs.statuses import AlarmState, NoticeKind
from daily_runs.store.pool import Row

WEEK = dt.timedelta(days=7)


class FeatureWeek(NamedTuple):
    """What a feature's week came to.

    Attributes:
        runs: published full runs of the last two weeks, oldest first: date, environment, mean, verdict.
        quarantined: attempts of the week that the gate blocked.
        alarms: those that are open, and those that were resolved in the week.
        aspects: what the newest look at staging says, by aspect.
        month: how the month's budget stands; None without one.
    """

    feature: Feature
    runs: Sequence[Row]
    quarantined: int
    alarms: Sequence[Row]
    aspects: dict[str, Row]
    month: MonthBudget | None
    run_next: dt.datetime | None


def first_day(now: dt.datetime) -> dt.date:
    """The Monday (UTC) of the week that a message at this moment is about the end of."""
    today = now.astimezone(dt.UTC).date()
    return today - dt.timedelta(days=today.weekday()) - WEEK


def tell(given: Telling) -> None:
    """Make each team's message of the last whole week, and send; who was told of that week is not told again."""
    week = first_day(given.now)
    for owner, features in by_owner(given.catalogue).items():
        weeks = [_week_of(given, feature, week) for feature in features]
        text = text_of(owner, weeks, week)
        for receiver in given.receivers.of(owner):
            notice_rows.make(
                given.store, NoticeKey(f"week of {week} of {owner.team}", receiver, NoticeKind.WEEKLY), text
            )
    telling.send(given)


def by_owner(catalogue: Catalogue) -> dict[Owner, list[Feature]]:
    """Each owner's features, the most urgent first."""
    found: dict[Owner, list[Feature]] = {}
    for feature in sorted(catalogue.features.values(), key=lambda one: (one.priority, one.feature)):
        found.setdefault(feature.owner, []).append(feature)
    return found


def _week_of(given: Telling, feature: Feature, week: dt.date) -> FeatureWeek:
    store, catalogue, name, begins = given.store, given.catalogue, feature.feature, midnight(week)
    live = next((one for one in catalogue.environments.values() if one.provenance != "sandbox"), None)
    aspects = board_rows.aspects(store, STAGING)
    return FeatureWeek(
        feature=feature,
        runs=weekly_rows.runs(store, name, begins - WEEK, begins + WEEK),
        quarantined=weekly_rows.quarantined(store, name, begins, begins + WEEK),
        alarms=weekly_rows.alarms(store, name, begins),
        aspects={aspect: row for (of, aspect), row in aspects.items() if of == name},
        month=month_budget(store, catalogue, feature, live) if live else None,
        run_next=next_run(feature, given.now),
    )


def text_of(owner: Owner, weeks: Sequence[FeatureWeek], week: dt.date) -> NoticeText:
    """A team's message."""
    last = week + WEEK - dt.timedelta(days=1)
    subject = f"{NAME}: the week of {owner.team}, {week} to {last}"
    blocks = ["\n".join(map(printable, _lines(one, week))) for one in weeks]
    return NoticeText(subject, "\n\n".join(blocks))


def _lines(one: FeatureWeek, week: dt.date) -> list[str]:
    begins = midnight(week)
    this, before = (
        [r for r in one.runs if r["logical_date"] >= begins],
        [r for r in one.runs if r["logical_date"] < begins],
    )
    return [
        one.feature.title,
        f"Runs: {_runs(this, one.quarantined)}",
        f"Trend: {_trend(this, before)}",
        f"Cost: {one.month or 'no budget is set, or nothing is paid here'}",
        f"Staging: {_readiness(one.aspects)}",
        f"Alarms: {_alarms(one.alarms)}",
        f"Next run: {_time(one.run_next) if one.run_next else 'none is planned'}",
    ]


def _runs(runs: Sequence[Row], quarantined: int) -> str:
    kept = f"; {quarantined} blocked by the gate" if quarantined else ""
    return (", ".join(map(_run, runs)) or "none was published") + kept


def _run(run: Row) -> str:
    mean = "" if run["item_mean"] is None else f" {run['item_mean']:.2f}"
    return f"{run['logical_date']:%a %d %b} in {run['environment']} {_verdict(run)}{mean}"


def _verdict(run: Row) -> str:
    return str(run["verdict"] or "no verdict").replace("_", " ")


def _trend(this: Sequence[Row], before: Sequence[Row]) -> str:
    this, before = ([run for run in runs if run["item_mean"] is not None] for runs in (this, before))
    if not this:
        return "nothing to compare: no run of the week has a score"
    now = _mean(this)
    if not before:
        return f"mean {now:.2f} over {len(this)} runs; the week before has none"
    keys = {run["comparability_key"] for run in (*this, *before)}
    note = "" if len(keys) == 1 else "; not comparable: data set, rubric or judge changed"
    return f"mean {now:.2f} over {len(this)} runs, {now - _mean(before):+.2f} against the week before{note}"


def _mean(runs: Sequence[Row]) -> float:
    return math.fsum(run["item_mean"] for run in runs) / len(runs)


def _readiness(aspects: dict[str, Row]) -> str:
    told = [f"{name} {row['state'].replace('_', ' ')}" for name, row in sorted(aspects.items())]
    return ", ".join(told) or "nobody has looked"


def _alarms(found: Sequence[Row]) -> str:
    still = [row for row in found if row["state"] == AlarmState.OPEN]
    resolved = [row for row in found if row["state"] != AlarmState.OPEN]
    told = [f"open: {row['kind']} in {row['environment']} since {row['raised_at']:%Y-%m-%d}" for row in still]
    told += [
        f"resolved as {row['state']} by {row['resolved_by']}: {row['kind']} in {row['environment']}" for row in resolved
    ]
    return "; ".join(told) or "none"


def _time(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%a %d %b %H:%M} UTC"

"""The weekly message: to each team once, with verdicts, trend, cost, readiness and alarms of its features."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.services.notices.conftest import Office, publish_as
from tests.services.notices.test_watch import alarm, looked

from daily_runs.notices import telling, weekly
from daily_runs.quota.month_budget import MonthBudget
from daily_runs.results import alarm_rows
from daily_runs.statuses import AlarmKind, AlarmState, ReadinessState

MONDAY = dt.datetime(2026, 8, 17, 7, tzinfo=dt.UTC)
"""The template's run is of 1 August, a Saturday."""
RUNS = "Mon 10 Aug in staging no worse 0.80, Wed 12 Aug in staging regressed 0.60, Fri 14 Aug in staging no verdict"


@pytest.fixture
def week(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Duo Chat's week of 10 August: three runs and the one of the week before, an open alarm and a resolved one."""
    office.inbox.by_team = True
    for days, mean, verdict in ((8, 0.9, "no_worse"), (9, 0.8, "no_worse"), (11, 0.6, "regressed"), (13, None, None)):
        publish_as(office.store, "duo_chat", "staging", "", days)
        office.store.rows(
            "UPDATE daily_runs.published_run SET item_mean = %(mean)s, verdict = %(verdict)s, comparability_key = 'one'"
            " WHERE logical_date = %(date)s AND feature = 'duo_chat'",
            {"mean": mean, "verdict": verdict, "date": dt.datetime(2026, 8, 1 + days, 6, tzinfo=dt.UTC)},
        )
    number = alarm(office, AlarmKind.WARNING)
    alarm_rows.resolve(office.store, number, AlarmState.FALSE, by="somebody", reason="noise")
    alarm(office)
    office.store.rows("UPDATE daily_runs.alarm SET raised_at = '2026-08-12', resolved_at = resolved_at")
    looked(office, ReadinessState.NOT_READY, aspect="seeds")

    def month(_store: Any, _catalogue: Any, feature: Any, _environment: Any) -> MonthBudget | None:
        return MonthBudget(20.5, 100.0) if feature.feature == "duo_chat" else None

    monkeypatch.setattr(weekly, "month_budget", month)
    return office


def test_a_team_reads_its_week(week: Office) -> None:
    weekly.tell(week.telling._replace(now=MONDAY))
    (text,) = [text for receiver, text in week.inbox.got if receiver == "mail Duo Chat feature team"]
    assert text.subject == "Daily Runs: the week of Duo Chat feature team, 2026-08-10 to 2026-08-16"
    assert text.body.splitlines() == [
        "Duo Chat",
        f"Runs: {RUNS}",
        "Trend: mean 0.70 over 2 runs, -0.20 against the week before",
        "Cost: 20.50 of 100.00 USD spent this month (20%, ok)",
        "Staging: seeds not ready",
        "Alarms: open: drift in staging since 2026-08-12; resolved as false by somebody: warning in staging",
        "Next run: Mon 17 Aug 15:00 UTC",
    ]


def test_each_team_is_told_its_week_once_whoever_tries(week: Office) -> None:
    for _ in range(2):
        weekly.tell(week.telling._replace(now=MONDAY))
    teams = {f"mail {feature.owner.team}" for feature in week.catalogue.features.values()}
    assert sorted(receiver for receiver, _ in week.inbox.got) == sorted(teams)
    weekly.tell(week.telling._replace(now=MONDAY + dt.timedelta(days=7)))
    assert len(week.inbox.got) == 2 * len(teams)


def test_runs_that_the_gate_blocked_are_counted(week: Office) -> None:
    week.opened("duo_chat", "blocked", days=12)
    week.store.rows("UPDATE daily_runs.attempt SET status = 'quarantined', ended_at = now() WHERE status = 'running'")
    weekly.tell(week.telling._replace(now=MONDAY))
    (text,) = [text for receiver, text in week.inbox.got if receiver == "mail Duo Chat feature team"]
    assert f"Runs: {RUNS}; 1 blocked by the gate" in text.body


def test_a_week_without_runs_says_so(week: Office) -> None:
    weekly.tell(week.telling._replace(now=MONDAY + dt.timedelta(days=28)))
    (text,) = [text for receiver, text in week.inbox.got if receiver == "mail Duo Chat feature team"]
    assert "Runs: none was published" in text.body
    assert "Trend: nothing to compare: no run of the week has a score" in text.body


def test_means_of_other_rulers_are_said_not_to_be_comparable(week: Office) -> None:
    week.store.rows("UPDATE daily_runs.published_run SET comparability_key = 'two' WHERE logical_date < '2026-08-10'")
    weekly.tell(week.telling._replace(now=MONDAY))
    (text,) = [text for receiver, text in week.inbox.got if receiver == "mail Duo Chat feature team"]
    assert "-0.20 against the week before; not comparable: data set, rubric or judge changed" in text.body


def test_a_week_that_could_not_be_told_is_told_later(week: Office) -> None:
    week.inbox.unreachable = True
    weekly.tell(week.telling._replace(now=MONDAY))
    week.inbox.unreachable = False
    telling.tell(week.telling)
    assert len(week.inbox.got) == len(week.catalogue.features)

"""What no run's end tells: alarms, lost readiness, budgets, late runs and runs that never began; when each is over."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.conftest import changed
from tests.services.notices.conftest import Office, said

from daily_runs.catalogue import schedule
from daily_runs.notices import telling, watch
from daily_runs.quota.month_budget import MonthBudget
from daily_runs.readiness import check_rows
from daily_runs.readiness.check_rows import AspectVerdict
from daily_runs.records import routes
from daily_runs.results import alarm_rows
from daily_runs.results.alarm_rows import AlarmStream
from daily_runs.results.alarms import RaisedAlarm
from daily_runs.statuses import AlarmKind, AlarmState, ReadinessAspect, ReadinessState

CHAT = "duo_chat"


def alarm(office: Office, kind: AlarmKind = AlarmKind.DRIFT) -> int:
    """An alarm over Duo Chat; returns its id."""
    key = office.store.row("SELECT run_key FROM daily_runs.published_run LIMIT 1")["run_key"]
    with office.store.transaction() as connection:
        raised = [RaisedAlarm(kind, 0, 0.05, "5 runs lie 0.050 below the reference")]
        stream = AlarmStream(CHAT, "staging", "a-key")
        alarm_rows.save(connection, stream, [key], raised, worst_class="how_to", changed={})
    return int(office.store.row("SELECT max(alarm_id) AS id FROM daily_runs.alarm")["id"])


def test_an_alarm_is_told_by_the_run_that_raised_it_and_is_over_when_somebody_resolves_it(office: Office) -> None:
    number = alarm(office)
    telling.run_ended_well(office.telling)
    telling.look(office.telling)
    ((_, text),) = office.inbox.got
    assert text.subject == "Daily Runs: alarm over the quality of Duo Chat in staging"
    assert "What: scores have drifted down: 5 runs lie 0.050 below the reference; worst class: how_to" in text.body
    assert "Whose: model validation (Duo Chat feature team)" in text.body
    alarm_rows.resolve(office.store, number, AlarmState.REAL, by="somebody", reason="the model")
    telling.look(office.telling)
    assert office.inbox.subjects[1:] == ["over: alarm over the quality of Duo Chat in staging"]


def looked(office: Office, state: ReadinessState, feature: str = CHAT, aspect: str = "limits") -> None:
    """A look at staging ended, and found this."""
    number = check_rows.begin(office.store, "staging")
    found = AspectVerdict(ReadinessAspect(aspect), state, f"{aspect} are {state}", "infrastructure", {})
    check_rows.end(office.store, number, 1, None, {feature: [found]})


@pytest.fixture
def needed(office: Office) -> Office:
    """Duo Chat and Code Suggestions run in staging every day."""
    daily = {"phases": [{"phase": "staging", "starts": "2026-01-01", "schedule": "0 6 * * *"}]}
    patch: dict[str, Any] = {"features": {CHAT: daily, "code_suggestions": daily}}
    return Office(office.store, changed(office.catalogue, patch), office.inbox)


def test_readiness_is_lost_when_two_looks_in_a_row_do_not_find_it_and_regained_by_one_that_does(needed: Office) -> None:
    told = []
    states = [ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.UNKNOWN, ReadinessState.NOT_READY]
    for state in [*states, ReadinessState.NOT_READY, ReadinessState.UNKNOWN, ReadinessState.READY]:
        looked(needed, state)
        telling.look(needed.telling)
        told.append(len(needed.inbox.got))
    assert told == [0, 0, 0, 0, 1, 1, 2]
    (_, text), (_, over) = needed.inbox.got
    assert text.subject == "Daily Runs: limits of staging are too low (Duo Chat)"
    assert "Whose: infrastructure" in text.body
    assert over.subject == "Daily Runs, over: limits of staging are too low (Duo Chat)"


def test_readiness_that_several_features_lost_is_one_incident(needed: Office) -> None:
    for state in (ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.NOT_READY):
        for feature in (CHAT, "code_suggestions"):
            looked(needed, state, feature)
    telling.look(needed.telling)
    assert needed.inbox.subjects == ["limits of staging are too low (2 features)"]


def test_readiness_that_never_was_and_that_nobody_needs_soon_is_not_told(needed: Office) -> None:
    for _ in range(3):
        looked(needed, ReadinessState.NOT_READY)
    on_hold = next(name for name, one in needed.catalogue.features.items() if one.cutover.planned is None)
    phases = {"phases": [{"phase": "on_hold", "starts": "2026-01-01"}]}
    held = changed(needed.catalogue, {"features": {on_hold: phases}})
    for state in (ReadinessState.READY, ReadinessState.NOT_READY, ReadinessState.NOT_READY):
        looked(needed, state, on_hold)
    telling.look(Office(needed.store, held, needed.inbox).telling)
    assert needed.inbox.got == []


def test_a_run_stopped_by_a_limit_is_over_by_a_published_run_only_not_by_a_look(needed: Office) -> None:
    looked(needed, ReadinessState.READY)
    needed.fails(CHAT, "a-run", said("limit_probe", "LimitTooLowError", "limits/staging"))
    telling.look(needed.telling)
    assert needed.inbox.subjects == ["limits of staging are too low (Duo Chat)"]
    needed.ends_well(CHAT)
    assert needed.inbox.subjects[1:] == ["over: limits of staging are too low (Duo Chat)"]


@pytest.fixture
def spent(office: Office, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What Duo Chat has spent this month, to be set by a test."""
    usd = {CHAT: 0.0}

    def month(_store: Any, _catalogue: Any, feature: Any, _environment: Any) -> MonthBudget | None:
        return MonthBudget(usd[CHAT], 100.0) if feature.feature == CHAT else None

    monkeypatch.setattr(watch, "month_budget", month)
    return usd


def test_a_budget_is_told_at_80_percent_once_more_at_110_and_when_it_is_over(
    office: Office, spent: dict[str, float]
) -> None:
    for usd in (79.0, 80.0, 95.0, 110.0, 120.0, 20.0):
        spent[CHAT] = usd
        telling.look(office.telling)
    assert office.inbox.subjects == [
        "Duo Chat nears its budget",
        "worse: Duo Chat has spent its budget",
        "over: Duo Chat has spent its budget",
    ]
    assert "What: Duo Chat: 80.00 of 100.00 USD spent this month (80%, alarm)" in office.inbox.got[0][1].body


def begun(office: Office, minutes: float, feature: str = CHAT, run_id: str = "a-run", days: int = 1) -> None:
    """A run began so many minutes ago."""
    office.opened(feature, run_id, days)
    started(office, minutes, run_id)


def started(office: Office, minutes: float, run_id: str = "a-run") -> None:
    """A run's attempt is so many minutes old."""
    office.store.rows(
        "UPDATE daily_runs.attempt SET started_at = now() - make_interval(mins => %(minutes)s)"
        " WHERE airflow_run_id = %(run)s",
        {"minutes": minutes, "run": run_id},
    )


def usually(office: Office, minutes: float) -> None:
    """Three runs of some days ago were published after so long."""
    for days in (11, 12, 13):
        office.ends_well(CHAT, days=days)
    office.store.rows("UPDATE daily_runs.published_run SET published_at = published_at - interval '3 days'")
    office.store.rows(
        "UPDATE daily_runs.attempt t SET started_at = p.published_at - make_interval(mins => %(minutes)s)"
        " FROM daily_runs.published_run p WHERE p.attempt_id = t.attempt_id",
        {"minutes": minutes},
    )


def test_a_run_is_late_when_it_takes_twice_the_usual_and_ninety_minutes_more(office: Office) -> None:
    usually(office, 40)
    begun(office, 125, days=20)
    telling.look(office.telling)
    assert office.inbox.got == []
    started(office, 135)
    telling.look(office.telling)
    ((_, text),) = office.inbox.got
    assert text.subject == "Daily Runs: runs in staging are late (Duo Chat)"
    assert "What: Duo Chat in staging works for 135 minutes; 40 are usual." in text.body
    office.ends_well(CHAT, days=20)
    assert office.inbox.subjects[1:] == ["over: runs in staging are late (Duo Chat)"]


def test_a_late_run_that_fails_is_the_same_incident_and_worse(office: Office) -> None:
    usually(office, 40)
    begun(office, 200, days=20)
    telling.look(office.telling)
    office.fails(CHAT, "a-run", said("validation", "GateFailedError"))
    assert office.inbox.subjects[1:] == ["worse: the gate blocked Duo Chat in staging"]
    office.ends_well(CHAT, days=20)
    assert office.inbox.subjects[2:] == ["over: the gate blocked Duo Chat in staging"]


def test_runs_that_are_late_while_a_path_is_known_to_fail_are_part_of_that(office: Office) -> None:
    usually(office, 40)
    office.fails("code_suggestions", "another", said("inference", "CallError", "path/staging"))
    begun(office, 200, days=20)
    telling.look(office.telling)
    assert office.inbox.subjects == ["calls to staging fail (Code Suggestions)"]


def test_an_attempt_that_failed_long_ago_or_was_overtaken_is_not_late(office: Office) -> None:
    usually(office, 40)
    begun(office, 300, days=20)
    office.fails(CHAT, "a-run")
    begun(office, 250, run_id="overtaken", days=21)
    begun(office, 10, run_id="newest", days=22)
    telling.look(office.telling)
    assert office.inbox.subjects == ["the run of Duo Chat in staging failed"]


def test_without_runs_to_compare_with_the_catalogues_estimate_is_the_usual(office: Office) -> None:
    begun(office, 24 * 60, "root_cause_analysis")
    begun(office, 10, CHAT, "another", days=3)
    telling.look(office.telling)
    assert office.inbox.subjects == ["runs in staging are late (Root Cause Analysis)"]


def routed(office: Office, moment: dt.datetime) -> None:
    """Duo Chat's run of a moment was routed."""
    routes.save(office.store, routes.Routed(CHAT, f"run of {moment}", moment, [], [], False, None, "because"))


def test_a_planned_run_that_never_began_is_late_if_the_feature_is_alive(needed: Office) -> None:
    now = dt.datetime(2026, 8, 20, 23, tzinfo=dt.UTC)
    due = now.replace(hour=6)
    told = needed.telling._replace(now=now)
    telling.look(told)
    assert needed.inbox.got == []  # nothing of it was ever routed: it is paused, or not in use yet
    routed(needed, due - dt.timedelta(days=1))
    telling.look(told)
    ((_, text),) = needed.inbox.got
    assert "What: the run of Duo Chat of 2026-08-20 06:00 UTC has not begun." in text.body
    assert schedule.next_run(needed.catalogue.features[CHAT], due) == due


def test_a_planned_run_that_failed_before_it_was_routed_is_told_as_that_and_not_as_late(needed: Office) -> None:
    now = dt.datetime(2026, 8, 20, 23, tzinfo=dt.UTC)
    routed(needed, now.replace(hour=6) - dt.timedelta(days=1))
    needed.fails(CHAT, "a-run", said("plan", environment=""))
    telling.look(needed.telling._replace(now=now))
    assert needed.inbox.subjects == ["the run of Duo Chat failed"]


def test_a_planned_run_that_was_sent_nowhere_is_not_late(needed: Office) -> None:
    now = dt.datetime(2026, 8, 20, 23, tzinfo=dt.UTC)
    for days in (0, 1):
        routed(needed, now.replace(hour=6) - dt.timedelta(days=days))
    telling.look(needed.telling._replace(now=now))
    assert needed.inbox.got == []

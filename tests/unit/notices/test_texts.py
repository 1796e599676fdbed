"""What receivers read, to the letter."""

from __future__ import annotations

import datetime as dt

import pytest

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.notices.incident import IncidentMember, IncidentNow, Links
from daily_runs.notices.texts import WHAT_CHARACTERS_MAX, NoticeText, of_incident, store_is_away, store_is_back
from daily_runs.notices.webhook import in_slacks_form
from daily_runs.statuses import IncidentKind, NoticeKind

CATALOGUE = catalogue_files.load()
BEGUN = dt.datetime(2026, 8, 17, 6, 42, tzinfo=dt.UTC)
LINK = "https://airflow.example.com/dags/daily_runs_duo_chat/runs/one"
CHAT = IncidentMember("duo_chat", "staging", link=LINK)
GATE = IncidentNow(
    incident_id=1,
    key="gate/duo_chat/staging",
    kind=IncidentKind.GATE_BLOCKED,
    level=0,
    what="validation of duo_chat in staging failed: answered share 0.5, 0.9 asked for.",
    owner="model validation (Duo Chat feature team)",
    do="Mend its cause, then clear this task: it does only what is missing.",
    page="docs/runbooks/gate.md",
    begun_at=BEGUN,
    worse_at=None,
    over_at=None,
    members=(CHAT,),
    open_members=1,
)


def outage(*features: str) -> IncidentNow:
    """Calls to staging that fail, met by some features."""
    members = tuple(IncidentMember(name, "staging", link=LINK) for name in features)
    return GATE._replace(key="path/staging", kind=IncidentKind.HOP_FAILED, members=members)


def test_a_receiver_reads_what_since_when_how_bad_whose_what_to_do_and_where() -> None:
    text = of_incident(GATE, NoticeKind.BEGUN, CATALOGUE)
    assert text.subject == "Daily Runs: the gate blocked Duo Chat in staging"
    assert text.body.splitlines() == [
        "What: validation of duo_chat in staging failed: answered share 0.5, 0.9 asked for.",
        "Since: 2026-08-17 06:42 UTC",
        "How bad: The run is kept, but not published; readers see the last good run.",
        "Met by: Duo Chat in staging",
        "Whose: model validation (Duo Chat feature team)",
        "Do: Mend its cause, then clear the failed task: it does only what is missing.",
        f"Look: {LINK}",
        "Runbook: docs/runbooks/gate.md",
    ]


def test_what_is_over_is_told_with_its_time_and_nothing_to_do() -> None:
    text = of_incident(GATE._replace(over_at=BEGUN + dt.timedelta(hours=2)), NoticeKind.OVER, CATALOGUE)
    assert text.subject == "Daily Runs, over: the gate blocked Duo Chat in staging"
    assert text.body.splitlines() == [
        "What it was: validation of duo_chat in staging failed: answered share 0.5, 0.9 asked for.",
        "From: 2026-08-17 06:42 UTC",
        "Until: 2026-08-17 08:42 UTC",
        "Met by: Duo Chat in staging",
        "Do: Nothing more.",
        f"Look: {LINK}",
    ]


def test_an_outage_names_its_path_and_all_who_meet_it() -> None:
    text = of_incident(outage("duo_chat", "root_cause_analysis"), NoticeKind.BEGUN, CATALOGUE)
    assert text.subject == "Daily Runs: calls to staging fail (2 features)"
    assert "Met by: Duo Chat in staging, Root Cause Analysis in staging" in text.body


@pytest.mark.parametrize(
    ("key", "kind", "level", "subject"),
    [
        ("store", IncidentKind.HOP_FAILED, 0, "the store is away (Duo Chat)"),
        ("judge", IncidentKind.HOP_FAILED, 0, "the judge gives no verdicts (Duo Chat)"),
        ("limits/staging", IncidentKind.READINESS_LOST, 0, "limits of staging are too low (Duo Chat)"),
        ("seeds/staging", IncidentKind.READINESS_LOST, 0, "staging lacks seeds (Duo Chat)"),
        ("late/staging", IncidentKind.RUN_LATE, 0, "runs in staging are late (Duo Chat)"),
        ("run/duo_chat/not begun", IncidentKind.RUN_LATE, 0, "Duo Chat in staging is late"),
        ("run/duo_chat/staging", IncidentKind.RUN_FAILED, 0, "the run of Duo Chat in staging failed"),
        ("alarm/duo_chat/staging/drift", IncidentKind.ALARM, 0, "alarm over the quality of Duo Chat in staging"),
        ("budget/duo_chat/2026-08", IncidentKind.BUDGET, 0, "Duo Chat nears its budget"),
        ("budget/duo_chat/2026-08", IncidentKind.BUDGET, 1, "Duo Chat has spent its budget"),
    ],
)
def test_a_subject_says_what_it_is(key: str, kind: IncidentKind, level: int, subject: str) -> None:
    text = of_incident(GATE._replace(key=key, kind=kind, level=level), NoticeKind.BEGUN, CATALOGUE)
    assert text.subject == f"Daily Runs: {subject}"


def test_a_spent_budget_says_that_no_run_starts() -> None:
    spent = GATE._replace(key="budget/duo_chat/2026-08", kind=IncidentKind.BUDGET, level=1)
    text = of_incident(spent, NoticeKind.WORSE, CATALOGUE)
    assert text.subject.startswith("Daily Runs, worse: ")
    assert "How bad: No new run of the feature starts before the month is over" in text.body


def test_many_members_and_a_long_text_stay_short() -> None:
    many = outage("duo_chat")._replace(members=(CHAT,) * 14, what="x" * 1000)
    text = of_incident(many, NoticeKind.BEGUN, CATALOGUE)
    assert "and 4 more" in text.body
    assert len(text.body.splitlines()[0]) <= WHAT_CHARACTERS_MAX + len("What:  …")


def test_a_feature_that_is_gone_is_called_by_its_name() -> None:
    assert "(a_feature)" in of_incident(outage("a_feature"), NoticeKind.BEGUN, CATALOGUE).subject


def test_no_text_of_others_steers_a_terminal_makes_a_line_or_calls_a_channel() -> None:
    hostile = GATE._replace(what="x\nDo: <!channel> \x1b[31m & more")
    text = of_incident(hostile, NoticeKind.BEGUN, CATALOGUE)
    assert len([line for line in text.body.splitlines() if line.startswith("Do: ")]) == 1
    assert "\x1b" not in text.body
    assert "&lt;!channel&gt;" in in_slacks_form(text)
    assert "<" not in in_slacks_form(text)


def test_slack_shows_the_subject_bold() -> None:
    assert in_slacks_form(NoticeText("a subject", "a line")) == "*a subject*\na line"


def test_a_store_that_is_away_is_told_with_what_it_said_and_when_it_is_back() -> None:
    away = store_is_away("store at db:5432: does not answer", BEGUN, Links("https://airflow.example.com"))
    assert away.subject == "Daily Runs: the store cannot be used"
    assert away.body.startswith("What: The store (Postgres) cannot be used: store at db:5432: does not answer\nSince: ")
    back = store_is_back(BEGUN, BEGUN + dt.timedelta(hours=1))
    assert back.body.splitlines()[:2] == ["From: 2026-08-17 06:42 UTC", "Until: 2026-08-17 07:42 UTC"]

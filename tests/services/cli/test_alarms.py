"""`daily-runs alarms`: what is open, and how somebody resolves it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from daily_runs.cli.main import app
from daily_runs.errors import ParameterError
from daily_runs.results import alarm_rows
from daily_runs.results.alarm_rows import AlarmStream
from daily_runs.results.alarms import RaisedAlarm
from daily_runs.statuses import AlarmKind
from daily_runs.store.database import Store

RUN = "duo_chat/staging/2026-08-17T06:00:00Z"


@pytest.fixture
def raised(store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with one open alarm, which the commands use."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    stream = AlarmStream("duo_chat", "staging", "0a1b2c")
    alarm = RaisedAlarm(AlarmKind.DRIFT, 0, 0.041, "4 runs lie 0.041 below the reference")
    with store.transaction() as connection:
        changed = {"gitlab_version": ("19.4.0", "19.4.1")}
        alarm_rows.save(connection, stream, [RUN], [alarm], worst_class="summaries", changed=changed)
    return store


def said(*words: str) -> str:
    outcome = CliRunner().invoke(app, ["alarms", *words], catch_exceptions=False, standalone_mode=False)
    return outcome.output


def test_an_open_alarm_is_shown_with_where_since_when_how_much_and_what_changed(raised: Store) -> None:
    text = " ".join(said().split())
    for words in ("duo_chat in staging", "drift", "2026-08-17T06:00:00Z", "0.041", "summaries", "19.4.0 → 19.4.1"):
        assert words in text
    (row,) = json.loads(said("--json"))
    assert (row["size"], row["state"]) == (0.041, "open")


def test_who_resolves_it_is_kept_and_it_is_open_no_more(raised: Store) -> None:
    number = raised.row("SELECT alarm_id FROM daily_runs.alarm")["alarm_id"]
    words = ("resolve", str(number), "--as", "accepted", "--by", "evaluation team", "--reason", "a cheaper model")
    assert "is resolved as accepted" in said(*words)
    assert "No alarm is open." in said()
    assert "accepted by" in " ".join(said("--all").split())
    (row,) = json.loads(said("--all", "--json"))
    assert [row[name] for name in ("state", "resolved_by", "resolution")] == [
        "accepted",
        "evaluation team",
        "a cheaper model",
    ]


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--as", "maybe", "--by", "me", "--reason", "x"), "'maybe' is no resolution"),
        (("--as", "real", "--by", " ", "--reason", "x"), "is empty"),
        (("--as", "real", "--by", "me", "--reason", ""), "is empty"),
    ],
)
def test_what_says_nothing_is_refused(raised: Store, words: tuple[str, ...], problem: str) -> None:
    number = raised.row("SELECT alarm_id FROM daily_runs.alarm")["alarm_id"]
    with pytest.raises(ParameterError, match=problem):
        said("resolve", str(number), *words)
    assert raised.row("SELECT state FROM daily_runs.alarm")["state"] == "open"

"""What a run of today came to, and the page that says it: a state for each, and why, and whose."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from tests.unit.pages.boards import CHAT, NOW, RUN_ID, attempt, route, runs, seen, whole_board
from tests.unit.pages.hostile import HOSTILE, must_be_harmless

from daily_runs.input_files import steering_in
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PageLinks
from daily_runs.pages.today_page import of_features, today_parts
from daily_runs.readiness.today import RunToday, TodayState

LINKS = PageLinks()
WAITING = {"waits_until": "2026-08-12 18:00:00 UTC", "next_look": "2026-08-12 12:10:00 UTC", "seeds": "3 of 16 there"}


def one(found: list[RunToday]) -> RunToday:
    (run,) = found
    return run


def page(found: list[RunToday], text: str = "why") -> str:
    return PageFrame(LINKS, "Today", "today").document(today_parts(whole_board(found, text), LINKS))


def test_a_run_that_was_sent_nowhere_asked_nothing_and_says_why() -> None:
    run = one(runs([], [route()], seen("success")))
    assert (run.state, run.why) == (TodayState.ASKED_NOTHING, "staging was not ready")


def test_a_green_run_without_an_attempt_or_a_route_asked_nothing() -> None:
    assert one(runs([], [], seen("success"))).state is TodayState.ASKED_NOTHING


def test_a_run_that_waits_says_for_what_and_until_when() -> None:
    run = one(runs([], [], seen("running", ("wait_for_staging", "deferred"), waiting_for=WAITING)))
    assert (run.state, run.goes_on) == (TodayState.WAITING, True)
    assert run.why == "seeds: 3 of 16 there; waits until 2026-08-12 18:00:00 UTC"


@pytest.mark.parametrize(
    ("outcome", "airflow", "state"),
    [
        ("running", "running", TodayState.RUNNING),
        ("running", "failed", TodayState.BROKEN_OFF),
        ("running", "success", TodayState.BROKEN_OFF),
        ("quarantined", "failed", TodayState.QUARANTINED),
        ("published", "success", TodayState.PUBLISHED),
        ("published", "failed", TodayState.FAILED),
        ("superseded", "success", TodayState.SUPERSEDED),
    ],
)
def test_a_run_stands_as_the_store_and_airflow_say_together(outcome: str, airflow: str, state: TodayState) -> None:
    assert one(runs([attempt(outcome=outcome)], [route("staging")], seen(airflow))).state is state


def test_a_run_that_failed_names_the_tasks_that_failed_themselves() -> None:
    run = one(runs([], [], seen("failed", ("plan", "failed"), ("route", "upstream_failed"))))
    assert (run.state, run.why) == (TodayState.FAILED, "failed: plan")


def test_of_two_arms_the_worse_one_counts() -> None:
    arms = [attempt(), attempt(attempt_id="2", environment="production", outcome="quarantined", reason="too few")]
    run = one(runs(arms, [route("staging", "production")], seen("failed")))
    assert (run.state, run.why) == (TodayState.QUARANTINED, "too few")


def test_yesterdays_run_is_of_today_only_while_it_goes_on() -> None:
    yesterday = NOW - dt.timedelta(days=1)
    ended = attempt(started_at=yesterday)
    assert runs([ended], []) == []
    assert one(runs([attempt(started_at=yesterday, outcome="running")], [])).state is TodayState.RUNNING


def test_a_run_that_went_on_with_an_attempt_of_another_run_has_it() -> None:
    row = attempt(dag_run_id="another")
    run = one(runs([row], [], seen("success", attempt_ids=[row["attempt_id"]])))
    assert (run.run_id, run.state) == (RUN_ID, TodayState.PUBLISHED)


def test_runs_of_the_command_line_are_told_one_by_one() -> None:
    found = runs([attempt(dag_run_id=None), attempt(dag_run_id=None, attempt_id="2")], [])
    assert [run.run_id for run in found] == ["", ""]


def test_a_script_gets_each_run_with_state_reason_and_figures() -> None:
    found = one(runs([attempt()], [route("staging")], seen("success"))).as_json()
    assert (found["dag_run_id"], found["state"], found["why"]) == (RUN_ID, "published", "")
    assert found["attempts"][0]["item_mean"] == 0.812


def test_the_page_has_a_line_a_feature_with_stages_verdict_interval_and_a_link_to_the_run() -> None:
    text = page(runs([attempt()], [route("staging")], seen("success")))
    assert text.count('<th scope="row"><a href="/daily-runs/feature/') == 5
    assert "regressed</span> 0.812 [0.790, 0.830] (sandbox)" in text
    assert "inference 06:02" in text
    assert f'href="{LINKS.run(f"daily_runs_{CHAT}", RUN_ID)}"' in text


def test_a_line_of_a_run_that_asked_nothing_is_grey_and_says_why() -> None:
    text = page(runs([], [route()], seen("success")))
    (line,) = [row for row in text.split("<tr") if f"/feature/{CHAT}" in row]
    assert line.startswith(' class="quiet"')
    assert "asked nothing" in line
    assert "staging was not ready" in line


def test_what_is_in_the_way_names_its_owner() -> None:
    text = page(runs([], [], seen("failed", ("plan", "failed"))))
    (line,) = [row for row in text.split("<tr") if f"/feature/{CHAT}" in row]
    assert "seeds: why; owner: why" in line
    assert "failed: failed: plan; owner: model validation" in line


def test_waiting_runs_stand_with_their_deadline_and_the_log() -> None:
    text = page(runs([], [], seen("running", ("wait_for_staging", "deferred"), waiting_for=WAITING)))
    assert "Runs that wait for staging" in text
    assert "2026-08-12 18:00:00 UTC" in text
    assert re.search(
        r'<a data-airflow href="/dags/daily_runs_duo_chat/runs/[^"]*/tasks/wait_for_staging">log</a>', text
    )


def test_store_environments_and_breakers_are_told() -> None:
    text = page([])
    assert "answered in 3 ms, takes rows, at revision 0023" in text
    assert "nobody has looked yet" in text
    assert "open until 12:00" in text
    health = whole_board([]).health
    assert health is not None
    broken = whole_board([])._replace(health=health._replace(is_writable=False))
    assert "CANNOT BE WRITTEN TO" in "".join(today_parts(broken, LINKS))


def test_who_may_read_one_feature_only_gets_a_page_of_that() -> None:
    board = of_features(whole_board([]), {CHAT})
    assert [line.feature.feature for line in board.lines] == [CHAT]
    assert "no feature whose runs you may read" in "".join(today_parts(of_features(board, set()), LINKS))


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_text_wherever_they_come_from(text: str) -> None:
    waiting = {**WAITING, "seeds": text, "waits_until": text, "next_look": text}
    found = runs([], [], seen("running", ("wait_for_staging", "deferred"), waiting_for=waiting))
    found += runs(
        [attempt(outcome="quarantined", reason=text, environment=text)], [route("x", reason=text)], seen("failed")
    )
    found += runs([], [route(reason=text)], seen("success"))
    read = must_be_harmless(page(found, text))
    assert steering_in(read.text.replace("\n", "")) is None

"""The page *Run* over rows of the store: what it says of a run, published or not, and to whom it says more."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from tests.published_runs import ITEMS, Day, publish
from tests.unit.pages.hostile import HOSTILE, ReadPage, must_be_harmless

from daily_runs.input_files import printable, steering_in
from daily_runs.pages.frame import PageFrame
from daily_runs.pages.links import PageLinks
from daily_runs.pages.run_items import WITHHELD
from daily_runs.pages.run_page import RunFound, RunShown, run_parts, run_title
from daily_runs.readiness.today import DagRunSeen, RunToday, TaskSeen
from daily_runs.results.dag_run import dag_run_rows, every_item_rows
from daily_runs.results.run_report import questions, report_rows, ruler_rows
from daily_runs.results.run_report.markup import TEXT_CHARACTERS_MAX
from daily_runs.store.database import Store

LINKS, CHAT, RUN_ID = PageLinks(), "duo_chat", "manual__2026-08-02"
NOW = dt.datetime(2026, 8, 2, 12, tzinfo=dt.UTC)


def shown(store: Store, attempt_id: str, *, with_texts: bool = True) -> RunShown:
    """The attempt, as the route reads it."""
    report = report_rows.read(store, attempt_id, questions.none_known, ruler_rows.none_known, with_items=False)
    items = every_item_rows.read(store, report, {}, with_texts=with_texts)
    limits, pace = dag_run_rows.limits(store, attempt_id), dag_run_rows.pace(store, attempt_id)
    return RunShown(report, items, limits, pace, with_texts)


def found_of(store: Store, *, with_texts: bool = True, seen: DagRunSeen | None = None) -> RunFound:
    """The newest attempt, as if the DAG run had opened it."""
    store.rows(
        "UPDATE daily_runs.attempt SET airflow_run_id = %(run)s WHERE started_at ="
        " (SELECT max(started_at) FROM daily_runs.attempt)",
        {"run": RUN_ID},
    )
    attempts = dag_run_rows.attempts(store, CHAT, RUN_ID)
    run = RunToday(RUN_ID, attempts, None, seen)
    return RunFound(CHAT, run, shown(store, str(attempts[-1]["attempt_id"]), with_texts=with_texts), NOW)


def page_of(found: RunFound) -> str:
    return PageFrame(LINKS, run_title(found)).document(run_parts(found, LINKS))


def of_airflow(*tasks: tuple[str, int, str], state: str = "success") -> DagRunSeen:
    """The DAG run as Airflow has it; each task lasted a minute."""
    began = NOW - dt.timedelta(hours=1)
    ended = began + dt.timedelta(minutes=1)
    return DagRunSeen(CHAT, RUN_ID, state, began, ended, [TaskSeen(*task, began, ended, 1) for task in tasks])


def test_the_verdict_comes_first_and_every_item_is_there_with_what_the_form_filters_by(store: Store) -> None:
    publish(store, Day(0))
    publish(store, Day(1, fell={"class-3": 0.3}, failed=3))
    text = page_of(found_of(store))
    read = must_be_harmless(text)
    assert text.index('class="verdict"') < text.index("<h2>")
    assert text.count("<div data-part") == len(ITEMS)
    parts = re.findall(
        r'<div data-part data-class="(class-\d)" data-status="(\w+)" data-score="[\d.]+" data-change=', text
    )
    assert len(parts) >= len(ITEMS) - 3
    assert 'data-filter="items"' in text
    assert "Good." in read.text
    assert "reference run" in read.text
    assert "class-3" in read.text


def test_the_counts_add_up(store: Store) -> None:
    publish(store, Day(0, failed=3))
    read = ReadPage(page_of(found_of(store)))
    assert "160 prompts asked" in read.text
    assert "157 answered + 3 failed + 0 without an answer yet" in read.text
    assert "157 scored + 0 unscored + 0 not judged yet" in read.text
    assert "timeout" in read.text


def test_who_may_not_see_answers_gets_scores_and_the_sentence_who_does(store: Store) -> None:
    publish(store, Day(0))
    store.rows("UPDATE daily_runs.answer SET answer = 'a secret answer'")
    store.rows("UPDATE daily_runs.verdict SET reasons = 'a secret reason'")
    open_to_all, withheld = page_of(found_of(store)), page_of(found_of(store, with_texts=False))
    assert "a secret answer" in open_to_all
    assert "a secret reason" in open_to_all
    assert "secret" not in withheld
    assert WITHHELD in ReadPage(withheld).text
    assert ITEMS[0] in withheld


@pytest.mark.parametrize("first", range(0, len(HOSTILE), len(ITEMS)))
def test_hostile_answers_reasons_and_failures_are_text(store: Store, first: int) -> None:
    publish(store, Day(0, asks=1, failed=1))
    texts = [text.replace("\x00", "") for text in HOSTILE[first : first + len(ITEMS)]]  # Postgres keeps no NUL
    rows = json.dumps([{"item": item, "text": text} for item, text in zip(ITEMS, texts, strict=False)])
    given = "FROM jsonb_to_recordset(%(rows)s::jsonb) AS g (item text, text text)"
    store.rows(
        f"UPDATE daily_runs.answer SET answer = g.text {given} WHERE item_id = item AND status = 'answered'",
        {"rows": rows},
    )
    store.rows(
        f"UPDATE daily_runs.verdict SET reasons = g.text {given} WHERE verdict_key LIKE '%%' || item || '#%%'",
        {"rows": rows},
    )
    store.rows("UPDATE daily_runs.answer SET error_kind = %(text)s WHERE status = 'failed'", {"text": HOSTILE[0]})
    store.rows("UPDATE daily_runs.published_run SET verdict_reason = %(text)s", {"text": HOSTILE[0]})
    read = must_be_harmless(page_of(found_of(store)))
    assert steering_in(read.text.replace("\n", "").replace("\t", "")) is None
    told = [printable(text, lines=True)[:TEXT_CHARACTERS_MAX] for text in texts[1:]]  # the first item's prompt failed
    assert [text for text in told if text not in read.text] == []


def test_stages_have_times_counts_and_logs_of_the_arm_that_is_shown(store: Store) -> None:
    publish(store, Day(0))
    tasks = [("plan", -1, "success"), ("staging.inference", 0, "failed"), ("staging.inference", 1, "success")]
    seen = of_airflow(*tasks, ("production.inference", 0, "skipped"), state="failed")
    text = page_of(found_of(store, seen=seen))
    assert "Airflow says that this run failed. failed: staging.inference" in text
    assert "failed (1 of 2)" in text
    assert (
        'href="/dags/daily_runs_duo_chat/runs/manual__2026-08-02/tasks/staging.inference/mapped/0">shard 0</a>' in text
    )
    assert "production" not in text[text.index("<h2>Stages</h2>") : text.index("<h2>Counts</h2>")]
    must_be_harmless(text)


def test_ways_lead_to_rerun_series_comparison_and_export(store: Store) -> None:
    key = str(publish(store, Day(0)).key)
    found = found_of(store)
    text = page_of(found)
    for address in (LINKS.rerun("daily_runs_duo_chat", RUN_ID), LINKS.feature(CHAT), LINKS.compare(first=key)):
        assert f'href="{address}"' in text
    assert text.count("/export/") == 2


def test_an_attempt_that_is_not_published_is_shown_with_what_it_left(store: Store) -> None:
    publish(store, Day(0))
    store.rows("DELETE FROM daily_runs.published_run")
    store.rows("UPDATE daily_runs.attempt SET status = 'quarantined'")
    text = page_of(found_of(store))
    assert "This attempt is not published" in text
    assert text.count("<div data-part") == len(ITEMS)
    assert "/export/" not in text


def test_a_run_without_an_attempt_says_why_and_shows_its_tasks() -> None:
    route = {"chosen": [], "reason": "staging was not ready", "decided_at": NOW}
    run = RunToday(RUN_ID, [], route, of_airflow(("plan", -1, "success"), ("route", -1, "success")))
    text = page_of(RunFound(CHAT, run, None, NOW))
    assert "asked nothing: staging was not ready" in text
    assert text.count('<th scope="row">') == 2
    must_be_harmless(text)


def test_two_arms_are_named_and_one_is_shown(store: Store) -> None:
    publish(store, Day(0, environment="production"))
    store.rows("UPDATE daily_runs.attempt SET airflow_run_id = %(run)s", {"run": RUN_ID})
    publish(store, Day(0))
    found = found_of(store)
    text = page_of(found)
    assert [row["environment"] for row in found.run.attempts] == ["production", "staging"]
    assert "staging, published</b>, shown below" in text
    assert re.search(r'\?attempt=[0-9a-f-]+">production, published</a>', text)

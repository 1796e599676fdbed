"""The page of a feature: its series with what changed, alarms, weakest classes and cost, as one model and as markup."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.published_runs import FIRST, Day, publish
from tests.services.results.test_run_report import HOSTILE, hostile_texts, read_page

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.errors import ParameterError
from daily_runs.input_files import steering_in
from daily_runs.pages import feature_page
from daily_runs.pages.links import PageLinks
from daily_runs.results.feature_report import feature_rows, page
from daily_runs.store.database import Store

FEATURE = catalogue_files.load().features["duo_chat"]
FELL = {"class-3": 0.3}


def read(store: Store, environment: str | None = None, days: int = 90) -> dict[str, Any]:
    return feature_rows.read(store, FEATURE, environment, days)


def test_the_series_has_every_run_of_its_days_with_its_interval_and_says_how_many_came_before(store: Store) -> None:
    runs = [publish(store, Day(number)) for number in (0, 1, 40)]
    found = read(store, days=30)
    assert [run["run_key"] for run in found["series"]["runs"]] == [str(runs[2].key)]
    assert found["series"]["left_out"] == 2
    found = read(store)
    assert [run["run_key"] for run in found["series"]["runs"]] == [str(run.key) for run in runs]
    for shown in found["series"]["runs"]:
        (figure,) = shown["figures"]
        row = store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": shown["run_key"]})
        assert (figure["mean"], figure["low"], figure["high"]) == (
            row["item_mean"],
            row["item_mean_low"],
            row["item_mean_high"],
        )


def test_what_changed_is_marked_but_for_what_changes_with_every_run(store: Store) -> None:
    publish(
        store, Day(0), context={"phase": "shadow", "gitlab_version": "18.1", "gitlab_revision": "a", "catalogue": "c"}
    )
    publish(
        store, Day(1), context={"phase": "staging", "gitlab_version": "18.2", "gitlab_revision": "b", "catalogue": "d"}
    )
    publish(store, Day(2, rubric="another"), context={"phase": "staging", "gitlab_version": "18.2"})
    changed = [{one["what"] for one in run["changed"]} for run in read(store)["series"]["runs"]]
    assert changed == [set(), {"phase", "GitLab"}, {"rubric"}]
    text = "".join(page.parts(read(store)))
    assert "GitLab 18.1 → 18.2" in text
    assert "phase shadow → staging" in text


def test_the_environment_with_the_newest_run_is_shown_unless_another_is_chosen(store: Store) -> None:
    publish(store, Day(0, environment="production"))
    publish(store, Day(1))
    found = read(store)
    assert [row["environment"] for row in found["environments"]] == ["staging", "production"]
    assert found["environment"] == "staging"
    other = read(store, "production")
    assert other["run"]["environment"] == "production"
    text = "".join(feature_page.parts(other, PageLinks("/airflow"), None))
    assert 'href="/airflow/daily-runs/feature/duo_chat?environment=staging&amp;days=90"' in text
    assert '<b aria-current="true">production</b>' in text


def test_the_weakest_classes_come_first_with_their_difference_from_the_reference(store: Store) -> None:
    publish(store, Day(0))
    publish(store, Day(1, fell=FELL))
    parts = read(store)["parts"]
    assert parts[0]["name"] == "class-3"
    assert parts[-1]["kind"] == "criterion"
    assert parts[0]["estimate"] < -0.2
    assert parts[0]["verdict"] == "regressed"
    text = "".join(page.parts(read(store)))
    assert text.index("class-3") < text.index("class-0")


def test_an_alarm_stays_until_its_days_are_over_and_an_open_one_stays(store: Store) -> None:
    for number in (0, 100):
        publish(store, Day(number))
    insert = (
        "INSERT INTO daily_runs.alarm (feature, environment, comparability_key, kind, since_run_key, last_run_key,"
        " size, reason, changed, state, raised_at, resolved_at, resolved_by, resolution)"
        " SELECT feature, environment, 'key', %(kind)s, run_key, run_key, 0.1, 'it fell', '{}', %(state)s, %(at)s,"
        " %(ended)s, %(by)s, %(why)s FROM daily_runs.published_run ORDER BY logical_date LIMIT 1"
    )
    ended = {"ended": FIRST + dt.timedelta(days=2), "by": "Ada", "why": "a true loss"}
    store.rows(insert, {"kind": "drift", "state": "real", "at": FIRST, **ended})
    store.rows(insert, {"kind": "page", "state": "open", "at": FIRST, "ended": None, "by": None, "why": None})
    assert [alarm["kind"] for alarm in read(store, days=365)["series"]["alarms"]] == ["drift", "page"]
    assert [alarm["kind"] for alarm in read(store, days=30)["series"]["alarms"]] == ["page"]
    assert "real by Ada: a true loss" in "".join(page.parts(read(store, days=365)))


def test_the_cost_is_the_sum_of_what_its_runs_cost(store: Store) -> None:
    publish(store, Day(0))
    publish(store, Day(1))
    cost = read(store)["cost"]
    assert cost["runs"] == 2
    assert (
        sum(row["calls"] for row in cost["rows"])
        == store.row("SELECT sum(calls)::int AS calls FROM contract.costs_v1 WHERE feature = 'duo_chat'")["calls"]
    )


def test_a_feature_without_a_published_run_says_so(store: Store) -> None:
    found = read(store)
    assert (found["run"], found["environments"]) == (None, [])
    assert page.NO_RUN in "".join(feature_page.parts(found, PageLinks(), None))


@pytest.mark.parametrize(("environment", "days"), [("nowhere", 90), (None, 7)])
def test_what_cannot_be_chosen_is_refused_with_what_can(store: Store, environment: str | None, days: int) -> None:
    publish(store, Day(0))
    with pytest.raises(ParameterError, match=r"Known: (staging|30, 90, 365)\."):
        read(store, environment, days)


def test_nothing_that_somebody_wrote_becomes_markup(store: Store) -> None:
    publish(store, Day(0))
    publish(store, Day(1, failed=2))
    plain = read_page("".join(feature_page.parts(read(store), PageLinks(), None)))
    hostile_texts(store, HOSTILE)
    text = "".join(feature_page.parts(read(store), PageLinks(), None))
    found = read_page(text)
    assert text.count("&lt;script") >= 3
    assert found.tags - plain.tags <= {"h3", "ol", "li", "polygon"}  # what changed, and alarms
    assert found.acts == plain.acts
    assert steering_in(text) is None

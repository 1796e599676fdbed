"""What every page has, whatever it shows: landmarks, one heading, its own two files, addresses that hold any name."""

from __future__ import annotations

import re

import pytest
from tests.unit.pages.hostile import HOSTILE, must_be_harmless

from daily_runs.errors import AccessError, CatalogueError, DailyRunsError, ParameterError, StoreAwayError
from daily_runs.input_files import printable, steering_in
from daily_runs.pages import notices
from daily_runs.pages.frame import STATIC_TYPES, PageFrame, airflow_link, link, static_file
from daily_runs.pages.links import PageLinks, dag_of, feature_of
from daily_runs.readiness.today import STAGE_ORDER
from daily_runs.results.run_report.markup import CELL_CHARACTERS_MAX
from daily_runs.stages import pipeline

LINKS = PageLinks()


def test_a_page_has_landmarks_one_heading_a_language_and_a_way_past_the_navigation() -> None:
    page = PageFrame(LINKS, "Today", "today").document(["<p>so</p>"])
    assert '<html lang="en">' in page
    for mark in ("<header>", "<main ", "<nav "):
        assert page.count(mark) == 1
    assert page.count("<h1>") == 1
    assert '<a class="skip" href="#content">' in page
    assert '<main id="content"' in page


def test_the_navigation_says_which_page_this_is() -> None:
    page = PageFrame(LINKS, "Quota", "quota").document([])
    assert re.findall(r'<a href="([^"]*)" aria-current="page">', page) == ["/daily-runs/quota"]
    assert "aria-current" not in PageFrame(LINKS, "A run").document([])


def test_a_page_has_no_script_or_style_of_its_own_in_it() -> None:
    page = PageFrame(LINKS, "Today").document([])
    must_be_harmless(page)
    assert re.findall(r"<script[^>]*>([^<]*)</script>", page) == [""]
    assert "<style" not in page


@pytest.mark.parametrize("airflow", ["", "/airflow"])
def test_every_address_begins_with_the_path_below_which_airflow_is_served(airflow: str) -> None:
    links = PageLinks(airflow)
    page = PageFrame(links, "x").document(
        [link(links.run("d", "r"), "run"), airflow_link(links.airflow_run("d", "r"), "a")]
    )
    must_be_harmless(page, airflow=airflow)


def test_the_address_of_its_files_changes_with_their_content() -> None:
    page = PageFrame(LINKS, "x").document([])
    assert re.findall(r"/static/(pages\.\w+)\?v=([0-9a-f]{12})", page)
    assert len(set(re.findall(r"\?v=([0-9a-f]{12})", page))) == len(STATIC_TYPES)


def test_the_files_load_nothing_from_anywhere() -> None:
    for name in STATIC_TYPES:
        text = static_file(name).decode()
        assert "http" not in text
        assert "@import" not in text
        assert "url(" not in text
    assert "eval" not in static_file("pages.js").decode()
    assert "innerHTML" not in static_file("pages.js").decode()


def test_both_themes_and_the_report_name_the_same_colours() -> None:
    style = static_file("pages.css").decode()
    used = set(re.findall(r"var\((--[\w-]+)\)", style))
    of_theme = [
        set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r"\{([^{}]*--ink:[^{}]*--link:[^{}]*)\}", style)
    ]
    assert len(of_theme) == 3  # dark by preference, dark by Airflow's switch, on paper
    assert all(used <= theme for theme in of_theme)


@pytest.mark.parametrize("run_id", ["manual__2026-08-15T06:00:00+00:00_x/y?z#ä", "a b&c", "..", "%2e%2e"])
def test_an_address_holds_any_name(run_id: str) -> None:
    address = LINKS.run("daily_runs_duo_chat", run_id)
    assert re.fullmatch(r"/daily-runs/run/daily_runs_duo_chat/[\w.%~-]+", address)
    assert LINKS.task_log("d", run_id, "staging.inference", 0).endswith("/tasks/staging.inference/mapped/0")
    assert LINKS.task_log("d", "r", "plan") == "/dags/d/runs/r/tasks/plan"


def test_a_dag_is_named_after_its_feature_and_back() -> None:
    assert feature_of(dag_of("duo_chat")) == "duo_chat"
    with pytest.raises(ParameterError, match="'other' runs no feature"):
        feature_of("other")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_title_or_link_is_text(text: str) -> None:
    page = PageFrame(LINKS, text).document(
        [link(LINKS.run(text, text), text), airflow_link(LINKS.airflow_dag(text), text)]
    )
    found = must_be_harmless(page)
    assert steering_in(found.text.replace("\n", "")) is None
    assert printable(text[:CELL_CHARACTERS_MAX]) in found.text


@pytest.mark.parametrize("text", HOSTILE)
def test_an_error_with_a_hostile_text_is_told_as_text(text: str) -> None:
    found = must_be_harmless(notices.problem(LINKS, ParameterError(text, text, text)))
    assert steering_in(found.text.replace("\n", "")) is None


def test_who_is_not_logged_in_is_told_so_with_a_link_that_comes_back() -> None:
    page = notices.login_page(LINKS, "/daily-runs/run/d/r?attempt=1&task=a")
    assert "You are not logged in" in page
    (address,) = re.findall(r'data-outside href="([^"]*)"', page)
    assert address == "/api/v2/auth/login?next=%2Fdaily-runs%2Frun%2Fd%2Fr%3Fattempt%3D1%26task%3Da"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ParameterError("run", "is not there", "Look."), 404),
        (AccessError("store", "is away", "Start it."), 503),
        (StoreAwayError("store: away"), 503),
        (CatalogueError("x.yaml:1", "is wrong", "Mend it."), 500),
    ],
)
def test_an_error_of_ours_has_a_status_that_says_whose_it_is(error: DailyRunsError, status: int) -> None:
    assert notices.status_of(error) == status
    assert "Mend it." not in str(error) or "Mend it." in notices.problem(LINKS, error)


def test_the_stages_are_shown_in_the_order_in_which_an_arm_has_them() -> None:
    assert tuple(pipeline.STAGES) == STAGE_ORDER

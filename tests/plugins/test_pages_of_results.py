"""The pages *Feature*, *Quota* and *Compare*: who sees what of them, and that they say what the commands say."""

from __future__ import annotations

import json

import pytest
from tests.plugins.page_server import PageReader
from tests.published_runs import Day, Published, publish
from tests.services.results.test_run_report import HOSTILE, hostile_texts, read_page
from typer.testing import CliRunner

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.main import app
from daily_runs.quota.ledger import Ledger
from daily_runs.quota.tariff import ExpectedTokens, Tariff
from daily_runs.store.database import Store

FEATURE, QUOTA, COMPARE = "/daily-runs/feature/duo_chat", "/daily-runs/quota", "/daily-runs/compare"


@pytest.fixture
def both(store: Store) -> tuple[Published, Published]:
    """Two published runs, the second one worse in a class."""
    return publish(store, Day(0)), publish(store, Day(1, fell={"class-3": 0.3}))


def compared(both: tuple[Published, Published]) -> dict[str, str]:
    return {"first": str(both[0].key), "second": str(both[1].key)}


@pytest.mark.parametrize("path", [FEATURE, QUOTA])
@pytest.mark.parametrize(("user", "status"), [("", 401), ("viewer", 200), ("op", 200)])
def test_figures_are_seen_by_who_may_read_runs(
    reader: PageReader, both: tuple[Published, Published], path: str, user: str, status: int
) -> None:
    assert reader.get(path, user).status_code == status


@pytest.mark.parametrize(("user", "status"), [("", 401), ("viewer", 200), ("op", 200)])
def test_a_comparison_is_seen_by_who_may_read_the_runs_of_its_feature(
    reader: PageReader, both: tuple[Published, Published], user: str, status: int
) -> None:
    page = reader.get(COMPARE, user, **compared(both))
    assert page.status_code == status
    assert ("class-3" in page.text) is (status == 200)


def test_answers_in_a_comparison_are_seen_by_who_may_trigger_only(
    reader: PageReader, both: tuple[Published, Published]
) -> None:
    for user, is_shown in (("viewer", False), ("op", True)):
        text = reader.get(COMPARE, user, **compared(both)).text
        assert ("Judge&#x27;s reasons" in text or "Judge's reasons" in text) is is_shown
        assert ("<pre" in text) is is_shown
        assert "Most changed items" in text


def test_a_comparison_says_what_the_command_says(reader: PageReader, both: tuple[Published, Published]) -> None:
    words = compared(both)
    said = CliRunner().invoke(app, ["compare", words["first"], words["second"], "--json"]).stdout
    assert json.loads(said)["headline"] in reader.get(COMPARE, "viewer", **words).text.replace("&#x27;", "'")


def test_a_comparison_of_what_is_not_there_says_so_above_the_form(reader: PageReader, store: Store) -> None:
    page = reader.get(COMPARE, "op", first="a/b/2026-01-01T00:00:00Z", second="no-run")
    assert page.status_code == 200
    assert 'role="alert"' in page.text
    assert 'value="no-run"' in page.text


def test_without_names_there_is_the_form_alone(reader: PageReader, store: Store) -> None:
    text = reader.get(COMPARE, "viewer").text
    assert ("<form" in text, 'role="alert"' in text, "<table" in text) == (True, False, False)


def test_a_feature_that_is_none_is_not_found(reader: PageReader, store: Store) -> None:
    page = reader.get("/daily-runs/feature/no_feature", "op")
    assert (page.status_code, "is not in the catalogue" in page.text) == (404, True)


def test_the_picture_of_a_feature_is_in_the_page_and_told_in_words(
    reader: PageReader, both: tuple[Published, Published]
) -> None:
    text = reader.get(FEATURE, "viewer").text
    assert "<svg" in text
    assert 'role="img"' in text
    assert "Means of 2 runs" in text


def test_an_empty_ledger_is_said_to_be_empty(reader: PageReader, store: Store) -> None:
    assert "The ledger is empty" in reader.get(QUOTA, "viewer").text


def test_quota_shows_the_rows_of_the_command(reader: PageReader, store: Store) -> None:
    known = catalogue_files.load(overlay="sandbox").accounts["EVAL"]
    tariff = Tariff("EVAL", known, lane="duo_chat", share=0.3, priority=2)
    Ledger(store, 1.0).reserve("worker-1/42/cafe", tariff, [ExpectedTokens(600, 50)])
    text = reader.get(QUOTA, "viewer").text
    for word in ("worker-1/42/cafe", "account EVAL requests", "30.0%", "Circuit breakers"):
        assert word in text


@pytest.mark.parametrize("page", ["feature", "compare"])
def test_hostile_texts_stay_texts(
    reader: PageReader, store: Store, both: tuple[Published, Published], page: str
) -> None:
    hostile_texts(store, HOSTILE)
    path, query = (FEATURE, {}) if page == "feature" else (COMPARE, compared(both))
    answer = reader.get(path, "op", **query)
    found = read_page(answer.text)
    assert answer.text.count("&lt;script") >= 3
    assert found.tags & {"img", "iframe"} == set()
    assert answer.text.count("<script") == 1

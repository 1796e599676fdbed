"""`daily-runs report`: one model of a published run, shown as JSON, text and page."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.published_runs import CLASSES, Day, publish
from typer.testing import CliRunner

from daily_runs.cli.main import app
from daily_runs.errors import ParameterError
from daily_runs.results.merge_gate import documents
from daily_runs.results.merge_gate.decision import MergeDecision, MergeOutcome
from daily_runs.statuses import QualityVerdict
from daily_runs.store.database import Store

HOSTILE = '<script src="https://example.com/x.js">|</script> @all [a](https://example.com) `x`'


@pytest.fixture
def cli_store(store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the command uses."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    return store


def said(*words: str) -> str:
    return CliRunner().invoke(app, ["report", *words], catch_exceptions=False, standalone_mode=False).stdout


class Tags(HTMLParser):
    """Every tag of a page, and each attribute that could load something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.loads += [name for name, _ in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_the_report_has_the_verdict_the_figures_and_where_it_fell(cli_store: Store, tmp_path: Path) -> None:
    publish(cli_store, Day(0))
    run = publish(cli_store, Day(1, fell={"class-3": 0.3}, failed=6))
    found: dict[str, Any] = json.loads(said(str(run.key), "--json"))
    assert run.verdict.whole is not None
    assert (found["run"]["verdict"], found["run"]["verdict_reason"]) == ("regressed", run.verdict.reason)
    assert found["difference"]["estimate"] == pytest.approx(run.verdict.whole.estimate)
    parts = {part["name"]: part for part in found["parts"]}
    assert parts.keys() == {*CLASSES, "criterion faithfulness"}
    assert parts["class-3"]["verdict"] == "regressed"
    assert min(CLASSES, key=lambda name: float(parts[name]["mean"])) == "class-3"
    assert found["failures"] == [{"hop": "gitlab", "kind": "timeout", "prompts": 6}]
    means = [item["mean"] for item in found["worst_items"]]
    assert (len(means), {item["item_class"] for item in found["worst_items"]}) == (10, {"class-3"})
    assert means == sorted(means)
    assert found["rerun"].endswith("duo_chat --environment staging --date 2026-08-02 --rerun missing_answers")
    file = tmp_path / "run.html"
    text = said(str(run.key), "--html", str(file))
    assert "regressed: " in text
    page = file.read_text(encoding="utf-8")
    assert all(name in page for name in (*CLASSES, "timeout", "regressed: "))


def test_a_page_loads_nothing_and_runs_nothing_that_a_run_says(cli_store: Store, tmp_path: Path) -> None:
    run, file = publish(cli_store, Day(0, failed=1)), tmp_path / "run.html"
    cli_store.rows("UPDATE daily_runs.published_item SET item_class = %(text)s", {"text": HOSTILE})
    cli_store.rows("UPDATE daily_runs.published_failure SET error_kind = %(text)s", {"text": HOSTILE})
    said(str(run.key), "--html", str(file))
    page, found = file.read_text(encoding="utf-8"), Tags()
    found.feed(page)
    assert page.count("&lt;script") >= 3
    assert ("script" in found.tags, found.loads) == (False, [])


def test_two_providers_have_no_figure_over_both(cli_store: Store) -> None:
    run = publish(cli_store, Day(0, provider=lambda number: "anthropic" if number < 100 else "vertex"))
    found = json.loads(said(str(run.key), "--json"))
    assert (found["run"]["item_mean"], found["parts"]) == (None, [])


def test_a_run_that_is_not_published_is_refused(cli_store: Store) -> None:
    with pytest.raises(ParameterError, match="'nothing' is no published run"):
        said("nothing")


def test_no_text_of_a_run_is_a_mark_a_mention_or_a_link_in_the_comment() -> None:
    verdict = QualityVerdict.INCOMPARABLE
    decision = MergeDecision(MergeOutcome.UNDECIDED, ["a"], "b", verdict, verdict, HOSTILE, ["judge"], [], [], None, {})
    text = documents.markdown(decision)
    assert not any(mark in text for mark in ("<script", "@all", "://", " |", " [a]", " `x`"))
    assert r"\[a\](https&#58;//example.com)" in text

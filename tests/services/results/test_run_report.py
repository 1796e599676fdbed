"""`daily-runs report`: one model of a run, published or not, shown as JSON, text and page."""

from __future__ import annotations

import html
import io
import json
import statistics
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from tests.conftest import Kit
from tests.published_runs import CLASS_OF, CLASSES, ITEMS, Day, Published, publish
from tests.services.results.test_contract_views import publish as publish_attempt
from tests.services.results.test_contract_views import rerun_of_the_fixed_run
from tests.services.store.test_v1_views import ATTEMPT, HERE
from typer.testing import CliRunner

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.main import app
from daily_runs.cli.results.tables import shown
from daily_runs.errors import CatalogueError, ParameterError
from daily_runs.input_files import steering_in
from daily_runs.records import catalogue_rows, gate
from daily_runs.results.merge_gate import documents
from daily_runs.results.merge_gate.decision import MergeDecision, MergeOutcome
from daily_runs.results.run_report import page, sections
from daily_runs.runs import catalogue_facts, trigger_form
from daily_runs.statuses import QualityVerdict, Rerun
from daily_runs.store.database import Store

HOSTILE = (
    '<script src="https://example.com/x.js">|</script><img src=x onerror=alert(1)> @all [a](https://example.com) `x`'
    "\x1b[31m\x9b2J\u202egnissim\u2066</pre></td>&lt;"
)
EVERYWHERE = dict.fromkeys(CLASSES, 0.08)
FALLEN = 14
"""The number of the first day after a whole reference."""


@pytest.fixture
def cli_store(store: Store, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the command uses."""
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    return store


@pytest.fixture
def fixed_run(cli_store: Store) -> str:
    """The live run of `v1_run.sql`, opened under today's catalogue, and published: two providers, some tokens known."""
    shipped = catalogue_files.load()
    with cli_store.transaction() as connection:
        connection.execute((HERE / "v1_run.sql").read_bytes())
        terms = catalogue_facts.terms_of(shipped, shipped.features["code_suggestions"], "production")
        catalogue_rows.save_terms(connection, ATTEMPT, terms)
    publish_attempt(cli_store, ATTEMPT)
    return ATTEMPT


def said(*words: str) -> str:
    return CliRunner().invoke(app, ["report", *words], catch_exceptions=False, standalone_mode=False).stdout


def model(name: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(str(name), "--json"))
    return found


def page_of(name: object, folder: Path) -> str:
    file = folder / "run.html"
    said(str(name), "--html", str(file))
    return file.read_text(encoding="utf-8")


def attempt_id(store: Store, key: object) -> str:
    row = store.row("SELECT attempt_id::text AS id FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(key)})
    return str(row["id"])


class Tags(HTMLParser):
    """Every tag of a page, each attribute that could load or do something, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.acts: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        loads = ("src", "href", "srcset", "data", "action", "xlink:href")
        self.acts += [name for name, _ in attrs if name in loads or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(text: str) -> Tags:
    found = Tags()
    found.feed(text)
    return found


def test_the_report_has_the_verdict_the_figures_and_where_it_fell(cli_store: Store, tmp_path: Path) -> None:
    publish(cli_store, Day(0))
    run = publish(cli_store, Day(1, fell={"class-3": 0.3}, failed=6))
    found = model(run.key)
    assert run.verdict.whole is not None
    assert (found["run"]["verdict"], found["headline"]) == ("regressed", run.verdict.reason)
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
    assert "regressed: " in said(str(run.key))
    text = page_of(run.key, tmp_path)
    assert all(name in text for name in (*CLASSES, "timeout", "regressed: "))


def test_the_figures_are_the_rows_of_the_contract(cli_store: Store) -> None:
    publish(cli_store, Day(0))
    key = str(publish(cli_store, Day(1, fell={"class-3": 0.3}, failed=6)).key)
    found, asked = model(key), {"key": key}
    row = cli_store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", asked)
    counts = ("asked", "answered", "failed", "scored", "unscored")
    figures = ("item_mean_low", "item_mean_high", "new_classes_low", "missing_at_worst", "missing_at_best", *counts)
    assert {name: found["run"][name] for name in figures} == {name: row[name] for name in figures}
    last = found["series"]["runs"][-1]
    assert last["figures"] == [
        {"provider": "anthropic", "mean": row["item_mean"], "low": row["item_mean_low"], "high": row["item_mean_high"]}
    ]
    parts = {part["name"]: part for part in found["parts"]}
    rows = cli_store.rows("SELECT * FROM contract.comparisons_v1 WHERE run_key = %(key)s AND part <> ''", asked)
    for one in rows:
        part = parts[one["part"]]
        names = ("estimate", "low", "high", "verdict")
        assert [part[name] for name in names] == [one[name] for name in names]
    of_classes = cli_store.rows("SELECT * FROM contract.quality_v1 WHERE run_key = %(key)s", asked)
    assert {one["item_class"]: one["mean"] for one in of_classes} == pytest.approx(
        {name: parts[name]["mean"] for name in CLASSES}, abs=1e-12
    )
    assert all(part["mean_low"] < part["mean"] < part["mean_high"] for part in parts.values())


def test_latency_is_that_of_the_answers(fixed_run: str, cli_store: Store) -> None:
    seconds = [row["latency_seconds"] for row in cli_store.rows("SELECT latency_seconds FROM contract.results_v1")]
    expected = dict(zip(("p50", "p95", "p99"), np.percentile(seconds, [50, 95, 99]), strict=True))
    assert model(fixed_run)["latency_seconds"] == pytest.approx(expected)


@pytest.mark.parametrize("rerun", [None, Rerun.GATE_AND_PUBLISH, Rerun.MISSING_ANSWERS])
def test_the_cost_is_that_of_the_contract_and_a_rerun_adds_what_it_paid_itself(
    fixed_run: str, cli_store: Store, rerun: Rerun | None
) -> None:
    if rerun:
        rerun_of_the_fixed_run(cli_store, rerun)
    found = model(fixed_run)["cost"]
    rows = cli_store.rows(
        "SELECT stage, model, basis, sum(calls)::int AS calls, sum(input_tokens) AS input_tokens,"
        " sum(output_tokens) AS output_tokens, sum(usd) AS usd FROM contract.costs_v1 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    assert {row["basis"] for row in rows} == {"measured", "estimate"}
    assert [{name: row[name] for name in rows[0]} for row in found["rows"]] == [pytest.approx(row) for row in rows]
    assert found["usd"] == pytest.approx(sum(row["usd"] for row in rows))


def test_an_unknown_price_is_no_sum(fixed_run: str, cli_store: Store) -> None:
    cli_store.rows("DELETE FROM daily_runs.attempt_terms")
    assert model(fixed_run)["cost"]["usd"] is None


def test_answers_without_a_verdict_are_told_by_kind(fixed_run: str) -> None:
    assert model(fixed_run)["unscored_kinds"] == [{"hop": "model_vendor", "kind": "unusable_verdict", "prompts": 1}]


def days(store: Store) -> list[Published]:
    """A whole reference with GitLab upgraded in it, then two days on which everything fell."""
    found = []
    for number in range(FALLEN + 2):
        context = {"gitlab_version": "19.4.0" if number < 10 else "19.4.1", "phase": "staging"}
        fell = EVERYWHERE if number >= FALLEN else {}
        found.append(publish(store, Day(number, fell=fell), context=context))
    return found


def test_the_series_has_the_reference_the_alarms_and_what_changed_when(cli_store: Store, tmp_path: Path) -> None:
    runs = days(cli_store)
    found = model(runs[-1].key)
    series = found["series"]
    rows = {row["run_key"]: row for row in cli_store.rows("SELECT * FROM contract.runs_v2")}
    assert [run["figures"][0]["mean"] for run in series["runs"]] == [rows[str(run.key)]["item_mean"] for run in runs]
    reference = [str(run.key) for run in runs[:FALLEN]]
    assert series["reference"]["runs"] == reference == list(runs[-1].verdict.reference)
    means = [rows[key]["item_mean"] for key in reference]
    assert series["reference"]["mean"] == pytest.approx(statistics.fmean(means))
    assert (series["reference"]["lowest"], series["reference"]["highest"]) == (min(means), max(means))
    changed = {run["run_key"]: run["changed"] for run in series["runs"] if run["changed"]}
    assert changed == {str(runs[10].key): [{"what": "GitLab", "then": "19.4.0", "now": "19.4.1"}]}
    alarms = cli_store.rows("SELECT alarm_id, kind, since_run_key, state, size FROM contract.alarms_v1 ORDER BY 1")
    assert "drift" in {alarm["kind"] for alarm in alarms}
    assert [{name: alarm[name] for name in alarms[0]} for alarm in series["alarms"]] == alarms
    text = read_page(page_of(runs[-1].key, tmp_path)).text
    assert "2026-08-11: GitLab 19.4.0 → 19.4.1" in text
    assert f"A{alarms[0]['alarm_id']}" in text


def test_a_report_of_an_earlier_day_says_nothing_of_what_came_later(cli_store: Store) -> None:
    runs = days(cli_store)
    found = model(runs[5].key)
    assert (len(found["series"]["runs"]), found["series"]["alarms"]) == (6, [])
    assert found["series"]["reference"]["runs"] == [str(run.key) for run in runs[:5]]


def test_a_level_that_was_accepted_begins_a_new_reference_for_later_runs_only(cli_store: Store) -> None:
    runs = days(cli_store)
    cli_store.rows(
        "UPDATE daily_runs.alarm SET state = 'accepted', resolved_at = now(), resolved_by = 'owner', resolution = 'ok'"
    )
    after = publish(cli_store, Day(FALLEN + 2, fell=EVERYWHERE))
    assert model(after.key)["series"]["reference"]["runs"] == list(after.verdict.reference)
    assert len(model(runs[-1].key)["series"]["reference"]["runs"]) == FALLEN


def test_another_ruler_is_said_where_it_began_and_joins_nothing(cli_store: Store) -> None:
    publish(cli_store, Day(0))
    run = publish(cli_store, Day(1, rubric="another"))
    before, last = model(run.key)["series"]["runs"]
    assert [one["what"] for one in last["changed"]] == ["rubric"]
    assert before["stream"] != last["stream"]
    assert model(run.key)["series"]["reference"] is None


def test_a_sample_has_a_series_of_its_own(cli_store: Store) -> None:
    publish(cli_store, Day(0))
    publish(cli_store, Day(0, sample="0a1b2c3d"))
    key = str(publish(cli_store, Day(1, sample="0a1b2c3d")).key)
    found = model(key)
    assert [run["run_key"].rsplit("/", 1)[1] for run in found["series"]["runs"]] == ["sample-0a1b2c3d"] * 2
    assert found["rerun"].endswith("--sample 0a1b2c3d --rerun missing_answers")


def test_items_stand_beside_the_newest_run_of_the_reference_that_has_them(cli_store: Store) -> None:
    first, second = publish(cli_store, Day(0)), publish(cli_store, Day(1, failed=2))
    run = publish(cli_store, Day(2, fell={CLASS_OF[ITEMS[0]]: 0.3}))
    for one in (first, second, run):
        cli_store.rows(
            "UPDATE daily_runs.answer SET answer = %(key)s || ' ' || prompt_id"
            " WHERE attempt_id = %(id)s AND status = 'answered'",
            {"key": str(one.key), "id": attempt_id(cli_store, one.key)},
        )
    changed = {item["item_id"]: item for item in model(run.key)["changed_items"]}
    assert len(changed) == 10
    lost, kept = changed[ITEMS[0]], changed[ITEMS[8]]
    assert (lost["reference_run"], kept["reference_run"]) == (str(first.key), str(second.key))
    assert lost["reference"]["answer"].startswith(str(first.key))
    assert kept["reference"]["answer"].startswith(str(second.key))
    assert kept["here"]["answer"].startswith(str(run.key))
    assert (kept["here"]["reasons"], kept["here"]["points"]) == ("Good.", {"faithfulness": 4})
    means = [
        statistics.fmean(score for item, _, score in one.answers if item == ITEMS[8]) for one in (first, second, run)
    ]
    assert kept["change"] == pytest.approx(means[2] - (means[0] + means[1]) / 2)
    assert all(item["change"] < -0.2 for item in changed.values())


def test_an_item_shows_the_answer_that_is_nearest_to_its_mean(cli_store: Store) -> None:
    run = publish(cli_store, Day(0, asks=3))
    item = model(run.key)["worst_items"][0]
    scores = [score for name, _, score in run.answers if name == item["item_id"]]
    nearest = min(scores, key=lambda score: abs(score - item["mean"]))
    assert (len(scores), item["here"]["score"]) == (3, pytest.approx(nearest))


def test_two_providers_have_no_figure_over_both_and_one_each(cli_store: Store, tmp_path: Path) -> None:
    publish(cli_store, Day(0))
    run = publish(cli_store, Day(1, provider=lambda number: "anthropic" if number < 100 else "vertex"))
    found = model(run.key)
    assert (found["run"]["item_mean"], found["parts"], found["changed_items"]) == (None, [], [])
    assert [one["provider"] for one in found["series"]["runs"][-1]["figures"]] == ["anthropic", "vertex"]
    assert "Two providers never make one figure." in read_page(page_of(run.key, tmp_path)).text


def test_a_second_day_of_two_providers_stands_on_no_reference(cli_store: Store) -> None:
    by_two = Day(0, provider=lambda number: "anthropic" if number < 100 else "vertex")
    publish(cli_store, by_two)
    run = publish(cli_store, by_two._replace(number=1))
    found = model(run.key)
    assert (run.verdict.reference, found["series"]["reference"], found["changed_items"]) == ((), None, [])


def test_a_run_whose_gate_was_overridden_is_in_no_reference_of_a_report(cli_store: Store) -> None:
    publish(cli_store, Day(0))
    overridden = publish(cli_store, Day(1, fell=EVERYWHERE))
    cli_store.rows(
        "WITH found AS (INSERT INTO daily_runs.gate_result (attempt_id, expectation, passed, observed, required)"
        " VALUES (%(id)s, 'answered share', false, '0.6', '>= 0.9'))"
        " INSERT INTO daily_runs.gate_override (attempt_id, reason, ordered_by) VALUES (%(id)s, 'we need it', 'alice')",
        {"id": attempt_id(cli_store, overridden.key)},
    )
    run = publish(cli_store, Day(2))
    found = model(run.key)["series"]
    assert found["reference"]["runs"] == list(run.verdict.reference)
    assert len(found["runs"]) == 3


def test_an_attempt_that_failed_the_gate_is_reported_and_said_to_be_unpublished(
    fixed_run: str, cli_store: Store, tmp_path: Path
) -> None:
    again = rerun_of_the_fixed_run(cli_store, Rerun.GATE_AND_PUBLISH)
    gate.save(cli_store, again, [("mean score", False, "0.4", ">= 0.5")], passed=None)
    found = model(again)
    assert (found["published"], found["headline"]) == (
        False,
        "not published, quarantined: mean score: 0.4, required >= 0.5",
    )
    assert found["gate_results"][0]["passed"] is False
    assert {(row["hop"], row["kind"], row["prompts"]) for row in found["failures"]} == {
        ("unknown", "timeout", 1),
        ("gitlab", "rate_limited", 1),
    }
    assert {item["item_id"] for item in found["worst_items"]} == {"go-1", "rust-1", "node-1"}
    assert found["worst_items"][0]["here"]["answer"]
    text = read_page(page_of(again, tmp_path)).text
    assert "This attempt is not published: no reader sees it." in text
    assert "1 of 1 expectations failed" in text
    assert "This attempt is not among them." in text
    assert "not published" in said(again)
    by_key = model("code_suggestions/production/2026-08-17T06:00:00Z")
    assert by_key["published"] is True
    assert [one["outcome"] for one in by_key["attempts"]] == ["quarantined", "published"]


def test_a_run_of_which_nothing_is_published_is_named_by_its_key_too(fixed_run: str, cli_store: Store) -> None:
    cli_store.rows("DELETE FROM daily_runs.published_run")
    cli_store.rows("UPDATE daily_runs.attempt SET status = 'quarantined'")
    found = model("code_suggestions/production/2026-08-17T06:00:00Z")
    assert (found["published"], found["run"]["attempt_id"], found["run"]["answered"]) == (False, fixed_run, 6)


def test_an_attempt_that_asked_nothing_yet_has_a_report(cli_store: Store, kit: Kit, tmp_path: Path) -> None:
    started = kit.work("duo_chat", 6).attempt.attempt_id
    found = model(started)
    assert (found["headline"], found["run"]["unsettled"], found["worst_items"]) == ("not published, running", 6, [])
    assert "not published, running" in read_page(page_of(started, tmp_path)).text


def test_a_run_through_all_stages_shows_what_it_asked_and_what_was_answered(cli_store: Store, kit: Kit) -> None:
    work = kit.work("duo_chat", 6)
    kit.run(work, "seed_check", "inference", "judging", "validation", "publish")
    found = model(work.attempt.attempt_id)
    questions = {item.id: item.question for item in work.items.values()}
    texts = {row["prompt_id"]: row["answer"] for row in kit.answers(work)}
    assert len(found["worst_items"]) == 6
    for item in found["worst_items"]:
        assert item["question"].startswith(questions[item["item_id"]])
        assert item["here"]["answer"] == texts[item["here"]["prompt_id"]]
        assert item["here"]["reasons"]
    assert sum(found["ruler"]["answered_by"].values()) == 6
    assert "Nobody pays for a sandbox's calls." in sections.cost(found).note


def test_without_a_sound_catalogue_only_the_questions_are_missing(
    cli_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = publish(cli_store, Day(0))

    def unsound(**_: object) -> None:
        raise CatalogueError("features/duo_chat.yaml:3", "is no feature", "Mend it.")

    monkeypatch.setattr(catalogue_files, "load", unsound)
    outcome = CliRunner().invoke(app, ["report", str(run.key), "--json"], catch_exceptions=False)
    assert "without the questions and the ruler's shifts: features/duo_chat.yaml:3" in outcome.stderr
    assert json.loads(outcome.stdout)["worst_items"][0]["question"] is None


def hostile_texts(store: Store, text: str) -> None:
    """Put a text wherever a run, a judge or a person may have written one."""
    for column in ("answer.answer", "verdict.reasons", "published_failure.error_kind", "published_item.item_class"):
        table, name = column.split(".")
        where = "WHERE status = 'answered'" if table == "answer" else ""
        store.rows(f"UPDATE daily_runs.{table} SET {name} = %(text)s {where}", {"text": text})
    for table in ("answer", "published_item", "published_result"):
        store.rows(f"UPDATE daily_runs.{table} SET item_id = item_id || %(text)s", {"text": text[:300]})
    store.rows("UPDATE daily_runs.verdict SET answered_by = %(text)s", {"text": text})
    store.rows("UPDATE daily_runs.published_run SET verdict_reason = %(text)s", {"text": text})
    store.rows(
        "UPDATE daily_runs.published_run SET"
        " changed = jsonb_build_object('phase', jsonb_build_array(%(text)s::text, 'b')),"
        " context = jsonb_build_object('phase', run_key || %(text)s)",
        {"text": text},
    )
    store.rows(
        "INSERT INTO daily_runs.alarm (feature, environment, comparability_key, kind, since_run_key, last_run_key,"
        " size, worst_class, reason, changed, state, resolved_at, resolved_by, resolution)"
        " SELECT feature, environment, 'key', 'drift', run_key, run_key, 0.1, %(text)s, %(text)s, '{}', 'real', now(),"
        " %(text)s, %(text)s FROM daily_runs.published_run",
        {"text": text},
    )


def test_a_page_loads_nothing_and_runs_nothing_that_a_run_says(cli_store: Store, tmp_path: Path) -> None:
    publish(cli_store, Day(0))
    run = publish(cli_store, Day(1, failed=1))
    hostile_texts(cli_store, HOSTILE)
    text = page_of(run.key, tmp_path)
    found = read_page(text)
    assert text.count("&lt;script") >= 30
    assert (found.tags & {"script", "img", "a", "link", "iframe"}, found.acts) == (set(), [])
    assert steering_in(text) is None
    assert "default-src 'none'" in text
    plain = read_page(page_of(publish(cli_store, Day(2)).key, tmp_path))
    assert found.tags == plain.tags


def test_the_terminal_is_not_steered(cli_store: Store) -> None:
    run = publish(cli_store, Day(0, failed=1))
    hostile_texts(cli_store, HOSTILE)
    text = said(str(run.key))
    assert (steering_in(text), "\\x1b[31m" in text) == (None, True)


def test_a_long_text_is_cut_in_the_page_with_what_is_left_out_and_whole_in_the_json(
    cli_store: Store, tmp_path: Path
) -> None:
    run = publish(cli_store, Day(0))
    long = "a line that goes on\n" * 50_000
    cli_store.rows("UPDATE daily_runs.answer SET answer = %(long)s WHERE status = 'answered'", {"long": long})
    assert model(run.key)["worst_items"][0]["here"]["answer"] == long
    text = page_of(run.key, tmp_path)
    assert "997,500 characters left out" in text
    assert len(text) < 300_000


def test_a_page_of_some_900_prompts_takes_little_time_and_room_whatever_they_say(cli_store: Store) -> None:
    publish(cli_store, Day(0, asks=12))
    run = publish(cli_store, Day(1, asks=12, fell={"class-3": 0.3}))
    hostile_texts(cli_store, HOSTILE * 100)
    report = model(run.key)
    assert report["run"]["asked"] == 960
    began = time.process_time()
    text = page.page(report)
    assert time.process_time() - began < 2
    assert len(text.encode()) < 1_500_000


def test_the_page_is_a_function_of_the_json(cli_store: Store, tmp_path: Path) -> None:
    runs = days(cli_store)
    assert page.page(model(runs[-1].key)) == page_of(runs[-1].key, tmp_path)


def test_tables_fit_a_terminal_of_100_columns(cli_store: Store) -> None:
    runs = days(cli_store)
    found = model(runs[-1].key)
    into = io.StringIO()
    Console(width=100, file=into).print(*shown(sections.in_text(found)))
    lines = into.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    run = found["run"]
    mean = f"{run['item_mean']:.3f} [{run['item_mean_low']:.3f}, {run['item_mean_high']:.3f}]"
    assert sum(mean in line for line in lines) == 2  # among the figures, and in the series
    assert any(line.strip().startswith("class-3") and line.count("[") == 2 for line in lines)


def test_a_sandboxs_run_is_labelled_and_a_live_one_is_not(fixed_run: str, cli_store: Store, tmp_path: Path) -> None:
    run = publish(cli_store, Day(0))
    notice = "They say nothing about a real model."
    sandbox, live = page_of(run.key, tmp_path), page_of(fixed_run, tmp_path)
    assert ("(sandbox)</title>" in sandbox, notice in sandbox, notice in said(str(run.key)).replace("\n", " ")) == (
        True,
        True,
        True,
    )
    assert ("(live)</title>" in live, notice in live) == (True, False)


def test_airflows_form_takes_the_fields_that_the_report_names(cli_store: Store) -> None:
    for day in (Day(0), Day(0, sample="0a1b2c3d")):
        given = model(publish(cli_store, day).key)["rerun_form"]
        form = trigger_form.read(given, given)
        assert (form.rerun, form.environment, form.moment, form.sample) == (
            Rerun.MISSING_ANSWERS,
            "staging",
            "2026-08-01T06:00:00Z",
            day.sample,
        )


def test_what_is_no_run_is_refused(cli_store: Store) -> None:
    with pytest.raises(ParameterError, match="'nothing' is no run and no attempt"):
        said("nothing")


def test_no_text_of_a_run_is_a_mark_a_mention_or_a_link_in_the_comment() -> None:
    verdict = QualityVerdict.INCOMPARABLE
    hostile = f"{HOSTILE} GH-12 [vulnerability:7]"
    decision = MergeDecision(MergeOutcome.UNDECIDED, ["a"], "b", verdict, verdict, hostile, ["judge"], [], [], None, {})
    text = documents.markdown(decision)
    assert not any(mark in text for mark in ("<script", "@all", "://", " |", " [a]", " `x`"))
    shown = html.unescape(text)  # GitHub and GitLab look for mentions and links in what Markdown has made of a text
    shown = shown.replace("\\", "")
    assert not any(mark in shown for mark in ("@all", "https://", "www.e", "GH-12", "[vulnerability:7]"))
    assert r"\[&#8203;a\](https:&#8203;//example.com)" in text


@pytest.mark.parametrize(
    "reference", ["@all", "#12", "!12", "&12", "%12", "$12", "~12", "^alert", "https://a.b", "www.a.b"]
)
def test_what_a_run_says_refers_to_nothing_in_the_comment(reference: str) -> None:
    verdict = QualityVerdict.INCOMPARABLE
    said = f"incomparable, since {reference} differs"
    decision = MergeDecision(MergeOutcome.UNDECIDED, ["a"], "b", verdict, verdict, said, ["judge"], [], [], None, {})
    shown = html.unescape(documents.markdown(decision)).replace("\\", "")
    assert reference not in shown
    assert reference in shown.replace("\u200b", "")

"""The contract beyond published runs: attempts, verdicts by criterion, operations, costs, features, last good runs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conftest import DAY as OF_THE_KIT
from tests.conftest import Kit, changed, quality_facts
from tests.services.store.test_v1_views import ATTEMPT, HERE

from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.clock import Clock
from daily_runs.quota.month_budget import month_budget
from daily_runs.records import catalogue_rows, gate
from daily_runs.records.attempts import AttemptPlan, find_attempt
from daily_runs.records.reruns import open_rerun
from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.runs import catalogue_facts, opening
from daily_runs.statuses import Rerun
from daily_runs.store.database import Store

CONTRACT = Path(__file__).parents[3] / "docs" / "data_contract.odcs.yaml"
KEY = RunKey("code_suggestions", "production", dt.datetime(2026, 8, 17, 6, tzinfo=dt.UTC))
DAY = dt.date(2026, 8, 17)
PASSED = [("mean score", True, "all 1", ">= 0.5")]


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    return catalogue_files.load()


@pytest.fixture
def fixed_run(store: Store, shipped: Catalogue) -> str:
    """The run of `v1_run.sql`, opened under today's catalogue, and published."""
    with store.transaction() as connection:
        connection.execute((HERE / "v1_run.sql").read_bytes())
        terms = catalogue_facts.terms_of(shipped, shipped.features[KEY.feature], KEY.environment)
        catalogue_rows.save_terms(connection, ATTEMPT, terms)
    publish(store, ATTEMPT)
    return ATTEMPT


def publish(store: Store, attempt_id: str) -> None:
    gate.save(store, attempt_id, PASSED, passed=gate.read(store, attempt_id, gate.digest))
    published.replace(store, find_attempt(store, attempt_id), quality_facts(store, attempt_id), time_scale=1.0)


def view(store: Store, name: str, order: str = "1") -> list[dict[str, Any]]:
    return store.rows(f"SELECT * FROM contract.{name} ORDER BY {order}")


def rerun_of_the_fixed_run(store: Store, rerun: Rerun, terms: catalogue_rows.AttemptTerms | None = None) -> str:
    plan = AttemptPlan(
        KEY, (), 2, "again", "live", "d0d0", "rubric-1", "claude-sonnet-5-5", None, "again", rerun, ATTEMPT, terms=terms
    )
    return open_rerun(store, KEY, "live", rerun, lambda _base, _earlier: plan, KEY).attempt_id


def test_every_attempt_is_told_with_its_outcome_and_what_the_gate_found(store: Store, fixed_run: str) -> None:
    again = rerun_of_the_fixed_run(store, Rerun.GATE_AND_PUBLISH)
    failed = [("mean score", False, "0.4", ">= 0.5"), ("unscored share", True, "all 1", "<= 0.05")]
    gate.save(store, again, failed, passed=None)
    first, second = view(store, "attempts_v1", "started_at")
    assert (str(first["attempt_id"]), first["outcome"], first["reason"]) == (fixed_run, "published", None)
    assert first["dag_run_id"] == "scheduled__2026-08-17T06:00:00+00:00"
    counts = ("asked", "answered", "failed", "unsettled", "scored", "unscored")
    assert [first[name] for name in counts] == [8, 6, 2, 0, 5, 1]
    assert first["gate_results"] == [
        dict(zip(("expectation", "passed", "observed", "required"), PASSED[0], strict=True))
    ]
    assert (second["outcome"], second["reason"]) == ("quarantined", "mean score: 0.4, required >= 0.5")
    assert [found["expectation"] for found in second["gate_results"]] == ["mean score", "unscored share"]
    assert (second["rerun"], str(second["taken_over_from"]), second["dag_run_id"]) == (
        "gate_and_publish",
        ATTEMPT,
        None,
    )


def test_an_attempt_that_lost_its_place_says_to_which_one(store: Store, fixed_run: str) -> None:
    again = rerun_of_the_fixed_run(store, Rerun.GATE_AND_PUBLISH)
    publish(store, again)
    first, second = view(store, "attempts_v1", "started_at")
    assert (first["outcome"], first["reason"]) == ("superseded", f"attempt {again} took its place")
    assert second["outcome"] == "published"


def test_an_attempt_that_a_limit_stopped_says_which(store: Store, fixed_run: str) -> None:
    again = rerun_of_the_fixed_run(store, Rerun.MISSING_ANSWERS)
    store.rows(
        "INSERT INTO daily_runs.limit_probe (attempt_id, environment, feature, hop, limit_name, allowed, needed, unit,"
        " source, verdict, evidence) VALUES (%(id)s, 'production', 'code_suggestions', 'gitlab', 'suggestions', 10, 60,"
        " 'calls/min', 'measured', 'too_low', '')",
        {"id": again},
    )
    running = view(store, "attempts_v1", "started_at")[1]
    assert (running["outcome"], running["reason"]) == (
        "running",
        "gitlab: suggestions allows 10 calls/min, needed 60",
    )


def test_a_verdict_is_a_row_for_each_criterion_of_each_scored_answer(store: Store, fixed_run: str) -> None:
    rows = view(store, "verdicts_v1", "prompt_id, criterion")
    assert [(row["prompt_id"], row["criterion"], row["points"]) for row in rows[:2]] == [
        ("go-1#1", "correctness", 4),
        ("go-1#1", "fit", 5),
    ]
    assert len(rows) == 5 * 2
    by_prompt = {row["prompt_id"]: row["score"] for row in store.rows("SELECT * FROM contract.results_v1")}
    assert all(row["score"] == by_prompt[row["prompt_id"]] for row in rows)


def operations(store: Store) -> dict[tuple[str, ...], tuple[Any, ...]]:
    rows = view(store, "operations_v1")
    assert {(row["day"], row["feature"], row["environment"], row["provenance"]) for row in rows} == {
        (DAY, "code_suggestions", "production", "live")
    }
    names = ("stage", "outcome", "error_hop", "error_kind", "error_blame")
    figures = ("prompts", "tries", "latency_p50_seconds", "latency_p95_seconds", "latency_p99_seconds")
    return {
        tuple(str(row[name]) for name in names if row[name] is not None): tuple(row[name] for name in figures)
        for row in rows
    }


def test_operations_tell_latency_and_every_failure_by_hop_kind_and_day(store: Store, fixed_run: str) -> None:
    found = operations(store)
    prompts, tries, *latency = found.pop(("inference", "answered"))
    seconds = sorted([1.2345, 3.0005, 0.4275, 7.9995, 0.0125, 1.5])
    assert (prompts, tries) == (6, 7)
    assert latency == pytest.approx(
        [
            (seconds[2] + seconds[3]) / 2,
            seconds[4] + 0.75 * (seconds[5] - seconds[4]),
            seconds[4] * 0.05 + seconds[5] * 0.95,
        ]
    )
    assert found == {
        ("inference", "failed", "unknown", "timeout", "provider"): (1, 3, 30, 30, 30),
        ("inference", "failed", "gitlab", "rate_limited", "rate_limit"): (1, 1, 1, 1, 1),
        ("judging", "scored"): (5, 5, None, None, None),
        ("judging", "unscored", "model_vendor", "unusable_verdict"): (1, 3, None, None, None),
    }


@pytest.mark.parametrize("rerun", [Rerun.GATE_AND_PUBLISH, Rerun.MISSING_ANSWERS])
def test_what_a_rerun_took_over_is_counted_once(rerun: Rerun, store: Store, fixed_run: str) -> None:
    before, cost = operations(store), view(store, "costs_v1", "1, 2, 6, 7, 8, 9")
    rerun_of_the_fixed_run(store, rerun)
    assert operations(store) == before
    assert view(store, "costs_v1", "1, 2, 6, 7, 8, 9") == cost


def test_failures_of_quarantined_attempts_count_too(store: Store, fixed_run: str) -> None:
    before = operations(store)
    store.rows("DELETE FROM daily_runs.published_run")
    store.rows("UPDATE daily_runs.attempt SET status = 'quarantined'")
    assert operations(store) == before


def test_latency_of_a_sandbox_is_in_domain_seconds_and_unknown_where_its_scale_is(store: Store, fixed_run: str) -> None:
    store.rows("UPDATE daily_runs.attempt SET provenance = 'sandbox'")
    store.rows("UPDATE daily_runs.attempt_terms SET time_scale = 300")
    query = "SELECT latency_p50_seconds AS p50 FROM contract.operations_v1 WHERE error_kind = 'timeout'"
    assert store.row(query) == {"p50": 9000}
    store.rows("DELETE FROM daily_runs.attempt_terms")
    assert store.row(query) == {"p50": None}


def test_costs_say_tokens_and_usd_by_team_and_model_and_which_of_them_are_estimates(
    store: Store, fixed_run: str, shipped: Catalogue
) -> None:
    rows = view(store, "costs_v1", "stage, basis, serving_model NULLS FIRST")
    feature, prices, judge = shipped.features[KEY.feature], shipped.prices, shipped.judge
    assert prices is not None
    tokens, price = feature.limits.tokens_per_prompt, prices.models["codestral@2405"]
    assert {(row["team"], row["prices_as_of"], row["prices_verified"]) for row in rows} == {
        (feature.owner.team, prices.as_of, False)
    }
    found = [(row["stage"], row["basis"], row["serving_model"], row["calls"]) for row in rows]
    assert found == [
        ("inference", "estimate", None, 6),  # two answers and two failures without figures, two more tries of one
        ("inference", "estimate", "codestral@2405", 1),  # the first try of an answer that needed two
        ("inference", "measured", "claude", 2),
        ("inference", "measured", "codestral@2405", 2),
        ("judging", "estimate", None, 4),  # a verdict without figures, and three calls that gave none
        ("judging", "measured", None, 2),
    ]
    estimate, measured = rows[0], rows[3]
    assert (estimate["input_tokens"], estimate["output_tokens"]) == (6 * tokens.input, 6 * tokens.output)
    assert (measured["input_tokens"], measured["output_tokens"], measured["model"]) == (2401, 81, "codestral@2405")
    usd = (2401 * price.input_usd_per_million + 81 * price.output_usd_per_million) / 1e6
    assert measured["usd"] == pytest.approx(usd)
    assert rows[4]["input_tokens"] == 4 * judge.input_tokens_per_verdict
    of_judge = prices.models[judge.model]
    usd = (8100 * of_judge.input_usd_per_million + 610 * of_judge.output_usd_per_million) / 1e6
    assert (rows[5]["model"], rows[5]["usd"]) == (judge.model, pytest.approx(usd))


def test_costs_of_a_month_are_what_its_budget_counts(
    store: Store, fixed_run: str, shipped: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Clock, "now", staticmethod(lambda: dt.datetime(2026, 8, 20, tzinfo=dt.UTC)))
    budgeted = changed(shipped, {"features": {KEY.feature: {"budget_usd_per_month": 10}}})
    counted = month_budget(store, budgeted, budgeted.features[KEY.feature], budgeted.environments["production"])
    assert counted is not None
    assert store.row("SELECT sum(usd) AS usd FROM contract.costs_v1")["usd"] == pytest.approx(counted.spent_usd)


def test_what_was_spent_before_prices_were_kept_has_tokens_where_they_were_measured_and_no_usd(
    store: Store, fixed_run: str
) -> None:
    store.rows("DELETE FROM daily_runs.attempt_terms")
    for row in view(store, "costs_v1"):
        assert (row["team"], row["usd"]) == (None, None)
        assert (row["input_tokens"] is None) == (row["basis"] == "estimate")


def test_opening_a_run_writes_down_the_catalogue_as_it_stands(kit: Kit) -> None:
    work = kit.work("duo_chat", 6)
    rows = {row["feature"]: row for row in view(kit.store, "features_v1")}
    assert set(rows) == set(kit.catalogue.features)
    chat, feature = rows["duo_chat"], kit.catalogue.features["duo_chat"]
    assert (chat["team"], chat["dri"], chat["title"]) == (feature.owner.team, feature.owner.dri, feature.title)
    assert (chat["mean_score_min"], chat["target_score"]) == (
        feature.thresholds.mean_score_min,
        feature.thresholds.target_score,
    )
    phase = feature.phase_at(Clock.now())
    assert (chat["phase"], chat["phase_since"], chat["schedule"]) == (phase.phase, phase.starts, phase.schedule)
    assert chat["providers"] == {"production": "anthropic", "staging": "anthropic"}
    terms = kit.store.row("SELECT * FROM daily_runs.attempt_terms")
    assert (str(terms["attempt_id"]), terms["team"]) == (work.attempt.attempt_id, feature.owner.team)
    assert terms["time_scale"] == work.environment.time_scale


def test_the_catalogue_that_was_seen_last_replaces_the_one_before_and_a_lost_feature_stays(kit: Kit) -> None:
    kit.attempt("duo_chat", 6)
    before = {row["feature"]: row["seen_at"] for row in view(kit.store, "features_v1")}
    edited = changed(kit.catalogue, {"features": {"duo_chat": {"owner": {"team": "Another team"}}}})
    fewer = edited.model_copy(update={"features": {"duo_chat": edited.features["duo_chat"]}})
    opening.plan(kit.store, fewer, RunKey("duo_chat", "production", OF_THE_KIT), limit=6)
    rows = {row["feature"]: row for row in view(kit.store, "features_v1")}
    assert set(rows) == set(before)
    assert rows["duo_chat"]["team"] == "Another team"
    assert rows["duo_chat"]["seen_at"] > before["duo_chat"]
    assert rows["root_cause_analysis"]["seen_at"] == before["root_cause_analysis"]


def test_a_catalogue_without_prices_leaves_usd_unknown(shipped: Catalogue) -> None:
    priceless = shipped.model_copy(update={"prices": None})
    terms = catalogue_facts.terms_of(priceless, priceless.features["duo_chat"], "staging")
    unknown = ("answer_model", "answer_input_usd", "verdict_input_usd", "prices_as_of", "prices_verified")
    assert [getattr(terms, name) for name in unknown] == [None] * 5
    assert terms.answer_input_tokens == priceless.features["duo_chat"].limits.tokens_per_prompt.input


ANOTHER = """
INSERT INTO daily_runs.run (run_key, feature, environment, logical_date, sample)
VALUES (%(key)s, %(feature)s, %(environment)s, %(logical_date)s, %(sample)s);
INSERT INTO daily_runs.attempt (attempt_id, run_key, plan_hash, asked, shards, provenance, dataset_sha256,
                                rubric_version, judge_model)
SELECT %(new)s, %(key)s, plan_hash, asked, shards, provenance, dataset_sha256, rubric_version, judge_model
FROM daily_runs.attempt WHERE attempt_id = %(of)s;
INSERT INTO daily_runs.answer (attempt_id, prompt_id, item_id, shard, status, sent_at, settled_at, answer, error_hop,
                               error_kind, error_blame)
SELECT %(new)s, prompt_id, item_id, shard, status, sent_at, settled_at, answer, error_hop, error_kind, error_blame
FROM daily_runs.answer WHERE attempt_id = %(of)s;
INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, tries, error_hop, error_kind, settled_at)
SELECT %(new)s, prompt_id, verdict_key, status, tries, error_hop, error_kind, settled_at
FROM daily_runs.judgement WHERE attempt_id = %(of)s
"""


def another_run(store: Store, number: int, key: RunKey) -> None:
    """A published run like the fixed one, of another date, environment or sample."""
    attempt_id = f"{ATTEMPT[:-1]}{number}"
    with store.transaction() as connection:
        for statement in ANOTHER.split(";\n"):
            given = {"new": attempt_id, "key": str(key), "of": ATTEMPT, **key._asdict()}
            connection.execute(statement.encode(), given)
    publish(store, attempt_id)


def test_the_last_good_run_is_the_newest_full_one_that_was_published_in_each_environment(
    store: Store, fixed_run: str
) -> None:
    day = dt.timedelta(days=1)
    newer, sample = KEY._replace(logical_date=KEY.logical_date + day), KEY._replace(sample="0a1b2c3d")
    another_run(store, 2, newer)
    another_run(store, 3, KEY._replace(logical_date=KEY.logical_date - day))
    another_run(store, 4, sample._replace(logical_date=KEY.logical_date + 2 * day))
    another_run(store, 5, KEY._replace(environment="staging"))
    rows = view(store, "last_good_v1", "environment")
    assert [row["run_key"] for row in rows] == [str(newer), str(KEY._replace(environment="staging"))]
    run = store.row("SELECT * FROM contract.runs_v1 WHERE run_key = %(key)s", {"key": str(newer)})
    assert all(rows[0][name] == run[name] for name in rows[0])
    assert {row["run_key"] for row in view(store, "verdicts_v1")} == {
        row["run_key"] for row in view(store, "runs_v1")
    }, "a sample has no verdicts in version 1"
    kinds = store.rows("SELECT kind, count(*) AS n FROM contract.attempts_v1 GROUP BY 1 ORDER BY 1")
    assert [(row["kind"], row["n"]) for row in kinds] == [("full", 4), ("sample", 1)]


@pytest.fixture
def all_views(store: Store, fixed_run: str, shipped: Catalogue) -> list[dict[str, Any]]:
    """The described views, with rows of a published run, its unfinished rerun and a catalogue behind them."""
    catalogue_rows.save_features(store, catalogue_facts.features_at(shipped, Clock.now()))
    rerun_of_the_fixed_run(store, Rerun.MISSING_ANSWERS)
    return list(yaml.safe_load(CONTRACT.read_text(encoding="utf-8"))["schema"])


def test_a_column_that_is_promised_never_to_be_null_is_none_here(store: Store, all_views: list[dict[str, Any]]) -> None:
    store.rows("DELETE FROM daily_runs.attempt_terms")
    wrong, looked = set(), 0
    for described in all_views:
        required = {column["name"] for column in described["properties"] if column["required"]}
        for row in view(store, described["name"]):
            looked += 1
            wrong |= {(described["name"], name) for name in required if row[name] is None}
    assert wrong == set()
    assert looked > 30


def test_a_key_tells_the_rows_of_its_view_apart(store: Store, all_views: list[dict[str, Any]]) -> None:
    keyed = 0
    for described in all_views:
        key = ", ".join(column["name"] for column in described["properties"] if column.get("primaryKey"))
        if key:
            query = f"SELECT count(*) AS rows, count(DISTINCT ({key})) AS keys FROM {described['physicalName']}"
            found = store.row(query)
            assert found["rows"] == found["keys"], described["name"]
            keyed += 1
    assert keyed >= 7

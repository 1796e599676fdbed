"""The page of five questions: its SQL, typed by a reader, says what the store's own tables say of runs on the sandbox.

What is expected is counted here in Python from the tables of answers, verdicts and published rows, not from a view.
"""

from __future__ import annotations

import datetime as dt
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, cast

import numpy as np
import pytest
from tests import five_questions
from tests.conftest import DAY, TIME_SCALE, Kit, SandboxView, catalogue_at, changed
from tests.services.store.test_roles import login
from typer.testing import CliRunner

from daily_runs import connections
from daily_runs.cli.main import app
from daily_runs.connections import Connect
from daily_runs.dataset import load_feature_dataset
from daily_runs.errors import GateFailedError
from daily_runs.records.run import Attempt, RunKey
from daily_runs.results.intervals import ItemScore, over_these_classes
from daily_runs.runs import opening, rerun
from daily_runs.runs.rerun import RerunOrder
from daily_runs.sandbox.process import Sandbox
from daily_runs.sandbox.world.scenario import Scenario
from daily_runs.stages import pipeline
from daily_runs.statuses import Rerun
from daily_runs.store import roles
from daily_runs.store.database import Store

FEATURE, TWO_PROVIDERS, SAMPLED = "vulnerability_explanation", "code_suggestions", "duo_chat"
FIRST = DAY + dt.timedelta(days=7)
TROUBLED, WORSE = (RunKey(FEATURE, "staging", FIRST + dt.timedelta(days=number)) for number in (2, 3))
BLOCKED = RunKey(FEATURE, "staging", FIRST + dt.timedelta(days=4))
Rows = list[dict[str, Any]]


def run(kit: Kit, attempt: Attempt, **scenario: Any) -> None:
    """All stages of an attempt under a scenario; the gate may block it."""
    kit.sandbox.change(**{**dict.fromkeys(Scenario.model_fields), "ai_action_calls": 1_000_000, **scenario})
    with suppress(GateFailedError):
        work = pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))
        kit.run_again_while_out(work, *pipeline.STAGES)


def ask(kit: Kit, key: RunKey, limit: int | None = None, **scenario: Any) -> None:
    run(kit, opening.plan(kit.store, kit.catalogue, key, limit=limit), **scenario)


@pytest.fixture(scope="module")
def made(_module_store: Store, _sandbox_process: Sandbox) -> Iterator[Store]:
    """Days of a feature, one of them done again twice, one worse, one blocked; two providers in a run; and a sample."""
    shipped = catalogue_at(_sandbox_process.address)
    features: dict[str, dict[str, Any]] = {name: {"frozen_answers": 0} for name in shipped.features}
    features[TWO_PROVIDERS]["judge_repeats"] = 2
    _sandbox_process.order_seeds({"complete": True})
    kit = Kit(_module_store, SandboxView(_sandbox_process, 0), changed(shipped, {"features": features}))
    for number in range(2):
        ask(kit, RunKey(FEATURE, "staging", FIRST + dt.timedelta(days=number)))
    ask(kit, TROUBLED, error_code_share=0.6)
    for how in (Rerun.GATE_AND_PUBLISH, Rerun.MISSING_ANSWERS):
        run(kit, rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(TROUBLED, how)))
    ask(kit, WORSE, worse_model=0.5)
    ask(kit, BLOCKED, judge_refusal_share=0.4)
    ask(kit, RunKey(TWO_PROVIDERS, "staging", FIRST), provider_switch={"after_answers": 15})
    ask(kit, RunKey(SAMPLED, "staging", FIRST), limit=4)
    yield kit.store
    kit.sandbox.change(**dict.fromkeys(Scenario.model_fields))


@pytest.fixture(scope="module")
def reader(store_url: str) -> str:
    """The URL of a member of `daily_runs_reader`."""
    return login(store_url, member_of=roles.READER)


def asked(reader: str, number: int, **period: str) -> list[dict[str, str]]:
    rows = five_questions.typed(reader, five_questions.questions()[number], **period)
    assert {row["provenance"] for row in rows} <= {"sandbox"}
    return rows


def figure(text: str) -> float | None:
    return float(text) if text else None


def published(store: Store) -> Rows:
    """The published full runs."""
    return store.rows("SELECT * FROM daily_runs.published_run WHERE sample = '' ORDER BY run_key")


def results(store: Store, run_key: str) -> dict[tuple[str, str], list[float]]:
    """The scores of a published run by item and provider."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    query = "SELECT * FROM daily_runs.published_result WHERE run_key = %(key)s AND score IS NOT NULL"
    for row in store.rows(query, {"key": run_key}):
        found[row["item_id"], row["serving_provider"] or "unknown"].append(row["score"])
    return found


def classes(kit_feature: str) -> dict[str, str]:
    shipped = catalogue_at("http://127.0.0.1:1").features[kit_feature]
    return {item.id: item.item_class for item in load_feature_dataset(shipped)}


def askings(store: Store) -> Rows:
    """Each prompt's asking once, also where a rerun took it over: with the moment of its end it is the same one."""
    rows = store.rows(
        "SELECT a.*, t.run_key, r.feature, w.* FROM daily_runs.answer a JOIN daily_runs.attempt t USING (attempt_id)"
        " JOIN daily_runs.run r USING (run_key) JOIN daily_runs.attempt_terms w USING (attempt_id)"
        " WHERE a.status IN ('answered', 'failed')"
    )
    once: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        kept = once.setdefault((row["run_key"], row["prompt_id"], row["settled_at"]), row)
        kept["tries"] = max(kept["tries"], row["tries"])
    assert len(once) < len(rows), "a rerun took answers over"
    return list(once.values())


def unscored(store: Store) -> Rows:
    """Each answer that was given up by the judge, once."""
    rows = store.rows(
        "SELECT j.*, t.run_key, t.judge_model, r.feature, w.* FROM daily_runs.judgement j"
        " JOIN daily_runs.attempt t USING (attempt_id) JOIN daily_runs.run r USING (run_key)"
        " JOIN daily_runs.attempt_terms w USING (attempt_id) WHERE j.status = 'unscored'"
    )
    return list({(row["verdict_key"], row["settled_at"]): row for row in rows}.values())


def test_the_page_asks_five_questions() -> None:
    assert sorted(five_questions.questions()) == [1, 2, 3, 4, 5]


def test_what_each_feature_scored_day_by_day_with_interval_and_verdict(made: Store, reader: str) -> None:
    expected: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for one in published(made):
        by_provider: dict[str, list[ItemScore]] = defaultdict(list)
        for (item, provider), scores in results(made, one["run_key"]).items():
            variance = statistics.variance(scores) if len(scores) > 1 else 0.0
            item_class = classes(one["feature"])[item]
            by_provider[provider].append(ItemScore(item, item_class, statistics.fmean(scores), variance, len(scores)))
        for provider, scores_of in by_provider.items():
            day, interval = one["logical_date"].astimezone(dt.UTC).date().isoformat(), over_these_classes(scores_of)
            expected[day, one["feature"], one["environment"], provider] = (
                pytest.approx([interval.estimate, interval.low, interval.high]),
                one["verdict"],
                str(sum(map(len, results(made, one["run_key"]).values()))),
            )
    found = {
        (row["day"], row["feature"], row["environment"], row["provider"]): (
            [figure(row[name]) for name in ("score", "score_low", "score_high")],
            row["verdict"],
            row["scored"],
        )
        for row in asked(reader, 1)
    }
    assert found == expected
    days = [day for day, feature, _, _ in found if feature == FEATURE]
    assert days == [(FIRST + dt.timedelta(days=number)).date().isoformat() for number in range(4)]
    assert len([key for key in found if key[1] == TWO_PROVIDERS]) == 2
    assert found[WORSE.logical_date.date().isoformat(), FEATURE, "staging", "unknown"][1] == "regressed"


def test_what_failed_by_day_hop_and_kind_over_all_attempts(made: Store, reader: str) -> None:
    expected: Counter[tuple[str, ...]] = Counter()
    for row in askings(made):
        if row["status"] == "failed":
            day = row["settled_at"].astimezone(dt.UTC).date().isoformat()
            expected[day, "inference", row["error_hop"], row["error_kind"]] += 1
    of_inference = expected.total()
    for row in unscored(made):
        day = row["settled_at"].astimezone(dt.UTC).date().isoformat()
        expected[day, "judging", row["error_hop"], row["error_kind"]] += 1
    assert 0 < of_inference < expected.total()
    names = ("day", "stage", "hop", "kind")
    assert {tuple(row[name] for name in names): int(row["failures"]) for row in asked(reader, 2)} == expected
    assert made.row(
        "SELECT count(*) AS n FROM daily_runs.published_failure WHERE run_key = %(key)s", {"key": str(TROUBLED)}
    ) == {"n": 0}


def test_what_it_cost_by_month_feature_team_and_model_with_estimates_apart(made: Store, reader: str) -> None:
    expected: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0, 0.0, 0.0, 0.0])

    def count(row: dict[str, Any], stage: str, ended: dt.datetime, measured: tuple[int, int] | None) -> None:
        """One call whose tokens the path told, if it did, and the tries before it, whose tokens nobody knows."""
        of = "answer" if stage == "inference" else "verdict"
        guess = (row[f"{of}_input_tokens"], row[f"{of}_output_tokens"])
        price = (row[f"{of}_input_usd"], row[f"{of}_output_usd"])
        month = ended.astimezone(dt.UTC).date().isoformat()[:7]
        calls = [measured or guess, *[guess] * (row["tries"] - 1)]
        for number, tokens in enumerate(calls):
            basis = "measured" if measured and number == 0 else "estimate"
            sums = expected[month, row["feature"], row["team"], stage, row[f"{of}_model"], basis]
            usd = (tokens[0] * price[0] + tokens[1] * price[1]) / 1e6
            for place, value in enumerate((1, *tokens, usd)):
                sums[place] += value

    for row in askings(made):
        told = row["input_tokens"] is not None
        count(row, "inference", row["settled_at"], (row["input_tokens"], row["output_tokens"]) if told else None)
    for row in unscored(made):
        if row["tries"]:
            count(row, "judging", row["settled_at"], None)
    verdicts = made.rows(
        "SELECT v.*, r.feature, w.* FROM daily_runs.verdict v JOIN daily_runs.attempt t ON t.attempt_id = v.paid_by"
        " JOIN daily_runs.run r USING (run_key) JOIN daily_runs.attempt_terms w ON w.attempt_id = t.attempt_id"
    )
    for row in verdicts:
        count(row, "judging", row["judged_at"], (row["input_tokens"], row["output_tokens"]))
    names = ("month", "feature", "team", "stage", "model", "basis")
    found = {
        tuple(row[name] for name in names): [
            float(row[name]) for name in ("calls", "input_tokens", "output_tokens", "usd")
        ]
        for row in asked(reader, 3)
    }
    assert found.keys() == expected.keys()
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures), key
    bases = {(feature, stage, basis) for _, feature, _, stage, _, basis in found}
    assert {(TWO_PROVIDERS, "inference", "measured"), (FEATURE, "inference", "estimate")} <= bases
    assert {row["calls_without_price"] for row in asked(reader, 3)} == {"0"}


def test_how_long_answers_took_by_feature_and_environment(made: Store, reader: str) -> None:
    seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in published(made):
        query = "SELECT * FROM daily_runs.answer WHERE attempt_id = %(id)s AND status = 'answered'"
        for row in made.rows(query, {"id": one["attempt_id"]}):
            took = (row["settled_at"] - row["sent_at"]).total_seconds() * TIME_SCALE
            seconds[one["feature"], one["environment"]].append(took)
    expected = {key: (len(took), *np.percentile(took, [50, 95])) for key, took in seconds.items()}
    found = {
        (row["feature"], row["environment"]): (
            int(row["answers"]),
            float(row["p50_seconds"]),
            float(row["p95_seconds"]),
        )
        for row in asked(reader, 4)
    }
    assert found.keys() == expected.keys() == {(FEATURE, "staging"), (TWO_PROVIDERS, "staging")}
    for key, figures in expected.items():
        assert found[key] == pytest.approx(figures, abs=0.001), key


def worst_of(rows: Iterable[dict[str, str]], run_key: str) -> list[dict[str, str]]:
    return [row for row in rows if row["run_key"] == run_key]


def test_which_items_are_worst_with_class_reasons_and_change_against_the_reference(made: Store, reader: str) -> None:
    here = {item: statistics.fmean(scores) for (item, _), scores in results(made, str(WORSE)).items()}
    before: dict[str, list[float]] = defaultdict(list)
    for one in published(made):
        if one["feature"] == FEATURE and one["run_key"] != str(WORSE):
            for (item, _), scores in results(made, one["run_key"]).items():
                before[item].append(statistics.fmean(scores))
    reasons = {
        row["item_id"]: row["reasons"]
        for row in made.rows(
            "SELECT a.item_id, v.reasons FROM daily_runs.published_run p JOIN daily_runs.answer a USING (attempt_id)"
            " JOIN daily_runs.judgement j USING (attempt_id, prompt_id) JOIN daily_runs.verdict v USING (verdict_key)"
            " WHERE p.run_key = %(key)s",
            {"key": str(WORSE)},
        )
    }
    found = worst_of(asked(reader, 5), str(WORSE))
    expected = sorted(here, key=lambda item: (here[item], item))[:10]
    assert [row["item_id"] for row in found] == expected
    assert [row["place"] for row in found] == [str(number) for number in range(1, 11)]
    for row in found:
        item = row["item_id"]
        reference = statistics.fmean(before[item])
        assert row["item_class"] == classes(FEATURE)[item]
        assert row["reasons"] == reasons[item] != ""
        assert row["reference_runs"] == str(len(before[item])) == "3"
        assert [float(row[name]) for name in ("score", "answer_score", "reference_mean", "change")] == pytest.approx(
            [here[item], here[item], reference, here[item] - reference]
        )
    assert statistics.fmean(float(row["change"]) for row in found) < 0


def test_a_run_that_two_providers_answered_has_worst_items_and_no_change(made: Store, reader: str) -> None:
    found = worst_of(asked(reader, 5), str(RunKey(TWO_PROVIDERS, "staging", FIRST)))
    assert len(found) == 10
    assert {(row["change"], row["reference_mean"], row["reference_runs"]) for row in found} == {("", "", "0")}
    assert all(row["reasons"] for row in found)


def test_the_worst_items_are_those_of_the_runs_report(
    made: Store, store_url: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAILY_RUNS_STORE", store_url)
    monkeypatch.setenv("DAILY_RUNS_OVERLAY", "")
    said = CliRunner().invoke(app, ["report", str(WORSE), "--json"], catch_exceptions=False, standalone_mode=False)
    report = [
        (item["item_id"], item["item_class"], item["here"]["prompt_id"], item["here"]["reasons"], item["change"])
        for item in json.loads(said.stdout)["worst_items"]
    ]
    names = ("item_id", "item_class", "prompt_id", "reasons")
    found = worst_of(asked(reader, 5), str(WORSE))
    assert [(*(row[name] for name in names), pytest.approx(float(row["change"]))) for row in found] == report


def test_days_outside_of_the_period_are_not_counted_whatever_the_readers_time_zone(made: Store, reader: str) -> None:
    day = FIRST.date().isoformat()
    assert {row["day"] for row in asked(reader, 1, since=day, until=day)} == {day}
    (explained,) = [row for row in asked(reader, 4, since=day, until=day) if row["feature"] == FEATURE]
    assert explained["answers"] == "30"
    before = {"since": "2026-01-01", "until": "2026-01-02"}
    assert [asked(reader, number, **before) for number in (1, 2, 3, 4)] == [[]] * 4


def test_reasons_are_told_of_every_verdict_where_an_answer_has_several(made: Store, reader: str) -> None:
    rows = five_questions.typed(
        reader,
        "SELECT prompt_id, verdict_number, score, answer_score FROM contract.reasons_v1"
        f" WHERE feature = '{TWO_PROVIDERS}'",
    )
    by_prompt: dict[str, dict[str, float]] = defaultdict(dict)
    for row in rows:
        by_prompt[row["prompt_id"]][row["verdict_number"]] = float(row["score"])
    assert len(by_prompt) == 30
    assert {tuple(sorted(scores)) for scores in by_prompt.values()} == {("1", "2")}
    for row in rows:
        assert float(row["answer_score"]) == pytest.approx(statistics.fmean(by_prompt[row["prompt_id"]].values()))


def test_reasons_and_changes_of_a_sample_are_told_too(made: Store, reader: str) -> None:
    for view in ("reasons_v1", "item_changes_v1"):
        query = f"SELECT count(*) AS n, min(provenance) AS provenance FROM contract.{view} WHERE feature = '{SAMPLED}'"
        assert five_questions.typed(reader, query) == [{"n": "4", "provenance": "sandbox"}]


def test_no_reason_of_an_attempt_that_the_gate_blocked_is_told(made: Store, reader: str) -> None:
    given = {"key": str(BLOCKED)}
    assert made.row("SELECT status FROM daily_runs.attempt WHERE run_key = %(key)s", given) == {"status": "quarantined"}
    query = f"SELECT count(*) AS n FROM contract.reasons_v1 WHERE run_key = '{BLOCKED}'"
    assert five_questions.typed(reader, query) == [{"n": "0"}]

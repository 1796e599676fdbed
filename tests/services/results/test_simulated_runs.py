"""Simulated runs through gate, store, publish and report: what readers see is what the statistics say of them."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.conftest import Kit
from tests.simulation.worlds import Prompts, beta, published

from daily_runs.catalogue.features import Feature, environments_of
from daily_runs.connections import find
from daily_runs.dataset import Item, load_feature_dataset
from daily_runs.errors import Blame, CallError, Hop
from daily_runs.gitlab.answers import Answer
from daily_runs.judging.ruler import ruler_of
from daily_runs.judging.verdict import Verdict
from daily_runs.records.answers import AnswerRows
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.run import RunKey
from daily_runs.results import alarms
from daily_runs.results.item_rows import PublishedItem
from daily_runs.results.quality import (
    REFERENCE_RUNS,
    RULER,
    EarlierRun,
    Population,
    RunVerdict,
    populations,
    run_means,
    verdict_of,
)
from daily_runs.results.run_report import questions, report_rows, ruler_rows
from daily_runs.runs import opening
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import QualityVerdict

FEATURE, ASKS = "duo_chat", 2
FIRST = dt.datetime(2026, 8, 18, 15, tzinfo=dt.UTC)
FELL, DEPTH = "calculation", 0.4
"""The class that falls on the last two days, and by how much."""
FAILED, UNSCORED = 0.04, 0.02
TIMEOUT = CallError(Hop.GITLAB, "timeout", blame=Blame.PROVIDER, retryable=True)
NO_VERDICT = CallError(Hop.MODEL_VENDOR, "unusable_verdict", blame=Blame.PROVIDER, retryable=True)


class Simulated(NamedTuple):
    """A day's run: its key, and its items by provider as the simulation itself sums them up."""

    key: RunKey
    items: dict[str, list[PublishedItem]]

    @property
    def everything(self) -> list[PublishedItem]:
        """In the store's order."""
        return sorted(item for items in self.items.values() for item in items)

    @property
    def as_run(self) -> EarlierRun:
        """As a verdict takes it; only the provider of its ruler may be another day's."""
        ruler = dict.fromkeys(RULER, "the same") | {"provider": ", ".join(sorted(self.items))}
        return EarlierRun(str(self.key), self.key.logical_date, ruler, {}, self.everything)


def simulate(kit: Kit, day: int, depth: float = 0.0, providers: Sequence[str] = ("anthropic",)) -> Simulated:
    """Publish a full run whose answers and verdicts are drawn, in place of GitLab's and the judge's."""
    key = RunKey(FEATURE, "staging", FIRST + dt.timedelta(days=day))
    attempt = opening.plan(kit.store, kit.catalogue, key)
    work = pipeline.work_for(kit.store, kit.catalogue, attempt, find)
    levels = beta(0.8, 0.1)(np.random.default_rng(99), len(work.items)).tolist()
    level_of = dict(zip(sorted(work.items), levels, strict=True))
    for name, item in work.items.items():
        level_of[name] -= depth * (item.item_class == FELL)
    part = {name: n * len(providers) // len(level_of) for n, name in enumerate(level_of)}
    found: dict[str, dict[str, _Told]] = defaultdict(lambda: defaultdict(_Told))
    writer = _Writer(kit, work, np.random.default_rng(day))
    for row in kit.answers(work):
        name, provider = row["item_id"], providers[part[row["item_id"]]]
        writer.settle(row["prompt_id"], provider, level_of[name], found[provider][name])
    kit.run(work, "validation", "publish")
    return Simulated(key, {provider: _summed(told, work.items, provider) for provider, told in found.items()})


class _Told:
    """What came of an item's prompts."""

    def __init__(self) -> None:
        self.failed = self.unscored = 0
        self.verdicts: list[Verdict] = []


class _Writer:
    """Writes down what came of a run's prompts, as the stages do."""

    def __init__(self, kit: Kit, work: Work, dice: np.random.Generator) -> None:
        attempt_id = work.attempt.attempt_id
        self.answers, self.verdicts = AnswerRows(kit.store, attempt_id), JudgementRows(kit.store, attempt_id)
        self.ruler, self.rubric = ruler_of(work.rubric.version, kit.catalogue.judge), work.rubric
        self.attempt_id, self.dice = attempt_id, dice

    def settle(self, prompt: str, provider: str, level: float, told: _Told) -> None:
        """Let a prompt fail, its answer stay unscored, or the judge give it points around the item's level."""
        fate, key = self.dice.random(), f"{self.attempt_id} {prompt}"
        self.answers.sent(prompt, "evaluation-1")
        if fate < FAILED:
            self.answers.failed(prompt, TIMEOUT)
            told.failed += 1
            return
        self.answers.answered(prompt, Answer(f"An answer to {prompt}.", provider))
        if fate < FAILED + UNSCORED:
            self.verdicts.unscored([prompt], key, NO_VERDICT)
            told.unscored += 1
            return
        points = {
            c.name: int(np.clip(np.rint(1 + 4 * self.dice.normal(level, 0.1)), 1, 5)) for c in self.rubric.criteria
        }
        verdict = Verdict("Good.", points, self.rubric.score(points), 900, 90)
        self.verdicts.keep(key, verdict, self.ruler)
        self.verdicts.scored([prompt], key)
        told.verdicts.append(verdict)


def _summed(found: Mapping[str, _Told], items: Mapping[str, Item], provider: str) -> list[PublishedItem]:
    prompts = []
    for name, told in found.items():
        scores = np.array([verdict.score for verdict in told.verdicts])
        names = told.verdicts[0].points if told.verdicts else ()
        points = {c: np.array([(verdict.points[c] - 1) / 4 for verdict in told.verdicts]) for c in names}
        prompts.append(Prompts(name, items[name].item_class, scores, points, told.unscored, told.failed))
    return published(prompts, provider)


@pytest.fixture
def chat(kit: Kit) -> Kit:
    """The shipped catalogue, with each chat question asked twice."""
    items = load_feature_dataset(feature_of(kit))
    return kit.changed({"features": {FEATURE: {"prompts_per_run": ASKS * len(items)}}})


def feature_of(kit: Kit) -> Feature:
    return kit.catalogue.features[FEATURE]


def rows(kit: Kit, view: str, run: Simulated, more: str = "") -> list[dict[str, Any]]:
    return kit.store.rows(f"SELECT * FROM contract.{view} WHERE run_key = %(key)s {more}", {"key": str(run.key)})


def close(*values: float | None) -> Any:
    return pytest.approx(values, abs=1e-12)


def must_show_its_figures(kit: Kit, run: Simulated, one: Population) -> None:
    """Counts, means, intervals and bounds of `runs_v2`; items of `items_v1`; classes of `quality_v1`."""
    (row,) = rows(kit, "runs_v2", run)
    assert (row["items"], row["classes"]) == (one.items, one.classes)
    told = tuple(row[f"item_mean{end}"] for end in ("", "_low", "_high"))
    assert told == close(one.mean.estimate, one.mean.low, one.mean.high)
    assert (row["missing_at_worst"], row["missing_at_best"]) == close(*one.bounds)
    assert row["new_classes_low"] is None, "six classes tell nothing of new ones"
    counts = [sum(getattr(item, name) for item in run.everything) for name in ("answered", "scored", "failed")]
    assert [row[name] for name in ("answered", "scored", "failed")] == counts
    assert row["unscored"] == counts[0] - counts[1]
    must_show_its_items(kit, run)
    by_class: dict[str, list[PublishedItem]] = defaultdict(list)
    for item in run.everything:
        by_class[item.item_class].append(item)
    shown = {row["item_class"]: row for row in rows(kit, "quality_v1", run)}
    assert shown.keys() == by_class.keys()
    for name, items in by_class.items():
        asked = sum(item.answered + item.failed for item in items)
        means = [item.mean for item in items if item.mean is not None]
        found = (shown[name]["mean"], shown[name]["failed_share"], shown[name]["unscored_share"])
        unscored = sum(item.answered - item.scored for item in items)
        assert found == close(float(np.mean(means)), sum(item.failed for item in items) / asked, unscored / asked)
        assert (shown[name]["items"], shown[name]["asked"]) == (len(items), asked)


def must_show_its_items(kit: Kit, run: Simulated) -> None:
    shown = rows(kit, "items_v1", run, "ORDER BY item_id, provider")
    for row, item in zip(shown, run.everything, strict=True):
        counts = (row["item_id"], row["item_class"], row["provider"], row["answered"], row["scored"], row["failed"])
        assert counts == item[:6]
        assert row["mean"] == (None if item.mean is None else pytest.approx(item.mean, abs=1e-12))
        assert row["variance"] == pytest.approx(item.variance, abs=1e-12)
        assert row["criteria"] == pytest.approx(dict(item.criteria), abs=1e-12)


def must_show_its_verdict(kit: Kit, run: Simulated, verdict: RunVerdict) -> None:
    """The verdict of `runs_v2`, each part of `comparisons_v1`, and the report's JSON."""
    (row,) = rows(kit, "runs_v2", run)
    assert (row["verdict"], row["verdict_reason"]) == (verdict.verdict, verdict.reason)
    shown = {part["part"]: part for part in rows(kit, "comparisons_v1", run, "AND against = 'reference'")}
    expected = {} if verdict.whole is None else {"": verdict.whole, **verdict.parts}
    assert shown.keys() == expected.keys()
    for name, part in expected.items():
        visible = verdict.visible_parts.get(name) if name else verdict.smallest_visible
        found = tuple(shown[name][column] for column in ("estimate", "low", "high", "smallest_visible_drop"))
        assert found == close(part.estimate, part.low, part.high, visible)
    assert [name for name in expected if name and shown[name]["verdict"]] == list(verdict.regressed_parts)
    report = report_rows.read(
        kit.store, str(run.key), questions.of_catalogue(kit.catalogue), ruler_rows.of_catalogue(kit.catalogue)
    )
    assert (report["run"]["verdict_reason"], report["run"]["item_mean"]) == (row["verdict_reason"], row["item_mean"])
    told = {part["name"]: part for part in report["parts"]}
    for name in verdict.parts:
        assert [told[name][end] for end in ("estimate", "low", "high")] == [
            shown[name][end] for end in ("estimate", "low", "high")
        ]
    json.dumps(report, default=str)


def test_what_readers_see_of_simulated_runs_is_what_the_statistics_say_of_them(chat: Kit) -> None:
    feature = feature_of(chat)
    days = [simulate(chat, number) for number in range(REFERENCE_RUNS + 1)]
    days += [simulate(chat, len(days) + number, DEPTH) for number in range(2)]
    earlier: list[EarlierRun] = []
    for day in days:
        run, floor = day.as_run, feature.thresholds.mean_score_min
        (one,) = populations(run.items)
        must_show_its_figures(chat, day, one)
        must_show_its_verdict(chat, day, verdict_of(run, earlier, feature.quality, floor, pinned_after=None))
        earlier.append(run)
    lost = [(item.failed, item.answered - item.scored) for run in earlier for item in run.items]
    assert min(map(sum, zip(*lost, strict=True))) > 10, (
        "answers that failed and answers without a score were among them"
    )
    (last,) = rows(chat, "runs_v2", days[-1])
    assert last["verdict"] == QualityVerdict.REGRESSED
    assert f"regressed in {FELL} -0." in last["verdict_reason"]
    streams = sum(len(environments_of(every)) for every in chat.catalogue.features.values())
    raised = alarms.raised(run_means(earlier), feature.quality, feature.thresholds.target_score, streams)
    assert raised, "a class that lies so much lower raises an alarm"
    shown = chat.store.rows("SELECT * FROM contract.alarms_v1 WHERE last_run_key = %(key)s", {"key": str(days[-1].key)})
    assert {row["kind"]: row["reason"] for row in shown} == {alarm.kind: alarm.reason for alarm in raised}
    assert {row["kind"]: row["since_run_key"] for row in shown} == {
        alarm.kind: str(days[alarm.since].key) for alarm in raised
    }


def test_a_run_of_two_providers_is_seen_as_two_populations_by_their_own_figures(chat: Kit) -> None:
    simulate(chat, 0)
    run = simulate(chat, 1, providers=("anthropic", "vertex"))
    (row,) = rows(chat, "runs_v2", run)
    assert (row["item_mean"], row["verdict"]) == (None, QualityVerdict.INCOMPARABLE)
    for shown, one in zip(row["populations"], populations(run.everything), strict=True):
        assert (shown["provider"], shown["items"], shown["classes"]) == (one.provider, one.items, one.classes)
        told = tuple(shown[name] for name in ("mean", "low", "high", "worst", "best"))
        assert told == close(one.mean.estimate, one.mean.low, one.mean.high, *one.bounds)
    must_show_its_items(chat, run)

"""What a run says of quality is published with its rows: figures, verdict, comparisons, alarms."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from tests.conftest import quality_facts

from daily_runs.catalogue.features import Quality
from daily_runs.errors import ParameterError
from daily_runs.records import gate
from daily_runs.records.attempts import AttemptPlan, open_attempt
from daily_runs.records.run import Prompt, RunKey
from daily_runs.results import alarm_rows, published
from daily_runs.results.intervals import items_of, over_new_classes, over_these_classes
from daily_runs.results.missing import AskedItem, bounds_of
from daily_runs.results.quality import RunVerdict
from daily_runs.statuses import AlarmState, QualityVerdict
from daily_runs.store.database import Store

CLASSES = [f"class-{number}" for number in range(8)]
ITEMS = [f"item-{number:02}" for number in range(80)]
CLASS_OF = {item: CLASSES[number % 8] for number, item in enumerate(ITEMS)}
ASKS, REFERENCE_RUNS = 2, 14
FIRST = dt.datetime(2026, 8, 1, 6, tzinfo=dt.UTC)


class Day(NamedTuple):
    """A run of a feature: its day, and what is special in it."""

    number: int
    rubric: str = "rubric"
    sample: str = ""
    fell: Mapping[str, float] = {}
    provider: Callable[[int], str] = lambda _number: "anthropic"
    failed: int = 0


class Published(NamedTuple):
    key: RunKey
    verdict: RunVerdict
    answers: list[tuple[str, str, float]]


def scores(day: Day) -> dict[str, float]:
    """A score for each prompt: items differ, days and askings hardly; classes fall by what the day says."""
    dice = np.random.default_rng(day.number)
    level = np.random.default_rng(99).uniform(0.75, 0.95, len(ITEMS))
    return {
        f"{item}#{ask + 1}": float(np.clip(level[i] + dice.normal(0, 0.02) - day.fell.get(CLASS_OF[item], 0.0), 0, 1))
        for i, item in enumerate(ITEMS)
        for ask in range(ASKS)
    }


def publish(store: Store, day: Day, **facts: Any) -> Published:
    """Publish a run whose answers and verdicts are written straight into the store."""
    key = RunKey("duo_chat", "staging", FIRST + dt.timedelta(days=day.number), day.sample)
    found = scores(day)
    prompts = [Prompt(prompt, prompt.split("#")[0], 0) for prompt in found]
    plan = AttemptPlan(
        key, prompts, 1, f"{key}", "sandbox", "data", day.rubric, "judge", None, "", selection_sha256="all"
    )
    attempt = open_attempt(store, plan)
    rows: list[dict[str, Any]] = [
        {"prompt": prompt, "score": score, "provider": day.provider(number), "failed": number < day.failed}
        for number, (prompt, score) in enumerate(found.items())
    ]
    given = {"id": attempt.attempt_id, "rows": json.dumps(rows)}
    of_rows = "jsonb_to_recordset(%(rows)s::jsonb) AS g (prompt text, score float8, provider text, failed boolean)"
    store.rows(
        f"UPDATE daily_runs.answer SET status = CASE WHEN failed THEN 'failed' ELSE 'answered' END, sent_at = now(),"
        f" settled_at = now(), answer = CASE WHEN NOT failed THEN 'text' END, serving_provider = provider,"
        f" error_hop = CASE WHEN failed THEN 'gitlab' END, error_kind = CASE WHEN failed THEN 'timeout' END,"
        f" error_blame = CASE WHEN failed THEN 'provider' END"
        f" FROM {of_rows} WHERE attempt_id = %(id)s::uuid AND prompt_id = prompt",
        given,
    )
    store.rows(
        "INSERT INTO daily_runs.verdict (verdict_key, rubric_version, judge_model, reasons, scores, score)"
        f" SELECT %(id)s::text || prompt, 'rubric', 'judge', 'Good.', '{{\"faithfulness\": 4}}', score FROM {of_rows}",
        given,
    )
    store.rows(
        "INSERT INTO daily_runs.judgement (attempt_id, prompt_id, verdict_key, status, settled_at)"
        f" SELECT %(id)s::uuid, prompt, %(id)s::text || prompt, 'scored', now() FROM {of_rows} WHERE NOT failed",
        given,
    )
    gate.save(
        store,
        attempt.attempt_id,
        [("number of prompts", True, "all", "all")],
        passed=gate.read(store, attempt.attempt_id, gate.digest),
    )
    told = quality_facts(store, attempt.attempt_id, classes=CLASS_OF, **facts)
    done = published.replace(store, attempt, told, time_scale=1.0)
    answers = [(row["prompt"].split("#")[0], CLASS_OF[row["prompt"].split("#")[0]], row["score"]) for row in rows]
    return Published(key, done.verdict, answers[day.failed :])


def row(store: Store, key: RunKey) -> dict[str, Any]:
    return store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(key)})


@pytest.fixture
def reference(store: Store) -> list[Published]:
    """The first runs of a stream."""
    return [publish(store, Day(number)) for number in range(REFERENCE_RUNS)]


def test_the_figures_are_the_statistics_own(store: Store) -> None:
    run = publish(store, Day(0, failed=6))
    found, items = row(store, run.key), items_of(run.answers)
    mean, new = over_these_classes(items), over_new_classes(items)
    assert new is not None
    names = ("item_mean", "item_mean_low", "item_mean_high", "new_classes_low", "new_classes_high")
    told = (mean.estimate, mean.low, mean.high, new.low, new.high)
    assert [found[name] for name in names] == pytest.approx(told, abs=1e-12)
    scored: dict[str, list[float]] = {}
    for item, _, score in run.answers:
        scored.setdefault(item, []).append(score)
    asked = [AskedItem(ASKS, len(scored.get(item, [])), sum(scored.get(item, []))) for item in ITEMS]
    bounds = bounds_of(asked)
    assert (found["missing_at_worst"], found["missing_at_best"]) == pytest.approx(bounds, abs=1e-12)
    assert (found["items"], found["classes"], found["failed"]) == (77, 8, 6)


def test_the_first_run_has_nothing_to_be_compared_with(store: Store) -> None:
    run = publish(store, Day(0))
    assert (run.verdict.verdict, run.verdict.whole) == (QualityVerdict.INCOMPARABLE, None)
    assert "no earlier run of this feature" in row(store, run.key)["verdict_reason"]


def test_an_unchanged_run_is_no_worse_and_says_what_it_could_have_missed(
    store: Store, reference: list[Published]
) -> None:
    run = publish(store, Day(20))
    found = row(store, run.key)
    assert found["verdict"] in ("no_worse", "improved", "inconclusive")
    assert found["verdict_reason"].startswith(found["verdict"].replace("_", " "))
    assert "against 14 runs since 1 Aug 2026" in found["verdict_reason"]
    assert "smallest visible drop 0.0" in found["verdict_reason"]
    whole = store.row(
        "SELECT * FROM contract.comparisons_v1 WHERE run_key = %(key)s AND part = ''", {"key": str(run.key)}
    )
    assert run.verdict.whole is not None
    assert (whole["estimate"], whole["low"], whole["high"]) == run.verdict.whole[:3]
    assert whole["smallest_visible_drop"] >= whole["estimate"] - whole["low"]


def test_a_drop_in_one_class_is_regressed_and_names_the_class(store: Store, reference: list[Published]) -> None:
    run = publish(store, Day(20, fell={"class-3": 0.3}))
    found = row(store, run.key)
    assert found["verdict"] == "regressed"
    assert run.verdict.regressed_parts == ("class-3",)
    assert "regressed in class-3 -0." in found["verdict_reason"]
    parts = store.rows(
        "SELECT part FROM contract.comparisons_v1 WHERE run_key = %(key)s AND verdict = 'regressed' AND part <> ''",
        {"key": str(run.key)},
    )
    assert [part["part"] for part in parts] == ["class-3"]
    classes = store.rows(
        "SELECT item_class, mean FROM contract.quality_v1 WHERE run_key = %(key)s ORDER BY mean", {"key": str(run.key)}
    )
    assert (classes[0]["item_class"], len(classes)) == ("class-3", 8)


def test_another_rubric_is_another_ruler(store: Store, reference: list[Published]) -> None:
    run = publish(store, Day(20, rubric="another"))
    assert run.verdict.verdict is QualityVerdict.INCOMPARABLE
    assert "rubric changed, so this run begins a new reference" in run.verdict.reason
    assert row(store, run.key)["comparability_key"] != row(store, reference[0].key)["comparability_key"]


def test_two_providers_are_two_populations_and_no_figure_is_over_both(store: Store) -> None:
    run = publish(store, Day(0, provider=lambda number: "anthropic" if number < 100 else "vertex"))
    found = row(store, run.key)
    assert [one["provider"] for one in found["populations"]] == ["anthropic", "vertex"]
    assert sum(one["items"] for one in found["populations"]) == len(ITEMS)
    assert (found["item_mean"], found["verdict"]) == (None, "incomparable")
    assert "answered by anthropic, vertex" in found["verdict_reason"]


def test_what_changed_beside_the_ruler_is_named(store: Store) -> None:
    for number in range(2):
        publish(store, Day(number), context={"phase": "shadow", "gitlab_version": "19.4.0"})
    run = publish(store, Day(3), context={"phase": "staging", "gitlab_version": "19.4.1"})
    assert "changed since the reference: phase shadow → staging, GitLab 19.4.0 → 19.4.1" in run.verdict.reason
    assert row(store, run.key)["changed"] == {"phase": ["shadow", "staging"], "gitlab_version": ["19.4.0", "19.4.1"]}


def alarms(store: Store) -> list[dict[str, Any]]:
    return store.rows("SELECT * FROM contract.alarms_v1 ORDER BY alarm_id")


EVERYWHERE = dict.fromkeys(CLASSES, 0.06)


def test_a_lasting_drop_raises_one_alarm_with_its_beginning_and_size(store: Store, reference: list[Published]) -> None:
    runs = [publish(store, Day(20 + number, fell=EVERYWHERE), target=0.5) for number in range(4)]
    (alarm,) = alarms(store)
    assert (alarm["kind"], alarm["state"]) == ("drift", "open")
    assert (alarm["since_run_key"], alarm["last_run_key"]) == (str(runs[0].key), str(runs[-1].key))
    assert alarm["size"] == pytest.approx(0.06, abs=0.01)
    assert alarm["worst_class"] in CLASSES


def test_an_accepted_alarm_pins_a_new_reference(store: Store, reference: list[Published]) -> None:
    runs = [publish(store, Day(20 + number, fell=EVERYWHERE), target=0.5) for number in range(4)]
    (alarm,) = alarms(store)
    alarm_rows.resolve(store, alarm["alarm_id"], AlarmState.ACCEPTED, by="evaluation team", reason="cheaper model")
    run = publish(store, Day(30, fell=EVERYWHERE), target=0.5)
    assert run.verdict.reference == tuple(str(one.key) for one in runs)
    assert [one["state"] for one in alarms(store)] == ["accepted"]


def test_an_alarm_is_resolved_once(store: Store, reference: list[Published]) -> None:
    for number in range(4):
        publish(store, Day(20 + number, fell=EVERYWHERE), target=0.5)
    number = alarms(store)[0]["alarm_id"]
    alarm_rows.resolve(store, number, AlarmState.FALSE, by="on-call", reason="the sandbox")
    with pytest.raises(ParameterError, match="was resolved as false by on-call"):
        alarm_rows.resolve(store, number, AlarmState.REAL, by="somebody", reason="no")
    with pytest.raises(ParameterError, match="is not known.*Open alarms: none"):
        alarm_rows.resolve(store, number + 1, AlarmState.REAL, by="somebody", reason="no")


def test_the_owners_lines_warn_after_three_means_and_page_at_once(store: Store) -> None:
    for number in range(2):
        publish(store, Day(number), target=0.95)
    assert alarms(store) == []
    publish(store, Day(2), target=0.95)
    assert [alarm["kind"] for alarm in alarms(store)] == ["warning"]
    publish(store, Day(3, fell=dict.fromkeys(CLASSES, 0.2)), target=0.95)
    assert sorted(alarm["kind"] for alarm in alarms(store)) == ["page", "warning"]


def test_neither_a_sample_nor_an_old_date_that_is_run_again_raises_an_alarm(
    store: Store, reference: list[Published]
) -> None:
    publish(store, Day(20, sample="0a1b2c3d", fell=dict.fromkeys(CLASSES, 0.5)))
    publish(store, Day(12, fell=dict.fromkeys(CLASSES, 0.5)))
    assert alarms(store) == []


def test_a_drop_that_is_to_be_found_lies_above_the_allowance() -> None:
    with pytest.raises(ValueError, match="drift_drop must be above drift_allowance"):
        Quality(drift_drop=0.01, drift_allowance=0.02)

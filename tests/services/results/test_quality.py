"""What a run says of quality is published with its rows: figures, verdict, comparisons, alarms."""

from __future__ import annotations

from typing import Any

import pytest
from tests.items import items_of
from tests.published_runs import ASKS, CLASSES, ITEMS, Day, Published, publish

from daily_runs.catalogue.features import Quality
from daily_runs.errors import ParameterError
from daily_runs.records.run import RunKey
from daily_runs.results import alarm_rows
from daily_runs.results.intervals import over_new_classes, over_these_classes
from daily_runs.results.missing import AskedItem, bounds_of
from daily_runs.statuses import AlarmState, QualityVerdict
from daily_runs.store.database import Store

REFERENCE_RUNS = 14


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


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("judge_effort", "judge's effort"),
        ("judge_thinking", "judge's thinking"),
        ("prompt_template", "judge's prompt"),
        ("answered_by", "judging model"),
    ],
)
def test_another_effort_prompt_or_model_behind_the_judges_name_is_another_ruler(
    store: Store, reference: list[Published], column: str, named: str
) -> None:
    run = publish(store, Day(20, judged={column: "another"}))
    assert run.verdict.verdict is QualityVerdict.INCOMPARABLE
    assert f"{named} changed, so this run begins a new reference" in run.verdict.reason
    assert row(store, run.key)["comparability_key"] != row(store, reference[0].key)["comparability_key"]


def test_a_model_that_gave_only_further_verdicts_on_the_answers_is_part_of_the_ruler(store: Store) -> None:
    judged = {"answered_by": "judge-1"}
    publish(store, Day(0, judged=judged, repeated_by="judge-1"))
    alike = publish(store, Day(1, judged=judged, repeated_by="judge-1"))
    assert alike.verdict.verdict is not QualityVerdict.INCOMPARABLE
    other = publish(store, Day(2, judged=judged, repeated_by="judge-2"))
    assert other.verdict.verdict is QualityVerdict.INCOMPARABLE
    assert "judging model changed" in other.verdict.reason
    assert row(store, alike.key)["comparability_key"] != row(store, other.key)["comparability_key"]


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


def test_a_build_of_the_same_version_from_another_commit_is_named_as_changed(store: Store) -> None:
    build = {"gitlab_version": "19.4.0"}
    publish(store, Day(0), context={**build, "gitlab_revision": "a1b2c3d"})
    run = publish(store, Day(1), context={**build, "gitlab_revision": "e5f6a7b"})
    assert "changed since the reference: GitLab revision a1b2c3d → e5f6a7b" in run.verdict.reason
    assert row(store, run.key)["changed"] == {"gitlab_revision": ["a1b2c3d", "e5f6a7b"]}


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


def test_neither_a_sample_nor_a_trial_nor_an_old_date_that_is_run_again_raises_an_alarm(
    store: Store, reference: list[Published]
) -> None:
    for sample in ("0a1b2c3d", "rubric-0a1b2c3d4e5f", "0a1b2c3d/rubric-0a1b2c3d4e5f"):
        publish(store, Day(20, sample=sample, fell=dict.fromkeys(CLASSES, 0.5)))
    publish(store, Day(12, fell=dict.fromkeys(CLASSES, 0.5)))
    assert alarms(store) == []


def test_a_drop_that_is_to_be_found_lies_above_the_allowance() -> None:
    with pytest.raises(ValueError, match="drift_drop must be above drift_allowance"):
        Quality(drift_drop=0.01, drift_allowance=0.02)

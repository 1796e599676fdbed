"""A trial of a rubric is a run of its own: a full run's answers judged by another rubric, never in its place."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from tests.conftest import DAY, Kit

from daily_runs import connections
from daily_runs.catalogue import folders
from daily_runs.catalogue.features import Feature
from daily_runs.connections import Connect
from daily_runs.errors import Blame, CallError, Hop, ParameterError
from daily_runs.judging import rubric_versions
from daily_runs.quota import spending_rows
from daily_runs.records import answers
from daily_runs.records.answers import AnswerRows
from daily_runs.records.attempts import find_attempt
from daily_runs.records.run import RunKey
from daily_runs.results.merge_gate import side_rows
from daily_runs.results.run_report import questions, report_rows, ruler_rows
from daily_runs.runs import rerun, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.runs.target import Target, target_of
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import Rerun

FEATURE, PROMPTS = "duo_chat", 6
KEY = RunKey(FEATURE, "staging", DAY)
FULL_RUNS_ALONE = ("runs_v1", "results_v1", "failures_v1", "verdicts_v1", "quality_v1", "last_good_v1", "alarms_v1")


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """A catalogue whose full run of the feature is short."""
    return kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})


@pytest.fixture
def strict(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The version of a rubric that is kept beside the catalogue's."""
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / folder, tmp_path / folder)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    data = yaml.safe_load((tmp_path / "rubrics" / f"{FEATURE}.yaml").read_text())
    data["guidance"] += " Be strict."
    (tmp_path / "rubrics" / f"{FEATURE}-strict.yaml").write_text(yaml.safe_dump(data))
    _, version = rubric_versions.known(feature_of(kit))
    return version


def feature_of(kit: Kit) -> Feature:
    return kit.catalogue.features[FEATURE]


def opened(kit: Kit, how: Rerun = Rerun.ALL, key: RunKey = KEY, **order: Any) -> Work:
    attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(key, how, **order))
    return pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))


def done(kit: Kit, how: Rerun = Rerun.ALL, key: RunKey = KEY, **order: Any) -> Work:
    """A run that is published."""
    work = opened(kit, how, key, **order)
    kit.run(work, *pipeline.STAGES)
    return work


def tried(kit: Kit, strict: str, key: RunKey = KEY) -> RunKey:
    """The key of a published trial."""
    return done(kit, Rerun.JUDGE_AGAIN, key, rubric_version=strict).attempt.key


def seen(kit: Kit) -> dict[str, list[dict[str, Any]]]:
    """What readers of full runs see."""
    return {view: kit.store.rows(f"SELECT * FROM contract.{view} ORDER BY 1, 2, 7, 8") for view in FULL_RUNS_ALONE}


def target(kit: Kit, **values: Any) -> Target:
    return target_of(kit.store, kit.catalogue, feature_of(kit), trigger_form.read((), values), DAY, manual=True)


def test_a_trial_changes_nothing_that_readers_of_full_runs_see(kit: Kit, strict: str) -> None:
    full = done(kit)
    before = seen(kit)
    key = tried(kit, strict)
    assert str(key) == f"{KEY}/rubric-{strict}"
    assert seen(kit) == before
    assert len(before["results_v1"]) == PROMPTS
    assert [row["run_key"] for row in before["last_good_v1"]] == [str(KEY)]
    rows = kit.store.rows("SELECT run_key, kind, answered, rubric_version FROM contract.runs_v2 ORDER BY run_key")
    assert [tuple(row.values()) for row in rows] == [
        (str(KEY), "full", PROMPTS, full.rubric.version),
        (str(key), "trial", PROMPTS, strict),
    ]
    kinds = kit.store.rows("SELECT kind, outcome FROM contract.attempts_v1 ORDER BY started_at")
    assert [tuple(row.values()) for row in kinds] == [("full", "published"), ("trial", "published")]


def test_a_trial_is_in_no_reference_even_once_its_rubric_is_the_catalogues(kit: Kit, strict: str) -> None:
    done(kit)
    trial = tried(kit, strict)
    later = done(kit, key=KEY._replace(logical_date=DAY + dt.timedelta(days=1))).attempt.key
    sides = side_rows.find(kit.store, "reference", str(later))
    assert [side.run_key for side in sides.baseline] == [str(KEY)]
    changed_rubric = folders.rubric_path(feature_of(kit))
    shutil.copy(changed_rubric.with_name(f"{FEATURE}-strict.yaml"), changed_rubric)
    adopted = done(kit, key=KEY._replace(logical_date=DAY + dt.timedelta(days=2)))
    assert adopted.rubric.version == strict
    sides = side_rows.find(kit.store, "reference", str(adopted.attempt.key))
    assert str(trial) not in [side.run_key for side in sides.baseline]
    row = kit.store.row(
        "SELECT verdict FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": str(adopted.attempt.key)}
    )
    assert row["verdict"] == "incomparable"


def test_a_trial_is_measured_with_another_ruler_than_its_full_run(kit: Kit, strict: str) -> None:
    done(kit)
    trial = tried(kit, strict)
    sides = side_rows.find(kit.store, "last-good", str(trial))
    assert [side.run_key for side in sides.baseline] == [str(KEY)]
    assert sides.baseline[0].ruler["rubric_version"] != sides.candidate.ruler["rubric_version"] == strict


def test_what_a_trial_took_over_is_in_no_bill_and_no_days_operations_again(kit: Kit, strict: str) -> None:
    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

    def asked() -> tuple[Any, ...]:
        bill = spending_rows.answers(kit.store, FEATURE, long_ago, input_tokens=100, output_tokens=10)
        query = "SELECT coalesce(sum(calls), 0)::int AS calls FROM contract.costs_v1 WHERE stage = 'inference'"
        return bill, kit.store.row(query)["calls"], kit.count("daily_runs.asked_once")

    done(kit)
    before = asked()
    assert before[1:] == (PROMPTS, PROMPTS)
    tried(kit, strict)
    assert kit.count("daily_runs.answer") == 2 * PROMPTS
    assert asked() == before


def test_a_trial_comes_back_from_the_store_under_its_own_key(kit: Kit, strict: str) -> None:
    done(kit)
    work = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    assert find_attempt(kit.store, work.attempt.attempt_id).key == work.attempt.key
    assert work.attempt.key.trial == strict


def test_a_trial_judges_the_newest_answers_of_the_full_run_each_time(kit: Kit, strict: str) -> None:
    done(kit)
    first = tried(kit, strict)
    newest = done(kit, anew=True).attempt.attempt_id
    again = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict).attempt
    assert again.key == first
    row = kit.store.row(
        "SELECT taken_over_from::text AS base FROM daily_runs.attempt WHERE attempt_id = %(id)s",
        {"id": again.attempt_id},
    )
    assert row["base"] == newest


def test_a_trial_leaves_a_full_run_alone_that_is_still_judged(kit: Kit, strict: str) -> None:
    full = opened(kit)
    kit.run(full, "seed_check", "limit_probe", "inference")
    tried(kit, strict)
    kit.run(full, "judging", "validation", "publish")
    kinds = kit.store.rows("SELECT kind, outcome FROM contract.attempts_v1 ORDER BY started_at")
    assert [tuple(row.values()) for row in kinds] == [("full", "published"), ("trial", "published")]


def test_a_trial_that_broke_off_is_gone_on_with_and_not_paid_again(kit: Kit, strict: str) -> None:
    done(kit)
    first = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    kit.run(first, "seed_check", "limit_probe", "inference", "judging")
    query = "DELETE FROM daily_runs.judgement WHERE attempt_id = %(id)s"
    kit.store.rows(query, {"id": first.attempt.attempt_id})
    before = len([entry for entry in kit.sandbox.entries("messages") if entry["paid"]])
    second = done(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    assert second.attempt.key == first.attempt.key
    assert len([entry for entry in kit.sandbox.entries("messages") if entry["paid"]]) == before


def test_a_trial_that_is_gone_on_with_stays_held_by_the_frozen_answers_of_its_first_day(kit: Kit, strict: str) -> None:
    """It takes over the verdicts of that day, so it must not pass by a better day's frozen answers alone."""
    done(kit)
    first = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    kit.run(first, "seed_check", "limit_probe", "inference", "judging")
    few = "SELECT prompt_id FROM daily_runs.answer ORDER BY prompt_id LIMIT 1"
    kit.store.rows(
        f"DELETE FROM daily_runs.judgement WHERE attempt_id = %(id)s AND prompt_id IN ({few})",
        {"id": first.attempt.attempt_id},
    )
    of_first_day = kit.store.row(
        """
        WITH day AS (
            INSERT INTO daily_runs.frozen_judging (frozen_key, feature, attempt_id, rubric_version, judge_model,
                                                   prompt_template, answers_sha256)
            SELECT 'a-key', %(feature)s, attempt_id, rubric_version, judge_model, prompt_template, 'a-hash'
            FROM daily_runs.attempt WHERE attempt_id = %(id)s RETURNING frozen_judging_id, attempt_id)
        INSERT INTO daily_runs.ruler_watch (attempt_id, frozen_judging_id)
        SELECT attempt_id, frozen_judging_id FROM day RETURNING frozen_judging_id
        """,
        {"id": first.attempt.attempt_id, "feature": FEATURE},
    )
    second = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    assert second.attempt.attempt_id != first.attempt.attempt_id
    watches = "SELECT frozen_judging_id FROM daily_runs.ruler_watch WHERE attempt_id = %(id)s"
    assert kit.store.rows(watches, {"id": second.attempt.attempt_id}) == [of_first_day]


@pytest.mark.parametrize("how", [Rerun.GATE_AND_PUBLISH, Rerun.MISSING_ANSWERS, Rerun.JUDGE_AGAIN])
def test_a_rerun_of_a_trial_stays_under_its_key_and_by_its_rubric(kit: Kit, strict: str, how: Rerun) -> None:
    done(kit)
    trial = tried(kit, strict)
    before = seen(kit)
    found = target(kit, rerun=str(how), run=str(trial).split("/", 2)[2])
    assert (found.logical_date, found.sample) == (DAY, trial.sample)
    again = done(kit, how, KEY._replace(sample=found.sample))
    assert (again.attempt.key, again.rubric.version) == (trial, strict)
    assert seen(kit) == before


def test_missing_answers_of_a_trial_are_asked_and_judged_by_its_rubric(kit: Kit, strict: str) -> None:
    full = opened(kit)
    lost = kit.answers(full)[0]["prompt_id"]
    failure = CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True)
    AnswerRows(kit.store, full.attempt.attempt_id).failed(lost, failure)
    kit.run(full, "seed_check", "limit_probe", "inference", "judging")
    trial = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict)
    kit.run(trial, "seed_check", "limit_probe", "inference", "judging")
    mended = done(kit, Rerun.MISSING_ANSWERS, trial.attempt.key)
    assert answers.counts(kit.store, mended.attempt.attempt_id) == {"answered": PROMPTS}
    assert (mended.attempt.key, mended.rubric.version) == (trial.attempt.key, strict)


def test_missing_answers_of_a_trial_whose_rubric_is_gone_are_judged_by_no_other(kit: Kit, strict: str) -> None:
    full = opened(kit)
    AnswerRows(kit.store, full.attempt.attempt_id).failed(
        kit.answers(full)[0]["prompt_id"], CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True)
    )
    kit.run(full, "seed_check", "limit_probe", "inference", "judging")
    trial = opened(kit, Rerun.JUDGE_AGAIN, rubric_version=strict).attempt.key
    opened(kit, Rerun.MISSING_ANSWERS, trial)  # it breaks off, and leaves a prompt unsettled
    folders.rubric_path(feature_of(kit)).with_name(f"{FEATURE}-strict.yaml").unlink()
    with pytest.raises(ParameterError, match=f"no rubric of .* has version '{strict}'"):
        opened(kit, Rerun.MISSING_ANSWERS, trial)


def test_the_form_names_the_key_under_which_a_trial_is_opened(kit: Kit, strict: str) -> None:
    done(kit)
    assert target(kit, rerun="judge_again", rubric_version=strict[:8]).sample == f"rubric-{strict}"
    current = rubric_versions.current(feature_of(kit)).version
    assert target(kit, rerun="judge_again", rubric_version=current).sample == ""
    assert target(kit, rerun="judge_again").sample == ""


def test_a_rerun_of_a_date_means_its_full_run_though_it_has_a_trial(kit: Kit, strict: str) -> None:
    done(kit)
    tried(kit, strict)
    assert target(kit, rerun="gate_and_publish").sample == ""
    with pytest.raises(ParameterError, match=f"no rubric 000000000000 of .*Its samples and trials: .*/rubric-{strict}"):
        target(kit, rerun="gate_and_publish", run="2026-08-17/rubric-000000000000")


def test_a_trial_of_a_sample_is_a_run_beside_the_sample(kit: Kit, strict: str) -> None:
    sample = done(kit, prompts=2).attempt.key
    found = target(kit, rerun="judge_again", rubric_version=strict)
    trial = tried(kit, strict, sample)
    assert str(trial) == f"{sample}/rubric-{strict}"
    assert found.sample == trial.sample
    rows = kit.store.rows("SELECT run_key, kind, asked FROM contract.runs_v2 ORDER BY run_key")
    assert [tuple(row.values()) for row in rows] == [(str(sample), "sample", 2), (str(trial), "trial", 2)]
    assert kit.store.rows("SELECT run_key FROM contract.runs_v1") == []
    assert target(kit, rerun="gate_and_publish").sample == sample.sample
    assert target(kit, rerun="gate_and_publish", run=str(trial).split("/", 2)[2]).sample == trial.sample
    report = report_rows.read(kit.store, str(trial), questions.none_known, ruler_rows.none_known)
    assert f"--sample {trial.sample} --rerun" in report["rerun"]
    current = rubric_versions.current(feature_of(kit)).version
    assert opened(kit, Rerun.JUDGE_AGAIN, sample, rubric_version=current).attempt.key == sample


def test_a_rubric_is_not_tried_in_another_rubrics_trial(kit: Kit, strict: str) -> None:
    done(kit)
    trial = tried(kit, strict)
    current = rubric_versions.current(feature_of(kit)).version
    with pytest.raises(ParameterError, match=f"{current} is not the rubric of {trial}"):
        opened(kit, Rerun.JUDGE_AGAIN, trial, rubric_version=current)


def test_the_report_of_a_trial_says_what_it_is_and_how_to_do_it_again(kit: Kit, strict: str) -> None:
    done(kit)
    trial = tried(kit, strict)
    report = report_rows.read(kit.store, str(trial), questions.none_known, ruler_rows.none_known)
    assert (report["run"]["kind"], report["run"]["run_key"]) == ("trial", str(trial))
    assert [row["run_key"] for row in report["series"]["runs"]] == [str(trial)]
    assert report["rerun_form"]["run"] == str(trial).split("/", 2)[2]
    assert f"--sample rubric-{strict} --rerun missing_answers" in report["rerun"]

"""Doing a run again: what is taken over is not paid again, what is missing is asked, and nothing else is sent."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from tests.conftest import DAY, Kit

from daily_runs import connections, dataset
from daily_runs.catalogue import folders
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli.run import RunOptions, run
from daily_runs.connections import Connect
from daily_runs.dataset import dataset_sha256
from daily_runs.errors import Blame, CallError, CatalogueError, GateFailedError, Hop, ParameterError, StageError
from daily_runs.gitlab.answers import Answer, Ticket
from daily_runs.judging import rubric_versions
from daily_runs.judging.ruler import ruler_of
from daily_runs.quota import spending_rows
from daily_runs.records import answers, attempts, reruns, routes
from daily_runs.records.answers import AnswerRows
from daily_runs.records.judgements import JudgementRows
from daily_runs.records.routes import Routed
from daily_runs.records.run import Attempt, Prompt, RunKey
from daily_runs.runs import rerun, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.runs.target import Target, target_of
from daily_runs.stages import judge_trial, pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import AnswerStatus, AttemptStatus, ReadinessState, Rerun
from daily_runs.store.database import Store
from daily_runs.store.exclusive import exclusive

FEATURE, PROMPTS = "duo_chat", 6
KEY = RunKey(FEATURE, "staging", DAY)
ASKS, JUDGES = "aiAction", "messages"
BEFORE_GATE = ("seed_check", "limit_probe", "inference", "judging")
PARTIAL = [rerun for rerun in Rerun if rerun is not Rerun.ALL]
FAILURE = CallError(Hop.GITLAB, "rack_attack", blame=Blame.RATE_LIMIT, retryable=True)


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """A catalogue whose full run of the feature is as short as the test's."""
    return kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})


@pytest.fixture
def include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of catalogue, data sets and rubrics that a test may edit."""
    for folder in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / folder, tmp_path / folder)
    monkeypatch.setenv("DAILY_RUNS_INCLUDE", str(tmp_path))
    return tmp_path


def another_rubric(include: Path, name: str) -> str:
    """A rubric of the feature with other guidance, in a file of that name; returns its version."""
    data = yaml.safe_load((include / "rubrics" / f"{FEATURE}.yaml").read_text())
    data["guidance"] += f" Be strict ({name})."
    (include / "rubrics" / name).write_text(yaml.safe_dump(data))
    (found,) = [
        version
        for version, rubric in rubric_versions.known(catalogue_files.load().features[FEATURE]).items()
        if rubric.guidance == data["guidance"]
    ]
    return found


def again(kit: Kit, how: Rerun, **order: Any) -> Work:
    """A rerun of the test's run."""
    attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, how, **order))
    return work_on(kit, attempt)


def work_on(kit: Kit, attempt: Attempt) -> Work:
    return pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))


def done(kit: Kit) -> Work:
    """A run that is published."""
    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, *pipeline.STAGES)
    return work


def with_failures(kit: Kit, *more: str) -> tuple[Work, set[str]]:
    """A run of which two prompts failed, and which."""
    work = kit.work(FEATURE, PROMPTS)
    failed = {row["prompt_id"] for row in kit.answers(work)[:2]}
    for prompt_id in failed:
        AnswerRows(kit.store, work.attempt.attempt_id).failed(prompt_id, FAILURE)
    kit.run(work, "seed_check", "limit_probe", "inference", *more)
    counts = answers.counts(kit.store, work.attempt.attempt_id)
    assert counts == {"answered": PROMPTS - len(failed), "failed": len(failed)}
    return work, failed


def sent_by(kit: Kit, work: Work, *stages: str) -> list[dict[str, Any]]:
    """What the sandbox got while these stages ran, or all of them."""
    before = len(kit.sandbox.entries())
    kit.run(work, *(stages or pipeline.STAGES))
    return kit.sandbox.entries()[before:]


def paid(entries: Sequence[dict[str, Any]], operation: str) -> list[str]:
    """The prompts that were paid for; the judge's trial before them is none of a prompt."""
    keys = sorted(entry["key"] for entry in entries if entry["paid"] and entry["operation"] == operation)
    return [key for key in keys if key != judge_trial.PROMPT_ID]


def without(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}


def contract(kit: Kit) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What readers see of the run."""
    run = kit.store.row("SELECT * FROM contract.runs_v1 WHERE run_key = %(key)s", {"key": str(KEY)})
    results = kit.store.rows(
        "SELECT * FROM contract.results_v1 WHERE run_key = %(key)s ORDER BY prompt_id", {"key": str(KEY)}
    )
    assert len(results) == run["answered"] > 0
    return run, results


def statuses(kit: Kit) -> list[str]:
    rows = kit.store.rows("SELECT status FROM daily_runs.attempt ORDER BY started_at")
    return [row["status"] for row in rows]


def test_gate_and_publish_sends_nothing_and_publishes_the_same_rows_as_a_new_attempt(kit: Kit) -> None:
    first = done(kit)
    run_before, results_before = contract(kit)
    rerun = again(kit, Rerun.GATE_AND_PUBLISH, note="the threshold was wrong")
    assert sent_by(kit, rerun) == []
    run, results = contract(kit)
    assert run["attempt_id"] != run_before["attempt_id"]
    assert str(run["attempt_id"]) == rerun.attempt.attempt_id
    assert run["rows_sha256"] == run_before["rows_sha256"]
    assert [without(row, "attempt_id") for row in results] == [without(row, "attempt_id") for row in results_before]
    assert kit.answers(rerun) == [
        {**row, "attempt_id": kit.answers(rerun)[0]["attempt_id"]} for row in kit.answers(first)
    ]
    assert statuses(kit) == [AttemptStatus.SUPERSEDED, AttemptStatus.PUBLISHED]
    row = kit.store.row(
        "SELECT redo, taken_over_from::text AS base, note FROM daily_runs.attempt WHERE attempt_id = %(id)s",
        {"id": rerun.attempt.attempt_id},
    )
    assert row == {
        "redo": "gate_and_publish",
        "base": first.attempt.attempt_id,
        "note": "the threshold was wrong",
    }


def test_missing_answers_asks_and_judges_just_those(kit: Kit) -> None:
    first, failed = with_failures(kit, "judging")
    with pytest.raises(GateFailedError):
        kit.run(first, "validation")
    rerun = again(kit, Rerun.MISSING_ANSWERS)
    sent = sent_by(kit, rerun)
    assert set(paid(sent, ASKS)) == failed
    assert len(paid(sent, ASKS)) == len(failed)
    assert len(paid(sent, JUDGES)) == len(failed)
    run, _ = contract(kit)
    assert (run["asked"], run["answered"], run["failed"], run["unscored"]) == (PROMPTS, PROMPTS, 0, 0)
    assert statuses(kit) == [AttemptStatus.QUARANTINED, AttemptStatus.PUBLISHED]


def test_missing_answers_of_a_run_that_misses_none_sends_nothing(kit: Kit) -> None:
    done(kit)
    assert sent_by(kit, again(kit, Rerun.MISSING_ANSWERS)) == []


def test_judge_again_by_the_same_rubric_has_every_answer_judged_again(kit: Kit) -> None:
    done(kit)
    sent = sent_by(kit, again(kit, Rerun.JUDGE_AGAIN))
    assert {entry["operation"] for entry in sent} == {JUDGES}
    assert len(paid(sent, JUDGES)) == PROMPTS
    assert sent_by(kit, again(kit, Rerun.GATE_AND_PUBLISH)) == []


def test_judge_again_that_broke_off_is_gone_on_with_and_not_paid_again(kit: Kit) -> None:
    done(kit)
    first = again(kit, Rerun.JUDGE_AGAIN)
    kit.run(first, "seed_check", "limit_probe", "inference")
    lost = {row["prompt_id"] for row in kit.answers(first)[:2]}
    kit.run(first, "judging")
    kit.store.rows(
        "DELETE FROM daily_runs.judgement WHERE attempt_id = %(id)s AND prompt_id = ANY(%(lost)s)",
        {"id": first.attempt.attempt_id, "lost": list(lost)},
    )
    kit.store.rows(
        "DELETE FROM daily_runs.verdict v WHERE NOT EXISTS ("
        "SELECT FROM daily_runs.judgement j WHERE j.verdict_key = v.verdict_key)"
    )
    assert set(paid(sent_by(kit, again(kit, Rerun.JUDGE_AGAIN)), JUDGES)) == lost


def test_judge_again_by_another_rubric_asks_the_judge_alone(kit: Kit, include: Path) -> None:
    first = done(kit)
    before = contract(kit)
    strict = another_rubric(include, f"{FEATURE}-strict.yaml")
    rerun = again(kit, Rerun.JUDGE_AGAIN, rubric_version=strict[:8])
    sent = sent_by(kit, rerun)
    assert {entry["operation"] for entry in sent} == {JUDGES}
    assert len(paid(sent, JUDGES)) == PROMPTS
    assert rerun.attempt.key == KEY._replace(sample=f"rubric-{strict}")
    assert rerun.rubric.version == strict
    assert contract(kit) == before
    back = again(kit, Rerun.JUDGE_AGAIN)  # by the catalogue's; its verdicts are those of another judging
    assert len(paid(sent_by(kit, back), JUDGES)) == PROMPTS
    assert back.attempt.key == KEY
    assert contract(kit)[0]["rubric_version"] == first.rubric.version


def test_judge_again_keeps_failures_as_they_are(kit: Kit) -> None:
    first, failed = with_failures(kit)
    rerun = again(kit, Rerun.JUDGE_AGAIN)
    assert paid(sent_by(kit, rerun, *BEFORE_GATE), ASKS) == []
    found = [row for row in kit.answers(rerun) if row["status"] == AnswerStatus.FAILED]
    assert {row["prompt_id"] for row in found} == failed
    before = {row["prompt_id"]: without(row, "attempt_id") for row in kit.answers(first)}
    assert [without(row, "attempt_id") for row in found] == [before[row["prompt_id"]] for row in found]


def test_a_ticket_that_was_paid_for_is_collected_and_not_paid_again(kit: Kit) -> None:
    first = kit.work(FEATURE, PROMPTS)
    kit.run(first, "seed_check", "limit_probe", "inference")
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'sent', answer = NULL, settled_at = NULL"
        " WHERE attempt_id = %(id)s AND prompt_id = (SELECT min(prompt_id) FROM daily_runs.answer)",
        {"id": first.attempt.attempt_id},
    )
    rerun = again(kit, Rerun.MISSING_ANSWERS)
    sent = sent_by(kit, rerun, "seed_check", "limit_probe", "inference")
    assert [entry["operation"] for entry in sent if entry["operation"] in (ASKS, "aiMessages")] == ["aiMessages"]
    assert answers.counts(kit.store, rerun.attempt.attempt_id) == {"answered": PROMPTS}


def test_an_answer_is_in_the_months_bill_once_however_often_it_is_taken_over(kit: Kit) -> None:
    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

    def bill() -> dict[str, Any]:
        return spending_rows.answers(kit.store, FEATURE, long_ago, input_tokens=100, output_tokens=10)

    with_failures(kit, "judging")
    before = bill()
    assert before["input_tokens"] >= PROMPTS * 100
    kit.run(again(kit, Rerun.JUDGE_AGAIN), *BEFORE_GATE)
    again(kit, Rerun.GATE_AND_PUBLISH)
    assert kit.count("daily_runs.answer") == PROMPTS * 3
    assert bill() == before
    kit.run(again(kit, Rerun.MISSING_ANSWERS), "seed_check", "limit_probe", "inference")
    assert bill()["input_tokens"] > before["input_tokens"]


def test_the_run_stays_published_until_its_rerun_passes_the_gate(kit: Kit) -> None:
    first, _ = with_failures(kit, "judging")
    lenient = kit.changed({"features": {FEATURE: {"thresholds": {"answered_share_min": 0.5}}}})
    lenient.run(work_on(lenient, first.attempt), "validation", "publish")
    rerun = again(kit, Rerun.GATE_AND_PUBLISH)
    assert statuses(kit) == [AttemptStatus.PUBLISHED, AttemptStatus.RUNNING]
    kit.run(rerun, *BEFORE_GATE)
    with pytest.raises(GateFailedError):
        kit.run(rerun, "validation")
    assert str(contract(kit)[0]["attempt_id"]) == first.attempt.attempt_id
    assert statuses(kit) == [AttemptStatus.PUBLISHED, AttemptStatus.QUARANTINED]
    lenient.run(again(lenient, Rerun.GATE_AND_PUBLISH), *pipeline.STAGES)
    assert statuses(kit) == [AttemptStatus.SUPERSEDED, AttemptStatus.QUARANTINED, AttemptStatus.PUBLISHED]


def test_a_task_that_is_tried_again_goes_on_with_what_its_dag_run_opened(kit: Kit) -> None:
    with_failures(kit)
    first = again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    second = again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    assert second.attempt == first.attempt._replace(resumed=True)
    other = again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__2")
    assert other.attempt.attempt_id != first.attempt.attempt_id


@pytest.mark.parametrize("how", PARTIAL)
def test_asking_all_never_goes_on_with_an_attempt_that_took_answers_over(kit: Kit, how: Rerun) -> None:
    done(kit)
    rerun = again(kit, how)
    new = kit.attempt(FEATURE, PROMPTS)
    assert not new.resumed
    assert answers.counts(kit.store, new.attempt_id) == {"planned": PROMPTS}
    assert statuses(kit)[1:] == [AttemptStatus.SUPERSEDED, AttemptStatus.RUNNING]
    assert rerun.attempt.attempt_id != new.attempt_id


@pytest.mark.parametrize("stage", ["inference", "judging"])
def test_an_attempt_that_somebody_works_on_is_not_taken_over(kit: Kit, stage: str) -> None:
    work, _ = with_failures(kit)
    with (
        exclusive(kit.store, attempts.lock_name(stage, work.attempt.attempt_id), 0),
        pytest.raises(StageError, match=rf"is being worked on now \({stage}\). Nothing was changed"),
    ):
        again(kit, Rerun.MISSING_ANSWERS)
    assert statuses(kit) == [AttemptStatus.RUNNING]
    again(kit, Rerun.MISSING_ANSWERS)
    assert statuses(kit) == [AttemptStatus.SUPERSEDED, AttemptStatus.RUNNING]


def test_a_task_of_the_attempt_before_sends_nothing_more(kit: Kit) -> None:
    work, _ = with_failures(kit)
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'planned', tries = 0, error_kind = NULL, settled_at = NULL"
        " WHERE status = 'failed' AND attempt_id = %(id)s",
        {"id": work.attempt.attempt_id},
    )
    again(kit, Rerun.MISSING_ANSWERS)
    before = len(kit.sandbox.entries(ASKS))
    with pytest.raises(StageError, match="superseded"):
        kit.run(work, "inference")
    assert len(kit.sandbox.entries(ASKS)) == before


def test_however_many_reruns_are_opened_at_once_one_is_left_with_every_prompt(kit: Kit) -> None:
    done(kit)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda n: again(kit, Rerun.MISSING_ANSWERS, airflow_run_id=f"manual__{n}"), range(6)))
    assert sorted(statuses(kit)) == ["published", "running"] + ["superseded"] * 5
    for work in opened:
        assert answers.counts(kit.store, work.attempt.attempt_id) == {"answered": PROMPTS}


@pytest.mark.parametrize("how", PARTIAL)
def test_a_run_without_answers_has_nothing_to_take_over(kit: Kit, how: Rerun) -> None:
    kit.attempt(FEATURE, PROMPTS)
    with pytest.raises(
        ParameterError, match=r"rerun: duo_chat/staging/\S+ has no answers to take over. Choose rerun: all"
    ):
        again(kit, how)
    assert statuses(kit) == [AttemptStatus.RUNNING]


@pytest.mark.parametrize("how", PARTIAL)
def test_answers_to_other_prompts_are_not_taken_over(kit: Kit, include: Path, how: Rerun) -> None:
    done(kit)
    file = include / "datasets" / f"{FEATURE}.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(ParameterError, match="the data set changed since attempt .* Choose rerun: all"):
        again(kit, how)


@pytest.mark.parametrize("how", [Rerun.JUDGE_AGAIN, Rerun.GATE_AND_PUBLISH])
def test_what_asks_nothing_needs_every_prompt_settled(kit: Kit, how: Rerun) -> None:
    work, failed = with_failures(kit)
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'planned', tries = 0, error_kind = NULL, settled_at = NULL"
        " WHERE status = 'failed' AND attempt_id = %(id)s",
        {"id": work.attempt.attempt_id},
    )
    with pytest.raises(ParameterError, match=f"{len(failed)} of 6 prompts of .* Choose rerun: missing_answers"):
        again(kit, how)


def test_what_judges_nothing_needs_every_answer_judged(kit: Kit) -> None:
    _, failed = with_failures(kit)
    with pytest.raises(ParameterError, match=f"{PROMPTS - len(failed)} of .* never judged. Choose rerun: judge_again"):
        again(kit, Rerun.GATE_AND_PUBLISH)


def test_another_judge_may_judge_all_again_but_not_some(kit: Kit) -> None:
    done(kit)
    other = kit.changed({"judge": {"model": "claude-opus-5"}, "prices": None})
    with pytest.raises(ParameterError, match="was judged by .*, and the judge is claude-opus-5 now"):
        again(other, Rerun.MISSING_ANSWERS)
    assert sent_by(other, again(other, Rerun.GATE_AND_PUBLISH)) == []
    assert contract(kit)[0]["judge_model"] == kit.catalogue.judge.model
    assert again(other, Rerun.JUDGE_AGAIN).catalogue.judge.model == "claude-opus-5"


@pytest.mark.parametrize("how", [Rerun.MISSING_ANSWERS, Rerun.GATE_AND_PUBLISH])
def test_verdicts_stay_those_of_their_rubric_as_long_as_its_file_is_kept(kit: Kit, include: Path, how: Rerun) -> None:
    first = done(kit)
    file = include / "rubrics" / f"{FEATURE}.yaml"
    old = file.read_text()
    another_rubric(include, file.name)
    with pytest.raises(ParameterError, match=f"was judged by rubric {first.rubric.version}, which is none of today's"):
        again(kit, how)
    (include / "rubrics" / f"{FEATURE}-2026-08.yaml").write_text(old)
    rerun = again(kit, how)
    assert rerun.rubric == first.rubric
    assert sent_by(kit, rerun) == []


def test_an_attempt_that_lost_its_rubric_meanwhile_is_refused(kit: Kit, include: Path) -> None:
    attempt = kit.attempt(FEATURE, PROMPTS)
    another_rubric(include, f"{FEATURE}.yaml")
    with pytest.raises(CatalogueError, match="rubric_version: was .* Start the run anew"):
        work_on(kit, attempt)


def test_a_rubric_of_another_feature_is_none_of_this_one(kit: Kit, include: Path) -> None:
    (include / "rubrics" / f"{FEATURE}-borrowed.yaml").write_text(
        (include / "rubrics" / "code_suggestions.yaml").read_text()
    )
    feature = kit.catalogue.features[FEATURE]
    assert list(rubric_versions.known(feature)) == [rubric_versions.current(feature).version]


@pytest.mark.parametrize("version", ["0123456789ab", "0123", ""])
def test_a_rubric_is_named_by_eight_digits_or_more_or_not_at_all(kit: Kit, version: str) -> None:
    feature = kit.catalogue.features[FEATURE]
    current = rubric_versions.current(feature)
    if not version:
        assert rubric_versions.named(feature, version) == current
        return
    with pytest.raises(ParameterError, match=f"has version {version!r}. Known: {current.version}."):
        rubric_versions.named(feature, version)


def test_seven_digits_name_no_rubric_and_eight_do(kit: Kit) -> None:
    feature = kit.catalogue.features[FEATURE]
    version = rubric_versions.current(feature).version
    assert rubric_versions.named(feature, version[:8]).version == version
    with pytest.raises(ParameterError, match="has version"):
        rubric_versions.named(feature, version[:7])


# Which run is meant.

OWN = dt.datetime(2026, 8, 20, 6, tzinfo=dt.UTC)


def attempt_of(store: Store, day: str, environment: str = "staging", *, answered: bool = True) -> dt.datetime:
    """A run with an attempt, at six o'clock of a day; returns its logical date."""
    feature = catalogue_files.load().features[FEATURE]
    moment = dt.datetime.fromisoformat(f"{day}T06:00:00+00:00")
    items = dataset.load_feature_dataset(feature)
    plan = attempts.AttemptPlan(
        key=RunKey(FEATURE, environment, moment),
        prompts=[Prompt("a#1", "a", 0)],
        shards=1,
        plan_hash="work",
        provenance="sandbox",
        dataset_sha256=dataset_sha256(items),
        **ruler_of(rubric_versions.current(feature).version, catalogue_files.load().judge)._asdict(),
        airflow_run_id=None,
        note="",
    )
    attempt = attempts.open_attempt(store, plan)
    if answered:
        AnswerRows(store, attempt.attempt_id).answered("a#1", Answer("Because."))
    return moment


def target(
    kit: Kit, *, manual: bool = True, own: dt.datetime = OWN, dag_run: str | None = None, **fields: Any
) -> Target:
    given = trigger_form.Form(**{"rerun": Rerun.JUDGE_AGAIN, **fields})
    feature = kit.catalogue.features[FEATURE]
    return target_of(kit.store, kit.catalogue, feature, given, own, manual=manual, airflow_run_id=dag_run)


def test_a_manual_rerun_without_a_date_is_of_the_newest_run_wherever_it_has_answers(kit: Kit) -> None:
    attempt_of(kit.store, "2026-08-17")
    newest = attempt_of(kit.store, "2026-08-18")
    attempt_of(kit.store, "2026-08-18", "production")
    attempt_of(kit.store, "2026-08-16", "production")
    assert target(kit) == Target(newest, ("production", "staging"))
    assert target(kit, environment="staging") == Target(newest, ("staging",))


def test_the_newest_run_without_answers_is_not_passed_over_in_silence(kit: Kit) -> None:
    attempt_of(kit.store, "2026-08-17")
    attempt_of(kit.store, "2026-08-18", answered=False)
    with pytest.raises(ParameterError, match="2026-08-18T06:00:00Z has no answers.*staging 2026-08-17T06:00:00Z"):
        target(kit)


def test_a_run_by_its_date_is_redone_on_that_date_alone(kit: Kit) -> None:
    attempt_of(kit.store, "2026-08-17")
    own = attempt_of(kit.store, "2026-08-20")
    assert target(kit, manual=False, own=own).logical_date == own
    with pytest.raises(ParameterError, match="duo_chat has no run of 2026-08-21T06:00:00Z to do again"):
        target(kit, manual=False, own=own + dt.timedelta(1))


@pytest.mark.parametrize(
    "text", ["2026-08-17T06:00:00Z", "2026-08-17 06:00", "2026-08-17", "2026-08-17T08:00:00+02:00"]
)
def test_a_run_is_named_by_its_logical_date_or_its_day(kit: Kit, text: str) -> None:
    moment = attempt_of(kit.store, "2026-08-17")
    attempt_of(kit.store, "2026-08-18")
    assert target(kit, run=text) == Target(moment, ("staging",))
    assert target(kit, run=text, rerun=Rerun.ALL).logical_date == moment


@pytest.mark.parametrize("text", ["2026-08-17T06:00:01Z", "2026-08-19", "2026-13-01"])
def test_a_run_that_there_was_not_is_refused_with_those_that_were(kit: Kit, text: str) -> None:
    attempt_of(kit.store, "2026-08-17")
    with pytest.raises(ParameterError, match=r"^run: "):
        target(kit, run=text)


def test_a_run_that_was_skipped_or_fell_back_may_be_asked_for_in_any_environment(kit: Kit) -> None:
    moment = attempt_of(kit.store, "2026-08-17", "production")
    skipped = moment + dt.timedelta(1)
    decision = Routed(FEATURE, "scheduled__1", skipped, ["staging"], [], False, ReadinessState.NOT_READY, "no seeds")
    routes.save(kit.store, decision)
    for day, expected in (("2026-08-17", moment), ("2026-08-18", skipped)):
        assert target(kit, run=day, rerun=Rerun.ALL, environment="staging").logical_date == expected
        with pytest.raises(ParameterError, match="there is no run of"):
            target(kit, run=day, environment="staging")


def test_the_command_line_does_a_run_again(kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = catalogue_files.load().features[FEATURE].frozen_answers  # the command reads the shipped catalogue
    done(kit.changed({"features": {FEATURE: {"frozen_answers": frozen}}}))
    overlay = tmp_path / "overlay.yaml"
    there = kit.catalogue.model_dump(mode="json")
    environments = {
        name: {key: environment[key] for key in ("address", "provenance", "time_scale")}
        for name, environment in there["environments"].items()
    }
    judge = {key: there["judge"][key] for key in ("address", "provenance")}
    overlay.write_text(yaml.safe_dump({"environments": environments, "judge": judge}))
    monkeypatch.setenv("DAILY_RUNS_STORE", kit.store.url)
    before = len(kit.sandbox.entries())
    asked = RunOptions(FEATURE, "staging", DAY.date(), rerun=Rerun.GATE_AND_PUBLISH)
    outcome = run(asked, overlay=str(overlay), console=Console(quiet=True))
    assert len(kit.sandbox.entries()) == before
    assert outcome.begun is not None
    (said,) = [line for line in outcome.render() if str(line).startswith("rerun gate_and_publish, taken over from ")]
    assert str(said).endswith(f"{outcome.begun.taken_over_from}: 0 prompts were left to ask, 0 of its answers to judge")
    assert outcome.as_json()["rerun"]["to_ask"] == 0
    assert outcome.published["attempt_id"] == contract(kit)[0]["attempt_id"]
    assert statuses(kit) == [AttemptStatus.SUPERSEDED, AttemptStatus.PUBLISHED]
    trial = asked._replace(sample=f"rubric-{'0' * 12}")
    with pytest.raises(ParameterError, match="^--date: there is no rubric 000000000000 of 2026-08-17"):
        run(trial, overlay=str(overlay), console=Console(quiet=True))
    with pytest.raises(ParameterError, match="^--sample: 'rubric-0' is neither eight hexadecimal digits nor"):
        run(asked._replace(sample="rubric-0"), overlay=str(overlay), console=Console(quiet=True))
    again_with = asked._replace(rerun=Rerun.JUDGE_AGAIN, only="tag:cost")
    with pytest.raises(ParameterError, match="^--only: does not go with rerun: judge_again"):
        run(again_with, overlay=str(overlay), console=Console(quiet=True))
    other_day = asked._replace(day=DAY.date() - dt.timedelta(1))
    with pytest.raises(ParameterError, match="^--date: there is no run of 2026-08-16"):
        run(other_day, overlay=str(overlay), console=Console(quiet=True))
    with pytest.raises(ParameterError, match="^environment: 'stag' is not in the catalogue"):
        run(asked._replace(environment="stag"), overlay=str(overlay), console=Console(quiet=True))


def test_a_day_of_two_runs_needs_the_logical_date(kit: Kit) -> None:
    attempt_of(kit.store, "2026-08-17")
    kit.attempt(FEATURE, PROMPTS)  # at midnight of the same day
    with pytest.raises(ParameterError, match="2 runs are of 2026-08-17"):
        target(kit, run="2026-08-17", rerun=Rerun.ALL)


def test_a_manual_rerun_means_the_same_run_however_often_it_is_planned(kit: Kit) -> None:
    meant = attempt_of(kit.store, "2026-08-17")
    assert target(kit, dag_run="manual__1").logical_date == meant
    routes.save(kit.store, Routed(FEATURE, "manual__1", meant, ["staging"], ["staging"], False, None, "a rerun"))
    newer = attempt_of(kit.store, "2026-08-18")
    assert target(kit, dag_run="manual__1").logical_date == meant
    assert target(kit, dag_run="manual__2").logical_date == newer


def test_an_arm_that_a_rerun_leaves_out_is_named(kit: Kit) -> None:
    moment = attempt_of(kit.store, "2026-08-17", "production")
    attempt_of(kit.store, "2026-08-17", answered=False)
    found = target(kit)
    assert found == Target(moment, ("production",), ("staging",))
    assert "left out, as it has no answers to take over there: staging" in found.note
    assert target(kit, environment="production").note == ""


PHASES = [
    {"phase": "staging", "starts": "2026-07-01", "schedule": "0 6 * * *", "approved": False},
    {"phase": "staging", "starts": "2026-08-01", "schedule": "0 6 * * *"},
]


def test_a_run_of_another_phase_is_not_left_to_wait_for_todays_approval(kit: Kit) -> None:
    patch = {"phases": PHASES, "cutover": {"planned": "2026-07-01"}, "when_not_ready": "wait"}
    kit = kit.changed({"features": {FEATURE: patch}})
    old, of_this_phase = attempt_of(kit.store, "2026-07-15"), attempt_of(kit.store, "2026-08-17")
    with pytest.raises(
        ParameterError, match="environment: the run of 2026-07-15T06:00:00Z might have to wait, and its"
    ):
        target(kit, run="2026-07-15", rerun=Rerun.ALL)
    assert target(kit, run="2026-07-15", rerun=Rerun.ALL, environment="staging").logical_date == old
    assert target(kit, run="2026-08-17", rerun=Rerun.ALL).logical_date == of_this_phase
    skips = kit.changed({"features": {FEATURE: {"when_not_ready": "skip"}}})
    assert target(skips, run="2026-07-15", rerun=Rerun.ALL).logical_date == old


# A rerun that is unfinished.


def test_clearing_the_first_dag_run_neither_ends_its_rerun_nor_pays_it_again(kit: Kit) -> None:
    order = RerunOrder(KEY, prompts=PROMPTS, airflow_run_id="scheduled__1")
    kit.run(work_on(kit, rerun.open_attempt(kit.store, kit.catalogue, order)), "seed_check", "limit_probe", "inference")
    again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    newest = again(kit, Rerun.JUDGE_AGAIN, airflow_run_id="manual__2")
    before = statuses(kit)
    with pytest.raises(ParameterError, match=rf"{newest.attempt.attempt_id} .*by manual__2\) does .* Go on there"):
        rerun.open_attempt(kit.store, kit.catalogue, order)
    assert statuses(kit) == before == [AttemptStatus.SUPERSEDED, AttemptStatus.SUPERSEDED, AttemptStatus.RUNNING]
    new = rerun.open_attempt(kit.store, kit.catalogue, order._replace(airflow_run_id="manual__3"))
    assert answers.counts(kit.store, new.attempt_id) == {"planned": PROMPTS}


@pytest.mark.parametrize("stage", ["inference", "judging"])
def test_asking_all_does_not_end_a_rerun_that_somebody_works_on(kit: Kit, stage: str) -> None:
    with_failures(kit)
    rerun = again(kit, Rerun.MISSING_ANSWERS)
    with (
        exclusive(kit.store, attempts.lock_name(stage, rerun.attempt.attempt_id), 0),
        pytest.raises(StageError, match=rf"is being worked on now \({stage}\). Nothing was changed"),
    ):
        kit.attempt(FEATURE, PROMPTS)
    assert statuses(kit) == [AttemptStatus.SUPERSEDED, AttemptStatus.RUNNING]


ANOTHER_JUDGE = {"judge": {"model": "claude-opus-5"}, "prices": None}


def unasked(kit: Kit, work: Work) -> None:
    """As if what failed had never been asked."""
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'planned', tries = 0, error_kind = NULL, settled_at = NULL"
        " WHERE status = 'failed' AND attempt_id = %(id)s",
        {"id": work.attempt.attempt_id},
    )


@pytest.mark.parametrize("opened_before", [True, False])
def test_missing_answers_by_another_judge_judges_all_anew_where_that_is_the_only_way(
    kit: Kit, opened_before: bool
) -> None:
    first, failed = with_failures(kit, "judging")
    unasked(kit, first)
    stuck = again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1") if opened_before else first
    other = kit.changed(ANOTHER_JUDGE)
    rerun = again(other, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    assert rerun.attempt.attempt_id != stuck.attempt.attempt_id
    sent = sent_by(other, rerun)
    assert set(paid(sent, ASKS)) == failed
    assert len(paid(sent, JUDGES)) == PROMPTS
    assert contract(kit)[0]["judge_model"] == "claude-opus-5"


def test_a_rerun_whose_judge_changed_when_all_was_settled_is_refused_with_a_way_out(kit: Kit) -> None:
    done(kit)
    again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    other = kit.changed(ANOTHER_JUDGE)
    with pytest.raises(ParameterError, match="Choose rerun: judge_again"):
        again(other, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    assert not again(other, Rerun.JUDGE_AGAIN, airflow_run_id="manual__2").attempt.resumed


def test_missing_answers_whose_rubric_is_gone_are_judged_by_todays_with_all_others(kit: Kit, include: Path) -> None:
    with_failures(kit, "judging")
    again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    strict = another_rubric(include, f"{FEATURE}.yaml")
    rerun = again(kit, Rerun.MISSING_ANSWERS, airflow_run_id="manual__1")
    assert len(paid(sent_by(kit, rerun), JUDGES)) == PROMPTS
    assert contract(kit)[0]["rubric_version"] == strict


# Which attempt is taken over.


def broken_off(kit: Kit, base: Work, prompts: int) -> Attempt:
    """An attempt that asks all anew and died after one answer, which is that of a base."""
    attempt = kit.attempt(FEATURE, prompts)
    row = kit.answers(base)[0]
    AnswerRows(kit.store, attempt.attempt_id).answered(row["prompt_id"], Answer(row["answer"]))
    assert answers.counts(kit.store, attempt.attempt_id) == {"answered": 1, "planned": prompts - 1}
    return attempt


def base_of(kit: Kit) -> str:
    base = reruns.base_for(kit.store, str(KEY))
    assert base is not None
    return base.attempt_id


def test_answers_that_the_run_has_are_not_paid_again_as_a_later_attempt_broke_off(kit: Kit) -> None:
    first = done(kit)
    broken_off(kit, first, PROMPTS)
    assert base_of(kit) == first.attempt.attempt_id
    for how in (Rerun.GATE_AND_PUBLISH, Rerun.MISSING_ANSWERS):
        assert sent_by(kit, again(kit, how)) == []


def test_a_sample_does_not_stand_for_the_whole_run_that_broke_off_after_it(kit: Kit) -> None:
    sample = kit.work(FEATURE, 3)
    kit.run(sample, *pipeline.STAGES)
    newest = broken_off(kit, sample, PROMPTS)
    assert base_of(kit) == newest.attempt_id


def test_a_later_attempt_that_came_to_its_end_is_the_base_with_all_its_failures(kit: Kit) -> None:
    newest = broken_off(kit, done(kit), PROMPTS)
    for row in answers.unsettled(kit.store, newest.attempt_id, None):
        AnswerRows(kit.store, newest.attempt_id).failed(row["prompt_id"], FAILURE)
    assert base_of(kit) == newest.attempt_id


def test_each_try_of_a_ticket_that_was_taken_over_stays_in_the_months_bill(kit: Kit) -> None:
    long_ago = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)

    def bill() -> float:
        row = spending_rows.answers(kit.store, FEATURE, long_ago, input_tokens=1000, output_tokens=0)
        return float(row["input_tokens"])

    work = kit.work(FEATURE, PROMPTS)
    kit.run(work, "seed_check", "limit_probe", "inference")
    kit.store.rows(
        "UPDATE daily_runs.answer SET status = 'sent', tries = 3, answer = NULL, settled_at = NULL"
        " WHERE attempt_id = %(id)s AND prompt_id = (SELECT min(prompt_id) FROM daily_runs.answer)",
        {"id": work.attempt.attempt_id},
    )
    before = bill()
    assert before >= (PROMPTS + 2) * 1000
    kit.run(again(kit, Rerun.MISSING_ANSWERS), "seed_check", "limit_probe", "inference")
    assert bill() == before


# Any mix of prompts.

STATES = st.sampled_from(["planned", "in flight", "ticket", "failed", "answered", "scored", "unscored", "being judged"])


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(STATES, min_size=1, max_size=12), how=st.sampled_from(PARTIAL))
def test_whatever_became_of_the_prompts_none_is_lost_and_none_that_has_an_answer_is_asked_again(
    kit: Kit, states: list[str], how: Rerun
) -> None:
    base = attempt_with(kit.store, states)
    order = RerunOrder(base.key, how)
    refused = (
        not set(states) & {"answered", "scored", "unscored", "being judged"}
        or (how is not Rerun.MISSING_ANSWERS and set(states) & {"planned", "in flight", "ticket"})
        or (how is Rerun.GATE_AND_PUBLISH and set(states) & {"answered", "being judged"})
    )
    if refused:
        with pytest.raises(ParameterError, match=r"^rerun: "):
            rerun.open_attempt(kit.store, kit.catalogue, order)
        return
    attempt = rerun.open_attempt(kit.store, kit.catalogue, order)
    before, after = (rows_of(kit.store, found.attempt_id) for found in (base, attempt))
    assert attempt.asked == len(states) == len(after)
    assert {name: (row["item_id"], row["shard"]) for name, row in after.items()} == {
        name: (row["item_id"], row["shard"]) for name, row in before.items()
    }
    for name, row in before.items():
        if row["status"] == "answered" or (row["status"] == "failed" and how is not Rerun.MISSING_ANSWERS):
            assert without(after[name], "attempt_id", "judged") == without(row, "attempt_id", "judged")
        elif row["ticket"]:
            assert (after[name]["status"], after[name]["ticket"], after[name]["tries"]) == ("sent", row["ticket"], 1)
        else:
            assert (after[name]["status"], after[name]["tries"], after[name]["sent_at"]) == ("planned", 0, None)
    kept = {Rerun.MISSING_ANSWERS: {"scored"}, Rerun.JUDGE_AGAIN: set(), Rerun.GATE_AND_PUBLISH: {"scored", "unscored"}}
    assert {name: row["judged"] for name, row in after.items()} == {
        name: row["judged"] if row["judged"] in kept[how] else None for name, row in before.items()
    }
    to_ask = {row["prompt_id"] for row in answers.unsettled(kit.store, attempt.attempt_id, None)}
    unanswered = {name for name, row in before.items() if row["status"] != "answered"}
    assert to_ask == (unanswered if how is Rerun.MISSING_ANSWERS else set())


def attempt_with(store: Store, states: Sequence[str]) -> Attempt:
    """An attempt whose prompts are in these states, of a day of its own."""
    day = store.row("SELECT count(*)::int AS n FROM daily_runs.run")["n"]
    base = attempt_of(store, "2026-08-17", answered=False)
    key = RunKey(FEATURE, "staging", base - dt.timedelta(days=day + 1))
    prompts = [Prompt(f"p{n}#1", f"p{n}", n % 3) for n in range(len(states))]
    feature = catalogue_files.load().features[FEATURE]
    plan = attempts.AttemptPlan(
        key=key,
        prompts=prompts,
        shards=3,
        plan_hash="work",
        provenance="sandbox",
        dataset_sha256=dataset_sha256(dataset.load_feature_dataset(feature)),
        **ruler_of(rubric_versions.current(feature).version, catalogue_files.load().judge)._asdict(),
        airflow_run_id=None,
        note="",
    )
    attempt = attempts.open_attempt(store, plan)
    rows, verdicts = AnswerRows(store, attempt.attempt_id), JudgementRows(store, attempt.attempt_id)
    for prompt, state in zip(prompts, states, strict=True):
        name = prompt.prompt_id
        if state != "planned":
            rows.sent(name, "evaluation-1")
        if state == "ticket":
            rows.accepted(name, Ticket("request", "resource", ""))
        elif state == "failed":
            rows.failed(name, FAILURE)
        elif state not in ("planned", "in flight"):
            rows.answered(name, Answer("Because.", None, "claude", 10, 5))
        if state == "being judged":
            verdicts.sent([name], "key")
        elif state == "scored":
            verdicts.scored([name], "key")
        elif state == "unscored":
            verdicts.unscored([name], "key", FAILURE)
    return attempt


def rows_of(store: Store, attempt_id: str) -> dict[str, dict[str, Any]]:
    rows = store.rows(
        "SELECT n.*, j.status AS judged FROM daily_runs.answer n LEFT JOIN daily_runs.judgement j"
        " USING (attempt_id, prompt_id) WHERE attempt_id = %(id)s",
        {"id": attempt_id},
    )
    return {row["prompt_id"]: row for row in rows}

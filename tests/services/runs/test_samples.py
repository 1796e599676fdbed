"""A sample is a run of its own: beside the full run of its date, never in its place."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.conftest import DAY, Kit

from daily_runs import connections
from daily_runs.connections import Connect
from daily_runs.errors import ParameterError
from daily_runs.records.attempts import find_attempt
from daily_runs.records.run import RunKey
from daily_runs.results import published
from daily_runs.runs import opening, rerun, trigger_form
from daily_runs.runs.rerun import RerunOrder
from daily_runs.runs.target import target_of
from daily_runs.stages import pipeline
from daily_runs.stages.work import Work
from daily_runs.statuses import Rerun

FEATURE, PROMPTS = "duo_chat", 6
KEY = RunKey(FEATURE, "staging", DAY)


@pytest.fixture
def kit(kit: Kit) -> Kit:
    """A catalogue whose full run of the feature is short."""
    return kit.changed({"features": {FEATURE: {"prompts_per_run": PROMPTS}}})


def done(kit: Kit, how: Rerun = Rerun.ALL, key: RunKey = KEY, **order: Any) -> Work:
    """A run that is published."""
    attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(key, how, **order))
    work = pipeline.work_for(kit.store, kit.catalogue, attempt, cast(Connect, connections.find))
    kit.run(work, *pipeline.STAGES)
    return work


def version_1(kit: Kit) -> dict[str, list[dict[str, Any]]]:
    views = ("runs_v1", "results_v1", "failures_v1")
    return {view: kit.store.rows(f"SELECT * FROM contract.{view} ORDER BY 1, 7") for view in views}


def test_a_sample_on_a_published_day_changes_nothing_that_readers_of_version_1_see(kit: Kit) -> None:
    done(kit)
    before = version_1(kit)
    sample = done(kit, prompts=2).attempt
    assert version_1(kit) == before
    assert len(before["results_v1"]) == PROMPTS
    rows = kit.store.rows("SELECT run_key, kind, asked, selection_sha256 FROM contract.runs_v2 ORDER BY asked")
    assert [(row["run_key"], row["kind"], row["asked"]) for row in rows] == [
        (str(sample.key), "sample", 2),
        (str(KEY), "full", PROMPTS),
    ]
    assert sample.key.sample == rows[0]["selection_sha256"][:8]
    assert rows[0]["selection_sha256"] != rows[1]["selection_sha256"]


def test_all_prompts_of_a_run_make_a_full_run_however_they_were_chosen(kit: Kit) -> None:
    items = [prompt.item_id for prompt in opening.planned(kit.catalogue, KEY, limit=None, only="").prompts]
    for order in ({"prompts": PROMPTS}, {"only": ", ".join(items)}):
        attempt = rerun.open_attempt(kit.store, kit.catalogue, RerunOrder(KEY, Rerun.ALL, **cast(Any, order)))
        assert attempt.key == KEY


def test_samples_of_other_prompts_are_other_runs(kit: Kit) -> None:
    one, two = done(kit, prompts=2).attempt.key, done(kit, prompts=3).attempt.key
    assert len({KEY, one, two}) == 3
    assert {row["run_key"] for row in kit.store.rows("SELECT run_key FROM contract.runs_v2")} == {str(one), str(two)}


def test_a_sample_comes_back_from_the_store_under_its_own_key(kit: Kit) -> None:
    attempt = done(kit, prompts=2).attempt
    assert find_attempt(kit.store, attempt.attempt_id).key == attempt.key
    row = published.of_run(kit.store, str(attempt.key))
    assert row is not None
    assert len(published.answers_of(kit.store, row)) == 2


def test_a_rerun_of_a_date_means_its_full_run_and_one_that_names_the_sample_the_sample(kit: Kit) -> None:
    done(kit)
    sample = done(kit, prompts=2).attempt.key
    feature = kit.catalogue.features[FEATURE]
    for named, wanted in (("2026-08-17", ""), (f"2026-08-17/sample-{sample.sample}", sample.sample)):
        form = trigger_form.read((), {"rerun": "gate_and_publish", "run": named})
        target = target_of(kit.store, kit.catalogue, feature, form, DAY, manual=True)
        assert (target.logical_date, target.sample) == (DAY, wanted)
        again = done(kit, Rerun.GATE_AND_PUBLISH, KEY._replace(sample=target.sample))
        assert again.attempt.asked == (2 if wanted else PROMPTS)


def test_a_rerun_of_a_date_that_has_one_sample_alone_means_that(kit: Kit) -> None:
    sample = done(kit, prompts=2).attempt.key
    form = trigger_form.read((), {"rerun": "judge_again"})
    feature = kit.catalogue.features[FEATURE]
    assert target_of(kit.store, kit.catalogue, feature, form, DAY, manual=True).sample == sample.sample


def test_of_several_samples_one_has_to_be_named(kit: Kit) -> None:
    one, two = done(kit, prompts=2).attempt.key.sample, done(kit, prompts=3).attempt.key.sample
    feature = kit.catalogue.features[FEATURE]
    form = trigger_form.read((), {"rerun": "judge_again"})
    with pytest.raises(ParameterError, match=f"no full run of 2026-08-17.*(?=.*{one})(?=.*{two})"):
        target_of(kit.store, kit.catalogue, feature, form, DAY, manual=True)
    form = trigger_form.read((), {"rerun": "judge_again", "run": "2026-08-17/sample-00000000"})
    with pytest.raises(ParameterError, match="no sample 00000000 of 2026-08-17"):
        target_of(kit.store, kit.catalogue, feature, form, DAY, manual=True)


def test_who_asks_all_names_no_sample(kit: Kit) -> None:
    with pytest.raises(ParameterError, match="names a sample or a trial, which does not go with rerun: all"):
        trigger_form.read((), {"run": "2026-08-17/sample-1a2b3c4d"})
    assert kit.count("daily_runs.attempt") == 0

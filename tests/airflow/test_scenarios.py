"""A model that got worse and judges that moved, on the real scheduler: the one is published, the others are blocked.

More variants are in `tests/services/stages/test_scenarios.py`; the days before are made here without Airflow.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, cast

import pytest

from daily_runs import connections, dataset
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.connections import Connect
from daily_runs.records.run import RunKey
from daily_runs.runs import opening
from daily_runs.stages import pipeline
from tests.airflow.conftest import Airflow, DagRun

pytestmark = pytest.mark.timeout(1800)

FEATURE, CLASS = "code_suggestions", "block"
HEALTHY = [dt.datetime(2026, 2, number, 6, tzinfo=dt.UTC) for number in (1, 2)]
DAYS = [dt.datetime(2026, 2, number, 6, tzinfo=dt.UTC) for number in range(3, 9)]
"""One for each test."""
JUDGES: dict[str, dict[str, Any]] = {
    "lenient": {"judge_shift": 0.2},
    "worse": {"judge_worse": 0.8},
    "noisy": {"judge_noise": 0.35},
    "drifting": {"judge_drift": {"per_hundred_verdicts": -0.6}},
}


def a_day_passes(airflow: Airflow) -> None:
    """The days of this module lie minutes apart: what watches the ruler by the clock is told otherwise."""
    airflow.store.rows("UPDATE daily_runs.frozen_judging SET began_at = began_at - interval '1 day'")


@pytest.fixture(scope="module")
def healthy_days(airflow: Airflow) -> Iterator[None]:
    """Two full runs through the product's own path, in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAILY_RUNS_INCLUDE", str(airflow.include))
        catalogue = catalogue_files.load(airflow.include / "catalogue", airflow.stack.overlay)
        for day in HEALTHY:
            a_day_passes(airflow)
            attempt = opening.plan(airflow.store, catalogue, RunKey(FEATURE, "staging", day))
            work = pipeline.work_for(airflow.store, catalogue, attempt, cast(Connect, connections.find))
            list(pipeline.run_all(work, lambda *_: lambda _: None))
        a_day_passes(airflow)
        yield


def ended(airflow: Airflow, day: dt.datetime, **scenario: Any) -> tuple[DagRun, str]:
    """A full run of a day under a scenario, and the state in which it ended."""
    with airflow.scenario(**scenario):
        run = airflow.trigger(FEATURE, day.isoformat(), environment="staging")
        return run, airflow.wait(run)


def published(airflow: Airflow, run: DagRun) -> list[dict[str, Any]]:
    return airflow.store.rows(
        "SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": airflow.attempt(run)["run_key"]}
    )


def test_a_model_worse_in_one_class_is_published_as_regressed_and_the_class_is_named(
    airflow: Airflow, healthy_days: None
) -> None:
    items = dataset.load(airflow.include / f"datasets/{FEATURE}.jsonl")
    keys = [item.seed_key for item in items if item.item_class == CLASS]
    run, state = ended(airflow, DAYS[0], weak_spot={"share": 1.0, "seed_keys": keys})
    assert state == "success"
    (row,) = published(airflow, run)
    assert row["verdict"] == "regressed", row["verdict_reason"]
    assert f"regressed in {CLASS} -0." in row["verdict_reason"]
    assert "against 2 runs since" in row["verdict_reason"]


@pytest.mark.parametrize("judge", JUDGES)
def test_a_judge_that_moved_blocks_the_run_which_says_that_the_ruler_moved(
    airflow: Airflow, healthy_days: None, judge: str
) -> None:
    a_day_passes(airflow)
    run, state = ended(airflow, DAYS[1 + list(JUDGES).index(judge)], **JUDGES[judge])
    assert state == "failed"
    (validation,) = airflow.tasks(run, "staging.validation")
    assert (validation["state"], validation["try_number"]) == ("failed", 1)
    assert "The ruler moved" in airflow.log(run, "staging.validation")
    assert (airflow.attempt(run)["status"], published(airflow, run)) == ("quarantined", [])


def test_another_provider_in_the_middle_of_a_run_makes_two_populations_and_no_figure_over_both(
    airflow: Airflow, healthy_days: None
) -> None:
    a_day_passes(airflow)
    run, state = ended(airflow, DAYS[5], provider_switch={"after_answers": 15, "worse_model": 1.0})
    assert state == "success"
    (row,) = published(airflow, run)
    means = {one["provider"]: one["mean"] for one in row["populations"]}
    assert sorted(means) == ["anthropic", "vertex-ai"]
    assert means["anthropic"] < means["vertex-ai"] - 0.1
    assert (row["item_mean"], row["verdict"]) == (None, "incomparable")

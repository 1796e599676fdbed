"""Which failures of which runs are one incident."""

from __future__ import annotations

import pytest

from daily_runs.errors import (
    Blame,
    CallError,
    CountsError,
    DailyRunsError,
    GateFailedError,
    Hop,
    LimitTooLowError,
    ParameterError,
    SeedsMissingError,
    StoreAwayError,
)
from daily_runs.notices.failed_run import FailedRun, finding_of
from daily_runs.notices.incident import IncidentMember, Links, met_by
from daily_runs.notices.words_rows import LastWords
from daily_runs.statuses import IncidentKind

FAILED = FailedRun("duo_chat", "scheduled__2026-08-17", "http://airflow/run", "task_failure", "staging.inference")
MEMBER = IncidentMember("duo_chat", "staging", airflow_run_id=FAILED.airflow_run_id)


def refused(hop: Hop) -> CallError:
    """A call that a hop refused."""
    return CallError(hop, "http_503", blame=Blame.PROVIDER, retryable=True)


def words(
    task: str = "inference", error: str = "CountsError", met: str = "", environment: str = "staging"
) -> LastWords:
    """What a task said last."""
    return LastWords(environment, task, error, met, f"{task} failed.", "an owner", "Do it.", "docs/runbooks/counts.md")


@pytest.mark.parametrize(
    ("error", "task", "key"),
    [
        (StoreAwayError("away"), "plan", "store"),
        (refused(Hop.LOAD_BALANCER), "inference", "path/staging"),
        (refused(Hop.CLOUDFLARE), "limit_probe", "path/staging"),
        (refused(Hop.UNKNOWN), "seed_check", "path/staging"),
        (refused(Hop.MODEL_VENDOR), "judging", "judge"),
        (refused(Hop.UNKNOWN), "judging", "judge"),
        (refused(Hop.MODEL_VENDOR), "limit_probe", "judge"),
        (LimitTooLowError("low"), "limit_probe", "limits/staging"),
        (SeedsMissingError("gone"), "seed_check", "seeds/staging"),
        (CountsError("1 != 2"), "judging", ""),
        (ParameterError("run", "is no date", "Give one."), "plan", ""),
        (GateFailedError("blocked"), "validation", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DailyRunsError) else str(value),
)
def test_an_error_tells_what_other_runs_may_meet_too(error: DailyRunsError, task: str, key: str) -> None:
    assert met_by(error, "staging", task) == key


@pytest.mark.parametrize(
    ("failures", "blocked_by", "key"),
    [
        ({"http_503 at load_balancer": 60}, "answered share", "path/staging"),
        ({}, "answered share", ""),
        ({"verdict_cut_off at model_vendor": 60}, "unscored share", ""),
    ],
)
def test_a_gate_that_lacks_answers_because_a_hop_failed_is_that_hops_incident(
    failures: dict[str, int], blocked_by: str, key: str
) -> None:
    assert met_by(GateFailedError("blocked"), "staging", "validation", failures, blocked_by) == key


def test_before_a_run_has_an_environment_nothing_of_a_path_is_shared() -> None:
    assert met_by(refused(Hop.GITLAB), "") == ""
    assert met_by(StoreAwayError("away"), "") == "store"


def test_what_is_the_runs_own_bears_its_feature_its_environment_and_its_sample() -> None:
    found = finding_of(FAILED, [words(error="GateFailedError", task="validation")], MEMBER)
    assert (found.key, found.kind) == ("gate/duo_chat/staging", IncidentKind.GATE_BLOCKED)
    sampled = finding_of(FAILED, [words()], MEMBER._replace(sample="0a1b2c3d"))
    assert (sampled.key, sampled.kind) == ("run/duo_chat/staging/0a1b2c3d", IncidentKind.RUN_FAILED)


def test_what_others_meet_too_is_one_incident_whichever_task_failed() -> None:
    for task in ("seed_check", "inference"):
        found = finding_of(FAILED, [words(task, "CallError", "path/staging")], MEMBER)
        assert (found.key, found.kind) == ("path/staging", IncidentKind.HOP_FAILED)


def test_the_task_that_failed_first_is_told_and_the_others_are_named() -> None:
    found = finding_of(FAILED, [words(), words("seed_check", environment="production")], MEMBER)
    assert found.what == "inference failed. Failed too: production.seed_check."
    assert (found.owner, found.do) == ("an owner", "Do it.")


def test_a_run_that_left_no_words_is_told_with_airflows_reason_and_its_last_task() -> None:
    found = finding_of(FAILED._replace(reason="timed out"), [], MEMBER)
    assert found.what.startswith("staging.inference of duo_chat failed and left no words: ")
    assert found.what.endswith("(timed out).")
    assert found.kind is IncidentKind.RUN_FAILED


def test_what_a_run_waited_for_in_vain_is_staging_s() -> None:
    waited = words("wait_for_staging", "StagingNotReadyError", environment="")
    assert finding_of(FAILED, [waited], MEMBER, "limits/staging").kind is IncidentKind.READINESS_LOST
    assert finding_of(FAILED, [waited], MEMBER).key == "run/duo_chat/staging"


def test_links_name_the_run_whatever_is_in_its_id() -> None:
    links = Links("https://airflow.example.com/")
    assert links.run("duo_chat", "manual__2026-08-17T06:00:00+00:00") == (
        "https://airflow.example.com/dags/daily_runs_duo_chat/runs/manual__2026-08-17T06%3A00%3A00%2B00%3A00"
    )

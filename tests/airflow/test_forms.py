"""Routes and reruns on the real scheduler: staging that is not ready, forced environments, paying for nothing twice.

While staging lacks its seeds, three features with the three rules are started for a date of staging. Another is forced
to production meanwhile, and done again in parts; the sandbox's ledger says what each part sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
import yaml

from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.judging import rubric_versions
from daily_runs.records import routes
from tests.airflow.conftest import DAYS_OF_STAGING, Airflow, DagRun, edit

pytestmark = pytest.mark.timeout(1800)

FEATURE, ITEMS, PROMPTS = "duo_chat", "chat-", 8
RULES = {
    "vulnerability_resolution": "fall_back_to_production",
    "vulnerability_explanation": "skip",
    "root_cause_analysis": "wait",
}
DATE = f"{DAYS_OF_STAGING[0]}T09:30:00Z"
"""Of the staging phase, and no tick of its schedule: manual runs stand for it, so that its phase routes them."""
ERROR_CODES = 0.6
"""So many calls get an error code in place of an answer; some are tried again."""


def seeds(airflow: Airflow, **order: Any) -> None:
    """Change what is seeded in the sandbox's staging."""
    body = {"environment": "staging", **order}
    httpx.post(f"{airflow.stack.sandbox}/_sandbox/seeds", json=body, timeout=30).raise_for_status()


def start(airflow: Airflow, feature: str, logical_date: str | None = None, **conf: Any) -> DagRun:
    dag_id = f"daily_runs_{feature}"
    airflow.api.unpause(dag_id)
    return DagRun(dag_id, airflow.api.trigger(dag_id, conf, logical_date))


def returned(airflow: Airflow, run: DagRun, task_id: str) -> Any:
    """A task's return value, as its page shows it."""
    path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/xcomEntries/return_value"
    return airflow.api.get(path, deserialize=True)["value"]


def state(airflow: Airflow, run: DagRun, task_id: str) -> str | None:
    found: str | None = airflow.tasks(run, task_id)[0]["state"]
    return found


def route_row(airflow: Airflow, feature: str, run: DagRun) -> dict[str, Any]:
    """The decision as the store has it; its reason is the one that the task's page and log give."""
    row = routes.of_run(airflow.store, feature, run.run_id)
    assert row is not None
    shown = returned(airflow, run, "route")
    assert {name: row[name] for name in ("planned", "forced", "reason")} == {
        name: shown[name] for name in ("planned", "forced", "reason")
    }
    assert row["chosen"] == shown["environments"]
    assert row["reason"] in airflow.log(run, "route")
    return row


@pytest.fixture(scope="module")
def routed(airflow: Airflow) -> Iterator[dict[str, DagRun]]:
    """One run for each rule, by feature, while seeds are missing; they come when the first rerun is done."""
    edits: dict[str, dict[str, Any]] = {
        f"features/{name}.yaml": {"when_not_ready": rule} for name, rule in RULES.items()
    }
    patient = {"look_every_minutes": 1, "wait_hours_max": 24}  # the tests before it may take long on a busy machine
    edits["environments.yaml"] = {"environments": {"staging": {"readiness": patient}}}
    seeds(airflow, missing_share=0.5)
    try:
        with airflow.edited(edits):
            yield {name: start(airflow, name, DATE, prompts=2) for name in RULES}
    finally:
        seeds(airflow, complete=True)


def test_a_run_that_is_to_skip_ends_well_with_no_arm_and_says_why(
    airflow: Airflow, routed: Mapping[str, DagRun]
) -> None:
    run = routed["vulnerability_explanation"]
    assert airflow.wait(run) == "success"
    row = route_row(airflow, "vulnerability_explanation", run)
    assert (row["planned"], row["chosen"], row["forced"], row["readiness"]) == (["staging"], [], False, "not_ready")
    assert "staging is not ready (seeds: " in row["reason"]
    assert "nothing runs: when_not_ready is skip" in row["reason"]
    for task_id in ("wait_for_staging", "staging.seed_check", "production.seed_check", "compare"):
        assert state(airflow, run, task_id) == "skipped", task_id


def test_a_run_that_is_to_fall_back_runs_in_production_and_says_why(
    airflow: Airflow, routed: Mapping[str, DagRun]
) -> None:
    run = routed["vulnerability_resolution"]
    assert airflow.wait(run) == "success"
    row = route_row(airflow, "vulnerability_resolution", run)
    assert (row["planned"], row["chosen"], row["readiness"]) == (["staging"], ["production"], "not_ready")
    assert "goes to production: when_not_ready is fall_back_to_production" in row["reason"]
    assert state(airflow, run, "wait_for_staging") == "skipped"
    assert state(airflow, run, "staging.seed_check") == "skipped"
    assert airflow.attempt(run)["run_key"].startswith(f"vulnerability_resolution/production/{DATE}/sample-")
    limits = returned(airflow, run, "production.limit_probe")["limits"]
    assert limits["fits"] is True
    assert limits["binding"]["owner"]


class Sent(NamedTuple):
    """A run that has ended, and what the sandbox got meanwhile, paid or not."""

    run: DagRun
    state: str
    entries: list[dict[str, Any]]

    def paid(self, operation: str) -> list[str]:
        """The prompts that were paid for (`item#n`); the judge's trial and frozen answers are none."""
        return sorted(e["key"] for e in self.entries if e["paid"] and e["operation"] == operation and "#" in e["key"])


def sent_by(airflow: Airflow, **conf: Any) -> Sent:
    """Start a run of the feature by the form, in production, and wait for its end.

    The run that waits for staging may go on meanwhile: what is sent to staging, and the judging of it, is not counted.
    """
    since = len(airflow.sent())
    run = airflow.trigger(FEATURE, **conf)
    ended = airflow.wait(run)
    sent = airflow.sent(since)
    return Sent(run, ended, [e for e in sent if e["side"] == "production" or (e["key"] or "").startswith(ITEMS)])


def statuses(airflow: Airflow, run: DagRun) -> dict[str, str]:
    """A run's prompts and what became of them."""
    rows = airflow.store.rows(
        "SELECT prompt_id, status FROM daily_runs.answer WHERE attempt_id = %(id)s",
        {"id": airflow.attempt(run)["attempt_id"]},
    )
    return {row["prompt_id"]: row["status"] for row in rows}


def published(airflow: Airflow, run: DagRun) -> dict[str, Any]:
    """What readers see of a run's run key, which is its own attempt."""
    attempt = airflow.attempt(run)
    row = published_row(airflow, attempt["run_key"])
    assert str(row["attempt_id"]) == attempt["attempt_id"]
    return row


def published_row(airflow: Airflow, run_key: str) -> dict[str, Any]:
    return airflow.store.row("SELECT * FROM contract.runs_v2 WHERE run_key = %(key)s", {"key": run_key})


@pytest.fixture(scope="module")
def partly(airflow: Airflow, routed: Mapping[str, DagRun]) -> DagRun:
    """A run of which some prompts failed, so that the gate let none of it out; forced to production."""
    airflow.wait(routed["vulnerability_resolution"])  # it runs in production, too
    for _ in range(4):  # chance decides which calls fail
        with airflow.scenario(error_code_share=ERROR_CODES):
            broken = sent_by(airflow, environment="production", prompts=PROMPTS)
        found = statuses(airflow, broken.run)
        if set(found.values()) == {"answered", "failed"}:
            assert broken.state == "failed"
            return broken.run
    raise AssertionError("no run had both answers and failures")


@pytest.fixture(scope="module")
def completed(airflow: Airflow, partly: DagRun) -> Sent:
    """Its missing answers, asked by the form, which names no run: it is the newest."""
    return sent_by(airflow, rerun="missing_answers", note="the hop is back")


def test_a_forced_route_is_obeyed_at_once_without_a_look_and_recorded(airflow: Airflow, partly: DagRun) -> None:
    row = route_row(airflow, FEATURE, partly)
    assert (row["planned"], row["chosen"], row["forced"], row["readiness"]) == ([], ["production"], True, None)
    assert "the form asks for production" in row["reason"]
    assert "is on_hold" in row["reason"]
    assert state(airflow, partly, "wait_for_staging") == "skipped"


def test_missing_answers_only_sends_just_those(airflow: Airflow, partly: DagRun, completed: Sent) -> None:
    missing = sorted(name for name, status in statuses(airflow, partly).items() if status == "failed")
    assert completed.state == "success"
    assert completed.paid("aiAction") == missing != []
    assert set(completed.paid("messages")) <= set(missing)  # the others have their verdicts
    row = published(airflow, completed.run)
    assert (row["asked"], row["answered"], row["failed"]) == (PROMPTS, PROMPTS, 0)
    assert airflow.attempt(completed.run)["run_key"] == airflow.attempt(partly)["run_key"]
    assert "a rerun goes where its run went: production" in route_row(airflow, FEATURE, completed.run)["reason"]


def test_a_run_that_is_to_wait_waits_in_the_triggerer_and_goes_on_once_staging_is_ready(
    airflow: Airflow, routed: Mapping[str, DagRun], completed: Sent
) -> None:
    run = routed["root_cause_analysis"]
    assert completed.state == "success"  # all that while, it waited
    assert state(airflow, run, "wait_for_staging") == "deferred"
    assert returned(airflow, run, "staging_ready")["state"] == "not_ready"
    assert state(airflow, run, "route") is None
    seeds(airflow, complete=True)
    airflow.until(lambda: state(airflow, run, "route") == "success", "the run to be routed")
    row = route_row(airflow, "root_cause_analysis", run)
    assert (row["planned"], row["chosen"], row["readiness"]) == (["staging"], ["staging"], "ready")
    assert "staging is ready" in row["reason"]


def test_judge_again_sends_no_inference(airflow: Airflow, completed: Sent) -> None:
    version = keep_a_strict_rubric(airflow)
    before = published(airflow, completed.run)
    judged = sent_by(airflow, rerun="judge_again", rubric_version=version[:8])
    assert judged.state == "success"
    assert {entry["operation"] for entry in judged.entries} == {"messages"}
    assert len(judged.paid("messages")) == PROMPTS
    after = published(airflow, judged.run)
    assert (before["rubric_version"] != version, after["rubric_version"]) == (True, version)
    assert (after["kind"], after["run_key"]) == ("trial", f"{before['run_key']}/rubric-{version}")
    assert f"of {after['run_key']} (rerun: judge_again)" in airflow.log(judged.run, "production.seed_check")
    assert published(airflow, completed.run) == before


def test_gate_and_publish_again_sends_nothing(airflow: Airflow, completed: Sent) -> None:
    logical_date = airflow.attempt(completed.run)["run_key"].split("/", 2)[2]
    before = published_row(airflow, airflow.attempt(completed.run)["run_key"])
    gated = sent_by(airflow, rerun="gate_and_publish", run=logical_date)
    assert gated.state == "success"
    assert gated.entries == []
    after = published(airflow, gated.run)
    assert after["rows_sha256"] == before["rows_sha256"]
    assert after["attempt_id"] != before["attempt_id"]


def test_the_run_that_waited_ran_in_staging_alone(airflow: Airflow, routed: Mapping[str, DagRun]) -> None:
    run = routed["root_cause_analysis"]
    assert airflow.wait(run) == "success"
    assert airflow.attempt(run)["run_key"].startswith(f"root_cause_analysis/staging/{DATE}/sample-")
    assert state(airflow, run, "production.seed_check") == "skipped"


def keep_a_strict_rubric(airflow: Airflow) -> str:
    """Put another rubric of the feature beside the catalogue's; returns its version."""
    folder = airflow.include / "rubrics"
    kept = folder / f"{FEATURE}-strict.yaml"
    kept.write_text((folder / f"{FEATURE}.yaml").read_text())
    edit(kept, {"guidance": yaml.safe_load(kept.read_text())["guidance"] + " Be strict."})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAILY_RUNS_INCLUDE", str(airflow.include))
        feature = catalogue_files.load(overlay=airflow.stack.overlay).features[FEATURE]
        _, version = rubric_versions.known(feature)
    return version


def test_a_form_that_cannot_be_is_refused_in_plan_and_not_tried_again(airflow: Airflow, completed: Sent) -> None:
    assert completed.run.dag_id  # so there is a run to do again
    runs = {
        "only: unknown 'tag:nothing'": airflow.trigger(FEATURE, environment="staging", only="tag:nothing"),
        "run: there is no run of 2001-01-01": airflow.trigger(FEATURE, rerun="judge_again", run="2001-01-01"),
    }
    for said, run in runs.items():
        assert airflow.wait(run) == "failed"
        assert said in airflow.log(run, "plan")
        assert airflow.tasks(run, "plan")[0]["try_number"] == 1

"""The DAGs and the plugin as Airflow itself loads them: complete, bounded, owned, ordered, the same each time."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from daily_runs import errors
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.pools import SLOTS_PER_TASK, pools
from daily_runs.catalogue.rates import judging_minutes
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.runs.trigger_form import Form
from daily_runs.stages import pipeline
from daily_runs.statuses import Rerun
from tests.architecture.project import PROJECT, result_of, start_probe

DEFAULT_POOL = "default_pool"
SECRET = re.compile(r"password|passwd|secret|key|token|credential", re.IGNORECASE)
ROUTING = ("plan", "staging_ready", "wait_for_staging", "route")
TIMETABLE = "daily_runs_airflow.timetable.MigrationTimetable"


class Loaded(NamedTuple):
    """What Airflow loaded, twice: in two processes that order sets differently."""

    first: dict[str, Any]
    second: dict[str, Any]

    @property
    def dags(self) -> dict[str, dict[str, Any]]:
        """Every DAG by id."""
        found: dict[str, dict[str, Any]] = self.first["dags"]
        return found

    @property
    def features(self) -> dict[str, dict[str, Any]]:
        """The DAGs of the file that makes one a feature."""
        return {dag_id: dag for dag_id, dag in self.dags.items() if dag["file"] == "daily_runs.py"}

    @property
    def tasks(self) -> dict[str, dict[str, Any]]:
        """Every task of every DAG, by `dag.task`; never none."""
        found = {f"{dag_id}.{name}": task for dag_id, dag in self.dags.items() for name, task in dag["tasks"].items()}
        assert found
        return found


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """The real folders, loaded by Airflow."""
    probes = [
        start_probe("probe_dags", home=tmp_path_factory.mktemp("airflow"), variables={"PYTHONHASHSEED": seed})
        for seed in ("1", "2")
    ]
    return Loaded(*[result_of(probe) for probe in probes])


@pytest.fixture(scope="module")
def shipped() -> Catalogue:
    """The catalogue that the DAGs are made from."""
    return catalogue_files.load()


def test_every_dag_file_imports_without_an_error(loaded: Loaded) -> None:
    assert loaded.first["import_errors"] == {}


def test_parsing_imports_no_tasks_body_and_nothing_that_only_a_running_task_needs(loaded: Loaded) -> None:
    imported = set(loaded.first["imported"])
    assert {"daily_runs_airflow.tasks", "daily_runs_airflow.triggers"} <= imported
    late = ("daily_runs_airflow.task_bodies", "daily_runs.store", "daily_runs.stages", "daily_runs.gitlab.client")
    assert [name for name in sorted(imported) if f"{name}.".startswith(tuple(f"{one}." for one in late))] == []


def test_there_is_one_dag_for_each_feature_of_the_catalogue(loaded: Loaded, shipped: Catalogue) -> None:
    assert set(loaded.features) == {f"daily_runs_{name}" for name in shipped.features}


def test_publishing_and_nothing_else_updates_the_asset_of_its_feature(loaded: Loaded) -> None:
    for dag_id, dag in loaded.dags.items():
        outlets = {name: task["outlets"] for name, task in dag["tasks"].items() if task["outlets"]}
        assert outlets == {name: [f"{dag_id}_published"] for name in dag["tasks"] if name.endswith(".publish")}, dag_id


def test_two_parses_give_the_same_serialized_dags(loaded: Loaded) -> None:
    first, second = ({name: dag["sha256"] for name, dag in load["dags"].items()} for load in loaded)
    assert first == second


def test_no_run_lasts_for_ever_or_catches_up_or_overlaps(loaded: Loaded) -> None:
    for dag_id, dag in loaded.dags.items():
        assert dag["timeout_seconds"] > 0, dag_id
        assert (dag["catchup"], dag["max_active_runs"]) == (False, 1), dag_id


def test_a_run_may_last_longer_than_any_of_its_tasks(loaded: Loaded) -> None:
    for dag_id, dag in loaded.dags.items():
        assert dag["timeout_seconds"] > max(task["timeout_seconds"] for task in dag["tasks"].values()), dag_id


def test_every_dag_tells_on_call_how_to_triage_it(loaded: Loaded) -> None:
    assert [dag_id for dag_id, dag in loaded.dags.items() if "Triage notes" not in dag["doc"]] == []


def test_every_field_of_the_form_is_described_and_checked(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.dags.items():
        for name, schema in dag["params"].items():
            assert schema["title"], f"{dag_id}: {name}"
            assert schema["description"], f"{dag_id}: {name}"
            assert {"enum", "pattern", "maxLength", "maximum"} & set(schema), f"{dag_id}: {name}"
    for dag_id, dag in loaded.features.items():
        assert set(dag["params"]) == set(Form._fields), dag_id
        assert set(dag["params"]["environment"]["enum"]) == {"auto", *shipped.environments}, dag_id
        rerun = dag["params"]["rerun"]
        assert set(rerun["enum"]) == set(rerun["values_display"]) == {str(rerun) for rerun in Rerun}, dag_id


def test_every_task_has_a_timeout(loaded: Loaded) -> None:
    assert [name for name, task in loaded.tasks.items() if not task["timeout_seconds"]] == []


def test_every_task_belongs_to_the_dri_of_its_feature(loaded: Loaded, shipped: Catalogue) -> None:
    for name, feature in shipped.features.items():
        tasks = loaded.dags[f"daily_runs_{name}"]["tasks"].values()
        assert {task["owner"] for task in tasks} == {feature.owner.dri}


def test_no_task_is_left_to_airflow_as_its_owner(loaded: Loaded) -> None:
    assert [name for name, task in loaded.tasks.items() if task["owner"] in ("", "airflow")] == []


def test_every_task_is_tried_again_or_says_why_not(loaded: Loaded) -> None:
    assert [n for n, task in loaded.tasks.items() if task["retries"] < 1 and "not retried" not in task["doc"]] == []


def test_every_task_waits_for_the_store_and_those_that_pay_for_nothing_for_the_far_end_too(loaded: Loaded) -> None:
    tasks = {name: task for name, task in loaded.tasks.items() if not name.endswith(".wait_for_staging")}
    for name, task in tasks.items():
        pays = name.endswith((".inference", ".judging"))
        assert task["waits_for"] == (["StoreAwayError"] if pays else ["CallError", "StoreAwayError"]), name
        # Two are what an ordinary error gets. The summary gets no more: until it has ended, no failed run is called so.
        assert (task["retries"] > 2) is not name.endswith(".summary"), name
    assert tasks


def test_every_retry_policy_names_errors_of_this_project_and_gives_reasons(loaded: Loaded) -> None:
    for name, task in loaded.tasks.items():
        assert task["policy"], name
        for rule in task["policy"]:
            assert rule["reason"], name
            for error in rule["errors"]:
                module, _, kind = error.rpartition(".")
                assert module == errors.__name__, f"{name}: {error}"
                assert issubclass(getattr(errors, kind), errors.DailyRunsError), f"{name}: {error}"


def test_what_somebody_must_mend_first_is_not_tried_again(loaded: Loaded) -> None:
    mended_by_people = {"UserError", "GateFailedError", "LimitTooLowError", "SeedsMissingError"}
    for name, task in loaded.tasks.items():
        failing = {
            error.rpartition(".")[2] for rule in task["policy"] if rule["action"] == "fail" for error in rule["errors"]
        }
        assert mended_by_people <= failing, name


def test_every_task_stands_in_a_pool_that_exists_and_fits_it(loaded: Loaded, shipped: Catalogue) -> None:
    known = pools(shipped)
    for name, task in loaded.tasks.items():
        assert task["pool"] in {DEFAULT_POOL, *known}, name
        if task["pool"] != DEFAULT_POOL:
            assert 1 <= task["pool_slots"] <= known[task["pool"]]["slots"], name


def test_every_mapped_task_takes_slots_of_one_size_and_knows_its_rate(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        for name in shipped.environments:
            for stage in pipeline.MAPPED:
                task = dag["tasks"][f"{name}.{stage}"]
                assert task["pool_slots"] == SLOTS_PER_TASK, f"{dag_id}: {name}.{stage}"
                assert "prompts_per_minute" in task["rendered"], f"{dag_id}: {name}.{stage}"


def test_a_reservation_that_no_pool_could_ever_admit_makes_no_dag_and_names_both_numbers(tmp_path: Path) -> None:
    made = result_of(start_probe("probe_reservations", home=tmp_path))
    whole = made.pop("as shipped")
    assert whole["dags"] > 0
    assert whole["errors"] == []
    assert {outcome["dags"] for outcome in made.values()} == {0}
    said = {name: [error.partition("CatalogueError: ")[2] for error in made[name]["errors"]] for name in made}
    slot = "a task of code_suggestions takes 1 slot, but pool EVAL has 0 (4,000,000 tokens/min in slots of 5,000,000)"
    rate = "reserves 6,500,000 tokens/min, but pool EVAL holds 4,000,000"
    pool = "no account is named {!r}, so there is no such pool. Known: PROD, EVAL."
    assert said == {
        "slot": [f"accounts.EVAL: {slot}. Lower its slot_tokens_per_minute."],
        "rate": [f"features.duo_chat.limits: {rate}. Ask for fewer requests or batches a minute."],
        "inference pool": [f"environments.staging.account: {pool.format('EVALL')}"],
        "judging pool": [f"judge.account: {pool.format('JUDGE')}"],
    }


def test_mapped_stages_stand_in_the_pool_of_the_account_that_they_spend(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        for name, environment in shipped.environments.items():
            assert dag["tasks"][f"{name}.inference"]["pool"] == environment.account, dag_id
            assert dag["tasks"][f"{name}.judging"]["pool"] == shipped.judge.account, dag_id


def test_the_form_takes_no_more_prompts_than_the_timeouts_allow_for(loaded: Loaded, shipped: Catalogue) -> None:
    for name, feature in shipped.features.items():
        prompts = loaded.dags[f"daily_runs_{name}"]["params"]["prompts"]
        assert prompts["maximum"] == feature.prompts_per_run
        assert str(feature.prompts_per_run) in prompts["description"]


def test_judging_is_given_the_time_that_the_judges_own_rate_promises(loaded: Loaded, shipped: Catalogue) -> None:
    for name, feature in shipped.features.items():
        promised = judging_minutes(shipped, feature) * 60
        tasks = loaded.dags[f"daily_runs_{name}"]["tasks"]
        assert tasks["staging.judging"]["timeout_seconds"] >= promised * 2
        assert tasks["staging.judging"]["timeout_seconds"] == tasks["production.judging"]["timeout_seconds"]


def test_every_task_says_what_to_do_about_it_and_names_a_runbook_that_exists(loaded: Loaded) -> None:
    for name, task in loaded.tasks.items():
        runbooks = re.findall(r"`docs/runbooks/(\w+\.md)`", task["doc"])
        assert runbooks, name
        assert [page for page in runbooks if not (PROJECT / "docs" / "runbooks" / page).exists()] == [], name


def test_every_stage_is_documented_where_it_is_shown(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        for stage in pipeline.STAGES:
            assert all(dag["tasks"][f"{name}.{stage}"]["doc"] for name in shipped.environments), f"{dag_id}: {stage}"


def test_a_stage_runs_after_all_the_stages_before_it(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        for environment in shipped.environments:
            before = set(ROUTING)
            for stage in pipeline.STAGES:
                task_id = f"{environment}.{stage}"
                assert before <= set(dag["tasks"][task_id]["upstream"]), f"{dag_id}: {task_id}"
                before.add(task_id)


def test_a_run_is_routed_after_a_look_at_staging_and_after_the_wait_for_it_if_there_is_one(loaded: Loaded) -> None:
    for dag_id, dag in loaded.features.items():
        tasks = dag["tasks"]
        for name, before in zip(ROUTING, [ROUTING[:n] for n in range(len(ROUTING))], strict=True):
            assert set(tasks[name]["upstream"]) == set(before), f"{dag_id}: {name}"
        assert tasks["route"]["trigger_rule"] == "none_failed_min_one_success", (
            dag_id
        )  # a skipped wait holds up nothing
        assert tasks["wait_for_staging"]["trigger_rule"] == "all_success", dag_id


def test_in_a_pool_every_task_of_a_higher_priority_goes_before_any_of_a_lower_one(
    loaded: Loaded, shipped: Catalogue
) -> None:
    """`absolute`: else Airflow adds up the weights of the tasks downstream."""
    weights: dict[int, set[int]] = {}
    for name, feature in shipped.features.items():
        tasks = loaded.dags[f"daily_runs_{name}"]["tasks"].values()
        assert {task["weight_rule"] for task in tasks} == {"absolute"}, name
        weights.setdefault(feature.priority, set()).update(task["priority_weight"] for task in tasks)
    assert len(weights) > 1
    falling = [weights[priority] for priority in sorted(weights)]
    assert all(min(higher) > max(lower) for higher, lower in pairwise(falling)), weights


def test_arms_are_compared_after_both_have_published(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        published = {f"{environment}.publish" for environment in shipped.environments}
        assert published <= set(dag["tasks"]["compare"]["upstream"]), dag_id


def test_an_arm_does_not_wait_for_the_other(loaded: Loaded, shipped: Catalogue) -> None:
    for dag_id, dag in loaded.features.items():
        for environment in shipped.environments:
            upstream = dag["tasks"][f"{environment}.publish"]["upstream"]
            assert {name.partition(".")[0] for name in upstream} == {*ROUTING, environment}, dag_id


def test_no_rendered_field_is_named_like_a_secret(loaded: Loaded) -> None:
    """Airflow shows rendered fields; it would mask a field named so, and a secret has no business there."""
    for name, task in loaded.tasks.items():
        assert task["rendered"] or task["rendered_fields"], name
        assert [field for field in task["rendered"] + task["rendered_fields"] if SECRET.search(field)] == [], name


def test_airflow_scans_one_file_of_the_plugins_folder(loaded: Loaded) -> None:
    assert loaded.first["plugins"]["files"] == ["daily_runs_plugin.py"]


def test_the_plugin_loads_and_registers_the_timetable_by_its_own_path(loaded: Loaded) -> None:
    assert loaded.first["plugins"]["errors"] == {}
    assert loaded.first["plugins"]["timetables"][TIMETABLE] is True


def test_a_timetable_comes_back_from_a_serialized_dag_as_it_was(loaded: Loaded, shipped: Catalogue) -> None:
    for name, feature in shipped.features.items():
        dag = loaded.dags[f"daily_runs_{name}"]
        assert dag["timetable"] == TIMETABLE
        assert dag["timetable_again"] == dag["timetable_data"]
        assert len(dag["timetable_data"]["phases"]) == len(feature.phases)

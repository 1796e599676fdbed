"""The tasks, as DAG files take them: their signatures, and what Airflow has to know of each.

Their bodies stand in `task_bodies` under the same names. It is imported when a task runs: its imports take long, and
Airflow parses a DAG file again and again.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import task

from daily_runs.catalogue.pools import SENSORS_POOL
from daily_runs_airflow.docs import TASK_DOCS
from daily_runs_airflow.policies import CHECK_TIMEOUT, EVERY_TASK, HOURLY_CHECK_TIMEOUT, PAYS, RETRIES
from daily_runs_airflow.quiet import quiet

if TYPE_CHECKING:
    from daily_runs_airflow import task_bodies as bodies
else:

    class _Bodies:
        """The module `task_bodies`, imported when the first of its functions is called."""

        def __getattr__(self, name: str) -> Any:
            quiet()
            return getattr(importlib.import_module("daily_runs_airflow.task_bodies"), name)

    bodies = _Bodies()


def tell(context: Mapping[str, Any]) -> None:
    """The callback of a task that failed or is tried again: `failures.tell`, imported when it is called."""
    importlib.import_module("daily_runs_airflow.failures").tell(context)


def run_failed(context: Mapping[str, Any]) -> None:
    """The callback of a feature's run that failed: `notices.run_failed`, imported when it is called."""
    importlib.import_module("daily_runs_airflow.telling.notices").run_failed(context)


def run_ended_well(context: Mapping[str, Any]) -> None:
    """The callback of a feature's run that succeeded: `notices.run_ended_well`, imported when it is called."""
    importlib.import_module("daily_runs_airflow.telling.notices").run_ended_well(context)


def look_failed(context: Mapping[str, Any]) -> None:
    """The callback of a run of the DAG `notices` that failed: `notices.look_failed`, imported when it is called."""
    importlib.import_module("daily_runs_airflow.telling.notices").look_failed(context)


@task(task_id="plan", doc_md=TASK_DOCS["plan"], **EVERY_TASK)
def plan(feature: str) -> dict[str, Any]:
    """Check the form, and decide what this run does."""
    return bodies.plan(feature)


# Branches push their return value themselves, so that people can read it: Airflow's would be the ids of tasks.
@task.branch(
    task_id="staging_ready",
    doc_md=TASK_DOCS["staging_ready"],
    do_xcom_push=False,
    **EVERY_TASK | {"execution_timeout": CHECK_TIMEOUT},
)
def staging_ready(feature: str, manifest: Mapping[str, Any]) -> str:
    """Look whether staging is ready; returns the task that is next."""
    return bodies.staging_ready(feature, manifest)


@task.branch(
    task_id="route",
    doc_md=TASK_DOCS["route"],
    do_xcom_push=False,
    trigger_rule="none_failed_min_one_success",
    **EVERY_TASK,
)
def route(
    feature: str,
    manifest: Mapping[str, Any],
    looked: Mapping[str, Any] | None,
    waited: Mapping[str, Any] | None,
) -> list[str]:
    """Choose the arms; returns the first task of each."""
    return bodies.route(feature, manifest, looked, waited)


@task(task_id="seed_check", doc_md=TASK_DOCS["seed_check"], **EVERY_TASK)
def open_and_check_seeds(feature: str, environment: str, manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Open the arm's attempt and run its first stage; returns the arguments of each mapped task."""
    return bodies.open_and_check_seeds(feature, environment, manifest)


@task(task_id="stage", **EVERY_TASK)
def run_stage(stage: str, shards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Run a later stage for a whole attempt; returns its counts."""
    return bodies.run_stage(stage, shards)


@task(task_id="shard", **EVERY_TASK | {"retry_policy": PAYS})
def run_shard(stage: str, attempt_id: str, shard: int, prompts_per_minute: float) -> dict[str, Any]:
    """Run a mapped stage for one shard of an attempt; returns its counts."""
    return bodies.run_shard(stage, attempt_id, shard, prompts_per_minute)


@task(task_id="compare", doc_md=TASK_DOCS["compare"], trigger_rule="none_failed_min_one_success", **EVERY_TASK)
def compare(feature: str, manifest: Mapping[str, Any], routed: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the arms side by side."""
    return bodies.compare(feature, manifest, routed)


# Few tries: until it has ended, Airflow does not call a failed run failed.
@task(
    task_id="summary",
    doc_md=TASK_DOCS["summary"],
    map_index_template="{{ run_line }}",
    **EVERY_TASK | {"retries": RETRIES},
)
def summary(
    feature: str,
    manifest: Mapping[str, Any] | None,
    arms: Mapping[str, Sequence[Mapping[str, Any]] | None],
) -> str:
    """Say in one line how the run ended; a teardown, so that its own state is not the run's."""
    quiet()
    line: str = importlib.import_module("daily_runs_airflow.summary").summary(feature, manifest, arms)
    return line


@task(
    doc_md=TASK_DOCS["check_readiness"], pool=SENSORS_POOL, **EVERY_TASK | {"execution_timeout": HOURLY_CHECK_TIMEOUT}
)
def check_readiness(environment: str) -> dict[str, Any]:
    """Look at an environment for every feature, unless somebody just has; returns what was found."""
    return bodies.check_readiness(environment)


@task(doc_md=TASK_DOCS["look_for_incidents"], pool=SENSORS_POOL, **EVERY_TASK)
def look_for_incidents() -> None:
    """Look for late runs, lost readiness, budgets and alarms; tell, and send what nobody has sent."""
    quiet()
    importlib.import_module("daily_runs_airflow.telling.notices").look()


@task(doc_md=TASK_DOCS["tell_the_week"], pool=SENSORS_POOL, **EVERY_TASK)
def tell_the_week() -> None:
    """Send each team its week."""
    quiet()
    importlib.import_module("daily_runs_airflow.telling.notices").tell_the_week()


# The stages of an arm, by name.
seed_check = open_and_check_seeds
limit_probe = run_stage.override(task_id="limit_probe", doc_md=TASK_DOCS["limit_probe"])
inference = run_shard.override(
    task_id="inference",
    doc_md=TASK_DOCS["inference"],
    map_index_template="shard {{ task.op_kwargs['shard'] }} ({{ '%.4g' % task.op_kwargs['prompts_per_minute'] }}/min)",
)
judging = run_shard.override(
    task_id="judging", doc_md=TASK_DOCS["judging"], map_index_template="shard {{ task.op_kwargs['shard'] }}"
)
validation = run_stage.override(task_id="validation", doc_md=TASK_DOCS["validation"])
publish = run_stage.override(task_id="publish", doc_md=TASK_DOCS["publish"])

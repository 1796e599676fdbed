"""Loads the project's DAGs and plugins as Airflow does, and prints the facts that the tests judge."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

from airflow._shared.module_loading import find_path_from_directory, import_string
from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization

from airflow import plugins_manager
from daily_runs.errors import Blame, CallError, Hop, StoreAwayError
from daily_runs_airflow.policies import OUTAGE_RETRIES
from tests.architecture.project import say


def task_facts(task: Any) -> dict[str, Any]:
    """One task, mapped or not."""
    given = getattr(task, "partial_kwargs", None) or {}
    keywords = {**(given.get("op_kwargs") or getattr(task, "op_kwargs", None) or {})}
    body = given.get("python_callable") or getattr(task, "python_callable", None)
    return {
        "owner": task.owner,
        "retries": task.retries,
        "policy": [
            {
                "errors": [str(error) for error in names_of(rule.exception)],
                "action": str(rule.action.value),
                "reason": rule.reason,
            }
            for rule in getattr(task.retry_policy, "rules", ())
        ],
        "waits_for": [
            type(error).__name__
            for error in (CallError(Hop.GITLAB, "x", blame=Blame.PROVIDER, retryable=True), StoreAwayError("x"))
            if task.retry_policy and task.retry_policy.evaluate(error, OUTAGE_RETRIES, OUTAGE_RETRIES).retry_delay
        ],
        "timeout_seconds": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": task.priority_weight,
        "weight_rule": str(task.weight_rule),
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "doc": task.doc_md or "",
        "outlets": [outlet.name for outlet in task.outlets],
        "upstream": sorted(task.get_flat_relative_ids(upstream=True)),
        "rendered": sorted({*keywords, *(inspect.signature(body).parameters if body else ())}),
        "rendered_fields": list(task.template_fields),
    }


def names_of(exception: Any) -> list[str]:
    """A rule's exceptions by dotted path."""
    many = exception if isinstance(exception, list | tuple) else [exception]
    return [one if isinstance(one, str) else f"{one.__module__}.{one.__qualname__}" for one in many]


def dag_facts(dag: DAG) -> dict[str, Any]:
    """One DAG with its tasks, and what comes back when it is serialized and read again."""
    serialized = DagSerialization.to_dict(dag)
    text = json.dumps(serialized, sort_keys=True)
    again: Any = DagSerialization.from_dict(json.loads(text)).timetable
    timetable: Any = dag.timetable
    params: Any = dag.params
    return {
        "file": Path(dag.fileloc).name,
        "doc": dag.doc_md or "",
        "timeout_seconds": dag.dagrun_timeout.total_seconds() if dag.dagrun_timeout else None,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "params": {name: {**param.schema, "description": param.description} for name, param in params.items()},
        "tasks": {task.task_id: task_facts(task) for task in dag.tasks},
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "timetable": f"{type(timetable).__module__}.{type(timetable).__qualname__}",
        "timetable_data": own_data(timetable),
        "timetable_again": own_data(again) if type(again) is type(timetable) else repr(again),
    }


def own_data(timetable: Any) -> Any:
    """What a timetable of this project serializes to; Airflow's own keep that elsewhere."""
    return timetable.serialize() if hasattr(timetable, "serialize") else repr(timetable)


def plugin_facts() -> dict[str, Any]:
    """What Airflow's own lister and loader find in the plugins folder."""
    folder = conf.get_mandatory_value("core", "plugins_folder")
    syntax = conf.get_mandatory_value("core", "dag_ignore_file_syntax")
    files = find_path_from_directory(folder, ".airflowignore", syntax)
    timetables = plugins_manager.get_timetables_plugins()
    return {
        "files": sorted(os.path.relpath(file, folder) for file in files),
        "errors": plugins_manager.get_import_errors(),
        "timetables": {path: import_string(path) is found for path, found in timetables.items()},
    }


if __name__ == "__main__":
    bag = DagBag(conf.get_mandatory_value("core", "dags_folder"))
    dags = {dag_id: dag_facts(bag.dags[dag_id]) for dag_id in sorted(bag.dags)}
    ours = sorted(name for name in sys.modules if name.startswith("daily_runs"))
    say({"import_errors": bag.import_errors, "dags": dags, "plugins": plugin_facts(), "imported": ours})

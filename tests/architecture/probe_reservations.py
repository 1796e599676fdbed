"""Makes the DAGs from catalogues that no rule has checked, and prints what Airflow says of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.configuration import conf
from airflow.dag_processing.dagbag import DagBag
from pydantic import BaseModel

from daily_runs import feature_files
from daily_runs.catalogue.catalogue import Catalogue
from daily_runs.catalogue.reading import files as catalogue_files
from tests.architecture.project import say


def changed(model: BaseModel, path: str, value: object) -> Any:
    """A copy with another value at `a.b.c`, unchecked."""
    key, _, below = path.partition(".")
    if not below:
        return model.model_copy(update={key: value})
    there = getattr(model, key)
    if isinstance(there, dict):
        name, _, rest = below.partition(".")
        return model.model_copy(update={key: there | {name: changed(there[name], rest, value)}})
    return model.model_copy(update={key: changed(there, below, value)})


def made(catalogue: Catalogue) -> dict[str, Any]:
    """How many DAGs of features there are, and the last line of what went wrong."""
    feature_files.load = lambda *_, **__: catalogue
    bag = DagBag(conf.get_mandatory_value("core", "dags_folder"))
    of_features = [dag for dag in bag.dags.values() if Path(dag.fileloc).name == "daily_runs.py"]
    return {"dags": len(of_features), "errors": [e.strip().splitlines()[-1] for e in bag.import_errors.values()]}


if __name__ == "__main__":
    shipped = catalogue_files.load()
    catalogues = {
        "as shipped": shipped,
        "slot": changed(shipped, "accounts.EVAL.slot_tokens_per_minute", 5_000_000),
        "rate": changed(shipped, "features.duo_chat.limits.requests_per_minute", 1000.0),
        "inference pool": changed(shipped, "environments.staging.account", "EVALL"),
        "judging pool": changed(shipped, "judge.account", "JUDGE"),
    }
    say({name: made(catalogue) for name, catalogue in catalogues.items()})

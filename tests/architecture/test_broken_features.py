"""With broken features, Airflow loads the DAGs of all others and shows one import error; its settings let runs wait."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from daily_runs.catalogue import folders
from daily_runs.local.settings import WHILE_A_DAG_IS_GONE
from tests.architecture.project import PROJECT, result_of, start_probe

OTHERS = {"notices", "notices_weekly"}
"""DAGs that read no catalogue while they are made."""
BROKEN = {"duo_chat", "code_suggestions"}


class Loaded(NamedTuple):
    """What Airflow loaded: the ids of the DAGs, the import errors by file name, and the line at fault."""

    dags: set[str]
    errors: dict[str, str]
    line: int


def loaded(include: Path, home: Path, line: int) -> Loaded:
    """What Airflow loads with such an `include` folder."""
    probe = start_probe("probe_dags", home=home, variables={"DAILY_RUNS_INCLUDE": str(include)})
    found: dict[str, Any] = result_of(probe)
    errors = {Path(file).name: text.strip() for file, text in found["import_errors"].items()}
    return Loaded(set(found["dags"]), errors, line)


@pytest.fixture
def include(tmp_path: Path) -> Path:
    """A catalogue of one's own, with data sets and rubrics."""
    for name in ("catalogue", "datasets", "rubrics"):
        shutil.copytree(folders.include_root() / name, tmp_path / "include" / name)
    return tmp_path / "include"


@pytest.fixture
def with_two_broken(include: Path, tmp_path: Path) -> Loaded:
    """One feature with an unknown key, one with an empty rubric."""
    file = include / "catalogue/features/duo_chat.yaml"
    file.write_text(f"{file.read_text()}priorit: 2\n")
    (include / "rubrics/code_suggestions.yaml").write_text("")
    return loaded(include, tmp_path / "home", len(file.read_text().splitlines()))


def test_the_dags_of_all_other_features_are_made_and_one_import_error_names_the_broken_ones(
    with_two_broken: Loaded,
) -> None:
    shipped = {file.stem for file in (folders.include_root() / "catalogue/features").glob("*.yaml")}
    assert with_two_broken.dags == {f"daily_runs_{name}" for name in shipped - BROKEN} | OTHERS | {"readiness"}
    assert list(with_two_broken.errors) == ["broken_features.py"]
    text, line = with_two_broken.errors["broken_features.py"], with_two_broken.line
    assert f"features/duo_chat.yaml:{line}: priorit: unknown key. Did you mean 'priority'?" in text
    assert "rubrics/code_suggestions.yaml: is empty (line 1)" in text
    assert text.splitlines()[-1] == (
        "Left out until their files are mended: code_suggestions (rubrics/code_suggestions.yaml), "
        f"duo_chat (features/duo_chat.yaml:{line}). All other features run."
    )


def test_a_fault_that_belongs_to_no_single_feature_makes_no_dag_and_no_error_of_broken_features(
    include: Path, tmp_path: Path
) -> None:
    file = include / "catalogue/accounts.yaml"
    file.write_text(f"{file.read_text()}\nunknown: 1\n")
    found = loaded(include, tmp_path / "home", len(file.read_text().splitlines()))
    assert found.dags == OTHERS
    assert set(found.errors) == {"daily_runs.py", "readiness.py"}
    assert all(f"accounts.yaml:{found.line}: unknown: unknown key" in text for text in found.errors.values())


def test_every_deployment_lets_a_task_wait_for_its_dag_as_long_as_the_local_one() -> None:
    services = yaml.safe_load((PROJECT / "docker-compose.yaml").read_text())["services"]
    chart = yaml.safe_load((PROJECT / "helm/values.yaml").read_text())["config"]["workers"]
    in_compose = {f"AIRFLOW__WORKERS__{name.upper()}": value for name, value in WHILE_A_DAG_IS_GONE.items()}
    assert in_compose.items() <= services["scheduler"]["environment"].items()
    assert chart == WHILE_A_DAG_IS_GONE


def test_the_installed_airflow_knows_the_settings_of_that_wait() -> None:
    found = find_spec("airflow")
    assert found is not None
    assert found.origin is not None
    options = yaml.safe_load((Path(found.origin).parent / "config_templates/config.yml").read_text())["workers"]
    assert WHILE_A_DAG_IS_GONE.keys() <= options["options"].keys()
    assert int(options["options"]["missing_dag_retries"]["default"]) < int(WHILE_A_DAG_IS_GONE["missing_dag_retries"])

"""`daily-runs pools`: what it shows, writes and finds in an Airflow, with its exit codes."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fake_airflow import FakeAirflow, fake_airflow
from typer.testing import CliRunner, Result

from daily_runs.catalogue.pools import Pool, pools
from daily_runs.catalogue.reading import files as catalogue_files
from daily_runs.cli import main
from daily_runs.cli.pools import stands, write
from daily_runs.errors import AccessError, ParameterError, UserError

REMEDY = "Mend it with: daily-runs pools --write FILE && airflow pools import FILE"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("DAILY_RUNS")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAILY_RUNS_STATE", str(tmp_path / "state"))


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAirflow]:
    with fake_airflow() as fake:
        monkeypatch.setenv("DAILY_RUNS_AIRFLOW", fake.login)
        yield fake


def shown(*options: str) -> Result:
    return CliRunner().invoke(main.app, ["pools", *options])


def refused(*options: str) -> UserError:
    """The error that ends the command with exit code 2 (`daily_runs.cli.main`)."""
    error = shown(*options).exception
    assert isinstance(error, UserError)
    return error


def test_the_table_shows_each_pool_with_who_stands_in_it_and_how_often() -> None:
    lines = shown().stdout.splitlines()
    assert max(map(len, lines)) <= 120
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    named = {row[0]: row for row in rows if row[0]}
    assert named["EVAL"][1:4] == ["20", "200,000", "Anthropic account EVAL"]
    assert named["PROD"][1:3] == ["40", "200,000"]
    assert named["readiness_sensors"] == ["readiness_sensors", "8", "none", "readiness sensors", "nobody yet"]
    stand_in = [row[4] for row in rows]
    assert "root_cause_analysis: inference, production, 4" in stand_in
    assert "root_cause_analysis: judging, production, 4" in stand_in
    assert not any("code_suggestions" in line for line in stand_in), "it is on hold"


def test_the_same_comes_as_data() -> None:
    data = json.loads(shown("--json").stdout)
    assert {name: pool["slots"] for name, pool in data.items()} == {"EVAL": 20, "PROD": 40, "readiness_sensors": 8}
    assert data["PROD"]["slot_tokens_per_minute"] == 200_000
    assert data["readiness_sensors"]["stands"] == []
    assert data["PROD"]["stands"][0] == {
        "feature": "root_cause_analysis",
        "stage": "inference",
        "environment": "production",
        "tasks": 4,
    }


def test_judging_of_both_environments_stands_in_the_judges_pool() -> None:
    catalogue = catalogue_files.load()
    found = stands(catalogue)
    judging = {(s.feature, s.environment): s.tasks for s in found[catalogue.judge.account] if s.stage == "judging"}
    inference = {(s.feature, s.environment): s.tasks for pool in found.values() for s in pool if s.stage == "inference"}
    assert judging == inference
    assert not any(s.stage == "judging" for s in found["PROD"])


def test_what_is_written_is_what_the_catalogue_asks_for(tmp_path: Path) -> None:
    file = tmp_path / "pools.json"
    assert shown("--write", str(file)).exit_code == 0
    assert json.loads(file.read_text()) == pools(catalogue_files.load())
    assert json.loads(shown("--write", "-").stdout) == json.loads(file.read_text())


def test_an_existing_file_is_replaced_with_its_rights_and_nothing_else_stays_behind(tmp_path: Path) -> None:
    file = tmp_path / "pools.json"
    file.write_text("{half")
    file.chmod(0o640)
    write(catalogue_files.load(), str(file))
    assert json.loads(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(tmp_path.glob("*pools*")) == [file]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "pools.json")
    write(catalogue_files.load(), str(link))
    assert link.is_symlink()
    assert (tmp_path / "pools.json").is_file()


def test_a_file_that_cannot_be_replaced_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "pools.json"
    file.write_text("{}")
    (tmp_path / f".pools.json.{os.getpid()}.part").mkdir()
    error = refused("--write", str(file))
    assert isinstance(error, ParameterError)
    assert str(error) == f"--write: cannot write {file} (Is a directory). Give another place."
    assert file.read_text() == "{}"


@pytest.mark.parametrize("place", ["/dev/null", "."])
def test_what_is_no_file_is_not_written_to(place: str) -> None:
    assert str(refused("--write", place)) == (
        f"--write: {place} is no regular file. Give a file, or - for standard output."
    )


def test_writing_and_checking_at_once_is_refused() -> None:
    assert str(refused("--write", "-", "--check")) == "--check: does not go with --write. Give one of the two."


def test_pools_as_in_the_catalogue_end_with_0(airflow: FakeAirflow) -> None:
    found = shown("--check")
    assert found.exit_code == 0
    assert found.stdout == f"{airflow.address} has the pools of the catalogue: EVAL 20, PROD 40, readiness_sensors 8\n"


def test_each_difference_is_a_line_and_ends_with_1_and_the_remedy(airflow: FakeAirflow) -> None:
    del airflow.pools["PROD"]
    airflow.pools["EVAL"] = {**airflow.pools["EVAL"], "slots": 7}
    found = shown("--check")
    assert found.exit_code == 1
    assert found.stdout.splitlines() == [
        "pool EVAL has 7 slots, the catalogue says 20",
        "pool PROD is missing, the catalogue says 40 slots",
        REMEDY,
    ]


def test_pools_of_others_are_mentioned_and_no_difference(airflow: FakeAirflow) -> None:
    airflow.pools["default_pool"] = airflow.pools["reports"] = Pool(slots=1, description="", include_deferred=False)
    found = shown("--check")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[1:] == ["also there, and left alone: reports"]


def test_differences_come_as_data(airflow: FakeAirflow) -> None:
    del airflow.pools["PROD"]
    found = shown("--check", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout) == {
        "address": airflow.address,
        "differences": [{"pool": "PROD", "problem": "pool PROD is missing, the catalogue says 40 slots"}],
        "others": [],
    }


def test_pools_on_further_pages_are_not_missing(airflow: FakeAirflow) -> None:
    airflow.page_max = 2
    assert shown("--check").exit_code == 0


def test_an_airflow_that_does_not_answer_is_bad_input(airflow: FakeAirflow, monkeypatch: pytest.MonkeyPatch) -> None:
    login = {"address": "http://127.0.0.1:1", "user": "admin", "password": "right"}
    monkeypatch.setenv("DAILY_RUNS_AIRFLOW", json.dumps(login))
    error = refused("--check")
    assert isinstance(error, AccessError)
    assert str(error).startswith("Airflow at http://127.0.0.1:1: does not answer.")


def test_an_airflow_that_answers_with_something_else_is_bad_input(airflow: FakeAirflow) -> None:
    airflow.pools = {"EVAL": {"slots": 1}}  # type: ignore[typeddict-item]
    assert str(refused("--check")) == (
        f"Airflow at {airflow.address}: left 'include_deferred' out of its answer. Look at its api-server's log."
    )


def test_without_an_airflow_to_look_at_the_check_says_how_to_name_one() -> None:
    assert "DAILY_RUNS_AIRFLOW is not set" in str(refused("--check"))


def test_a_refused_login_is_bad_input(airflow: FakeAirflow) -> None:
    airflow.password = "other"
    assert "refuses the login of 'admin'" in str(refused("--check"))

"""Parsing is fast, and looks at nothing but the catalogue's files, data sets and rubrics."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from daily_runs.catalogue import folders
from tests.architecture.project import DAGS, result_of, start_probe
from tests.conftest import TOLD

FEATURES = 200
TIMES_PLAIN_MAX = 3.5
"""How much longer our DAGs may take than as many plain ones with as many tasks. Where plain ones take 0.5 s, as on the
machine on which two seconds were promised, this is less than those two; a slower machine is slower in both."""
SHARE = 0.004
"""Of an account, so that all copies of all features together still fit it."""
PROMPTS = 20
"""A run at that share still ends within a day."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An Airflow home."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="module")
def large_include(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `include` folder with the shipped features copied, under new names, until there are `FEATURES`.

    Each has a rubric and a data set of its own.
    """
    shipped, folder = folders.include_root(), tmp_path_factory.mktemp("include")
    catalogue = folder / "catalogue"
    for name in ("datasets", "rubrics"):
        (folder / name).mkdir()
    shutil.copytree(shipped / "catalogue", catalogue, ignore=shutil.ignore_patterns("features"))
    (catalogue / "features").mkdir()
    originals = [yaml.safe_load(file.read_text()) for file in sorted((shipped / "catalogue/features").glob("*.yaml"))]
    for number in range(FEATURES):
        copied = originals[number % len(originals)]
        name = f"{copied['feature'][:30]}_{number}"
        limits = {key: SHARE if key == "account_share" else value for key, value in copied["limits"].items()}
        feature = copied | {"feature": name, "limits": limits, "prompts_per_run": PROMPTS}
        feature |= {"dataset": f"{name}.jsonl", "rubric": f"{name}.yaml"}
        for file in (shipped / "datasets").glob(f"{copied['feature']}.*"):
            shutil.copy(file, folder / "datasets" / file.name.replace(copied["feature"], name, 1))
        rubric = (shipped / "rubrics" / copied["rubric"]).read_text()
        (folder / "rubrics" / f"{name}.yaml").write_text(rubric.replace(copied["feature"], name, 1))
        (catalogue / "features" / f"{name}.yaml").write_text(yaml.safe_dump(feature, sort_keys=False))
    return folder


def test_two_hundred_features_parse_within_two_seconds(
    large_include: Path, home: Path, record_property: Callable[[str, object], None]
) -> None:
    """Judged beside plain DAGs, by turns in one process and by the processor's time: the seconds are the machine's."""
    probe = start_probe(
        "probe_parse", "time", DAGS / "daily_runs.py", home=home, variables={"DAILY_RUNS_INCLUDE": str(large_include)}
    )
    runs = result_of(probe)
    made = [(run["dags"], run["tasks"], run["errors"]) for run in (*runs["ours"], *runs["plain"])]
    assert made == [(FEATURES, made[0][1], {})] * len(made)
    ours, plain = (min(run["processor_seconds"] for run in runs[name]) for name in ("ours", "plain"))
    record_property(TOLD, f"{FEATURES} features parse in {ours:.2f} s, {ours / plain:.1f} times plain DAGs")
    assert ours < TIMES_PLAIN_MAX * plain


class Planted(NamedTuple):
    """A DAG file that looks outside while it is parsed, and what must be noticed."""

    name: str
    text: str
    noticed: str


PLANTED = (
    Planted("wall_clock", "import datetime as dt\nNOW = dt.datetime.now(dt.UTC)\n", "datetime.now"),
    Planted("renamed_clock", "from time import time as t\nNOW = t()\n", "time"),
    Planted("pendulum_clock", "import pendulum\nNOW = pendulum.now('UTC')\n", "now"),
    Planted("library_clock", "from daily_runs.clock import Clock\nNOW = Clock.now()\n", "datetime.now"),
    Planted("network", "import socket\nsocket.socket().connect_ex(('127.0.0.1', 9))\n", "socket.connect_ex"),
    Planted("name_look_up", "import socket\nsocket.getaddrinfo('localhost', 80)\n", "getaddrinfo"),
    Planted(
        "store",
        "import contextlib, psycopg\nwith contextlib.suppress(psycopg.OperationalError):\n"
        "    psycopg.connect('postgresql://127.0.0.1:9/none')\n",
        "Connection.connect",
    ),
    Planted("process", "import subprocess\nsubprocess.run(['true'])\n", "fork_exec"),
)


@pytest.fixture(scope="module")
def looks(home: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every real DAG file and every planted one looks at while it is parsed, by the file's name."""
    folder = tmp_path_factory.mktemp("planted")
    for planted in PLANTED:
        (folder / f"{planted.name}.py").write_text(planted.text)
    files = [*sorted(DAGS.glob("*.py")), *sorted(folder.glob("*.py"))]
    found = result_of(start_probe("probe_parse", "watch", *files, home=home))
    return {Path(file).name: seen for file, seen in found.items()}


def test_parsing_looks_at_no_clock_and_reaches_nothing(looks: dict[str, Any]) -> None:
    real = {file.name: looks[file.name] for file in DAGS.glob("*.py")}
    assert {name: seen for name, seen in real.items() if seen} == {}
    assert "daily_runs.py" in real


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_dag_file_that_looks_outside_is_noticed(planted: Planted, looks: dict[str, Any]) -> None:
    seen = looks[f"{planted.name}.py"]
    assert any(look.startswith(f"{planted.noticed} from ") for look in seen), seen
